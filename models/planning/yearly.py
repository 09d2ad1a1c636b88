"""Yearly member: part of last year's movement, carried on the present level."""

from __future__ import annotations

import numpy as np

from data.panel import FloatArray

YEAR = 364
"""52 weeks, so that weekdays stay aligned."""
LEAST_DAYS = YEAR + 28
"""History under which nothing is said about the year."""


def yearly(demand: FloatArray, horizon: int, *, share: float = 0.5, smooth: int = 29) -> FloatArray:
    """(n, horizon) the 28-day level plus `share` of how the same days moved a year ago (or two, averaged).

    Movement is that of a centred mean over `smooth` days against the four weeks before the same date.
    Raises ValueError under 392 days.
    """
    n, t = demand.shape
    if t < LEAST_DAYS:
        raise ValueError(f"a yearly member needs {LEAST_DAYS} days, has {t}")
    half = smooth // 2
    padded = np.pad(demand, ((0, 0), (half, half)), "edge")
    sums = np.concatenate([np.zeros((n, 1)), np.cumsum(padded, 1)], 1)
    smoothed = (sums[:, smooth:] - sums[:, :-smooth]) / smooth
    days = t - YEAR + np.arange(horizon) % YEAR
    movement = smoothed[:, days] - demand[:, t - YEAR - 28 : t - YEAR].mean(1, keepdims=True)
    if t >= 2 * YEAR + 28:
        before = demand[:, t - 2 * YEAR - 28 : t - 2 * YEAR].mean(1, keepdims=True)
        movement = 0.5 * (movement + smoothed[:, days - YEAR] - before)
    path: FloatArray = demand[:, -28:].mean(1, keepdims=True) + share * movement
    return path
