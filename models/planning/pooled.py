"""Pooled members: what the fleet teaches about how levels persist.

`AutoRegression` shrinks every series' daily autoregression to the fleet's; `DirectRegression` learns how
much of a recent deviation is left at each horizon. Both are fitted on a pool of series of the same metric,
so that a series' forecast does not depend on its neighbours in a chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from data.panel import FloatArray

_LONG_LAGS = (1, 2, 3, 4, 5, 6, 7, 8, 14, 21, 28)
_SHORT_LAGS = (1, 2, 3, 4, 5, 6, 7, 14)
_NODES = (1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60, 90, 135, 180, 270, 365)


def _standardised(demand: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    centre = demand[:, -56:].mean(1, keepdims=True)
    spread = np.maximum(np.abs(np.diff(demand, axis=1)).mean(1, keepdims=True), 1e-12)
    return np.clip((demand - centre) / spread, -30, 30), centre, spread


def _moments(scaled: FloatArray, lags: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n, p, p) and (n, p) products of the lagged days with each other and with the day itself."""
    t = scaled.shape[1]
    first = int(lags.max())
    columns = np.stack([scaled[:, first - int(lag) : t - int(lag)] for lag in lags], 1)
    cross: FloatArray = (columns @ scaled[:, first:, None])[:, :, 0]
    return columns @ columns.transpose(0, 2, 1), cross


@dataclass(frozen=True, slots=True)
class AutoRegression:
    """Ridge autoregression on daily lags, shrunk to the fleet's coefficients."""

    lags: FloatArray
    """(p,) days back."""
    fleet: FloatArray
    """(p,) coefficients of the pool."""
    own_weight: float = 50.0
    """Days of history at which a series' own coefficients count about as much as the fleet's."""

    @classmethod
    def fit(cls, pool: FloatArray, ridge: float = 5.0) -> Self | None:
        """Learns from (m, t) weekday-adjusted demand; None under 22 days."""
        m, t = pool.shape
        if t < 22:
            return None
        lags = np.array(_LONG_LAGS if t >= 70 else _SHORT_LAGS)
        gram, cross = _moments(_standardised(pool)[0], lags)
        fleet = np.linalg.solve(gram.sum(0) + ridge * m * np.eye(len(lags)), cross.sum(0))
        return cls(lags, fleet)

    def forecast(self, demand: FloatArray, horizon: int) -> FloatArray:
        """(n, horizon) day after day, kept within what the series has seen."""
        scaled, centre, spread = _standardised(demand)
        gram, cross = _moments(scaled, self.lags)
        p, first = len(self.lags), int(self.lags.max())
        right = (cross + self.own_weight * self.fleet)[:, :, None]
        weights = np.linalg.solve(gram + self.own_weight * np.eye(p), right)[:, :, 0]
        # Days outermost: each step reads and writes contiguous rows.
        days = np.concatenate([scaled[:, -first:].T, np.zeros((horizon, len(demand)))])
        columns = np.ascontiguousarray(weights.T)
        for k in range(first, first + horizon):
            days[k] = np.einsum("pn,pn->n", days[k - self.lags], columns)
            if k % 32 == 0:
                np.clip(days[k], -1e6, 1e6, out=days[k])
        path = np.nan_to_num(days[first:].T)
        low, high = scaled.min(1, keepdims=True), scaled.max(1, keepdims=True)
        kept: FloatArray = np.clip(path, low, high) * spread + centre
        return kept


@dataclass(frozen=True, slots=True)
class DirectRegression:
    """How much of each recent deviation from the 28-day mean survives, per horizon, over the whole pool."""

    windows: tuple[int, ...]
    with_change: bool
    """Whether the change between the last two 28-day means is a feature; needs 84 days."""
    weights: FloatArray
    """(features, horizon)"""

    @classmethod
    def fit(
        cls, pool: FloatArray, horizon: int, *, ridge: float = 30.0, every: int = 3, most: int = 60
    ) -> Self | None:
        """Learns from (m, t) weekday-adjusted demand; None where no horizon has ten origins."""
        m, t = pool.shape
        windows = (1, 3, 7, 14) + ((56,) if t >= 120 else ()) + ((112,) if t >= 300 else ())
        with_change = t >= 84
        first = max(*windows, 28) + (28 if with_change else 0)
        nodes = [j for j in _NODES if j <= horizon and t - j - first >= 10]
        if not nodes:
            return None
        sums = _sums(pool)
        spread = _weekly_spread(pool)
        weights = []
        for j in nodes:
            origins = np.arange(t - j, first - 1, -every)[:most]
            x, level = _features(sums, spread, origins, windows, with_change)
            if j > 7:
                last = np.minimum(origins + j + 1, t)
                begin = np.maximum(origins, origins + j - 2)
                actual = (sums[:, last] - sums[:, begin]) / (last - begin)
            else:
                actual = pool[:, origins + j - 1]
            y = np.clip((actual - level) / spread, -8, 8)
            flat = x.reshape(-1, x.shape[2])
            gram = flat.T @ flat + ridge * np.sqrt(len(origins) * m) * np.eye(flat.shape[1])
            weights.append(np.linalg.solve(gram, flat.T @ y.ravel()))
        at = np.log(np.arange(1, horizon + 1))
        curve = np.array([np.interp(at, np.log(nodes), w) for w in np.array(weights).T])
        return cls(windows, with_change, curve)

    def forecast(self, demand: FloatArray) -> FloatArray:
        """(n, horizon)"""
        spread = _weekly_spread(demand)
        origin = np.array([demand.shape[1]])
        x, level = _features(_sums(demand), spread, origin, self.windows, self.with_change)
        path: FloatArray = level + spread * (x[:, 0] @ self.weights)
        return path


def _sums(demand: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros((len(demand), 1)), np.cumsum(demand, 1)], 1)


def _weekly_spread(demand: FloatArray) -> FloatArray:
    spread: FloatArray = np.maximum(np.abs(demand[:, 7:] - demand[:, :-7]).mean(1, keepdims=True), 1e-12)
    return spread


def _features(
    sums: FloatArray, spread: FloatArray, origins: FloatArray, windows: tuple[int, ...], with_change: bool
) -> tuple[FloatArray, FloatArray]:
    """(m, origins, features) recent deviations in units of spread, and the (m, origins) 28-day means."""

    def mean(end: FloatArray, days: int) -> FloatArray:
        value: FloatArray = (sums[:, end] - sums[:, end - days]) / days
        return value

    level = mean(origins, 28)
    features = [mean(origins, w) - level for w in windows]
    if with_change:
        features.append(level - mean(origins - 28, 28))
    return np.clip(np.stack(features, 2) / spread[:, :, None], -8, 8), level
