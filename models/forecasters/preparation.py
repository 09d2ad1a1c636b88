"""Preparation: from a panel's rows to a Batch, and a sentence for everything that was masked on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.features.change_points import latest_shift, season_levels
from models.features.gaps import filled
from models.features.outages import outage_slots
from models.features.seasons import Seasons
from models.forecasters.members.batch import Batch

SATURATED = 0.98
"""Utilization from which on demand is a lower bound of what was wanted."""
BEFORE_SHIFT = 0.5
"""Weight of a slot before the newest level shift."""
OFFSET_SHARE = 0.02
"""Share of the median added before the logarithm: no loss on M4 Hourly, and zeros become possible."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch with what is needed to score and to explain it."""

    batch: Batch
    unit: FloatArray
    """(n, 1) the series' own size: demand / unit is what members see."""
    scored: NDArray[np.bool_]
    """(n, t) slots with a reported, unmasked demand: the only ones a backtest looks at."""
    outage: NDArray[np.bool_]
    """(n, t)"""
    shift: NDArray[np.intp]
    """(n,) slot of the newest level shift; 0 = none."""


def prepared(demand: FloatArray, capacity: FloatArray, seasons: Seasons) -> Prepared:
    """Masks outages, marks saturation, finds level shifts, fills what is missing; (n, t) each.

    Raises nothing for what demand contains, but every row needs at least one finite slot.
    """
    outage = outage_slots(demand, capacity)
    known = np.where(outage, np.nan, demand)
    scored = np.isfinite(known)
    size = np.abs(np.where(scored, known, 0.0)).sum(1, keepdims=True) / np.maximum(
        scored.sum(1, keepdims=True), 1
    )
    # A power of two divides without rounding, so the size of a series leaves no trace in its digits.
    unit = np.exp2(np.round(np.log2(np.where(size > 0, size, 1.0))))
    known = known / unit
    whole = filled(known, seasons)
    shift = _level_shifts(known, seasons)
    slot = np.arange(demand.shape[1])
    weight = np.where(scored, 1.0, 0.0)
    weight = np.where(slot < shift[:, None], BEFORE_SHIFT * weight, weight).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        censored = scored & (capacity > 0) & (demand >= SATURATED * capacity)
    # A series that lives at its capacity would be nothing but bounds: then they are taken as demand.
    censored &= (2 * censored.sum(1) < scored.sum(1))[:, None]
    logged: NDArray[np.bool_] = np.min(np.where(scored, known, 0.0), axis=1, keepdims=True) >= 0
    middle = np.median(np.abs(whole), axis=1, keepdims=True)
    mean = np.abs(whole).mean(1, keepdims=True)
    offset = np.where(
        logged, np.maximum(np.maximum(OFFSET_SHARE * middle, 0.25 * OFFSET_SHARE * mean), 1e-12), 0.0
    )
    bent = np.where(logged, np.log(np.where(logged, whole + offset, 1.0)), whole)
    batch = Batch(whole, bent, offset, logged, weight, censored, _regular(whole, scored), seasons)
    return Prepared(batch, unit, scored, outage, shift)


def _level_shifts(known: FloatArray, seasons: Seasons) -> NDArray[np.intp]:
    season = seasons.day if seasons.day > 1 else 7
    levels = season_levels(known, season)
    first = latest_shift(levels)
    head = known.shape[1] - levels.shape[1] * season
    shift: NDArray[np.intp] = np.where(first > 0, head + first * season, 0)
    return shift


def _regular(whole: FloatArray, scored: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) mostly reported, never stuck, no slot out of all proportion."""
    enough = scored.sum(1) >= 0.25 * scored.shape[1]
    change = np.abs(np.diff(whole, axis=1))
    moving = (change > 0).mean(1) >= 0.2
    tame = np.abs(whole).max(1) <= 200 * np.maximum(np.abs(whole).mean(1), 1e-12)
    regular: NDArray[np.bool_] = enough & moving & tame
    return regular
