"""The hindsight frontier: percentile-and-margin rules, the best of them chosen after the fact, per tier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from data.panel import FloatArray, Panel
from models.replay.frontier import RULE_LEVELS, RULE_MARGINS, RULE_WINDOWS
from models.replay.replay import groups_of
from models.replay.score import Hold, holds, in_force
from models.sizing.observed import quantiles, window

RULE_SCHEMA: dict[str, pl.DataType] = {
    "tier": pl.String(),
    "window_days": pl.Int64(),
    "level": pl.Float64(),
    "margin": pl.Float64(),
    "allocated": pl.Float64(),
    "breached_hours": pl.Float64(),
    "entity_windows": pl.Int64(),
}


def best_rules(
    history: Panel,
    *,
    start_day: int = 42,
    hold_days: int = 7,
    hard: bool = False,
    tiers: Sequence[str] | None = None,
    counted_share: FloatArray | None = None,
    windows: Sequence[int | None] = RULE_WINDOWS,
    levels: Sequence[float] = RULE_LEVELS,
    margins: Sequence[float] = RULE_MARGINS,
) -> pl.DataFrame:
    """The rules that no other beats in what it holds and in breached hours, of all and of each tier.

    As `rule_frontier` with the same arguments, reduced to its lower left edge; one pass over the hours
    serves all margins and tiers. With `hard`, sizes are capped at what is provisioned.

    Args:
        tiers: (n,) a name per series.
        counted_share: as for `replay`.

    Returns:
        A row per tier and rule, fewest breached hours first: tier, window_days (null = all that was
        measured), level, margin, allocated, breached_hours, entity_windows.

    Raises ValueError where the history is too short.
    """
    ahead = holds(history, start_day, hold_days, counted_share=counted_share)
    grown = 1 + np.asarray(margins, float)
    groups = groups_of(tiers, len(history))
    shape = (len(groups), len(windows), len(levels), len(grown))
    held, breached, counted = np.zeros(shape), np.zeros(shape), np.zeros(len(groups), np.int64)
    for hold in ahead:
        scored = hold.scored
        members = [scored if rows is None else scored & rows for rows in groups.values()]
        counted += [int(rows.sum()) for rows in members]
        for i, days in enumerate(windows):
            found = quantiles(window(history.until(hold.cutoff), days).peak, levels)
            for j in range(len(levels)):
                sizes = found[:, j, None] * grown
                if hard:
                    sizes = np.where(sizes > hold.provisioned[:, None], hold.provisioned[:, None], sizes)
                shares, breaches = _scored(sizes, hold)
                for k, rows in enumerate(members):
                    held[k, i, j] += shares[rows].sum(axis=0)
                    breached[k, i, j] += breaches[rows].sum(axis=0)
    tables = []
    for k, tier in enumerate(groups):
        if not counted[k]:
            continue
        at = np.stack(np.meshgrid(*map(np.arange, shape[1:]), indexing="ij"), axis=-1).reshape(-1, 3)
        table = pl.DataFrame(
            {
                "tier": [tier] * len(at),
                "window_days": pl.Series([windows[i] for i in at[:, 0]], dtype=pl.Int64),
                "level": np.asarray(levels, float)[at[:, 1]],
                "margin": np.asarray(margins, float)[at[:, 2]],
                "allocated": held[k].reshape(-1) / counted[k],
                "breached_hours": breached[k].reshape(-1) / counted[k],
                "entity_windows": pl.Series([int(counted[k])] * len(at), dtype=pl.Int64),
            }
        )
        tables.append(undominated(table))
    return pl.concat(tables) if tables else pl.DataFrame(schema=RULE_SCHEMA)


def undominated(points: pl.DataFrame) -> pl.DataFrame:
    """The points below and left of which lies no other, fewest breached hours first."""
    ordered = points.sort("breached_hours", "allocated", maintain_order=True)
    least = ordered["allocated"].cum_min().shift(1, fill_value=float("inf"))
    return ordered.filter(ordered["allocated"] < least)


def _scored(sizes: FloatArray, hold: Hold) -> tuple[FloatArray, FloatArray]:
    """(n, rules) what is held over what was provisioned, and the share of reported hours above it."""
    held = in_force(hold, sizes.T).T
    reported = np.maximum((~np.isnan(hold.future)).sum(axis=1), 1)
    above = (hold.future[:, None, :] > held[:, :, None]).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: FloatArray = held / hold.provisioned[:, None]
    return shares, above / reported[:, None]
