"""Special days: what a series did on past holidays and month ends, and whether that foretells the next.

A special day is compared with what its weekday usually is: the median, hour by hour, of the same weekday up
to four weeks before and after. Three answers compete on the series' own past special days, each made
without the day it is judged on: the usual weekday; the usual weekday times the ratio of the other days of
the same kind (at least two of them); and, for a holiday, the usual Sunday. One of the latter two is only
taken where it beats the first clearly, on days that were clearly not usual.

Demand is folded into local days: (n, days, slots of a day). Everything is worked out for all series of a
calendar at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

PAYS = 0.9
"""A correction is taken where its error on past special days is at most this share of the error without."""
UNUSUAL = 1.25
"""A special day counts as unusual where the usual weekday's error is this many times that on plain days."""
STRANGE = 2.0
"""The same for leaving out a single holiday of the history."""
LEAST_MONTH_ENDS = 3
_WEEKS = 4
_SUNDAY = 6
_MOST, _LEAST = 20.0, 0.02
"""A factor beyond these is no habit but a division by next to nothing."""


@dataclass(frozen=True, slots=True)
class Days:
    """History folded into local days."""

    demand: FloatArray
    """(n, days, slots); NaN = unreported, in the first and last day also what lies outside the history."""
    weekday: NDArray[np.intp]
    """(days,) 0 = Monday"""
    plain: NDArray[np.bool_]
    """(days,) whether the day is an ordinary one."""

    def usual(self, day: int, weekday: int | None = None) -> FloatArray:
        """(n, slots) median of the ordinary days of that weekday within four weeks; NaN from under two.

        `weekday` defaults to the day's own; for a day ahead of the history it has to be given. The day itself
        never counts.
        """
        of = self.weekday[day] if weekday is None else weekday
        first, last = max(0, day - 7 * _WEEKS), min(len(self.weekday), day + 7 * _WEEKS + 1)
        near = [d for d in range(first, last) if d != day and self.plain[d] and self.weekday[d] == of]
        return _median(self.demand[:, near])

    def error(self, day: int, expected: FloatArray) -> FloatArray:
        """(n,) mean absolute error of (n, slots) on a day; NaN where under half of it can be compared."""
        miss = np.abs(self.demand[:, day] - expected)
        seen = np.isfinite(miss)
        count = seen.sum(1)
        mean = np.where(seen, miss, 0.0).sum(1) / np.maximum(count, 1)
        return np.where(2 * count >= miss.shape[1], mean, np.nan)


@dataclass(frozen=True, slots=True)
class Habit:
    """What one kind of special day does to each series."""

    factor: FloatArray
    """(n, slots) of the usual weekday; 1 where nothing is to be changed."""
    taken: NDArray[np.bool_]
    """(n,) whether the correction paid on the series' own past."""
    wider: FloatArray
    """(n,) how many times larger errors are on such days than on plain ones; at least 1."""


def unusual(days: Days, special: Sequence[int]) -> NDArray[np.bool_]:
    """(n, len(special)) which of the past special days were clearly not what their weekday usually is."""
    out = np.zeros((len(days.demand), len(special)), bool)
    for i, day in enumerate(special):
        with np.errstate(invalid="ignore"):
            out[:, i] = days.error(day, days.usual(day)) > STRANGE * _plain_error(days, [day])
    return out


def own_habit(days: Days, kin: Sequence[int], *, least: int, by_slot: bool) -> tuple[Habit, FloatArray]:
    """The ratio of past days of a kind to their usual weekday, and its (n,) error on them.

    Args:
        kin: past days of the kind.
        least: days of the kind without which nothing is taken.
        by_slot: one ratio per time of day (of three slots together) or one for the whole day.
    """
    n, _, slots = days.demand.shape
    actual = np.stack([days.demand[:, d] for d in kin]) if len(kin) else np.empty((0, n, slots))
    usual = np.stack([days.usual(d) for d in kin]) if len(kin) else np.empty((0, n, slots))
    both = np.isfinite(actual) & np.isfinite(usual)
    both &= 2 * both.sum(2, keepdims=True) >= slots
    a, u = np.where(both, actual, 0.0), np.where(both, usual, 0.0)
    known = both.any(2).sum(0)
    factor = _ratio(a.sum(0), u.sum(0), by_slot)
    none, own = [], []
    for i, day in enumerate(kin):
        without = _ratio(a.sum(0) - a[i], u.sum(0) - u[i], by_slot)
        none.append(days.error(day, usual[i]))
        own.append(days.error(day, usual[i] * without))
    return _judged(days, kin, factor, none, own, known >= least)


def sunday_habit(days: Days, kin: Sequence[int], weekday: int) -> tuple[Habit, FloatArray]:
    """Like a Sunday: the ratio of the usual Sunday to the usual `weekday` lately, judged on past days."""
    count = days.demand.shape[1]
    ordinary, sunday = days.usual(count, weekday), days.usual(count, _SUNDAY)
    both = np.isfinite(ordinary) & np.isfinite(sunday)
    factor = _ratio(np.where(both, sunday, 0.0), np.where(both, ordinary, 0.0), True)
    none = [days.error(d, days.usual(d)) for d in kin]
    like = [days.error(d, days.usual(d, _SUNDAY)) for d in kin]
    known: NDArray[np.bool_] = both.sum(axis=1) > 0
    return _judged(days, kin, factor, none, like, known)


def better(first: tuple[Habit, FloatArray], second: tuple[Habit, FloatArray]) -> tuple[Habit, FloatArray]:
    """Per series the habit with the smaller error among those that were taken."""
    (a, a_error), (b, b_error) = first, second
    use_b = b.taken & (~a.taken | (b_error < a_error))
    habit = Habit(
        np.where(use_b[:, None], b.factor, a.factor),
        a.taken | b.taken,
        np.where(use_b, b.wider, a.wider),
    )
    return habit, np.where(use_b, b_error, a_error)


def _judged(
    days: Days,
    kin: Sequence[int],
    factor: FloatArray,
    none: list[FloatArray],
    corrected: list[FloatArray],
    allowed: NDArray[np.bool_],
) -> tuple[Habit, FloatArray]:
    n = len(days.demand)
    if not len(kin):
        return Habit(np.ones_like(factor), np.zeros(n, bool), np.ones(n)), np.full(n, np.inf)
    without, with_it, plain = _mean(np.stack(none)), _mean(np.stack(corrected)), _plain_error(days, kin)
    with np.errstate(invalid="ignore", divide="ignore"):
        taken = allowed & (with_it <= PAYS * without) & (without > UNUSUAL * plain)
        wider = np.clip(with_it / plain, 1.0, 3.0)
    # Ratios of what can be negative mean nothing.
    taken &= ~(np.where(np.isfinite(days.demand), days.demand, 0.0) < 0).any((1, 2))
    wider = np.where(taken & np.isfinite(wider), wider, 1.0)
    habit = Habit(np.where(taken[:, None], factor, 1.0), taken, wider)
    return habit, np.where(taken, with_it, np.inf)


def _plain_error(days: Days, special: Sequence[int]) -> FloatArray:
    """(n,) mean error of the usual weekday on the ordinary days within three of the special ones.

    Working days are compared with working days: what is small at weekends errs less there.
    """
    last, working = len(days.weekday), days.weekday < _SUNDAY - 1
    near = {
        d
        for s in special
        for d in range(max(0, s - 3), min(last, s + 4))
        if days.plain[d] and working[d] == working[s]
    }
    if not near:
        return np.full(len(days.demand), np.nan)
    return _mean(np.stack([days.error(d, days.usual(d)) for d in sorted(near)]))


def _ratio(actual: FloatArray, usual: FloatArray, by_slot: bool) -> FloatArray:
    """(n, slots) ratio of sums, over three neighbouring slots or over the whole day; 1 where unknown."""
    if by_slot:
        above, below = (np.pad(x, ((0, 0), (1, 1)), "edge") for x in (actual, usual))
        above, below = (x[:, :-2] + x[:, 1:-1] + x[:, 2:] for x in (above, below))
    else:
        above, below = (np.broadcast_to(x.sum(1, keepdims=True), x.shape) for x in (actual, usual))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(below > 0, above / np.where(below > 0, below, 1.0), 1.0)
    return np.clip(ratio, _LEAST, _MOST)


def _mean(stacked: FloatArray) -> FloatArray:
    """(n,) mean of the finite values of (k, n); NaN where there is none."""
    seen = np.isfinite(stacked)
    count = seen.sum(0)
    mean = np.where(seen, stacked, 0.0).sum(0) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def _median(rows: FloatArray) -> FloatArray:
    """(n, slots) median of (n, k, slots) over what was reported; NaN where under two were."""
    n, k, slots = rows.shape
    if k < 2:
        return np.full((n, slots), np.nan)
    ordered = np.sort(rows, axis=1)
    count = np.isfinite(rows).sum(1, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    middle = np.take_along_axis(ordered, low, 1) + np.take_along_axis(ordered, high, 1)
    return np.where(count[:, 0] >= 2, middle[:, 0] / 2, np.nan)
