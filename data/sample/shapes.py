"""Shapes of demand: the week, the month's end, the year, noise that remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

HOURS_PER_WEEK = 168
HOLIDAYS = ((1, 1), (5, 1), (12, 25), (12, 26))
"""(month, day) on which every site keeps Sunday hours."""


def _bump(hours: NDArray[np.float64], centre: float, width: float) -> NDArray[np.float64]:
    """A hill around `centre` on the circle of 24 hours; `width` in hours."""
    away = np.abs((hours - centre + 12) % 24 - 12)
    hill: NDArray[np.float64] = np.exp(-0.5 * (away / width) ** 2)
    return hill


def _profiles() -> dict[str, Float32Array]:
    hour = np.arange(24.0)
    business = np.maximum(_bump(hour, 10.5, 2.0), 0.95 * _bump(hour, 15.0, 2.2))
    office = np.maximum(_bump(hour, 10.0, 1.8), 0.92 * _bump(hour, 14.5, 2.4))
    consumer = np.maximum(0.62 * _bump(hour, 12.5, 3.0), _bump(hour, 20.0, 2.6))
    batch = _bump(hour, 2.5, 1.8)
    days = {
        "business": [0.22 + 0.78 * business * d for d in (1, 0.99, 0.98, 0.97, 0.9, 0.18, 0.14)],
        "office": [0.08 + 0.92 * office * d for d in (0.97, 1, 1, 0.98, 0.86, 0.05, 0.04)],
        "consumer": [0.16 + 0.84 * consumer * d for d in (0.9, 0.89, 0.9, 0.92, 0.94, 0.98, 1)],
        "batch": [0.25 + 0.75 * batch * d for d in (1, 1, 1, 1, 1, 0.85, 0.9)],
        "steady": [0.94 + 0.06 * business] * 7,
        "daily": [0.45 + 0.55 * business] * 7,
    }
    return {name: np.concatenate(week).astype(np.float32) for name, week in days.items()}


PROFILES: dict[str, Float32Array] = _profiles()
"""(168,) share of the busiest hour, from Monday 00:00 local time. `daily` is every day the same."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The hours of the sample history, and the calendar's say in them."""

    start: datetime
    """Midnight UTC of the first day."""
    hours: int
    """Hours up to the end of the history."""
    days: NDArray[np.intp] = field(init=False)
    """(hours,) number of the day each hour is in."""
    month_end: Float32Array = field(init=False)
    """(hours,) 1 on the last two days of a month and the first, else 0."""
    year_end: Float32Array = field(init=False)
    """(hours,) rises from mid November to 1 in mid December, over after Christmas."""
    year: Float32Array = field(init=False)
    """(hours,) a gentle wave, -1 in August, 1 in February."""

    def __post_init__(self) -> None:
        numbers = np.arange(self.hours) // 24
        dates = [self.start + timedelta(days=int(i)) for i in range(int(numbers[-1]) + 1)]
        closing = [d.day == 1 or (d + timedelta(days=2)).month != d.month for d in dates]
        of_year = np.array([d.timetuple().tm_yday for d in dates], float)
        rise = np.clip((of_year - 319) / 25, 0, 1) * np.clip((362 - of_year) / 5, 0, 1)
        wave = np.cos(2 * np.pi * (of_year - 45) / 365.25)
        object.__setattr__(self, "days", numbers.astype(np.intp))
        for name, by_day in (("month_end", closing), ("year_end", rise), ("year", wave)):
            object.__setattr__(self, name, np.asarray(by_day, np.float32)[numbers])

    @property
    def end(self) -> datetime:
        return self.start + timedelta(hours=self.hours)

    def hour_of(self, moment: datetime) -> int:
        """Number of the hour that `moment` is in."""
        return int((moment - self.start) // timedelta(hours=1))

    def time_of(self, hour: int) -> datetime:
        return self.start + timedelta(hours=hour)

    def hours_of_week(self, offset: int) -> NDArray[np.intp]:
        """(hours,) place in the week of someone `offset` hours east of Greenwich; holidays are Sundays."""
        local = self.start + timedelta(hours=offset)
        first = local.weekday() * 24 + local.hour
        place = (first + np.arange(self.hours)) % HOURS_PER_WEEK
        for day in range((self.end - self.start).days + 2):
            date = (local + timedelta(days=day)).date()
            if (date.month, date.day) in HOLIDAYS:
                begin = day * 24 - local.hour
                for hour in range(max(begin, 0), min(begin + 24, self.hours)):
                    place[hour] = 144 + hour - begin
        return place.astype(np.intp)


def unit_noise(rng: np.random.Generator, series: int, slots: int, memory: float) -> Float32Array:
    """(series, slots) first-order autoregressive noise with standard deviation 1.

    `memory` is the correlation of neighbouring slots.
    """
    noise = rng.standard_normal((slots, series), dtype=np.float32)
    fresh = np.float32(np.sqrt(1 - memory**2))
    noise[1:] *= fresh
    kept = np.float32(memory)
    # Slots outermost: each step is one contiguous pass over all series.
    for slot in range(1, slots):
        noise[slot] += kept * noise[slot - 1]
    return np.ascontiguousarray(noise.T)


FINE_MEMORY = 0.7
"""Correlation of neighbouring 5-minute deviations within an hour."""


def highest_of_hour(count: int = 8192) -> Float32Array:
    """(count,) samples of the highest of twelve 5-minute deviations of an hour (standard deviation 1).

    Hourly peaks of the part of the history that has no 5-minute samples are drawn from these, so that peaks
    do not change when the resolution does.
    """
    fine = unit_noise(np.random.default_rng(20240229), count, 12, FINE_MEMORY)
    highest: Float32Array = np.maximum(fine.max(axis=1), 0)
    return highest


def spread_over_hour(hourly: Float32Array, first: int) -> Float32Array:
    """(n, 12 * k) 5-minute levels from hour `first` on, straight lines between the middles of the hours."""
    hours = hourly.shape[1]
    at = first + (np.arange(12 * (hours - first)) + 0.5) / 12 - 0.5
    left = np.clip(np.floor(at).astype(np.intp), 0, hours - 1)
    right = np.minimum(left + 1, hours - 1)
    share = np.clip(at - left, 0, 1).astype(np.float32)
    between: Float32Array = hourly[:, left] * (1 - share) + hourly[:, right] * share
    return between
