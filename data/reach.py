"""Reach: how high demand will have been by a day, as quantiles of the running maximum of sample paths.

Exhaustion of *any* limit can be read from it, so paths (n x samples x days) need not be stored:
P(demand reaches the limit by day d) = 1 - F_d(limit), F_d the distribution of the highest demand of days
1 to d.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from data.panel import FloatArray
from data.series import SeriesKey

REACH_DAYS: tuple[int, ...] = (*range(1, 29), *range(30, 91, 3), *range(97, 366, 7), 365)
"""Days ahead that are kept: every day for four weeks, then coarser; 28, 90 and 365 are among them."""

REACH_LEVELS: tuple[float, ...] = (
    0.005, 0.01, 0.02, 0.03, 0.05, 0.075, *(round(0.1 + 0.05 * i, 2) for i in range(17)),
    0.925, 0.95, 0.97, 0.98, 0.99, 0.995,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reach:
    """Quantiles of the highest demand from `start` through each of `days`."""

    keys: tuple[SeriesKey, ...]
    start: datetime
    """First day of the forecast, UTC."""
    days: tuple[int, ...]
    levels: tuple[float, ...]
    amounts: FloatArray
    """(n, len(days), len(levels)); never falls along days or levels. NaN rows: no answer."""

    def probability(self, limits: FloatArray) -> FloatArray:
        """(n, len(days)) probability that demand has reached the limit by each day.

        `limits` is (n,). Outside the kept levels the answer is the outermost level's (0.005 or 0.995)
        or, beyond the highest amount by more than the width of the outermost gap, 0.
        NaN where there is no answer or no limit.
        """
        levels = np.asarray(self.levels)
        amounts = self.amounts
        limit = np.asarray(limits, float)[:, None]
        answered = np.isfinite(limit) & ~np.isnan(amounts[:, :, 0])
        # Reached means demand >= limit: on a flat stretch of the quantile function the lowest level counts.
        place = (amounts < limit[:, :, None]).sum(2)
        upper = np.clip(place, 1, len(levels) - 1)
        low = np.take_along_axis(amounts, upper[:, :, None] - 1, 2)[:, :, 0]
        high = np.take_along_axis(amounts, upper[:, :, None], 2)[:, :, 0]
        gap = np.where(high > low, high - low, 1.0)
        inside = 1 - (levels[upper - 1] + (limit - low) / gap * (levels[upper] - levels[upper - 1]))
        flat = amounts[:, :, -1] <= amounts[:, :, 0]
        below = np.where(flat, 1.0, 1 - levels[0])
        beyond = amounts[:, :, -1] + np.maximum(amounts[:, :, -1] - amounts[:, :, -2], 0.0)
        above = np.where(limit <= beyond, 1 - levels[-1], 0.0)
        chances = np.where(place == 0, below, np.where(place == len(levels), above, inside))
        return np.maximum.accumulate(np.where(answered, chances, np.nan), axis=1)
