"""The level of a series on each day: the exponential smoothing that foresaw the next day best."""

from __future__ import annotations

import numpy as np

from data.panel import FloatArray

ALPHAS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
_WARM_DAYS = 14


def level_path(adjusted: FloatArray) -> FloatArray:
    """(n, t) level of (n, t) gap-free, weekday-adjusted demand; the value itself where weight 1 is best."""
    n, t = adjusted.shape
    alpha = np.array(ALPHAS)[:, None]
    days = np.ascontiguousarray(adjusted.T)
    levels = np.empty((t, len(ALPHAS), n))
    level = np.repeat(np.median(days[:_WARM_DAYS], 0)[None], len(ALPHAS), 0)
    for i in range(t):
        level = level + alpha * (days[i] - level)
        levels[i] = level
    warm = min(_WARM_DAYS, t - 2)
    errors = np.abs(days[warm + 1 :, None] - levels[warm:-1]).mean(0)
    path: FloatArray = levels[:, errors.argmin(0), np.arange(n)].T
    return path
