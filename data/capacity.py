"""Capacity as a history: which change of a reported capacity counts, and what holds when.

Sources report capacity with every sample, and some of it jitters: a hypervisor's memory limit moves by a
few megabytes each time. A history with a row per jitter would say nothing, so a change counts when

* it is to or from 0 (switched off, on again), or
* it is larger than NOISE and holds for two reported hours, or is the newest thing known, or
* it is smaller but holds unchanged for PERSISTS hours (a small resize is still a resize).

Hours are compared with the level in force, not with the hour before, so a slow drift counts once it adds up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.panel import FloatArray

NOISE = 0.02
"""Share of the level in force below which a change may be jitter."""

PERSISTS = 24
"""Reported hours after which even a small change counts."""


def changes(hours: NDArray[np.datetime64], capacity: FloatArray) -> list[tuple[np.datetime64, float]]:
    """Start and level of each stretch, from the capacities reported for rising `hours` of one series.

    Both (t,), without NaN.
    """
    if not len(capacity):
        return []
    starts = np.flatnonzero(np.r_[True, capacity[1:] != capacity[:-1]])
    lengths = np.diff(np.r_[starts, len(capacity)])
    level = float(capacity[0])
    history = [(hours[0], level)]
    pending = -1
    """Run that was far from the level without holding; the next run decides."""
    for run in range(1, len(starts)):
        value = float(capacity[starts[run]])
        far = abs(value - level) > NOISE * max(level, value)
        switched = (value == 0) != (level == 0)
        holds = lengths[run] >= (2 if far else PERSISTS)
        newest = far and run == len(starts) - 1
        if value != level and (switched or holds or newest or (far and pending == run - 1)):
            level = value
            history.append((hours[starts[run]], level))
            pending = -1
        elif far:
            pending = run
    return history


def history_of(hourly: pl.DataFrame, stated: pl.DataFrame) -> pl.DataFrame:
    """The rows of `capacities` for some series.

    Args:
        hourly: series_id, ts, capacity, without nulls: what was measured.
        stated: series_id, valid_from, capacity: what the inventory says. It holds before the first and after
            the last measured hour; in between what was measured wins.

    Returns series_id, valid_from, valid_to, capacity, sorted; the last row of a series is open.
    """
    ids: list[int] = []
    moments: list[np.datetime64] = []
    levels: list[float] = []
    spans: dict[int, tuple[np.datetime64, np.datetime64]] = {}
    for (series_id,), rows in hourly.sort("series_id", "ts").group_by("series_id", maintain_order=True):
        hours, reported = rows["ts"].to_numpy(), rows["capacity"].to_numpy()
        spans[int(series_id)] = (hours[0], hours[-1])
        for moment, level in changes(hours, reported):
            ids.append(int(series_id))
            moments.append(moment)
            levels.append(level)
    measured = pl.DataFrame(
        {"series_id": ids, "valid_from": np.array(moments, "datetime64[us]"), "capacity": levels},
        schema={"series_id": pl.Int32, "valid_from": pl.Datetime("us"), "capacity": pl.Float64},
    )
    span = pl.DataFrame(
        {
            "series_id": list(spans),
            "first": np.array([first for first, _ in spans.values()], "datetime64[us]"),
            "last": np.array([last for _, last in spans.values()], "datetime64[us]"),
        },
        schema={"series_id": pl.Int32, "first": pl.Datetime("us"), "last": pl.Datetime("us")},
    )
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
