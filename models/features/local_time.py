"""Local time: history on the clock of its place, so that a day's shape stays put when the clock is changed.

History is UTC. Where people's clocks are put forward or back, the demand they cause moves by an hour; aligned
to today's clock it does not. A slot that the clock skipped is unreported, the two of an hour that came
twice are averaged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

Slots = NDArray[np.intp]


def moved_slots(offsets: NDArray[np.timedelta64], now: int, step: np.timedelta64) -> Slots:
    """(t,) by how many slots each slot moves to lie where it would under the clock of slot `now`."""
    moved: Slots = ((offsets - offsets[now]) // step).astype(np.intp)
    return moved


def aligned(values: FloatArray, moved: Slots) -> FloatArray:
    """(n, t) values with every slot where the newest clock puts it; what falls off either end is lost."""
    n, t = values.shape
    place = np.arange(t) + moved[:t]
    out, count = np.zeros((n, t)), np.zeros((n, t))
    inside = (place >= 0) & (place < t)
    seen = np.isfinite(values)
    # An hour that came twice has two slots at one place, so they are added one shift at a time.
    for shift in np.unique(moved[:t]):
        rows = np.flatnonzero(inside & (moved[:t] == shift))
        out[:, place[rows]] += np.where(seen[:, rows], values[:, rows], 0.0)
        count[:, place[rows]] += seen[:, rows]
    return np.where(count > 0, out / np.maximum(count, 1), np.nan)


def follows_local_time(demand: FloatArray, moved: Slots, day: int) -> NDArray[np.bool_]:
    """(n,) whether the newest change of the clock in the history moved the day's shape with it.

    The median day of up to four weeks before the change is compared with the (up to two) weeks after it,
    moved and not moved. Where the change is not in the history, or under a week of either side is,
    nothing contradicts the setting: True.
    """
    n, t = demand.shape
    changes = np.flatnonzero(np.diff(moved[:t]))
    if not changes.size:
        return np.ones(n, bool)
    at = int(changes[-1]) + 1
    if min(at, t - at) < 7 * day:
        return np.ones(n, bool)
    after = demand[:, at : at + (min(t - at, 14 * day) // (7 * day)) * 7 * day]
    weeks = min(at // (7 * day), 4)
    before = demand[:, at - weeks * 7 * day : at]
    shift = int(moved[at - 1])
    misfit = []
    for by in (0, shift):
        earlier = np.roll(_week(before, day), by, axis=1)
        misfit.append(_mean(np.abs(_week(after, day) - earlier)))
    stays, moves = misfit
    follows: NDArray[np.bool_] = ~(moves > 0.98 * stays)
    return follows


def _week(demand: FloatArray, day: int) -> FloatArray:
    """(n, 7 days) median week; NaN where nothing was reported."""
    folded = np.sort(demand.reshape(len(demand), -1, 7 * day), axis=1)
    count = np.isfinite(folded).sum(1, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    middle = (np.take_along_axis(folded, low, 1) + np.take_along_axis(folded, high, 1))[:, 0] / 2
    return np.where(count[:, 0] > 0, middle, np.nan)


def _mean(values: FloatArray) -> FloatArray:
    seen = np.isfinite(values)
    mean: FloatArray = np.where(seen, values, 0.0).sum(1) / np.maximum(seen.sum(1), 1)
    return mean
