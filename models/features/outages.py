"""Outages: runs of zeros in demand that is otherwise never zero, and slots in which nothing was held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray


def outage_slots(demand: FloatArray, capacity: FloatArray, most: float = 0.05) -> NDArray[np.bool_]:
    """(n, t) slots that say nothing about demand.

    Zeros count as an outage where the series is zero in at most `most` of its reported slots, and only
    between slots with demand: a series that is zero now may well stay zero. Slots with capacity 0 (switched
    off) count wherever the series has demand later.
    """
    zero = demand == 0
    reported = np.isfinite(demand)
    rare = zero.sum(1) <= most * np.maximum(reported.sum(1), 1)
    alive = reported & ~zero
    earlier = np.maximum.accumulate(alive, axis=1)
    later = np.maximum.accumulate(alive[:, ::-1], axis=1)[:, ::-1]
    never_negative = ~(np.where(reported, demand, 0.0) < 0).any(1)
    dropped = zero & earlier & later & (rare & never_negative)[:, None]
    off: NDArray[np.bool_] = (capacity == 0) & zero & later
    idle: NDArray[np.bool_] = dropped | off
    return idle


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open runs of True in a (t,) mask."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
