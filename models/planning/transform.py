"""The scale on which members work: logarithms for flows, plain amounts for stocks and signed series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Transform:
    """log(x + offset) where `logged`, x elsewhere; per series."""

    logged: NDArray[np.bool_]
    """(n, 1)"""
    offset: FloatArray
    """(n, 1) a tenth of a usual value, so that a zero is low but not infinitely low."""

    @classmethod
    def of(cls, demand: FloatArray, stock: bool) -> Self:
        """Chooses per series from (n, t) gap-free demand; stocks and series with negatives stay plain."""
        logged = (demand.min(1, keepdims=True) >= 0) & (not stock)
        usual = np.maximum(
            np.median(np.abs(demand), 1, keepdims=True), 0.25 * np.abs(demand).mean(1, keepdims=True)
        )
        return cls(logged, np.where(logged, 0.1 * usual + 1e-12, 0.0))

    def into(self, demand: FloatArray) -> FloatArray:
        """(n, k) demand to the members' scale."""
        if not self.logged.any():
            return demand
        return np.where(self.logged, np.log(np.maximum(demand, 0) + np.maximum(self.offset, 1e-300)), demand)

    def back(self, scaled: FloatArray) -> FloatArray:
        """The members' scale back to demand."""
        if not self.logged.any():
            return scaled
        return np.where(self.logged, np.exp(np.minimum(scaled, 80.0)) - self.offset, scaled)
