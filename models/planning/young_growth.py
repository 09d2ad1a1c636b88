"""Young growth: a straight climb of six weeks or more, where no such climb of the series ever broke off.

It is tried like older growth, over shorter leads and with less to forgive. Climbs between two purges look
the same, so the rule is also asked at every week of the series' own past: where it would have followed a
climb that then ended, it is not followed now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

_WEEK = 7
_LEADS = (1, 2)
"""Weeks ahead at which lines are tried."""
_CUTOFFS = 3
_WINDOWS = (14, 28)
"""Days over which lines are fitted."""
_LEAST_GAIN = 0.25
"""A line's error must be at most this share of the level's; it must have come closer every time."""
_MOST_SPREAD = 0.15
_LEAST_SPREAD = 0.1
_FOLLOWED = 4
"""Weeks after which it shows whether a climb went on."""
_WENT_ON = 0.5
"""A climb went on where demand gained at least this share of what the line said."""
_STEP = (0.5, 1.6)
"""A week belongs to the climb where it gained between these shares of a week of the present slope."""
LEAST_DAYS = _WEEK * (max(_LEADS) + _CUTOFFS - 1) + min(_WINDOWS)


@dataclass(frozen=True, slots=True)
class YoungGrowth:
    """Climbs that have begun within the last months."""

    found: NDArray[np.bool_]
    """(n,)"""
    slope: FloatArray
    """(n,) per day"""
    spread: FloatArray
    """(n,) standard error of the slope, relative to it."""
    lasted: FloatArray
    """(n,) days that the climb has gone on."""

    @classmethod
    def of(cls, adjusted: FloatArray) -> Self:
        """Looks for climbs in (n, t) demand without its weekdays; none under 42 days."""
        n, t = adjusted.shape
        nothing = cls(np.zeros(n, bool), np.zeros(n), np.ones(n), np.full(n, np.inf))
        if t < LEAST_DAYS:
            return nothing
        best = nothing
        for window in _WINDOWS:
            if t < LEAST_DAYS - min(_WINDOWS) + window:
                continue
            one = _climbs(adjusted, window)
            swap = one.found & (~best.found | (one.spread < best.spread))
            best = cls(
                best.found | one.found,
                np.where(swap, one.slope, best.slope),
                np.where(swap, one.spread, best.spread),
                np.where(swap, one.lasted, best.lasted),
            )
        return best


def _climbs(adjusted: FloatArray, window: int) -> YoungGrowth:
    """With lines over one window. Everything lies on a weekly grid: index 0 is today, 1 a week ago."""
    t = adjusted.shape[1]
    x = np.arange(window) - (window - 1) / 2
    weights = x / (x @ x)
    ends = [t - _WEEK * k for k in range((t - window) // _WEEK + 1)]
    slope = np.stack([adjusted[:, end - window : end] @ weights for end in ends], 1)
    weeks = t // _WEEK
    by_week = adjusted[:, t - _WEEK * weeks :].reshape(len(adjusted), weeks, _WEEK)
    level = np.sort(by_week, 2)[:, ::-1, _WEEK // 2]  # the median of each week

    # At today (or an earlier week) k: cutoffs k + lead + back, each asked about the week `lead` after it.
    count = len(ends) - max(_LEADS) - _CUTOFFS + 1
    line, flat = np.zeros((len(adjusted), count)), np.zeros((len(adjusted), count))
    wins = np.ones((len(adjusted), count), bool)
    for lead in _LEADS:
        for back in range(_CUTOFFS):
            cut = np.arange(count) + lead + back
            moved = level[:, cut - lead] - level[:, cut]
            missed = np.abs(moved - _WEEK * lead * slope[:, cut])
            line, flat = line + missed, flat + np.abs(moved)
            wins &= missed < np.abs(moved)
    error = 1.25 * line / (len(_LEADS) * _CUTOFFS)
    spread = error / np.maximum(np.abs(slope[:, :count]) * _WEEK * max(_LEADS), 1e-300)
    fires = wins & (line <= _LEAST_GAIN * flat) & (spread <= _MOST_SPREAD)

    # Asked at every earlier week: what came of the climb four weeks later?
    later = np.arange(_FOLLOWED, count)
    gained = level[:, later - _FOLLOWED] - level[:, later]
    said = _WEEK * _FOLLOWED * slope[:, later]
    broke = (fires[:, later] & (gained * np.sign(said) < _WENT_ON * np.abs(said))).any(1)

    # How long it has gone on: weeks in a row that gained about what a week of today's slope gains.
    step = -np.diff(level, axis=1) / np.where(slope[:, :1] == 0, np.inf, _WEEK * slope[:, :1])
    inside = (step >= _STEP[0]) & (step <= _STEP[1])
    weeks_on = np.where(inside.all(1), inside.shape[1], (~inside).argmax(1))
    lasted = np.maximum(_WEEK * (weeks_on + 1.0), LEAST_DAYS)
    return YoungGrowth(fires[:, 0] & ~broke, slope[:, 0], np.maximum(spread[:, 0], _LEAST_SPREAD), lasted)
