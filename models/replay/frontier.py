"""Frontiers: cost against breach as a policy's knob is turned, for the chart and for the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import polars as pl

from data.panel import FloatArray, Panel
from models.replay.score import Hold, holds, score
from models.sizing.marginal import Marginal
from models.sizing.observed import quantiles, window
from models.sizing.policy import SizingOptions

RULE_WINDOWS: tuple[int | None, ...] = (7, 14, 28, None)
RULE_LEVELS: tuple[float, ...] = (0.9, 0.95, 0.98, 0.99, 0.995, 1.0)
RULE_MARGINS: tuple[float, ...] = (
    0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0,
)  # fmt: skip
"""4 windows x 6 percentiles x 15 margins: the rules whose best is chosen in hindsight."""

PRICES: tuple[float, ...] = tuple(np.geomspace(0.05, 3000, 48).tolist())


def rule_frontier(
    history: Panel,
    *,
    start_day: int = 42,
    hold_days: int = 7,
    every_days: int | None = None,
    whole: bool = False,
    hard: bool = False,
    windows: Sequence[int | None] = RULE_WINDOWS,
    levels: Sequence[float] = RULE_LEVELS,
    margins: Sequence[float] = RULE_MARGINS,
) -> pl.DataFrame:
    """Every percentile-and-margin rule on the hourly peaks: a row per rule with its settings and its score.

    With `hard` the sizes are capped at what is provisioned, which helps rules with large margins.
    """
    ahead = holds(history, start_day, hold_days, every_days, whole=whole)
    table = []
    for days in windows:
        found = {w.cutoff: quantiles(window(history.until(w.cutoff), days).peak, levels) for w in ahead}
        for j, level in enumerate(levels):
            for margin in margins:
                sizes = {w.cutoff: _capped(found[w.cutoff][:, j] * (1 + margin), w, hard) for w in ahead}
                settings = {"window_days": days, "level": level, "margin": margin}
                table.append({**settings, **asdict(score(sizes, ahead))})
    return pl.DataFrame(table, schema_overrides={"window_days": pl.Int64})


def marginal_frontier(
    history: Panel,
    policy: Marginal,
    *,
    start_day: int = 42,
    hold_days: int = 7,
    every_days: int | None = None,
    whole: bool = False,
    hard: bool = False,
    weight: FloatArray | None = None,
    prices: Sequence[float] = PRICES,
) -> pl.DataFrame:
    """The marginal policy at fixed prices of breach: a row per price with its score. Sizes in force do not
    count."""
    ahead = holds(history, start_day, hold_days, every_days, whole=whole)
    options = SizingOptions(hold_days=hold_days, hard=hard, weight=weight)
    weighed = {w.cutoff: policy.weigh(history.until(w.cutoff), options) for w in ahead}
    table = []
    for price in prices:
        sizes = {cutoff: weighing.targets(price) for cutoff, weighing in weighed.items()}
        table.append({"price": price, **asdict(score(sizes, ahead))})
    return pl.DataFrame(table)


def allocated_at(points: pl.DataFrame, breaches: Sequence[float]) -> list[float]:
    """Allocation of the best points at given breaches, interpolated over the logarithm of the breach.

    `points` has columns allocated and breached_hours. NaN below the lowest breach the points reach.
    """
    ordered = points.sort("breached_hours", "allocated")
    breach = np.maximum(ordered["breached_hours"].to_numpy(), 1e-7)
    best = np.minimum.accumulate(ordered["allocated"].to_numpy())
    return [float(np.interp(np.log(b), np.log(breach), best, left=np.nan)) for b in breaches]


def _capped(sizes: FloatArray, hold: Hold, hard: bool) -> FloatArray:
    return np.where(sizes > hold.provisioned, hold.provisioned, sizes) if hard else sizes
