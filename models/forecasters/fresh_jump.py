"""Fresh jump: what to think of a forecast that leaves where demand has just gone.

Demand that is suddenly elsewhere may come back or may stay; past errors do not say which, because the jump is
not among them. Where a forecast moves away from the newest slot by far more than it ever did at past
cutoffs, its distribution is mixed with the same one around the newest slot (a linear opinion pool, Stone
1961, Annals of Mathematical Statistics 32), the less the farther ahead. Threshold, share and half-life were
chosen over all sets of `benchmarks/forecasting.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

FRESH = 2.5
"""A jump is fresh where the forecast moves so many times farther than at the worst past cutoff."""
SHARE = 0.4
"""Belief that demand stays where it is, at the first slot ahead."""
HALF_LIFE_DAYS = 1.5


@dataclass(frozen=True, slots=True)
class FreshJump:
    """Newest slots of n series and how much the forecast is drawn to them."""

    newest: FloatArray
    """(n,)"""
    share: FloatArray
    """(n, horizon) share of the distribution around the newest slot; 0 = no fresh jump."""

    @classmethod
    def of(cls, path: FloatArray, newest: FloatArray, past_moves: FloatArray, day: float) -> Self:
        """From (n, horizon) paths and the (cutoffs, n) moves away from the newest slot at other cutoffs.

        `day` is the number of slots that count as a day. Without other cutoffs nothing is fresh.
        """
        n, horizon = path.shape
        if not len(past_moves):
            return cls(newest, np.zeros((n, horizon)))
        usual = past_moves.max(0)
        fresh = (usual > 0) & (moves(path, newest, day) > FRESH * usual)
        fading = SHARE * 0.5 ** (np.arange(horizon) / (HALF_LIFE_DAYS * day))
        return cls(newest, np.where(fresh[:, None], fading, 0.0))

    def take(self, rows: NDArray[np.intp]) -> Self:
        """The same for some of the series."""
        return replace(self, newest=self.newest[rows], share=self.share[rows])

    def mixed(self, quantiles: FloatArray, grid: tuple[float, ...], levels: tuple[float, ...]) -> FloatArray:
        """(n, horizon, levels) of (n, horizon, grid) quantiles after mixing; as they are without a jump.

        Every level is in the grid, and so is 0.5. The copy around the newest slot never goes below 0
        where the original does not.
        """
        chosen = [grid.index(level) for level in levels]
        out = quantiles[:, :, chosen]
        rows = np.flatnonzero(self.share[:, 0] > 0)
        if rows.size:
            own = quantiles[rows]
            move = self.newest[rows, None, None] - own[:, :, grid.index(0.5), None]
            floor = np.minimum(own.min((1, 2)), 0.0)[:, None, None]
            around = np.maximum(own + move, floor)
            out[rows] = _pooled(own, around, self.share[rows], np.asarray(grid), np.asarray(levels))
        return out


def moves(path: FloatArray, newest: FloatArray, day: float) -> FloatArray:
    """(n,) how far (n, horizon) paths go from the (n,) newest slot within a quarter of a day."""
    first = max(1, int(day) // 4)
    away: FloatArray = np.abs(path[:, :first].mean(1) - newest)
    return away


def _pooled(
    one: FloatArray, other: FloatArray, share: FloatArray, grid: FloatArray, levels: FloatArray
) -> FloatArray:
    """(k, horizon, levels) quantiles of two distributions mixed, each (k, horizon, grid)."""
    points = np.sort(np.concatenate([one, other], axis=2), axis=2)
    weight = share[:, :, None]
    mass = (1 - weight) * _cumulative(points, one, grid) + weight * _cumulative(points, other, grid)
    out = np.empty((*points.shape[:2], len(levels)))
    last = points.shape[2] - 1
    for j, level in enumerate(levels):
        above = np.clip((mass < level).sum(2, keepdims=True), 0, last)
        below = np.maximum(above - 1, 0)
        x0, x1 = (np.take_along_axis(points, at, 2)[:, :, 0] for at in (below, above))
        f0, f1 = (np.take_along_axis(mass, at, 2)[:, :, 0] for at in (below, above))
        part = np.clip((level - f0) / np.where(f1 > f0, f1 - f0, 1.0), 0.0, 1.0)
        out[:, :, j] = x0 + part * (x1 - x0)
    return np.maximum.accumulate(out, axis=2)


def _cumulative(points: FloatArray, quantiles: FloatArray, grid: FloatArray) -> FloatArray:
    """(k, horizon, points) share of a distribution up to each point; all of it within its grid."""
    place = (quantiles[:, :, None, :] <= points[:, :, :, None]).sum(3)
    last = len(grid) - 1
    low, high = np.clip(place - 1, 0, last), np.clip(place, 0, last)
    x0, x1 = (np.take_along_axis(quantiles, at, 2) for at in (low, high))
    between = grid[low] + (grid[high] - grid[low]) * np.clip(
        (points - x0) / np.where(x1 > x0, x1 - x0, 1.0), 0.0, 1.0
    )
    inside: FloatArray = np.where(points > quantiles[:, :, -1:], 1.0, np.where(place == 0, 0.0, between))
    return inside
