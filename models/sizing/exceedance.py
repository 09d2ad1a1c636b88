"""Exceedance: which share of hours demand lay above each size, for many resources at once.

Sizes are levels relative to a resource's scale (what is provisioned). They lie on a logarithmic grid from 1 %
to 160 % of it; neighbours differ by 0.9 %, fine enough to sit just above a wall that demand runs against.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

STEPS_TO_FULL = 504
"""Grid steps between 1 % and 100 % of the scale."""

LEVELS: FloatArray = 0.01 * 100 ** (np.arange(int(STEPS_TO_FULL * 1.105) + 1) / STEPS_TO_FULL)
"""Sizes as a share of the scale; beyond 1 because processors overclock and demand grows."""

LOG_LEVELS: FloatArray = np.log(LEVELS)

UNREPORTED = -1
"""The level index of an hour nobody reported."""

IndexArray = NDArray[np.int16]


def level_index(shares: NDArray[np.floating]) -> IndexArray:
    """How many levels lie below each demand: demand exceeds LEVELS[k] exactly when k < index.

    Args:
        shares: demand / scale, any shape; NaN is unreported.
    """
    index = np.searchsorted(LEVELS, shares.ravel(), side="left").reshape(shares.shape).astype(np.int16)
    index[np.isnan(shares)] = UNREPORTED
    return index


def exceedance(index: IndexArray, windows: Sequence[int]) -> tuple[FloatArray, NDArray[np.int64]]:
    """Share of the reported cells in the last `windows` columns that lie above each level.

    Args:
        index: (n, t) level indices, UNREPORTED where there is no value.
        windows: rising numbers of last columns to look at; more than t means all.

    Returns:
        (windows, n, levels) shares, 0 where nothing was reported, and (windows, n) reported cells.
    """
    n, t = index.shape
    width = len(LEVELS) + 2
    offset = (np.arange(n) * width + 1)[:, None]
    counts = np.zeros((n, width), np.int64)
    shares = np.empty((len(windows), n, len(LEVELS)))
    reported = np.empty((len(windows), n), np.int64)
    done = t
    for w, window in enumerate(windows):
        # Windows are nested, so each column is counted once, in the shortest window that holds it.
        first = max(0, t - window)
        if first < done:
            cells = index[:, first:done] + offset
            counts += np.bincount(cells.ravel(), minlength=n * width).reshape(n, width)
            done = first
        above = np.cumsum(counts[:, :1:-1], axis=1)[:, ::-1]
        reported[w] = counts[:, 1:].sum(axis=1)
        shares[w] = above / np.maximum(reported[w], 1)[:, None]
    return shares, reported
