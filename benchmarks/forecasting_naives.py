"""What a forecast has to beat: naives with bands from their own past errors, and M4's Naive2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.outcome import Forecast
from data.panel import FloatArray, Panel
from models.features.gaps import filled
from models.features.seasons import Seasons

_SEASON = {"naive day": 24, "naive week": 168, "last value": 1}


@dataclass(frozen=True)
class Naive:
    """A naive path; every level is its quantile of the errors at eight past cutoffs, half a horizon apart."""

    name: str

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        demand = history.demand
        n, t = demand.shape
        whole = np.nan_to_num(filled(demand, Seasons(24, 168)))
        errors = []
        for k in range(1, 9):
            cutoff = t - max(24, horizon // 2) * k
            if cutoff < 200:
                break
            came = demand[:, cutoff : cutoff + horizon]
            errors.append(came - self._path(whole[:, :cutoff], came.shape[1]))
        spread = np.zeros((n, len(levels)))
        for i in range(n):
            own = np.concatenate([e[i] for e in errors]) if errors else np.zeros(1)
            own = own[np.isfinite(own)]
            if own.size:
                spread[i] = np.quantile(own, levels)
        path = self._path(whole, horizon)
        # The path itself stays the median.
        quantiles = path[:, :, None] + spread[:, None, :]
        quantiles[:, :, list(levels).index(0.5)] = path
        floor = np.where(np.nanmin(demand, 1) >= 0, 0.0, -np.inf)[:, None, None]
        quantiles = np.sort(np.maximum(quantiles, floor), axis=2)
        return Forecast(history.keys, history.end, history.step, levels, quantiles, (self.name,) * n)

    def _path(self, whole: FloatArray, horizon: int) -> FloatArray:
        if self.name == "median of a week":
            return np.repeat(np.median(whole[:, -168:], axis=1)[:, None], horizon, axis=1)
        season = _SEASON[self.name]
        return np.tile(whole[:, -season:], (1, -(-horizon // season)))[:, :horizon]


def naive2(demand: FloatArray, horizon: int, season: int = 24) -> FloatArray:
    """(horizon,) M4's Naive2: the last value, seasonally adjusted where the series tests as seasonal.

    Makridakis, Spiliotis & Assimakopoulos 2020, with the multiplicative decomposition of its R code.
    """
    known = demand[np.isfinite(demand)]
    n = known.size
    centred = known - known.mean()
    total = (centred**2).sum()
    if total == 0:
        return np.repeat(known[-1], horizon)
    correlation = np.array([(centred[k:] * centred[: n - k]).sum() / total for k in range(1, season + 1)])
    limit = 1.645 * np.sqrt((1 + 2 * (correlation[:-1] ** 2).sum()) / n)
    if abs(correlation[-1]) <= limit:
        return np.repeat(known[-1], horizon)
    weights = np.r_[0.5, np.ones(season - 1), 0.5] / season
    trend = np.convolve(known, weights, "valid")
    half = season // 2
    ratio = known[half : half + trend.size] / trend
    phase = (np.arange(trend.size) + half) % season
    shape = np.array([ratio[phase == k].mean() for k in range(season)])
    shape *= season / shape.sum()
    return known[-1] / shape[(n - 1) % season] * shape[(n + np.arange(horizon)) % season]
