"""How wide the bands should have been: learned from the panel's own past cutoffs.

At up to six earlier cutoffs the pool is planned with what was known then. The 80 % quantile of the distance
of what happened from the median, in units of the band's half width, is the factor that would have covered
80 % (split conformal prediction, Lei et al. 2018, pooled per band of days ahead). It is trusted as far as
there are series and windows to learn from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.bands import BANDS, Calibration
from models.planning.mixture import Mixture

_CUTOFFS = 6
_EVERY = 28
_LEAST_BEFORE = 62
"""Days of history a past cutoff must have."""
_LONGEST = 90
_SAMPLES = 99
_LEVELS = (0.1, 0.5, 0.9)
_TRUST = 15.0
"""Number of series-windows at which the learned factor counts half."""
_MOST = 1.6
"""No factor beyond this, nor below its inverse."""


def learn(
    pool: FloatArray, reported: NDArray[np.bool_], horizon: int, stock: bool, seeds: NDArray[np.uint64]
) -> Calibration:
    """Learns the factors from (m, t) gap-free demand; days that were not reported are not scored."""
    t = pool.shape[1]
    misses: list[list[FloatArray]] = [[], [], []]
    windows = [0.0, 0.0, 0.0]
    for back in range(_EVERY, _CUTOFFS * _EVERY + 1, _EVERY):
        cut = t - back
        if cut < _LEAST_BEFORE:
            break
        ahead = min(back, horizon, _LONGEST)
        moving = pool[:, :cut].max(1) > pool[:, :cut].min(1)
        if not moving.any():
            continue
        past = pool[moving, :cut]
        mixture = Mixture.fit(past, ahead, stock)
        drawn = mixture.draw(past, seeds[moving], _SAMPLES)
        bands = Calibration.none().quantiles(drawn.paths, drawn.centre, _LEVELS, stock)
        miss = _relative_miss(pool[moving, cut : cut + ahead], bands)
        miss[~reported[moving, cut : cut + ahead]] = np.nan
        miss[drawn.cyclic] = np.nan
        for b, (first, last) in enumerate(BANDS[:3]):
            if ahead >= min(last, 2 * first - 2 if b == 2 else last):
                misses[b].append(miss[:, first - 1 : last].ravel())
                windows[b] += len(miss) * (0.5 if b == 2 else 1.0)
    factors = [_factor(np.concatenate(m), w) if m else 1.0 for m, w in zip(misses, windows, strict=True)]
    return Calibration((factors[0], factors[1], factors[2]))


def _relative_miss(actual: FloatArray, bands: FloatArray) -> FloatArray:
    """(m, days) distance from the median in half widths of the side it fell on."""
    low, middle, high = (bands[:, :, j] for j in range(3))
    tiny = 1e-9 * np.abs(middle) + 1e-300
    above = (actual - middle) / np.maximum(high - middle, tiny)
    below = (middle - actual) / np.maximum(middle - low, tiny)
    return np.where(actual >= middle, above, below)


def _factor(misses: FloatArray, windows: float) -> float:
    misses = misses[np.isfinite(misses)]
    if not len(misses):
        return 1.0
    needed = float(np.clip(np.quantile(misses, 0.8), 0.2, 5.0))
    trusted = np.log(needed) * windows / (windows + _TRUST)
    return float(np.exp(np.clip(trusted, -np.log(_MOST), np.log(_MOST))))
