"""Batch: a few hundred series made ready for the members of the fleet ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.features.seasons import Seasons

T = TypeVar("T")

Paths = Mapping[str, FloatArray]
"""Name of a member -> (origins, n, horizon) point paths in the unit of `Batch.raw`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Gap-free demand of n series over t slots, and how much each slot is to be believed."""

    raw: FloatArray
    """(n, t) demand in units of the series' own size; unreported slots are filled."""
    bent: FloatArray
    """(n, t) log(raw + offset) where demand is never negative, else raw."""
    offset: FloatArray
    """(n, 1) what was added before the logarithm."""
    logged: NDArray[np.bool_]
    """(n, 1) whether `bent` is a logarithm."""
    weight: NDArray[np.float32]
    """(n, t) 0 = unreported, masked or before the series began; below 1 = before a level shift."""
    censored: NDArray[np.bool_]
    """(n, t) demand was at capacity: the true demand was at least this."""
    teaches: NDArray[np.bool_]
    """(n,) whether the series is regular enough to take part in what is learnt over all series."""
    seasons: Seasons
    _found: dict[tuple[str, int], Any] = field(default_factory=dict, init=False, repr=False)
    """What was found once, by its name and cutoff."""

    @property
    def slots(self) -> int:
        """t"""
        return int(self.raw.shape[1])

    def __len__(self) -> int:
        return int(self.raw.shape[0])

    def unbent(self, paths: FloatArray, cutoff: int) -> FloatArray:
        """(n, horizon) paths of `bent` as raw demand, kept within what history up to the cutoff allows.

        A path may leave the range seen so far by half of that range, on the bent scale.
        """
        low, high = self.bounds(cutoff)
        kept = np.clip(np.nan_to_num(paths, nan=0.0, posinf=1e300, neginf=-1e300), low, high)
        if self.logged.all():
            grown: FloatArray = np.maximum(np.exp(kept) - self.offset, 0.0)
            return grown
        raw = np.where(self.logged, np.exp(np.where(self.logged, kept, 0.0)) - self.offset, kept)
        floor = np.where(self.raw.min(1, keepdims=True) < 0, -np.inf, 0.0)
        out: FloatArray = np.maximum(raw, floor)
        return out

    def bounds(self, cutoff: int) -> tuple[FloatArray, FloatArray]:
        """(n, 1) lowest and highest value of `bent` that a path may take."""

        def found() -> tuple[FloatArray, FloatArray]:
            seen = self.bent[:, :cutoff]
            low, high = seen.min(1, keepdims=True), seen.max(1, keepdims=True)
            return low - 0.5 * (high - low), high + 0.5 * (high - low)

        return self.once("bounds", cutoff, found)

    def once(self, name: str, cutoff: int, find: Callable[[], T]) -> T:
        """What `find` returns, found at the first call: several members ask for the same."""
        if (name, cutoff) not in self._found:
            self._found[name, cutoff] = find()
        found: T = self._found[name, cutoff]
        return found


class Member(Protocol):
    """One cheap way to look ahead, over all series of a batch and from several cutoffs at once."""

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        """Slots of history before the earliest cutoff without which the member is left out."""
        ...

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        """Point paths from each cutoff, in the order given; uses only slots before the cutoff."""
        ...
