"""Bands: quantiles of sample paths, widened or narrowed to what past cutoffs showed to be honest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

BANDS: tuple[tuple[int, int], ...] = ((1, 7), (8, 28), (29, 90), (91, 365))
"""Days ahead over which errors are pooled."""

_FACTOR_DAYS = (1, 28, 45, 90, 180, 365)
_FACTORS = (1.0, 1.0, 0.95, 0.85, 0.7, 0.7)
"""Width of a path's deviation from the day's median; measured on the planning sets by the benchmark."""


def calibrate(paths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scales the deviations of (n, samples, horizon) paths from each day's median, in place."""
    horizon = paths.shape[2]
    factor = np.interp(np.log(np.arange(1, horizon + 1)), np.log(_FACTOR_DAYS), _FACTORS).astype(np.float32)
    middle = np.median(paths, 1, keepdims=True)
    paths -= middle
    paths *= factor
    paths += middle
    return paths


def quantiles(paths: NDArray[np.float32], levels: tuple[float, ...]) -> FloatArray:
    """(n, horizon, len(levels)) linear between the sorted samples; levels never cross."""
    ordered = np.ascontiguousarray(paths.transpose(0, 2, 1))
    ordered.sort(axis=2)
    return at_levels(ordered, levels)


def at_levels(ordered: NDArray[np.float32], levels: tuple[float, ...]) -> FloatArray:
    """Quantiles of samples that are sorted along the last axis: (..., samples) -> (..., len(levels))."""
    samples = ordered.shape[-1]
    place = np.asarray(levels) * (samples - 1)
    low = np.clip(np.floor(place).astype(np.int64), 0, samples - 1)
    high = np.minimum(low + 1, samples - 1)
    share = place - low
    below = ordered[..., low].astype(float)
    values: FloatArray = below + share * (ordered[..., high] - below)
    return np.maximum.accumulate(values, axis=-1)
