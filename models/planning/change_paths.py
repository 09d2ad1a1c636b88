"""Change paths: a block bootstrap of each series' own daily changes, so that ramps and purges come back.

Blocks of two weeks keep the memory within a change (Künsch 1989); 7 over-covered and 28 under-covered on the
measured sets. Half of the mean slope is taken out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.draws import spread_integers
from models.planning.level import level_path
from models.planning.week_profile import ahead, behind, week_profile

BLOCK_DAYS = 14
START_DAYS = 3
DETREND = 0.5
ANCHOR_SMOOTH = 0.3
_STREAM = 5


def change_paths(
    demand: FloatArray, horizon: int, seeds: NDArray[np.uint64], samples: int, *, detrend: float = DETREND
) -> NDArray[np.float32]:
    """(n, samples, horizon) paths in the series' unit.

    They start half-way between the median of the last three days and the smoothed level.
    """
    n, t = demand.shape
    profile = week_profile(demand)
    adjusted = demand - behind(profile, t)
    block = min(BLOCK_DAYS, t - 1)
    edge = min(14, t // 2)
    slope = (adjusted[:, -edge:].mean(1) - adjusted[:, :edge].mean(1)) / max(t - edge, 1)
    days = np.arange(t)
    # A path is a sum of stretches of the detrended history: demand[i + k] - anchor[i]. An anchor that is
    # partly the smoothed level keeps a noisy day at the seam of two blocks from moving all that follows.
    smoothed = level_path(adjusted)
    recent = np.median(adjusted[:, -START_DAYS:], 1)
    trend = detrend * slope[:, None] * days
    anchor = (adjusted + ANCHOR_SMOOTH * (smoothed - adjusted) - trend).astype(np.float32).ravel()
    level = (adjusted - trend).astype(np.float32).ravel()
    start = np.where((smoothed == adjusted).all(1), recent, 0.5 * (recent + smoothed[:, -1]))
    blocks = -(-horizon // block)
    first = spread_integers(seeds, samples, blocks, _STREAM, t - block)
    row = (np.arange(n) * t)[:, None, None]
    begin = anchor[row + first]
    whole = anchor[row + first + block] - begin
    base = np.cumsum(whole, 2) - whole - begin
    within = level[(row + first)[..., None] + np.arange(1, block + 1)]
    path: NDArray[np.float32] = (within + base[..., None]).reshape(n, samples, -1)[:, :, :horizon]
    path += (start[:, None] + ahead(profile, horizon))[:, None].astype(np.float32)
    return path
