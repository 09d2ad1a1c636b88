"""Seasonal autoregression by ridge regression, each series shrunk towards all of them.

The lags are those at which hourly demand remembers itself: the last hours, and the hours around the same time
one, two, … days and one and two weeks ago; a subset autoregression in the sense of McClave (1975, JASA 70).
Pooling: the coefficients fitted over all series are the prior mean of every series' own (ridge towards a
non-zero target, as Montero-Manso & Hyndman 2021, Int. J. Forecasting 37, argue for global models).

The products of lagged slots are summed once: a later cutoff only adds its new slots, and the
shorter list of lags reads a part of the same matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.features.seasons import Seasons
from models.forecasters.members.batch import Batch, Paths
from models.forecasters.members.standard import Standard

_BLOCK = 32
"""Series whose lagged slots are held at once: about what a processor's cache takes."""


def base_lags(seasons: Seasons) -> tuple[int, ...]:
    """Slots back within a good week."""
    d = seasons.day
    near = {1, 2, 3, 4}
    if d == 1:
        return tuple(sorted(near))
    around = range(-min(2, d // 4), min(2, d // 4) + 1)
    lags = near | {d + k for k in around} | {2 * d + k for k in (-1, 0, 1)}
    if seasons.week is not None:
        lags |= {3 * d, 4 * d, 5 * d, 8 * d} | {6 * d + k for k in (-1, 0, 1)} | {7 * d + k for k in around}
    else:
        lags |= {3 * d}
    return tuple(sorted(lag for lag in lags if lag > 0))


def long_lags(seasons: Seasons) -> tuple[int, ...]:
    """The base lags and the same time two weeks ago."""
    return base_lags(seasons) + tuple(14 * seasons.day + k for k in (-1, 0, 1))


def lag_products(
    values: NDArray[np.float32],
    weight: NDArray[np.float32] | None,
    lags: tuple[int, ...],
    first: int,
    last: int,
) -> FloatArray:
    """(n, p + 2, p + 2) sums over slots first to last of the products of lags, one, and the slot itself."""
    n, size = len(values), len(lags) + 2
    products = np.empty((n, size, size))
    for begin in range(0, n, _BLOCK):
        rows = values[begin : begin + _BLOCK]
        design = np.empty((len(rows), size, last - first), np.float32)
        for row, lag in enumerate(lags):
            design[:, row] = rows[:, first - lag : last - lag]
        design[:, -2] = 1.0
        design[:, -1] = rows[:, first:last]
        if weight is not None:
            design *= np.sqrt(weight[begin : begin + _BLOCK, None, first:last])
        products[begin : begin + _BLOCK] = design @ design.transpose(0, 2, 1)
    return products


def shrunk_coefficients(
    products: FloatArray, teaches: NDArray[np.bool_], prior_slots: float, ridge: float = 10.0
) -> FloatArray:
    """(n, p + 1) coefficients of lags and one: each series' own, drawn to those over all teaching series.

    `prior_slots` is how many slots of its own a series needs before it counts as much as the prior.
    """
    gram, cross = products[:, :-1, :-1], products[:, :-1, -1]
    size = gram.shape[1]
    penalty = np.eye(size)
    penalty[-1, -1] = 1e-3
    teachers = int(teaches.sum())
    prior = np.zeros(size)
    if teachers:
        pooled = gram[teaches].sum(0) + ridge * teachers * penalty
        prior += np.linalg.solve(pooled, cross[teaches].sum(0))
    right = cross + prior_slots * (penalty @ prior)
    solved = np.linalg.solve(gram + prior_slots * penalty, right[:, :, None])
    own: FloatArray = solved[:, :, 0].astype(np.float64, copy=False)
    return own


def rolled(
    tail: FloatArray,
    coefficients: FloatArray,
    lags: tuple[int, ...],
    low: FloatArray,
    high: FloatArray,
    horizon: int,
) -> FloatArray:
    """(n, horizon) the autoregression fed with its own forecasts; every slot is kept within low and high.

    `tail` is (n, longest lag), the newest history.
    """
    longest, back = max(lags), np.array(lags)
    # Slots outermost: each step reads and writes contiguous rows.
    path = np.empty((longest + horizon, len(tail)))
    path[:longest] = tail.T
    weights, constant = np.ascontiguousarray(coefficients[:, :-1].T), coefficients[:, -1]
    lower, upper = low[:, 0], high[:, 0]
    for k in range(longest, longest + horizon):
        step = np.einsum("pn,pn->n", path[k - back], weights)
        step += constant
        np.minimum(np.maximum(step, lower, out=step), upper, out=path[k])
    return path[longest:].T


@dataclass(frozen=True, slots=True)
class SeasonalAutoregression:
    """`ar_log` and `ar_raw` on the base lags, `ar_log_long` on the lags of two weeks."""

    prior_slots: float = 100.0
    long_prior_slots: float = 300.0

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        return max(base_lags(seasons)) + 4 * seasons.day

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        seasons = batch.seasons
        base, long = base_lags(seasons), long_lags(seasons)
        specs = {"ar_log": (base, self.prior_slots)}
        if seasons.day > 1 and min(cutoffs) >= max(long) + 4 * seasons.day:
            specs["ar_log_long"] = (long, self.long_prior_slots)
        out = dict(_fitted(batch, cutoffs, horizon, specs, bent=True))
        if batch.logged.any():
            out |= _fitted(batch, cutoffs, horizon, {"ar_raw": (base, self.prior_slots)}, bent=False)
        return out


def _fitted(
    batch: Batch,
    cutoffs: tuple[int, ...],
    horizon: int,
    specs: dict[str, tuple[tuple[int, ...], float]],
    *,
    bent: bool,
) -> Paths:
    earliest = min(cutoffs)
    standard = Standard.of_bent(batch, earliest) if bent else Standard.of(batch, batch.raw, earliest)
    values = standard.values
    single = values.astype(np.float32)
    lags = tuple(sorted({lag for spec, _ in specs.values() for lag in spec}))
    weight = None if (batch.weight == 1).all() else batch.weight
    out = {name: np.empty((len(cutoffs), len(batch), horizon)) for name in specs}
    begin, products = max(lags), np.zeros((len(batch), len(lags) + 2, len(lags) + 2))
    for at in np.argsort(cutoffs):
        cutoff = cutoffs[at]
        if cutoff > begin:
            products += lag_products(single, weight, lags, begin, cutoff)
            begin = cutoff
        seen = values[:, :cutoff]
        low, high = seen.min(1, keepdims=True), seen.max(1, keepdims=True)
        slack = 0.5 * (high - low)
        for name, (own, prior_slots) in specs.items():
            chosen = [lags.index(lag) for lag in own] + [len(lags), len(lags) + 1]
            part = products[:, chosen][:, :, chosen]
            coefficients = shrunk_coefficients(part, batch.teaches, prior_slots)
            path = rolled(seen[:, -max(own) :], coefficients, own, low - slack, high + slack, horizon)
            path = standard.back(path)
            if bent:
                path = batch.unbent(path, cutoff)
            else:
                lowest = batch.raw[:, :cutoff].min(1, keepdims=True)
                path = np.maximum(path, np.where(lowest < 0, -np.inf, 0.5 * lowest))
            out[name][at] = path
    return out
