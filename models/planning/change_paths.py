"""Change paths: a block bootstrap of each series' own daily changes, so that ramps and purges come back.

Blocks of two weeks keep the memory within a change (Künsch 1989); 7 over-covered and 28 under-covered on the
measured sets. Half of the mean slope is taken out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.draws import spread_integers
from models.planning.level import start_level
from models.planning.week_profile import ahead, behind, week_profile

BLOCK_DAYS = 14
DETREND = 0.5
_STREAM = 5


def change_paths(
    demand: FloatArray, horizon: int, seeds: NDArray[np.uint64], samples: int, *, detrend: float = DETREND
) -> NDArray[np.float32]:
    """(n, samples, horizon) paths from the present level on, in the series' unit."""
    n, t = demand.shape
    profile = week_profile(demand)
    adjusted = demand - behind(profile, t)
    block = min(BLOCK_DAYS, t - 1)
    edge = min(14, t // 2)
    slope = (adjusted[:, -edge:].mean(1) - adjusted[:, :edge].mean(1)) / max(t - edge, 1)
    # A path is a sum of stretches of the detrended history: level[i + k] - level[i].
    level = (adjusted - detrend * slope[:, None] * np.arange(t)).astype(np.float32).ravel()
    start = start_level(adjusted)
    blocks = -(-horizon // block)
    first = spread_integers(seeds, samples, blocks, _STREAM, t - block)
    row = (np.arange(n) * t)[:, None, None]
    begin = level[row + first]
    whole = level[row + first + block] - begin
    base = np.cumsum(whole, 2) - whole - begin
    within = level[(row + first)[..., None] + np.arange(1, block + 1)]
    path: NDArray[np.float32] = (within + base[..., None]).reshape(n, samples, -1)[:, :, :horizon]
    path += (start[:, None] + ahead(profile, horizon))[:, None].astype(np.float32)
    return path
