"""Where a series stands at the end of its history."""

from __future__ import annotations

import numpy as np

from data.panel import FloatArray

ALPHAS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
START_DAYS = 3
_WARM_DAYS = 14


def start_level(adjusted: FloatArray) -> FloatArray:
    """(n,) present level of (n, t) gap-free, weekday-adjusted demand.

    Half-way between the median of the last three days and the exponential smoothing that foresaw the next
    day best in the series' own past; the median alone where no smoothing helps, as for most stocks.
    """
    n, t = adjusted.shape
    alpha = np.array(ALPHAS)[:, None]
    days = np.ascontiguousarray(adjusted.T)
    warm = min(_WARM_DAYS, t - 2)
    level = np.repeat(np.median(days[:_WARM_DAYS], 0)[None], len(ALPHAS), 0)
    errors = np.zeros((len(ALPHAS), n))
    for i in range(t):
        miss = days[i] - level
        if i > warm:
            errors += np.abs(miss)
        level = level + alpha * miss
    best = errors.argmin(0)
    smoothed = level[best, np.arange(n)]
    recent = np.median(adjusted[:, -START_DAYS:], 1)
    return np.where(best == len(ALPHAS) - 1, recent, 0.5 * (recent + smoothed))
