"""Usual time: the median of what was at the same time of day, or of the week, over the latest four weeks.

A seasonal median (the location estimate of Tukey's seasonal decompositions, 1977): slow, but no burst moves
it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.panel import FloatArray
from models.features.seasons import Seasons
from models.forecasters.members.batch import Batch, Paths
from models.forecasters.members.naives import repeated


def phase_medians(history: FloatArray, season: int, cycles: int) -> FloatArray:
    """(n, season) median of each phase over the last `cycles` whole seasons of (n, t) history."""
    n, t = history.shape
    cycles = min(cycles, t // season)
    # A whole sort over few cycles takes a third of the time of a partition.
    ordered = np.sort(history[:, t - cycles * season :].reshape(n, cycles, season), axis=1)
    middle: FloatArray = 0.5 * (ordered[:, (cycles - 1) // 2] + ordered[:, cycles // 2])
    return middle


@dataclass(frozen=True, slots=True)
class UsualTimeOfDay:
    """`usual_day`: 28 days, one median per time of day."""

    days: int = 28
    least: int = 21
    """Days of history; over fewer, the past is too much of a mixture."""

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        return self.least * seasons.day if seasons.day > 1 else 1 << 40

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        day = batch.seasons.day
        medians = [phase_medians(batch.raw[:, :c], day, self.days) for c in cutoffs]
        return {"usual_day": np.stack([repeated(m, day, horizon) for m in medians])}


@dataclass(frozen=True, slots=True)
class UsualTimeOfWeek:
    """`usual_week`: four weeks, one median per time of the week."""

    weeks: int = 4

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        return 1 << 40 if seasons.week is None else 2 * seasons.week

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        week = batch.seasons.longest
        medians = [phase_medians(batch.raw[:, :c], week, self.weeks) for c in cutoffs]
        return {"usual_week": np.stack([repeated(m, week, horizon) for m in medians])}
