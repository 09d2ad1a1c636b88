"""How often stated exhaustion came true: replayed on the fleet's own past, and the correction learned.

At earlier cutoffs the fleet is planned with what was known then and asked for limits above what demand had
reached in the last four weeks: each series' own usable capacity and a few multiples of its level. Later days
tell what happened. The answers are the reliability chart, and the logistic correction is fitted to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.panel import FloatArray, Panel
from data.series import STOCKS
from models.exhaustion import Correction
from models.planning import plan_and_reach
from models.planning.draws import seeds

HORIZONS = (28, 90, 365)
CUTOFFS = (28, 56, 90, 118, 146, 180, 365)
"""Days before the end of the history at which the past is asked."""
FLOW_MULTIPLES = (1.1, 1.25, 1.5, 2.0, 3.0)
STOCK_MULTIPLES = (1.05, 1.1, 1.2, 1.35)
"""Limits that are asked for, as multiples of the median of the last 28 days."""
LEAST_BEFORE = 62
"""Days of history a cutoff must have."""
_SPACING = 30
"""Usual days between two cutoffs."""
_TRUST = 8.0
"""Weight of what is believed before: about that of forty answers near one half."""
BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
"""Edges of the bins of stated probabilities."""

ANSWER_SCHEMA: Mapping[str, pl.DataType] = {
    "subject": pl.String(),
    "metric": pl.String(),
    "cutoff": pl.Datetime("us", "UTC"),
    "days": pl.Int64(),
    "multiple": pl.Float64(),
    "limit": pl.Float64(),
    "stated": pl.Float64(),
    "happened": pl.Boolean(),
}
"""One row per series, cutoff, limit and horizon; `multiple` is null for a series' own usable capacity.
`stated` is as the paths say it, before any correction."""


def past_answers(
    history: Panel,
    *,
    limits: FloatArray | None = None,
    seed: int,
    most_series: int = 120,
    samples: int = 100,
    stocks: frozenset[str] = STOCKS,
    lasting: int = 1,
) -> pl.DataFrame:
    """What would have been said at earlier cutoffs, and what happened, in ANSWER_SCHEMA.

    Args:
        history: the daily panel; days that were not reported count neither as reached nor as not reached.
        limits: (n,) usable capacity of each series; NaN = none. Multiples of the level are always asked for.
        most_series: series asked per metric, chosen by name so that runs compare.
        samples: paths per series; fewer than a forecast's, a probability needs no tail.
        lasting: days running that a flow must hold a limit to have reached it, as the forecasts count.

    Cutoffs that leave less than 62 days of history are skipped, so a short history gives few answers or none.
    """
    rows = _sample(history, most_series)
    asked = history.take(rows)
    own = np.full(len(rows), np.nan) if limits is None else np.asarray(limits, float)[rows]
    frames = [pl.DataFrame(schema=ANSWER_SCHEMA)]
    for back in CUTOFFS:
        cut = history.slots - back
        if cut < LEAST_BEFORE:
            break
        before = asked.until(cut)
        _, reach = plan_and_reach(
            before, back, (0.5,), samples=samples, seed=seed, stocks=stocks, lasting=lasting
        )
        after = _held(asked, cut, stocks, lasting)
        horizons = [(d, reach.days.index(d)) for d in HORIZONS if d in reach.days]
        for multiple, ask in _limits(before, own, stocks):
            chances = reach.probability(ask)
            for days, j in horizons:
                frames.append(_answers(asked, cut, after[:, :days], multiple, ask, chances[:, j]))
    return pl.concat(frames)


def learn_correction(answers: pl.DataFrame, prior: Correction | None = None) -> Correction:
    """The logistic correction that fits the answers, held back to `prior` where they are few.

    Ridge-penalised logistic regression of what happened on the logit of what was stated, per horizon; the
    limits of one series at one cutoff share one unit of weight, as they happen together, and so do cutoffs
    whose futures overlap.
    """
    believed = prior or Correction()
    intercepts, slopes = [], []
    for days in HORIZONS:
        a, b = believed.at(days)
        some = answers.filter((pl.col("days") == days) & pl.col("stated").is_not_nan())
        if some.height:
            together = some.select(pl.len().over("subject", "metric", "cutoff")).to_series().to_numpy()
            weight = min(1.0, _SPACING / days) / together
            a, b = _fit(some["stated"].to_numpy(), some["happened"].to_numpy().astype(float), weight, (a, b))
        intercepts.append(a)
        slopes.append(b)
    return Correction(HORIZONS, tuple(intercepts), tuple(slopes))


def learn_corrections(answers: pl.DataFrame, prior: Correction | None = None) -> Mapping[str, Correction]:
    """One correction per metric, each held back to the fleet's; `""` is the fleet's own."""
    fleet = learn_correction(answers, prior)
    metrics = answers["metric"].unique().sort().to_list()
    return {"": fleet} | {m: learn_correction(answers.filter(pl.col("metric") == m), fleet) for m in metrics}


def reliability(
    answers: pl.DataFrame, corrections: Correction | Mapping[str, Correction] | None = None
) -> pl.DataFrame:
    """Stated against happened: "of the 40 times we said 50 %, 21 came true".

    Returns days, bin (lower edge), stated (mean), happened (share), n; corrected where corrections are given.
    """
    said = answers.filter(pl.col("stated").is_not_nan())
    if corrections is not None:
        said = said.with_columns(corrected(said, corrections).alias("stated"))
    edges = list(BINS[1:-1])
    number = sum((pl.col("stated") >= edge).cast(pl.Int64) for edge in edges) + pl.lit(0, pl.Int64)
    return (
        said.with_columns(
            number.replace_strict(dict(enumerate(BINS[:-1])), return_dtype=pl.Float64).alias("bin")
        )
        .group_by("days", "bin")
        .agg(pl.col("stated").mean(), pl.col("happened").mean().alias("happened"), pl.len().alias("n"))
        .sort("days", "bin")
    )


def corrected(answers: pl.DataFrame, corrections: Correction | Mapping[str, Correction]) -> pl.Series:
    """The stated probability of each answer after correction."""
    by_metric = {"": corrections} if isinstance(corrections, Correction) else corrections
    stated = answers["stated"].to_numpy()
    days = answers["days"].to_numpy()
    metrics = answers["metric"].to_numpy()
    right = np.full(len(stated), np.nan)
    for metric in np.unique(metrics):
        correction = by_metric.get(str(metric), by_metric[""])
        for horizon in np.unique(days):
            here = (metrics == metric) & (days == horizon)
            right[here] = correction.apply(stated[here][:, None], np.array([horizon]))[:, 0]
    return pl.Series(right)


def _sample(history: Panel, most: int) -> NDArray[np.intp]:
    """Rows of up to `most` series of each metric, the same ones whatever else the panel holds."""
    place = seeds(history.keys, 0)
    metrics = np.array([key.metric for key in history.keys])
    kept = [np.flatnonzero(metrics == m) for m in np.unique(metrics)]
    return np.sort(
        np.concatenate([rows[np.argsort(place[rows])][:most] for rows in kept] or [np.empty(0, int)])
    )


def _limits(
    before: Panel, own: FloatArray, stocks: frozenset[str]
) -> Iterator[tuple[float | None, FloatArray]]:
    """Limits to ask for; NaN where demand was there within the last 28 days, or has no level."""
    recent = before.demand[:, -28:]
    level = np.full(len(before), np.nan)
    top = np.full(len(before), np.nan)
    for i, row in enumerate(recent):
        seen = row[np.isfinite(row)]
        if len(seen):
            level[i], top[i] = np.median(seen), seen.max()
    stock = np.array([key.metric in stocks for key in before.keys])
    yield None, np.where((own > top) & (level > 0), own, np.nan)
    for multiples, of_kind in ((FLOW_MULTIPLES, ~stock), (STOCK_MULTIPLES, stock)):
        for multiple in multiples:
            ask = multiple * level
            yield multiple, np.where(of_kind & (level > 0) & (ask > top), ask, np.nan)


def _held(panel: Panel, cut: int, stocks: frozenset[str], lasting: int) -> FloatArray:
    """(n, days after the cutoff) demand that lasted from each day on; fewer days decide at the end."""
    after = panel.demand[:, cut:].copy()
    flow = np.array([key.metric not in stocks for key in panel.keys])
    for ahead in range(1, lasting):
        after[flow, :-ahead] = np.minimum(after[flow, :-ahead], panel.demand[flow, cut + ahead :])
    return after


def _answers(
    panel: Panel, cut: int, after: FloatArray, multiple: float | None, limits: FloatArray, stated: FloatArray
) -> pl.DataFrame:
    """`after` is what was held on each of the days asked about."""
    rows = np.flatnonzero(np.isfinite(limits) & np.isfinite(stated) & np.isfinite(after).any(1))
    cutoff: datetime = panel.start + cut * panel.step
    happened = [bool(np.nanmax(after[i]) >= limits[i]) for i in rows]
    return pl.DataFrame(
        {
            "subject": [panel.keys[i].subject for i in rows],
            "metric": [panel.keys[i].metric for i in rows],
            "cutoff": [cutoff] * len(rows),
            "days": [after.shape[1]] * len(rows),
            "multiple": [multiple] * len(rows),
            "limit": limits[rows],
            "stated": stated[rows],
            "happened": happened,
        },
        schema=ANSWER_SCHEMA,
    )


def _fit(
    stated: FloatArray, happened: FloatArray, weight: FloatArray, prior: tuple[float, float]
) -> tuple[float, float]:
    """Newton's method on the penalised likelihood; both coefficients start at, and are held to, the prior."""
    clipped = np.clip(stated, 0.005, 0.995)
    x = np.stack([np.ones_like(clipped), np.log(clipped / (1 - clipped))], 1)
    believed = np.array(prior)
    theta = believed.copy()
    for _ in range(30):
        chance = 1 / (1 + np.exp(-np.clip(x @ theta, -30, 30)))
        gradient = x.T @ (weight * (chance - happened)) + _TRUST * (theta - believed)
        curvature = (x * (weight * chance * (1 - chance))[:, None]).T @ x + _TRUST * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        theta = theta - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return float(theta[0]), max(float(theta[1]), 0.0)
