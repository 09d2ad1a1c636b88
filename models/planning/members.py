"""Level members: what is known about the level of each series by itself.

All work on (n, t) gap-free, weekday-adjusted demand and return (n, horizon).
"""

from __future__ import annotations

import numpy as np

from data.panel import FloatArray
from models.planning.week_profile import middle

ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
DAMPED_ALPHAS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
DAMPED_BETAS = (0.05, 0.2)
DAMPING = 0.9
"""A trend worth about nine days: the most that paid beyond 28 days on the measured sets."""


def recent_median(demand: FloatArray, days: int) -> FloatArray:
    """(n, 1) median of the last days."""
    return middle(demand[:, -min(days, demand.shape[1]) :])[:, None]


def smoothing(
    demand: FloatArray,
    horizon: int,
    *,
    alphas: tuple[float, ...] = ALPHAS,
    betas: tuple[float, ...] = (0.0,),
    damping: float = 1.0,
    check: int = 14,
    window: int = 400,
) -> FloatArray:
    """(n, horizon) exponential smoothing, with a damped trend where betas are given.

    Per series the setting with the least sum of the one-day error (weight 0.3) and the error `check` days
    ahead, over the last `window` days (Gardner & McKenzie 1985 for the damped trend).
    """
    demand = demand[:, -(window + check + 28) :]
    t = demand.shape[1]
    # Days first, settings next, series innermost: every step is one contiguous pass.
    days = np.ascontiguousarray(demand.T)
    a = np.repeat(np.array(alphas), len(betas))[:, None]
    b = np.tile(np.array(betas), len(alphas))[:, None]
    trended = bool(np.any(b > 0))
    level = np.repeat(days[: min(14, t)].mean(0)[None], len(a), 0)
    trend = np.zeros_like(level)
    errors = np.zeros_like(level)
    reach = np.cumsum(damping ** np.arange(1, max(horizon, check) + 1))
    pending: dict[int, FloatArray] = {}
    for i in range(t):
        base = level + damping * trend if trended else level
        miss = days[i] - base
        if i > 14 and i >= t - window:
            errors += 0.3 * np.abs(miss)
            if i - check in pending:
                errors += np.abs(days[i] - pending.pop(i - check))
        level = base + a * miss
        if trended:
            trend = damping * trend + a * b * miss
        if t - window - check <= i < t - check:
            pending[i] = level + reach[check - 1] * trend if trended else level
    best = errors.argmin(0)[None]
    level = np.take_along_axis(level, best, 0)[0]
    trend = np.take_along_axis(trend, best, 0)[0]
    path: FloatArray = level[:, None] + trend[:, None] * reach[None, :horizon]
    return path


def half_drift(demand: FloatArray, horizon: int, *, days: int = 730) -> FloatArray:
    """(n, horizon) half of the least-squares slope, as in theta (Assimakopoulos & Nikolopoulos 2000)."""
    recent = demand[:, -min(days, demand.shape[1]) :]
    x = np.arange(recent.shape[1]) - (recent.shape[1] - 1) / 2
    slope = (recent * x).sum(1) / max(float((x * x).sum()), 1.0)
    path: FloatArray = 0.5 * slope[:, None] * np.arange(1, horizon + 1)
    return path
