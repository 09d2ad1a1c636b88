"""From a panel with gaps to blocks of gap-free series of equal length that can be computed together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.outcome import Refusal
from data.panel import FloatArray, Panel

LEAST_DAYS = 48
"""History under which no planning forecast is made (planning page, rule 4)."""
LONGEST = 1_500
"""Days of history that are used; more changes nothing that a member looks at."""
SILENT_DAYS = 14
_LONG_GAP = 45
LEAST_REPORTED = 0.6


@dataclass(frozen=True, slots=True)
class Prepared:
    """The usable history of each series of a panel."""

    filled: FloatArray
    """(n, t) demand with gaps filled; NaN before a series' first usable day, and throughout where refused."""
    reported: NDArray[np.bool_]
    """(n, t) True where a value was measured: only these days may be scored."""
    days: NDArray[np.int64]
    """(n,) usable days at the end of the history; 0 where refused."""
    refusals: dict[int, Refusal]
    recent: dict[int, FloatArray]
    """Row -> the last reported values of a refused series, up to 56: what its fallback is read from."""


def prepare(history: Panel) -> Prepared:
    """Finds each series' usable stretch and fills its gaps.

    The usable stretch ends with the panel and starts after the last gap of more than 45 days. Refused are
    series without a value, silent for 14 days or more, with under 48 days, or with over 40 % of days missing.
    """
    demand = history.demand[:, -LONGEST:]
    n, t = demand.shape
    reported = np.isfinite(demand)
    filled = np.full((n, t), np.nan)
    days = np.zeros(n, np.int64)
    refusals: dict[int, Refusal] = {}
    recent: dict[int, FloatArray] = {}
    for i in range(n):
        seen = np.flatnonzero(reported[i])
        if not len(seen):
            refusals[i] = Refusal("no demand was ever reported")
            continue
        if len(seen) == t:
            begin = 0
        else:
            gaps = np.flatnonzero(np.diff(seen) > _LONG_GAP)
            begin = int(seen[gaps[-1] + 1]) if len(gaps) else int(seen[0])
        length, count = t - begin, int((seen >= begin).sum())
        silent = t - 1 - int(seen[-1])
        if silent >= SILENT_DAYS:
            refusals[i] = Refusal(f"silent for the last {silent} days")
        elif length < LEAST_DAYS:
            refusals[i] = Refusal(f"not enough history ({length} of {LEAST_DAYS} days)")
        elif count < LEAST_REPORTED * length:
            refusals[i] = Refusal(f"too many gaps ({count} of {length} days reported)")
        else:
            filled[i, begin:] = demand[i, begin:] if count == length else fill(demand[i, begin:])
            days[i] = length
        if i in refusals:
            recent[i] = demand[i, seen[-56:]]
    return Prepared(filled, reported, days, refusals, recent)


def fill(demand: FloatArray) -> FloatArray:
    """(t,) with gaps filled by the same weekday one or two weeks away, else linearly.

    Filled days are for computing only and are never scored.
    """
    t = len(demand)
    known = np.isfinite(demand)
    complete = demand.copy()
    for j in np.flatnonzero(~known):
        near = [demand[k] for k in (j - 7, j + 7, j - 14, j + 14) if 0 <= k < t and known[k]]
        if near:
            complete[j] = np.mean(near)
    known = np.isfinite(complete)
    return np.interp(np.arange(t), np.flatnonzero(known), complete[known])


def block_lengths(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the common length each series is computed at: its own when many share it, else rounded down.

    Rounding is to a ladder with steps of about a twelfth, so that a few series that started late do
    not each become a batch of their own. It depends only on a series' own length.
    """
    ladder = [LEAST_DAYS]
    while ladder[-1] < LONGEST:
        ladder.append(max(ladder[-1] + 4, int(ladder[-1] * 13 / 12)))
    steps = np.array(ladder)
    rounded = steps[np.maximum(np.searchsorted(steps, days, side="right") - 1, 0)]
    longest = days.max(initial=0)
    return np.where(days == 0, 0, np.where(days == longest, days, rounded))
