"""Outlook: what is known of the days ahead beside the history, and how it moves sample paths.

Holidays, month ends, announced events and drivers all come to the same: a factor and an amount for each
series and day, with their doubt. They are put on the paths, so quantiles and exhaustion follow them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.draws import uniforms

_STREAM = 910


@dataclass(frozen=True, slots=True)
class Outlook:
    """Demand on a day ahead is `factor` times what it would be, plus `amount`."""

    factor: FloatArray
    """(n, horizon)"""
    amount: FloatArray
    """(n, horizon) in the series' unit."""
    scatter: FloatArray
    """(n, horizon) standard deviation of the factor's logarithm from day to day: no two feasts are alike."""
    doubt: FloatArray
    """(n, horizon) the same, but wrong in one way on all days of a path: how well the effect is known."""

    @classmethod
    def plain(cls, n: int, horizon: int) -> Self:
        """Nothing is known."""
        shape = (n, horizon)
        return cls(np.ones(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape))

    def then(self, other: Outlook) -> Outlook:
        """This one, and `other` on top of what comes out."""
        return Outlook(
            self.factor * other.factor,
            self.amount * other.factor + other.amount,
            np.hypot(self.scatter, other.scatter),
            np.hypot(self.doubt, other.doubt),
        )

    def onto(
        self,
        rows: NDArray[np.int64],
        paths: NDArray[np.float32],
        centre: FloatArray,
        seeds: NDArray[np.uint64],
        floor: NDArray[np.bool_],
    ) -> tuple[NDArray[np.float32], FloatArray]:
        """(len(rows), samples, horizon) paths and (len(rows), horizon) centres of these rows, moved.

        Whatever has `floor` does not become negative.
        """
        factor, amount = self.factor[rows], self.amount[rows]
        scatter, doubt = self.scatter[rows], self.doubt[rows]
        touched = np.flatnonzero(((factor != 1) | (amount != 0) | (scatter > 0) | (doubt > 0)).any(1))
        for i in touched:
            samples = paths.shape[1]
            moved = np.repeat(factor[i][None], samples, 0)
            if (doubt[i] > 0).any():
                moved *= np.exp(_normal(seeds[i : i + 1], samples, _STREAM).T * doubt[i])
            days = np.flatnonzero(scatter[i] > 0)
            if len(days):
                each = _normal(seeds[i : i + 1], samples * len(days), _STREAM + 1).reshape(samples, -1)
                moved[:, days] *= np.exp(each * scatter[i, days])
            paths[i] = paths[i] * moved + amount[i]
            centre[i] = centre[i] * factor[i] + amount[i]
            if floor[i]:
                paths[i] = np.maximum(paths[i], 0)
                centre[i] = np.maximum(centre[i], 0)
        return paths, centre

    def on_quantiles(self, row: int, amounts: FloatArray) -> FloatArray:
        """(horizon, levels) the same (levels,) amounts of every day, moved; negative only if they were."""
        moved: FloatArray = amounts * self.factor[row][:, None] + self.amount[row][:, None]
        return moved if amounts.min() < 0 else np.maximum(moved, 0)


def _normal(seeds: NDArray[np.uint64], count: int, stream: int) -> FloatArray:
    """(n, count) standard normal numbers (Box & Muller 1958)."""
    radius = np.sqrt(-2 * np.log(1 - uniforms(seeds, count, stream)))
    numbers: FloatArray = radius * np.cos(2 * np.pi * uniforms(seeds, count, stream + 10))
    return numbers
