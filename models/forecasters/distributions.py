"""Distributions: the quantiles of the ensemble, from now and from past cutoffs, step by step.

A path with bands, wider on the side where errors are foretold to be larger; usual ranges averaged in where
that pays; where demand has just jumped, the same around the newest slot mixed in; the ends moved out for
slots far ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.forecasters.conformal import Shares
from models.forecasters.fresh_jump import FreshJump
from models.forecasters.members.batch import Batch
from models.forecasters.side_spread import SideSpread
from models.forecasters.usual_range import UsualRange, ranges_at

_GRID = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)
"""Levels between which a distribution is taken to be straight where two are mixed."""
_MOVED_OUT, _INNER, _OUTERMOST, _FULL_FROM_DAY = 0.4, 0.3, 0.475, 4.0
"""Share by which the outermost quantiles are moved out, the distances from one half of the levels that stay
and of the outermost ones, and the day from which on they are moved out wholly."""


@dataclass(frozen=True, slots=True)
class Distributions:
    """Quantiles around the paths from now (first) and from every past cutoff."""

    batch: Batch
    cutoffs: tuple[int, ...]
    """The end of history, then every past cutoff."""
    path: FloatArray
    """(1 + cutoffs, n, horizon) those of past cutoffs made without the errors there."""
    spread: FloatArray
    """(1 + cutoffs, n, horizon) size of errors expected at each slot."""
    sides: SideSpread
    shares: Shares
    jumps: tuple[FreshJump, ...]
    usual: UsualRange
    low: FloatArray
    """(n,) lowest demand of the history"""
    high: FloatArray
    """(n,) highest"""

    def at(self, origin: int, levels: tuple[float, ...]) -> FloatArray:
        """(n, horizon, levels) what is forecast from one of the cutoffs."""
        if 0.5 not in levels:
            # What happens to a quantile depends on where it lies from the median.
            whole = tuple(sorted({*levels, 0.5}))
            return self.at(origin, whole)[:, :, [whole.index(level) for level in levels]]
        every = np.arange(len(self.batch))
        quantiles = self._averaged(origin, levels, every)
        jump = self.jumps[origin]
        fresh = np.flatnonzero(jump.share[:, 0] > 0)
        if fresh.size:
            grid = tuple(sorted({*_GRID, *levels}))
            finer = self._averaged(origin, grid, fresh)
            quantiles[fresh] = jump.take(fresh).mixed(finer, grid, levels)
        return ends_moved_out(quantiles, levels, self.batch.seasons.recent / 7, self.low, self.high)

    def plain(
        self,
        origin: int,
        levels: tuple[float, ...],
        rows: NDArray[np.intp] | None = None,
        ahead: NDArray[np.intp] | None = None,
    ) -> FloatArray:
        """(rows, slots, levels) the path with its bands and nothing else, of some series and slots ahead."""
        shares = self.sides.times(origin, self.shares.at(levels))
        # Past cutoffs are only scored: single precision is half the work.
        precision: np.dtype[Any] = np.dtype(np.float32 if origin else np.float64)
        parts = (self.path[origin], self.spread[origin], shares, self.low, self.high)
        path, spread, shares, low, high = (part.astype(precision, copy=False) for part in parts)
        if rows is not None:
            path, spread, shares, low, high = (part[rows] for part in (path, spread, shares, low, high))
        if ahead is not None:
            path, spread = path[:, ahead], spread[:, ahead]
        return banded(path, spread, shares, low, high)

    def _averaged(self, origin: int, levels: tuple[float, ...], rows: NDArray[np.intp]) -> FloatArray:
        whole = None if rows.size == len(self.batch) else rows
        quantiles = self.plain(origin, levels, whole)
        if not self.usual.weights[rows].any():
            return quantiles
        ranges = ranges_at(self.batch, self.cutoffs[origin], levels, rows)
        return self.usual.take(rows).averaged(quantiles, ranges, levels)


def banded(
    path: FloatArray, spread: FloatArray, shares: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """(n, horizon, levels) the path moved by each level's (n, levels) share of the spread.

    Nothing leaves the range of the history, from (n,) low to high, by more than that range.
    """
    low, high = low[:, None, None], high[:, None, None]
    floor = np.where(low < 0, low - (high - low), np.zeros_like(low))
    moved = path[:, :, None] + spread[:, :, None] * shares[:, None, :]
    ceiling = np.maximum(high + (high - low), path[:, :, None])
    # Shares rise with the levels, so the quantiles do.
    out: FloatArray = np.minimum(np.maximum(moved, floor, out=moved), ceiling, out=moved)
    return out


def ends_moved_out(
    quantiles: FloatArray, levels: tuple[float, ...], day: float, low: FloatArray, high: FloatArray
) -> FloatArray:
    """(n, horizon, levels) those beyond 20 and 80 % farther from the median after the first day.

    The levels hold one half; `day` is in slots, (n,) low and high are the range of the history. What changes
    for good within days is rarer in past errors, most of which are of the next days, than it will be: without
    this 80 % bands hold .74 to .81 a week ahead and 95 % bands .89 to .92, with it .77 to .84 and .92 to
    .95, at a loss up to 1 % lower.
    """
    end = np.clip((np.abs(np.asarray(levels) - 0.5) - _INNER) / (_OUTERMOST - _INNER), 0.0, 1.0) ** 2
    ahead = np.arange(1, quantiles.shape[1] + 1) / day
    far = np.clip((ahead - 1.0) / (_FULL_FROM_DAY - 1.0), 0.0, 1.0)
    if not far.any() or not end.any():
        return quantiles
    middle = quantiles[:, :, levels.index(0.5), None]
    wider = (1 + _MOVED_OUT * far[:, None] * end).astype(quantiles.dtype)
    moved = middle + (quantiles - middle) * wider
    low, high = (edge[:, None, None].astype(quantiles.dtype) for edge in (low, high))
    floor = np.where(low < 0, low - (high - low), np.zeros_like(low))
    out: FloatArray = np.clip(moved, np.minimum(floor, middle), np.maximum(2 * high - low, middle))
    return out
