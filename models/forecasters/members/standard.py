"""Standardising: centred on the latest week, in units of the mean change from season to season."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from data.panel import FloatArray
from models.forecasters.members.batch import Batch

FARTHEST = 1e3
"""Units from the centre beyond which a slot is clipped; keeps one wild slot from deciding every fit."""


@dataclass(frozen=True, slots=True)
class Standard:
    """(n, t) standardised demand and the way back."""

    values: FloatArray
    centre: FloatArray
    """(n, 1)"""
    unit: FloatArray
    """(n, 1)"""

    @classmethod
    def of_bent(cls, batch: Batch, cutoff: int) -> Self:
        """Standardises `batch.bent`."""
        return batch.once("bent standard", cutoff, lambda: cls.of(batch, batch.bent, cutoff))

    @classmethod
    def of(cls, batch: Batch, demand: FloatArray, cutoff: int) -> Self:
        """Standardises `demand` with what was known at the cutoff."""
        day = batch.seasons.day
        lag = day if cutoff > 2 * day else 1
        known, weight = demand[:, :cutoff], np.sqrt(batch.weight[:, :cutoff])
        recent = min(batch.seasons.recent, cutoff)
        centre = known[:, -recent:].mean(1, keepdims=True)
        both = weight[:, lag:] * weight[:, :-lag]
        change = np.abs(known[:, lag:] - known[:, :-lag]) * both
        unit = change.sum(1, keepdims=True) / np.maximum(both.sum(1, keepdims=True), 1e-6)
        # Where nothing ever changed up to the cutoff, the unit is a small part of what is seen at all.
        spread = np.abs(demand - centre).mean(1, keepdims=True)
        unit = np.maximum(unit, np.maximum(1e-3 * spread, 1e-8 * np.maximum(1.0, np.abs(centre))))
        return cls(np.clip((demand - centre) / unit, -FARTHEST, FARTHEST), centre, unit)

    def back(self, paths: FloatArray) -> FloatArray:
        """Paths of the standardised values in the unit they came from."""
        return paths * self.unit + self.centre
