"""Panel: many series on one grid of time; the unit of vectorised work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.series import SeriesKey

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Panel:
    """Demand, peak and capacity of n series over the same t slots.

    NaN is unreported, zero is zero. Slot i covers [start + i * step, start + (i + 1) * step).
    """

    keys: tuple[SeriesKey, ...]
    start: datetime
    """Start of the first slot, UTC."""
    step: timedelta
    demand: FloatArray
    """(n, t) mean demand in the slot; for a daily panel the statistic it was made with."""
    peak: FloatArray
    """(n, t) highest demand seen in the slot; equals `demand` where nothing finer is known."""
    capacity: FloatArray
    """(n, t) what was held at that time; NaN = unknown or unlimited, 0 = switched off."""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError("a panel's start needs a time zone")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        shape = (len(self.keys), self.demand.shape[1] if self.demand.ndim == 2 else -1)
        for name in ("demand", "peak", "capacity"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {shape}")

    @classmethod
    def of(
        cls,
        keys: Sequence[SeriesKey],
        start: datetime,
        step: timedelta,
        demand: FloatArray,
        peak: FloatArray | None = None,
        capacity: FloatArray | None = None,
    ) -> Self:
        """Builds a panel; peak defaults to demand, capacity to unknown."""
        demand = np.asarray(demand, float)
        return cls(
            tuple(keys),
            start,
            step,
            demand,
            demand if peak is None else np.asarray(peak, float),
            np.full(demand.shape, np.nan) if capacity is None else np.asarray(capacity, float),
        )

    def __len__(self) -> int:
        """Number of series."""
        return len(self.keys)

    @property
    def slots(self) -> int:
        """Number of slots, t."""
        return int(self.demand.shape[1])

    @property
    def end(self) -> datetime:
        """End of the last slot: where a forecast starts."""
        return self.start + self.slots * self.step

    @property
    def slots_per_day(self) -> int:
        """24 for hours, 1 for days. Raises ValueError when a day is not a whole number of slots."""
        slots, rest = divmod(DAY, self.step)
        if rest or slots < 1:
            raise ValueError(f"a day is not a whole number of steps of {self.step}")
        return slots

    def times(self, extra: int = 0) -> NDArray[np.datetime64]:
        """(t + extra,) starts of the slots as datetime64[us] in UTC."""
        first = np.datetime64(self.start.replace(tzinfo=None), "us")
        return first + np.arange(self.slots + extra) * np.timedelta64(self.step, "us")

    def take(self, rows: Sequence[int] | NDArray[np.intp] | NDArray[np.bool_]) -> Panel:
        """The panel of some of its series, in the order of `rows` (indices or a mask)."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.intp)
        return replace(
            self,
            keys=tuple(self.keys[i] for i in index),
            demand=self.demand[index],
            peak=self.peak[index],
            capacity=self.capacity[index],
        )

    def until(self, slots: int) -> Panel:
        """The first `slots` slots: what was known at that cutoff."""
        return self.between(0, slots)

    def between(self, first: int, last: int) -> Panel:
        """Slots first (included) to last (excluded); negative indices are not allowed."""
        if not 0 <= first <= last <= self.slots:
            raise ValueError(f"slots {first} to {last} are not within 0 to {self.slots}")
        return replace(
            self,
            start=self.start + first * self.step,
            demand=self.demand[:, first:last],
            peak=self.peak[:, first:last],
            capacity=self.capacity[:, first:last],
        )
