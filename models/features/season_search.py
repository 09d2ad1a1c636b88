"""Season search: which cycle a set of series repeats in, where nothing but their order is known."""

from __future__ import annotations

import numpy as np

from data.panel import FloatArray

CANDIDATES = (24, 7, 12, 48, 96, 144, 288, 52, 168)
"""Hours or days or months or quarters of an hour … of the next larger cycle; on a tie the first is taken."""
_LEAST = 0.3
"""Autocorrelation under which a cycle is none."""


def common_season(demand: FloatArray) -> int:
    """The candidate at which (n, t) series, about their mean, are most like themselves; 1 where none is.

    The median over series of the autocorrelation at a lag, less the mean of those at half and at
    one and a half times the lag: a slow series is alike at every lag, a seasonal one only at its season.
    """
    centred = demand - _mean(demand)
    best, highest = 1, _LEAST
    for season in CANDIDATES:
        if demand.shape[1] < 3 * season:
            continue
        at = _autocorrelation(centred, season)
        around = 0.5 * (
            _autocorrelation(centred, season // 2 + season % 2)
            + _autocorrelation(centred, season + season // 2)
        )
        score = float(np.nanmedian(at - np.maximum(around, 0.0))) if np.isfinite(at).any() else 0.0
        # A multiple of the season repeats as well as the season: the longer one must be clearly better.
        if score > highest * (1.1 if best > 1 else 1.0):
            best, highest = season, score
    return best


def _mean(demand: FloatArray) -> FloatArray:
    seen = np.isfinite(demand)
    mean: FloatArray = np.where(seen, demand, 0.0).sum(1, keepdims=True) / np.maximum(
        seen.sum(1, keepdims=True), 1
    )
    return mean


def _autocorrelation(centred: FloatArray, lag: int) -> FloatArray:
    """(n,) over pairs that are both reported; NaN without any variance."""
    if lag < 1 or lag >= centred.shape[1]:
        return np.zeros(len(centred))
    now, then = centred[:, lag:], centred[:, :-lag]
    both = np.isfinite(now) & np.isfinite(then)
    product = np.where(both, now * then, 0.0).sum(1)
    size = np.sqrt(np.where(both, now**2, 0.0).sum(1) * np.where(both, then**2, 0.0).sum(1))
    return np.where(size > 0, product / np.where(size > 0, size, 1.0), np.nan)
