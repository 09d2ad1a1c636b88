"""Simulates demand: every series by the hour, the last days by 5 minutes, both from the same shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.sample.shapes import (
    FINE_MEMORY,
    PROFILES,
    Clock,
    Float32Array,
    highest_of_hour,
    spread_over_hour,
    unit_noise,
)

FINE_PER_HOUR = 12
_MEASURED_DAYS = 28
"""The last days, on which p95 utilization is set to its target."""
_HOUR_MEMORY = 0.8
_DAY_MEMORY = 0.85


@dataclass(frozen=True, slots=True)
class Cut:
    """Hours in which less was measured than usual."""

    first: int
    last: int
    """Excluded."""
    share: float
    """What is left of demand: 0 in an outage; NaN where nothing was reported."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Relative standard deviations of what cannot be foreseen."""

    hour: float = 0.05
    """Of hours around their day; neighbouring hours correlate by 0.8."""
    day: float = 0.02
    """Of days around their season; neighbouring days correlate by 0.85."""
    peak: float = 0.05
    """Of 5-minute values around their hour."""
    bursts: float = 0.0
    """Chance of a burst (1.2 to 1.6 times) in an hour."""


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """How one series behaves. Shares are of `full`."""

    subject: str
    metric: str
    full: float
    """Capacity now, in the metric's unit; a reference amount where there is no limit."""
    limited: bool
    """Whether `full` is a limit demand is cut off at."""
    profile: str = "steady"
    depth: float = 1.0
    """How much of demand follows the profile: 1 = all, 0 = it is flat."""
    utc_offset: int = 0
    yearly: float = 0.0
    """Height of the gentle yearly wave."""
    year_end: float = 0.0
    month_end: float = 0.0
    growth: float = 0.0
    """Per year, as a share."""
    shift_hour: int = 0
    shift: float = 1.0
    """Demand before `shift_hour` is this share of what it is after."""
    noise: Noise = Noise()
    target: float | None = None
    """p95 of the hourly means of the last 28 days; None = the path says."""
    ceiling: float | None = None
    """Highest 5-minute value of the history; what is above the target is squeezed or stretched to it."""
    path: Float32Array | None = None
    """(hours,) planted course, multiplied by the profile."""
    peaks_on_path: bool = False
    """Whether the path is that of the daily (weekly, if `weekly`) peaks rather than of the mean."""
    weekly: bool = False
    driver: int | None = None
    """Row of the driver that demand follows."""
    elasticity: float = 1.0
    """Demand grows by this many per cent when the driver grows by one."""
    cuts: tuple[Cut, ...] = ()
    former: tuple[int, float] | None = None
    """(hour, capacity before it), where capacity changed."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """n series. NaN = not reported."""

    hourly: Float32Array
    """(n, hours) means."""
    peaks: Float32Array
    """(n, hours) highest 5-minute value of each hour."""
    fine: Float32Array
    """(n, 12 * k) 5-minute means of the last k hours."""


@dataclass(frozen=True, slots=True)
class Simulator:
    """Turns plans into demand, the same way every time for the same random numbers."""

    clock: Clock
    fine_from: int
    """First hour that has 5-minute values."""
    _highest: Float32Array = field(default_factory=highest_of_hour)
    _weeks: dict[tuple[str, int], Float32Array] = field(default_factory=dict)

    def simulate(
        self, plans: Sequence[SeriesPlan], rng: np.random.Generator, drivers: Float32Array | None = None
    ) -> Simulated:
        """Demand of every plan. `drivers` is (drivers, hours), for plans that follow one."""
        level = self._levels(plans, rng, drivers)
        spread = _column([plan.noise for plan in plans], "peak")
        chosen = rng.integers(0, len(self._highest), level.shape, dtype=np.int16)
        peaks = level * (1 + spread * self._highest[chosen])
        fine = spread_over_hour(level, self.fine_from)
        fine *= 1 + spread * unit_noise(rng, len(plans), fine.shape[1], FINE_MEMORY)
        np.maximum(fine, 0, out=fine)
        self._scale(plans, level, peaks, fine)
        self._limit(plans, level, peaks, fine)
        np.maximum(peaks, level, out=peaks)
        return Simulated(level, peaks, fine)

    def _levels(
        self, plans: Sequence[SeriesPlan], rng: np.random.Generator, drivers: Float32Array | None
    ) -> Float32Array:
        """(n, hours) hourly demand before it is scaled."""
        clock = self.clock
        level = np.empty((len(plans), clock.hours), np.float32)
        years_ago = ((clock.hours - np.arange(clock.hours)) / 8766).astype(np.float32)
        for row, plan in enumerate(plans):
            if plan.driver is not None and drivers is not None:
                driver = drivers[plan.driver]
                level[row] = (driver / driver.mean()) ** np.float32(plan.elasticity)
            else:
                week = self._week(plan.profile, plan.utc_offset)
                level[row] = 1 - plan.depth + plan.depth * week
                if plan.yearly or plan.year_end or plan.month_end:
                    level[row] *= (
                        (1 + plan.yearly * clock.year)
                        * (1 + plan.year_end * clock.year_end)
                        * (1 + plan.month_end * clock.month_end)
                    )
            if plan.path is not None:
                level[row] *= plan.path
            elif plan.growth:
                level[row] *= 1 - plan.growth * years_ago
            level[row, : plan.shift_hour] *= plan.shift
        by_day = unit_noise(rng, len(plans), int(clock.days[-1]) + 1, _DAY_MEMORY)[:, clock.days]
        by_hour = unit_noise(rng, len(plans), clock.hours, _HOUR_MEMORY)
        by_hour *= _column([plan.noise for plan in plans], "hour")
        by_hour += _column([plan.noise for plan in plans], "day") * by_day
        level *= np.exp(by_hour, out=by_hour)
        self._burst(plans, level, rng)
        return level

    def _week(self, profile: str, utc_offset: int) -> Float32Array:
        key = (profile, utc_offset)
        if key not in self._weeks:
            self._weeks[key] = PROFILES[profile][self.clock.hours_of_week(utc_offset)]
        return self._weeks[key]

    def _burst(self, plans: Sequence[SeriesPlan], level: Float32Array, rng: np.random.Generator) -> None:
        """Bursts last one to three hours."""
        rates = np.array([plan.noise.bursts for plan in plans])
        for row, count in enumerate(rng.poisson(rates * level.shape[1])):
            for hour, length, height in zip(
                rng.integers(0, level.shape[1], count),
                rng.integers(1, 4, count),
                rng.uniform(1.2, 1.6, count),
                strict=True,
            ):
                level[row, hour : hour + length] *= np.float32(height)

    def _scale(
        self, plans: Sequence[SeriesPlan], level: Float32Array, peaks: Float32Array, fine: Float32Array
    ) -> None:
        """From shapes to amounts: p95 to the target, the highest value to the ceiling; paths as they are."""
        n = len(plans)
        full = _column(plans, "full")
        aimed = np.array([plan.target is not None for plan in plans])
        factor = np.ones((n, 1), np.float32)
        recent = level[:, -24 * _MEASURED_DAYS :]
        if aimed.any():
            targets = np.array([plan.target or 0 for plan in plans], np.float32)[:, None]
            p95 = np.percentile(recent[aimed], 95, axis=1, keepdims=True)
            factor[aimed] = targets[aimed] / p95
        for row, plan in enumerate(plans):
            if plan.peaks_on_path and plan.path is not None:
                factor[row] = self._peak_factor(plan, peaks[row])
        for amounts in (level, peaks, fine):
            amounts *= factor * full
        for row, plan in enumerate(plans):
            if plan.target is None or plan.ceiling is None:
                continue
            knee, top = plan.target * plan.full, plan.ceiling * plan.full
            highest = max(float(peaks[row].max()), float(fine[row].max()))
            slope = np.float32(np.clip((top - knee) / max(highest - knee, 1e-9), 0.02, 1.6))
            for amounts in (level[row], peaks[row], fine[row]):
                above = amounts > knee
                amounts[above] = knee + (amounts[above] - knee) * slope

    @staticmethod
    def _peak_factor(plan: SeriesPlan, peaks: Float32Array) -> float:
        """What brings the typical daily (weekly) peak of the last 56 days onto the path."""
        assert plan.path is not None
        relative = (peaks / plan.path)[-24 * 56 :]
        hours = 168 if plan.weekly else 24
        return 1 / float(np.median(relative.reshape(-1, hours).max(axis=1)))

    def _limit(
        self, plans: Sequence[SeriesPlan], level: Float32Array, peaks: Float32Array, fine: Float32Array
    ) -> None:
        """Cuts demand off at the capacity of its time, and takes out what was not measured."""
        for row, plan in enumerate(plans):
            if plan.limited:
                for amounts in (level[row], peaks[row], fine[row]):
                    np.minimum(amounts, plan.full, out=amounts)
                if plan.former is not None and plan.former[1] > 0:
                    hour, capacity = plan.former
                    for amounts in (level[row, :hour], peaks[row, :hour]):
                        np.minimum(amounts, capacity, out=amounts)
            for cut in plan.cuts:
                share = np.float32(cut.share)
                level[row, cut.first : cut.last] *= share
                peaks[row, cut.first : cut.last] *= share
                first, last = (FINE_PER_HOUR * (h - self.fine_from) for h in (cut.first, cut.last))
                if last > 0:
                    fine[row, max(first, 0) : last] *= share


def _column(plans: Sequence[SeriesPlan | Noise], name: str) -> NDArray[np.float32]:
    """(n, 1) one field of every plan, or of its noise."""
    return np.array([getattr(plan, name) for plan in plans], np.float32)[:, None]
