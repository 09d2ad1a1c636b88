"""Week profile: the usual shape of a week on the level of the latest day.

A seasonal index by weighted averages of the latest four weeks, each about its own mean (the classical
decomposition of Macaulay 1931 with exponentially falling weights).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.features.seasons import Seasons
from models.forecasters.members.batch import Batch, Paths
from models.forecasters.members.naives import repeated


@dataclass(frozen=True, slots=True)
class WeekProfile:
    """`week_profile` on the bent scale."""

    weeks: int = 4
    decay: float = 0.6
    """Weight of a week relative to the one after it."""

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        return 1 << 40 if seasons.week is None else 2 * seasons.week

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        day, week = batch.seasons.day, batch.seasons.longest
        out = []
        for cutoff in cutoffs:
            known = batch.bent[:, :cutoff]
            weeks = min(self.weeks, cutoff // week)
            folded = known[:, -weeks * week :].reshape(len(batch), weeks, week)
            about = folded - folded.mean(2, keepdims=True)
            weight = self.decay ** np.arange(weeks)[::-1]
            profile = np.einsum("nwk,w->nk", about, weight / weight.sum())
            level = (known[:, -day:] - profile[:, -day:]).mean(1, keepdims=True)
            out.append(batch.unbent(repeated(profile, week, horizon) + level, cutoff))
        return {"week_profile": np.stack(out)}
