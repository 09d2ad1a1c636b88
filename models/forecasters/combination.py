"""Combination: the weighted median of the members, by how good they were on the series' own past cutoffs.

Errors weigh members per series (rolling-origin evaluation, Tashman 2000, Int. J. Forecasting 16; weights by
past errors, Bates & Granger 1969, Operational Research Quarterly 20). The median instead of the mean is
robust against the one member that goes astray (Stock & Watson 2004, J. Forecasting 23). Measured in
`benchmarks/forecasting.py` against the median of the best five and the weighted mean: better than both on M4
Hourly, and by 4 % than the first and 13 % than the second on the infrastructure sets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray


def member_errors(
    paths: NDArray[np.float32], actual: FloatArray, floor: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Absolute errors of members per cutoff.

    Args:
        paths: (members, cutoffs, n, horizon).
        actual: (cutoffs, n, horizon); NaN is not scored.
        floor: (cutoffs, n, horizon) True where actual is only a lower bound of demand.

    Returns:
        (members, cutoffs, n) sum of absolute errors, and (cutoffs, n) number of scored slots.
    """
    scored = np.isfinite(actual)
    wanted = np.where(scored, actual, 0.0).astype(np.float32)
    bound = scored & (floor > 0)
    sums = np.empty(paths.shape[:3])
    for m, path in enumerate(paths):
        miss = np.abs(path - wanted)
        miss[~scored | (bound & (path > wanted))] = 0.0
        sums[m] = miss.sum(-1, dtype=float)
    return sums, scored.sum(-1).astype(float)


def mean_errors(sums: FloatArray, counts: FloatArray, cutoffs: list[int]) -> FloatArray:
    """(members, n) mean absolute error over some cutoffs; 0 for all members where nothing was scored."""
    error: FloatArray = sums[:, cutoffs].sum(1) / np.maximum(counts[cutoffs].sum(0), 1.0)
    return error


def member_weights(errors: FloatArray, power: float) -> FloatArray:
    """(members, n) weights that sum to one: the members' (members, n) errors to the power -`power`."""
    best = np.maximum(errors.min(0), 1e-12)
    # A member without any error would otherwise outweigh all others by orders of magnitude.
    weight = (np.maximum(errors, best) / best) ** -power
    share: FloatArray = weight / weight.sum(0)
    return share


def weighted_median(paths: NDArray[np.float32], weights: FloatArray) -> FloatArray:
    """(n, horizon) the lowest of the paths that at least half of the weight is not above.

    Paths are (members, n, horizon), weights (members, n); by comparing every member with every other: for a
    dozen members that is faster than sorting each slot.
    """
    middle = np.full(paths.shape[1:], np.inf, np.float32)
    column = weights[:, :, None].astype(np.float32)
    for path in paths:
        below = np.zeros(path.shape, np.float32)
        for other, weight in zip(paths, column, strict=True):
            below += (other <= path) * weight
        # Half, less what rounding may have taken off the sum of the weights.
        np.copyto(middle, path, where=(below >= 0.5 - 1e-6) & (path < middle))
    return middle.astype(float)


def disagreement(paths: NDArray[np.float32], middle: FloatArray, weights: FloatArray) -> FloatArray:
    """(n,) mean distance of (members, n, horizon) paths from their middle, weighted as they are."""
    own = middle.astype(np.float32)
    away = np.array([np.abs(path - own).mean(1, dtype=float) for path in paths])
    mean: FloatArray = (away * weights).sum(0)
    return mean
