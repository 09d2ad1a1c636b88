"""Capacity as a history: which change of a reported capacity counts, and what holds when.

Sources report capacity with every sample, and some of it jitters: a hypervisor's memory limit moves by a few
per cent each time. A history with a row per jitter would say nothing, so a change counts when

* it is to or from 0 (switched off, on again), or
* it is larger than LARGE and holds for two reported hours, or is the newest thing known, or
* it is smaller and holds for a day of reported hours: unchanged, or on the same side by more than NOISE.

Hours are compared with the level in force, not with the hour before, so a slow drift counts once it adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.panel import FloatArray

LARGE = 0.1
"""Share of the higher level above which two hours are enough to believe a change."""

NOISE = 0.02
"""Share of the higher level below which a difference may be jitter."""

PERSISTS = 24
"""Reported hours after which a smaller change is believed."""


def changes(hours: NDArray[np.datetime64], capacity: FloatArray) -> list[tuple[np.datetime64, float]]:
    """Start and level of each stretch, from the capacities reported for rising `hours` of one series.

    Both (t,), without NaN. The level of a stretch that jitters is the median of its first day.
    """
    if not len(capacity):
        return []
    starts = np.flatnonzero(np.r_[True, capacity[1:] != capacity[:-1]]).tolist()
    amounts: list[float] = capacity.tolist()
    level = amounts[0]
    history = [(hours[0], level)]
    for place in starts[1:]:
        amount = amounts[place]
        if amount == level:
            continue
        far = abs(amount - level) / max(amount, level)
        if far > LARGE or amount == 0 or level == 0:
            following = amounts[place : place + 2]
            holds = amount == 0 or level == 0 or _all_beyond(following, level, LARGE, amount > level)
        else:
            following = amounts[place : place + PERSISTS]
            steady = following.count(amount) == PERSISTS
            holds = steady or (
                far > NOISE
                and len(following) == PERSISTS
                and _all_beyond(following, level, NOISE, amount > level)
            )
            amount = median_low(following)
        if holds:
            level = amount
            history.append((hours[place], level))
    return history


def _all_beyond(amounts: list[float], level: float, share: float, above: bool) -> bool:
    """Whether all amounts differ from the level by more than the share, on the same side."""
    return all(
        (amount > level) == above and abs(amount - level) > share * max(amount, level) for amount in amounts
    )


def history_of(hourly: pl.DataFrame, stated: pl.DataFrame) -> pl.DataFrame:
    """The rows of `capacities` for some series.

    Args:
        hourly: series_id, ts, capacity, without nulls: what was measured.
        stated: series_id, valid_from, capacity: what the inventory says. It holds before the first and after
            the last measured hour; in between what was measured wins.

    Returns series_id, valid_from, valid_to, capacity, sorted; the last row of a series is open.
    """
    constant = (
        hourly.group_by("series_id")
        .agg(
            pl.col("ts").min().alias("first"),
            pl.col("ts").max().alias("last"),
            pl.col("capacity").min(),
            pl.col("capacity").max().alias("highest"),
        )
        .with_columns(changes=pl.col("capacity") != pl.col("highest"))
    )
    span = constant.select(
        pl.col("series_id").cast(pl.Int32),
        pl.col("first", "last").cast(pl.Datetime("us")),
    )
    steady = constant.filter(~pl.col("changes")).select(
        pl.col("series_id").cast(pl.Int32),
        pl.col("first").cast(pl.Datetime("us")).alias("valid_from"),
        "capacity",
    )
    ids: list[int] = []
    moments: list[np.datetime64] = []
    levels: list[float] = []
    varying = hourly.join(constant.filter("changes"), on="series_id", how="semi").sort("series_id", "ts")
    for (series_id,), rows in varying.group_by("series_id", maintain_order=True):
        for moment, level in changes(rows["ts"].to_numpy(), rows["capacity"].to_numpy()):
            ids.append(int(series_id))
            moments.append(moment)
            levels.append(level)
    varied = pl.DataFrame(
        {"series_id": ids, "valid_from": np.array(moments, "datetime64[us]"), "capacity": levels},
        schema={"series_id": pl.Int32, "valid_from": pl.Datetime("us"), "capacity": pl.Float64},
    )
    measured = pl.concat([steady, varied])
    outside = (
        stated.join(span, on="series_id", how="left")
        .filter(
            pl.col("first").is_null()
            | (pl.col("valid_from") < pl.col("first"))
            | (pl.col("valid_from") > pl.col("last"))
        )
        .select("series_id", "valid_from", "capacity")
    )
    rows = pl.concat([measured, outside]).sort("series_id", "valid_from")
    changed = pl.col("series_id").ne_missing(pl.col("series_id").shift()) | pl.col("capacity").ne_missing(
        pl.col("capacity").shift()
    )
    return rows.filter(changed).select(
        "series_id",
        "valid_from",
        pl.col("valid_from").shift(-1).over("series_id").alias("valid_to"),
        "capacity",
    )


def on_grid(
    histories: Sequence[tuple[NDArray[np.datetime64], FloatArray]], times: NDArray[np.datetime64]
) -> FloatArray:
    """(n, t) capacity at each slot, NaN before the first row of a history.

    A slot has the capacity that holds at its end: a resize within the slot is counted from that slot on.

    Args:
        histories: per series the rising starts and the levels.
        times: (t + 1,) starts of the slots and the end of the last one.
    """
    grid = np.full((len(histories), max(len(times) - 1, 0)), np.nan)
    for i, (starts, levels) in enumerate(histories):
        if len(starts):
            # side='left' on the end of the slot: a change exactly at the end belongs to the next slot.
            place = np.searchsorted(starts, times[1:], side="left") - 1
            known = place >= 0
            grid[i, known] = levels[place[known]]
    return grid
