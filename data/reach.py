"""Reach: how high demand will have been by a day, as quantiles of the running maximum of sample paths.

Exhaustion of *any* limit can be read from it, so paths (n x samples x days) need not be stored:
P(demand reaches the limit by day d) = 1 - F_d(limit), F_d the distribution of the highest demand of days 1..d.
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
        chances = np.full(self.amounts.shape[:2], np.nan)
        for i, limit in enumerate(limits):
            if not np.isfinite(limit):
                continue
            for d, amounts in enumerate(self.amounts[i]):
                if np.isnan(amounts[0]):
                    continue
                if limit > amounts[-1]:
                    gap = max(amounts[-1] - amounts[-2], 0.0)
                    chances[i, d] = (1 - levels[-1]) if limit <= amounts[-1] + gap else 0.0
                elif limit <= amounts[0]:
                    chances[i, d] = 1 - levels[0] if amounts[0] < amounts[-1] else 1.0
                else:
                    # Reached means demand >= limit: on a flat stretch of the quantile function the lowest level counts.
                    j = int(np.searchsorted(amounts, limit, side="left"))
                    low, high = amounts[j - 1], amounts[j]
                    share = (limit - low) / (high - low)
                    chances[i, d] = 1 - (levels[j - 1] + share * (levels[j] - levels[j - 1]))
        return np.maximum.accumulate(chances, axis=1)
