"""Level shifts: the slot from which on demand moved to another level and stayed there.

Binary segmentation (Scott & Knott 1974, Biometrics 30) on medians of seasons: the split with the largest
standardised difference of means, then the same within the newer part. Noise is measured by the median change
from season to season, which a single shift does not touch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray


def season_levels(demand: FloatArray, season: int) -> FloatArray:
    """(n, t // season) median of each whole season, counted from the end; NaN where under half is known."""
    n, t = demand.shape
    cycles = t // season
    folded = np.sort(demand[:, t - cycles * season :].reshape(n, cycles, season), axis=2)
    count = np.isfinite(folded).sum(2)
    low, high = (np.maximum(count, 1) - 1) // 2, np.maximum(count, 1) // 2
    middle = np.take_along_axis(folded, np.stack([low, high], 2), 2).mean(2)
    return np.where(2 * count >= season, middle, np.nan)


def latest_shift(
    levels: FloatArray, least: int = 5, threshold: float = 8.0, share: float = 0.15
) -> NDArray[np.intp]:
    """(n,) index of the first level of the newest stretch; 0 where the level never shifted.

    Args:
        levels: (n, k) levels in the order of time; NaN is unknown.
        least: levels on either side of a shift.
        threshold: standardised difference that counts as a shift.
        share: difference relative to the larger of both levels that matters at all.
    """
    n, k = levels.shape
    begin = np.zeros(n, np.intp)
    if k < 2 * least:
        return begin
    # Twice is enough: what matters is the newest shift, not how many there were.
    for _ in range(2):
        at, size, apart = _best_split(levels, begin, least)
        found = (size > threshold) & (apart > share)
        begin = np.where(found, at, begin)
    return begin


def _best_split(
    levels: FloatArray, begin: NDArray[np.intp], least: int
) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
    n, k = levels.shape
    inside = (np.arange(k) >= begin[:, None]) & np.isfinite(levels)
    value = np.where(inside, levels, 0.0)
    count = np.concatenate([np.zeros((n, 1)), np.cumsum(inside, 1)], 1)
    total = np.concatenate([np.zeros((n, 1)), np.cumsum(value, 1)], 1)
    before, after = count, count[:, -1:] - count
    mean_before = total / np.maximum(before, 1)
    mean_after = (total[:, -1:] - total) / np.maximum(after, 1)
    change = np.abs(np.diff(levels, axis=1))
    change = np.where(inside[:, 1:] & np.isfinite(change), change, np.inf)
    ordered = np.sort(change, axis=1)
    middle = np.isfinite(change).sum(1) // 2
    noise = ordered[np.arange(n), np.minimum(middle, k - 2)]
    size_of_level = np.maximum(np.abs(value).max(1), 1e-12)
    noise = np.where(np.isfinite(noise), np.maximum(noise, 0.01 * size_of_level), np.inf)
    allowed = (before >= least) & (after >= least)
    apart = np.where(allowed, np.abs(mean_after - mean_before), 0.0)
    score = apart / (noise[:, None] * np.sqrt(1 / np.maximum(before, 1) + 1 / np.maximum(after, 1)))
    at = score.argmax(1)
    rows = np.arange(n)
    larger = np.maximum(np.abs(mean_after[rows, at]), np.abs(mean_before[rows, at]))
    relative = apart[rows, at] / np.maximum(larger, 1e-12)
    return at.astype(np.intp), score[rows, at], relative
