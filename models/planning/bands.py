"""Bands: quantiles of sample paths, moved and widened as far as past cutoffs showed to be honest.

Paths themselves stay as they are drawn: narrowing them at long range makes daily bands honest but the running
maximum, which exhaustion is read from, too low (measured: Brier at 365 days .159 against .166).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

BANDS: tuple[tuple[int, int], ...] = ((1, 7), (8, 28), (29, 90), (91, 365))
"""Days ahead over which errors are pooled."""

_FACTOR_DAYS = (1, 28, 60, 180, 365)
_FACTORS = (1.0, 1.0, 0.8, 0.6, 0.6)
"""Usual width of a band over the spread of the paths, by day ahead; measured by `benchmarks/planning.py`."""
_CENTRE_DAYS = (10, 60)
_CENTRE_SHARE = 0.9
"""How far the middle of a flow's band moves from the paths' median to the ensemble over these days."""
_MIDDLE_OF_BAND = (3.5, 15.0, 55.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What past cutoffs say about width, on top of the usual factors."""

    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """For 1-7, 8-28 and 29-90 days ahead; beyond, the last one holds."""

    @classmethod
    def none(cls) -> Self:
        """Only the usual factors."""
        return cls()

    def width(self, horizon: int) -> FloatArray:
        """(horizon,) factor on the distance between a quantile and the median of the paths."""
        day = np.log(np.arange(1, horizon + 1))
        usual = np.interp(day, np.log(_FACTOR_DAYS), _FACTORS)
        learned: FloatArray = np.exp(np.interp(day, np.log(_MIDDLE_OF_BAND), np.log(self.factors)))
        return usual * learned

    def quantiles(
        self, paths: NDArray[np.float32], centre: FloatArray, levels: tuple[float, ...], stock: bool
    ) -> FloatArray:
        """(n, horizon, len(levels)) from (n, samples, horizon) paths and the (n, horizon) ensemble."""
        horizon = paths.shape[2]
        raw = at_levels(sort_samples(paths), (*levels, 0.5), monotone=False)
        middle, raw = raw[:, :, -1], raw[:, :, :-1]
        moved = middle
        if not stock:
            day = np.log(np.arange(1, horizon + 1))
            share = np.interp(day, np.log(_CENTRE_DAYS), (0.0, _CENTRE_SHARE))
            moved = middle + share * (centre - middle)
        banded = moved[:, :, None] + (raw - middle[:, :, None]) * self.width(horizon)[:, None]
        ordered: FloatArray = np.maximum.accumulate(banded, axis=2)
        return ordered


def sort_samples(paths: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, days, samples) rising along samples, from (n, samples, days)."""
    ordered = np.ascontiguousarray(paths.transpose(0, 2, 1))
    ordered.sort(axis=2)
    return ordered


def at_levels(
    ordered: NDArray[np.float32], levels: tuple[float, ...], *, monotone: bool = True
) -> FloatArray:
    """Quantiles of samples sorted along the last axis, (..., samples) -> (..., len(levels)).

    Linear between order statistics (type 7 of Hyndman & Fan 1996).
    """
    samples = ordered.shape[-1]
    place = np.asarray(levels) * (samples - 1)
    low = np.clip(np.floor(place).astype(np.int64), 0, samples - 1)
    high = np.minimum(low + 1, samples - 1)
    below = ordered[..., low].astype(float)
    values: FloatArray = below + (place - low) * (ordered[..., high] - below)
    return np.maximum.accumulate(values, axis=-1) if monotone else values
