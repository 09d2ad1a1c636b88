"""The level ensemble: a plain median of members, no selection, no weights.

Selecting by rolling origin bought nothing at 28 days on the measured sets and became harmful as soon as trend
members could be picked; a plain median did as well as any weighting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from data.panel import FloatArray
from models.planning.members import DAMPED_ALPHAS, DAMPED_BETAS, DAMPING, half_drift, recent_median, smoothing
from models.planning.pooled import AutoRegression, DirectRegression
from models.planning.transform import Transform
from models.planning.week_profile import WEEK, ahead, behind, week_profile
from models.planning.yearly import LEAST_DAYS as LEAST_YEARLY
from models.planning.yearly import yearly

LEVEL_DAYS = (7, 14, 28, 56)


@dataclass(frozen=True, slots=True)
class LevelEnsemble:
    """What the pool taught, ready to forecast any series of the same metric and length."""

    stock: bool
    horizon: int
    recursive: AutoRegression | None
    direct: DirectRegression | None

    @classmethod
    def fit(cls, pool: FloatArray, horizon: int, stock: bool) -> Self:
        """Learns the pooled members from (m, t) gap-free demand."""
        adjusted, _, _ = _adjusted(pool, stock)
        return cls(stock, horizon, AutoRegression.fit(adjusted), DirectRegression.fit(adjusted, horizon))

    def members(self, demand: FloatArray) -> FloatArray:
        """(members, n, horizon) forecasts of (n, t) gap-free demand, in its unit."""
        horizon = self.horizon
        adjusted, profile, transform = _adjusted(demand, self.stock)
        week = ahead(profile, horizon)
        one = np.ones(horizon)
        levels = [recent_median(adjusted, days) * one for days in LEVEL_DAYS]
        smooth = smoothing(adjusted, horizon)
        levels.append(smooth)
        levels.append(smoothing(adjusted, horizon, alphas=DAMPED_ALPHAS, betas=DAMPED_BETAS, damping=DAMPING))
        if self.recursive:
            levels.append(self.recursive.forecast(adjusted, horizon))
        if self.direct:
            levels.append(self.direct.forecast(adjusted))
        if demand.shape[1] >= LEAST_YEARLY:
            levels.append(yearly(adjusted, horizon))
        paths = [transform.back(level + week) for level in levels]
        paths.append(ahead(demand[:, -WEEK:], horizon))
        if self.stock:
            # Stocks drift: theta as one more member, and the pooled regression counted twice.
            paths.append(smooth + half_drift(demand, horizon) + week)
            if self.direct:
                paths.append(transform.back(self.direct.forecast(adjusted) + week))
        return np.array(paths)

    def centre(self, demand: FloatArray) -> FloatArray:
        """(n, horizon) the median of the members; not negative where the history is not."""
        middle = _median(self.members(demand))
        return np.where(demand.min(1, keepdims=True) >= 0, np.maximum(middle, 0), middle)


def _adjusted(demand: FloatArray, stock: bool) -> tuple[FloatArray, FloatArray, Transform]:
    """Weekday-adjusted demand on the members' scale, the profile, and the way back."""
    transform = Transform.of(demand, stock)
    scaled = transform.into(demand)
    profile = week_profile(scaled)
    return scaled - behind(profile, demand.shape[1]), profile, transform


def _median(members: FloatArray) -> FloatArray:
    """Median over the first axis; sorts in place, faster than np.median for a dozen members."""
    members.sort(0)
    k = len(members)
    middle: FloatArray = 0.5 * (members[(k - 1) // 2] + members[k // 2])
    return middle
