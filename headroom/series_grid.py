"""The grid of a series: how far apart its stamps are, and where within a step they lie.

Hours on the half hour (as in India), days that start at local midnight, weeks from Monday, months: a series
goes on where its own stamps would, not on the round slots since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

HOUR_MICROS = 3_600_000_000
_SECOND = 1_000_000
_ROUND = (60, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 604800)
"""Seconds of usual steps; a typical distance within 5 % of one is that one."""
_RECENT = 100
"""Stamps from which the place within a step is read: clocks change twice a year."""
_MONTH_DAYS = 27
_USUAL_MONTH = timedelta(days=30)

Stamps = NDArray[np.int64]
"""Microseconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Slot k of a series is at `k * step + phase`; with `months`, at the month `k * months + phase`."""

    step: int
    """Microseconds; 0 = unknown, as for a single stamp."""
    phase: int = 0
    """Microseconds from -step / 2 to step / 2; months: from 0 to `months` - 1."""
    months: int = 0
    """Calendar months between stamps; 0 = the step is a length of time."""
    within: int = 0
    """Months: microseconds from the start of the month, or from its end if negative."""

    @classmethod
    def of(cls, stamps: Stamps) -> Self:
        """The grid of rising, distinct stamps."""
        if len(stamps) < 2:
            return cls(0)
        typical = float(np.median(np.diff(stamps)))
        if typical >= _MONTH_DAYS * 86_400 * _SECOND:
            monthly = cls._of_months(stamps)
            if monthly is not None:
                return monthly
        seconds = max(1, round(typical / _SECOND))
        near = [usual for usual in _ROUND if abs(seconds - usual) <= 0.05 * usual]
        step = (near[0] if near else seconds) * _SECOND
        return cls(step, _phase(stamps, step))

    @classmethod
    def _of_months(cls, stamps: Stamps) -> Self | None:
        """The grid of stamps on the same day of their months, or on the last one; None for others."""
        if len(stamps) < 3:
            return None
        month, start, end = _months(stamps)
        apart = int(np.gcd.reduce(np.diff(month)))
        from_start, from_end = stamps - start, stamps - end
        within = (
            from_start[0] if (from_start == from_start[0]).all()
            else from_end[0] if (from_end == from_end[0]).all()
            else None
        )  # fmt: skip
        if within is None or apart < 1:
            return None
        step = apart * int(_USUAL_MONTH / timedelta(microseconds=1))
        return cls(step, int(month[0]) % apart, apart, int(within))

    @classmethod
    def at(cls, stamp: int, step: int, months: int) -> Self:
        """The grid of such steps that a single stamp is on."""
        if not months:
            return cls(step, _phase(np.array([stamp]), step))
        month, start, _ = _months(np.array([stamp]))
        return cls(step, int(month[0]) % months, months, stamp - int(start[0]))

    @property
    def width(self) -> timedelta:
        """Length of a step; of months the usual one."""
        return timedelta(microseconds=self.step)

    def slots(self, stamps: Stamps) -> Stamps:
        """The slot of each stamp."""
        if self.months:
            return (_months(stamps)[0] - self.phase) // self.months
        return np.floor_divide(stamps - self.phase + self.step // 2, self.step)

    def stamps(self, slots: Stamps) -> Stamps:
        """The stamp of each slot."""
        if not self.months:
            return slots * self.step + self.phase
        month = slots * self.months + self.phase + (self.within < 0)
        start = month.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)
        moved: Stamps = start + self.within
        return moved

    def placed(self, slot: int) -> datetime:
        """Where a panel that starts with this slot is put in time: on the round slot next to it."""
        if self.months:
            slot = int(self.stamps(np.array([slot]))[0] // self.step)
        return datetime(1970, 1, 1, tzinfo=UTC) + slot * self.width


def stamps_of(ts: pl.Series) -> Stamps:
    """Microseconds since 1970 of a column of times."""
    return ts.dt.epoch("us").to_numpy().astype(np.int64)


def _phase(stamps: Stamps, step: int) -> int:
    """Where within a step most of the recent stamps lie, from -step / 2 to step / 2.

    Stamps that jitter have no place of their own: the middle of theirs, 0 where that is near.
    """
    within = (stamps[-_RECENT:] + step // 2) % step - step // 2
    places, counts = np.unique(within, return_counts=True)
    if 2 * counts.max() >= len(within):
        return int(places[counts.argmax()])
    angle = np.exp(2j * np.pi * within / step).mean()
    middle = float(np.angle(angle)) / (2 * np.pi)
    return 0 if abs(middle) < 0.1 or abs(angle) < 0.5 else round(round(middle * 60) / 60 * step)


def _months(stamps: Stamps) -> tuple[Stamps, Stamps, Stamps]:
    """Months since 1970 of stamps, and start and end of each."""
    month = stamps.astype("datetime64[us]").astype("datetime64[M]")
    start, end = (m.astype("datetime64[us]").astype(np.int64) for m in (month, month + 1))
    return month.astype(np.int64), start, end
