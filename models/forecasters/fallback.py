"""Fallback: what is shown instead where a model refuses."""

from __future__ import annotations

import numpy as np

from data.panel import FloatArray

FALLBACK = "last_value (fallback)"


def last_value_quantiles(demand: FloatArray, horizon: int, levels: tuple[float, ...]) -> FloatArray:
    """(horizon, levels) the newest reported slot, as wide as the reported slots lie around their median.

    The band grows with the square root of the slots ahead up to the whole range seen; NaN where
    nothing was reported.
    """
    reported = demand[np.isfinite(demand)]
    if reported.size == 0:
        return np.full((horizon, len(levels)), np.nan)
    last = reported[-1]
    spread = np.quantile(reported, levels) - np.median(reported)
    share = np.minimum(1.0, np.sqrt(np.arange(1, horizon + 1) / max(horizon, 24)))
    quantiles = last + share[:, None] * spread
    if reported.min() >= 0:
        quantiles = np.maximum(quantiles, 0.0)
    out: FloatArray = np.maximum.accumulate(quantiles, axis=1)
    return out
