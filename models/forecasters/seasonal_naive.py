"""Seasonal naive: next week looks like last week.

The benchmark that every other forecaster has to beat (Hyndman & Athanasopoulos, Forecasting: Principles and
Practice, 3rd ed., section 5.2), with bands from the errors the rule made before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.outcome import Forecast, Refusal
from data.panel import FloatArray, Panel
from models.features.gaps import filled
from models.features.seasons import Seasons
from models.forecasters.fallback import FALLBACK, last_value_quantiles


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """Repeats the latest season, spread by the errors this rule made before."""

    season: int | None = None
    """Slots per season; None = the longest season of the panel's step."""

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step)
        season = self.season if self.season is not None else seasons.longest
        demand = np.where(np.isfinite(history.demand), history.demand, np.nan)
        n, t = demand.shape
        quantiles = np.full((n, horizon, len(levels)), np.nan)
        refusals: dict[int, Refusal] = {}
        made_by = ["seasonal_naive"] * n
        count = np.isfinite(demand).sum(1)
        enough = np.zeros(n, bool)
        for i in range(n):
            if count[i] == 0:
                refusals[i], made_by[i] = Refusal("nothing was reported in the history"), "none"
            elif t < 2 * season or np.isfinite(demand[i, -season:]).sum() < 0.5 * season:
                refusals[i] = Refusal(
                    f"{count[i]} of {t} slots are reported; two seasons of {season} are needed"
                )
                made_by[i] = FALLBACK
                quantiles[i] = last_value_quantiles(demand[i], horizon, levels)
            else:
                enough[i] = True
        rows = np.flatnonzero(enough)
        if rows.size:
            quantiles[rows] = _repeated(demand[rows], season, horizon, levels)
        return Forecast(
            history.keys, history.end, history.step, tuple(levels), quantiles, tuple(made_by), refusals
        )


def _repeated(demand: FloatArray, season: int, horizon: int, levels: tuple[float, ...]) -> FloatArray:
    """(n, horizon, levels) the latest season, spread by the quantiles of past errors."""
    whole = filled(demand, Seasons(season, None))
    latest = whole[:, -season:]
    path = np.tile(latest, (1, -(-horizon // season)))[:, :horizon]
    errors = demand[:, season:] - demand[:, :-season]
    spread = np.nan_to_num(np.array([_quantiles(row, levels) for row in errors]))
    middle = np.asarray(levels)
    spread = np.where(middle < 0.5, np.minimum(spread, 0), np.where(middle > 0.5, np.maximum(spread, 0), 0.0))
    # A slot k seasons ahead has gathered k independent seasonal errors.
    wider = np.sqrt(1 + np.arange(horizon) // season)
    quantiles = path[:, :, None] + wider[None, :, None] * spread[:, None, :]
    never_negative = (np.where(np.isfinite(demand), demand, 0.0) >= 0).all(1)
    floor = np.where(never_negative, 0.0, -np.inf)[:, None, None]
    out: FloatArray = np.maximum.accumulate(np.maximum(quantiles, floor), axis=2)
    return out


def _quantiles(errors: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    known = errors[np.isfinite(errors)]
    return np.quantile(known, levels) if known.size else np.full(len(levels), np.nan)
