"""Ceilings: demand that swings far below a level it is often at, and never above.

A machine that is either busy with all it has or idle is an example. A change from idle to busy, added to a
busy day, makes twice what there is, so most paths of such series end at their ceiling. Measured on virtual
machines: without it, limits above a ceiling were called .6 to .9 likely and came in .1 to .3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.week_profile import WEEK

_NEAR = 0.93
"""Of the highest day: as good as at the ceiling."""
_OFTEN = 0.2
"""Share of days that are there, of all and of the last 28."""
_LOW, _LOW_SHARE = 0.7, 0.08
"""And at least such a share of the days lies below this share of it."""
_RETURNS = 3
"""And it came back from there so many times: a step up is no ceiling."""
KNOWS = 0.9
"""Share of a series' paths that know of its ceiling: it may be raised."""


def under_ceiling(demand: FloatArray) -> NDArray[np.bool_]:
    """(n,) which of (n, t) series have a ceiling: quiet weekends alone are no swings."""
    n, t = demand.shape
    highest = demand.max(1, keepdims=True)
    near = demand >= _NEAR * highest
    often = (near.mean(1) >= _OFTEN) & (near[:, -28:].mean(1) >= _OFTEN)
    weeks = t // WEEK
    if weeks < 2:
        return np.zeros(n, bool)
    folded = demand[:, t - WEEK * weeks :].reshape(n, weeks, WEEK)
    of_weekday = np.minimum(np.median(folded, 1, keepdims=True), highest[:, None])
    low = folded < _LOW * highest[:, None]
    unusual = (low & (folded < _LOW * of_weekday)).mean((1, 2))
    row = low.reshape(n, -1)
    returns = (row[:, :-1] & ~row[:, 1:]).sum(1)
    swings = (unusual >= _LOW_SHARE) & (returns >= _RETURNS)
    found: NDArray[np.bool_] = (highest[:, 0] > 0) & often & swings
    return found
