"""Losses of forecasts, slot by slot; NaN where the actual is unreported.

Scaled error: Hyndman & Koehler 2006 (Int. J. Forecasting 22). Interval score: Gneiting & Raftery 2007 (JASA
102), scaled as in M4 (Makridakis, Spiliotis & Assimakopoulos 2020, Int. J. Forecasting 36).
"""

from __future__ import annotations

import numpy as np

from data.panel import FloatArray


def seasonal_scale(history: FloatArray, season: int) -> FloatArray:
    """(n,) mean absolute change of (n, t) history from season to season, over pairs that are both reported.

    Falls back to the change from slot to slot where no pair is a season apart; NaN where nothing ever
    changed, because nothing can be scaled by it.
    """
    scale = _mean_change(history, season)
    missing = ~(scale > 0)
    if missing.any():
        scale = scale.copy()
        scale[missing] = _mean_change(history[missing], 1)
    return np.where(scale > 0, scale, np.nan)


def _mean_change(history: FloatArray, lag: int) -> FloatArray:
    if history.shape[1] <= lag:
        return np.full(len(history), np.nan)
    change = np.abs(history[:, lag:] - history[:, :-lag])
    seen = np.isfinite(change)
    count = seen.sum(1)
    mean = np.where(seen, change, 0.0).sum(1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def scaled_error(actual: FloatArray, path: FloatArray, scale: FloatArray) -> FloatArray:
    """(n, h) absolute error of a path in units of the series' (n,) scale; its mean is the MASE."""
    error: FloatArray = np.abs(actual - path) / scale[:, None]
    return error


def bias(actual: FloatArray, path: FloatArray, scale: FloatArray) -> FloatArray:
    """(n, h) path minus actual in units of scale: above 0 where the forecast is too high."""
    error: FloatArray = (path - actual) / scale[:, None]
    return error


def pinball(actual: FloatArray, quantiles: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """(n, h, levels) pinball loss (Koenker & Bassett 1978); half the absolute error at level 0.5."""
    above = actual[:, :, None] - quantiles
    p = np.asarray(levels)
    loss: FloatArray = np.maximum(p * above, (p - 1) * above)
    return loss


def scaled_pinball(
    actual: FloatArray, quantiles: FloatArray, levels: tuple[float, ...], scale: FloatArray
) -> FloatArray:
    """(n, h) pinball loss averaged over the levels, in units of scale."""
    # One level after the other: eight times as fast as all at once over a short last axis.
    total = np.zeros(actual.shape)
    for j, level in enumerate(levels):
        above = actual - quantiles[:, :, j]
        total += level * above - np.minimum(above, 0.0)
    loss: FloatArray = total / (len(levels) * scale[:, None])
    return loss


def interval_score(
    actual: FloatArray, low: FloatArray, high: FloatArray, coverage: float, scale: FloatArray
) -> FloatArray:
    """(n, h) width of the band plus 2 / (1 - coverage) of every miss, in units of scale: the MSIS."""
    miss = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    score: FloatArray = (high - low + 2.0 / (1.0 - coverage) * miss) / scale[:, None]
    return np.where(np.isfinite(actual), score, np.nan)


def covered(actual: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """(n, h) 1 within the band, 0 outside, NaN where unreported."""
    inside = ((low <= actual) & (actual <= high)).astype(float)
    return np.where(np.isfinite(actual), inside, np.nan)


def symmetric_error(actual: FloatArray, path: FloatArray) -> FloatArray:
    """(n, h) absolute error as a percentage of the mean of actual and path, 0 to 200; 0 where both are 0."""
    size = np.abs(actual) + np.abs(path)
    error: FloatArray = np.where(size > 0, 200.0 * np.abs(actual - path) / np.where(size > 0, size, 1.0), 0.0)
    return np.where(np.isfinite(actual), error, np.nan)


def overall_weighted_average(
    symmetric: float, scaled: float, symmetric_naive: float, scaled_naive: float
) -> float:
    """M4's OWA: mean of both errors relative to those of Naive2; below 1 is better than Naive2."""
    return 0.5 * (symmetric / symmetric_naive + scaled / scaled_naive)


def known_mean(loss: FloatArray) -> FloatArray:
    """(n,) mean of an (n, h) loss over what is known; NaN where nothing is."""
    seen = np.isfinite(loss)
    count = seen.sum(1)
    mean = np.where(seen, loss, 0.0).sum(1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)
