"""Fleet: the default. A dozen cheap members over all series, the best of them per series, honest bands.

Per series the median of the members, weighted by their errors on its own past cutoffs, with conformal bands
from the errors that this very rule made there. Measured in `benchmarks/forecasting.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.outcome import Forecast, Refusal
from data.panel import FloatArray, Panel
from data.series import SeriesKey
from models.evaluation.losses import seasonal_scale
from models.evaluation.scores import SCORE_SCHEMA, score_table
from models.features.seasons import Seasons
from models.forecasters.diagnostics import DIAGNOSTIC_SCHEMA, diagnostic_rows
from models.forecasters.ensemble import Backtest, combined
from models.forecasters.fallback import FALLBACK, last_value_quantiles
from models.forecasters.ladder import chunks, rung
from models.forecasters.preparation import Prepared, prepared

SCORED_LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""Levels at which past cutoffs are scored, whatever levels were asked for."""
_WILD = 1e100
"""A reported amount beyond this is no measurement."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Weighted median of the members per series, weighted and banded by the series' own past cutoffs."""

    season: int | None = None
    """Slots of the short season where the panel's step does not tell; None = from the step."""
    power: float = 2.0
    """Members count with their past error to the power -`power` in the weighted median."""
    longest_weeks: int = 16
    """Long seasons of history that are looked at; older slots are left out."""
    most_slots: int = 8192
    """Slots of history at most, which is four weeks of five minutes."""

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        return self.forecast_scored(history, horizon, levels, scored=False)[0]

    def forecast_scored(
        self, history: Panel, horizon: int, levels: tuple[float, ...], *, scored: bool = True
    ) -> tuple[Forecast, pl.DataFrame, pl.DataFrame]:
        """A forecast with the scores of the backtest that shaped it, at no extra fit.

        Returns:
            the forecast; one row per series, horizon band and model (`fleet` and the naives it was
            measured against) with the columns of `SCORE_SCHEMA`; one row per mask, level shift and stretch of
            saturated demand with the columns of `DIAGNOSTIC_SCHEMA`. Both are empty where
            `scored` is False.

        Raises:
            ValueError: horizon below 1 or no levels.
        """
        if horizon < 1 or not levels:
            raise ValueError(
                f"a forecast needs a horizon of at least 1 and levels, got {horizon} and {levels}"
            )
        seasons = Seasons.of(history.step, self.season)
        reach = min(self.most_slots, max(self.longest_weeks * seasons.recent, 4 * seasons.longest))
        newest = history.between(max(0, history.slots - reach), history.slots)
        demand = np.where(np.abs(newest.demand) < _WILD, newest.demand, np.nan)
        n, t = demand.shape
        quantiles = np.full((n, horizon, len(levels)), np.nan)
        made_by = ["fleet"] * n
        refusals: dict[int, Refusal] = {}
        scores: list[pl.DataFrame] = [pl.DataFrame(schema=SCORE_SCHEMA)]
        notes: list[pl.DataFrame] = [pl.DataFrame(schema=DIAGNOSTIC_SCHEMA)]

        lengths = _triage(demand, horizon, levels, seasons, quantiles, made_by, refusals)
        names = [(key.metric, key.subject) for key in history.keys]
        for rows in chunks(lengths, names, horizon, seasons):
            span = int(lengths[rows].max())
            part = prepared(demand[rows, t - span :], newest.capacity[rows, t - span :], seasons)
            allowed = rung(int(lengths[rows].min()), horizon, seasons)
            answer = combined(part, allowed, horizon, levels, self.power)
            quantiles[rows] = answer.quantiles * part.unit[:, :, None]
            if scored:
                keys = [history.keys[i] for i in rows]
                if answer.backtest is not None:
                    scores += backtest_scores(keys, answer.backtest, part)
                notes.append(diagnostic_rows(keys, part, history.end, history.step))
        forecast = Forecast(
            history.keys, history.end, history.step, tuple(levels), quantiles, tuple(made_by), refusals
        )
        return forecast, pl.concat(scores), pl.concat(notes)


def _triage(
    demand: FloatArray,
    horizon: int,
    levels: tuple[float, ...],
    seasons: Seasons,
    quantiles: FloatArray,
    made_by: list[str],
    refusals: dict[int, Refusal],
) -> NDArray[np.intp]:
    """(n,) slots since each series began, 0 for those answered here: refused ones and constants."""
    n, t = demand.shape
    seen = np.isfinite(demand)
    count = seen.sum(1)
    first = np.where(count > 0, seen.argmax(1), t)
    newest = np.where(count > 0, t - 1 - seen[:, ::-1].argmax(1), -1)
    lengths: NDArray[np.intp] = (t - first).astype(np.intp)
    low, high = (
        np.where(seen, demand, np.inf).min(1, initial=np.inf),
        np.where(seen, demand, -np.inf).max(1, initial=-np.inf),
    )
    least = min(seasons.day, 24)
    for i in range(n):
        if count[i] == 0:
            refusals[i] = Refusal("nothing was reported in the history")
            made_by[i] = "none"
            lengths[i] = 0
            continue
        silent = t - 1 - int(newest[i])
        if count[i] < least:
            refusals[i] = Refusal(f"{count[i]} reported slots of history, at least {least} are needed")
        elif silent > seasons.recent:
            refusals[i] = Refusal(f"nothing was reported in the last {silent} slots")
        elif low[i] == high[i]:
            quantiles[i] = low[i]
            made_by[i] = "fleet (constant)"
            lengths[i] = 0
            continue
        else:
            continue
        quantiles[i] = last_value_quantiles(demand[i], horizon, levels)
        made_by[i] = FALLBACK
        lengths[i] = 0
    return lengths


def backtest_scores(keys: list[SeriesKey], backtest: Backtest, part: Prepared) -> list[pl.DataFrame]:
    """Scores of the ensemble and of the naives at its past cutoffs, in the terms of `SCORE_SCHEMA`."""
    batch = part.batch
    day = batch.seasons.day
    scale = seasonal_scale(np.where(part.scored, batch.raw, np.nan), day)
    bands = backtest.quantiles(SCORED_LEVELS)
    actual, middle = backtest.actual, bands[..., SCORED_LEVELS.index(0.5)]
    out = [score_table(keys, "fleet", actual, middle, scale, day, bands, SCORED_LEVELS)]
    out += [score_table(keys, name, actual, path, scale, day) for name, path in backtest.naive.items()]
    return out
