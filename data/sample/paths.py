"""Planted courses of demand, as a share of capacity by the hour: growth, saw-tooth, leak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.sample.shapes import Float32Array

USABLE_SHARE = 0.9
"""Usable capacity as a share of capacity: what planted exhaustion days count up to."""

_LOWEST = 0.12
"""Where growth begins; demand is flat before."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A straight line that reaches usable capacity `days` after the end of the history."""

    days: int

    @property
    def per_day(self) -> float:
        """Share of capacity gained a day: quick for near days, slow for far ones, so that all start low."""
        return float(np.clip(0.34 / self.days, 0.0012, 0.005))

    @property
    def now(self) -> float:
        """Share of capacity at the end of the history."""
        return USABLE_SHARE - self.per_day * self.days

    def began_days_ago(self, hours: int) -> int:
        """How long the line has been rising, within a history of that length."""
        return min(hours // 24, int((self.now - _LOWEST) / self.per_day))

    def path(self, hours: int) -> Float32Array:
        """(hours,)"""
        days_ago = (hours - np.arange(hours)) / 24
        return (self.now - self.per_day * np.minimum(days_ago, self.began_days_ago(hours))).astype(np.float32)


def sawtooth(hours: int, rng: np.random.Generator) -> tuple[Float32Array, list[int]]:
    """(hours,) fills to 72-80 % in two to four weeks, is purged to 45-52 %; and the hours of the purges.

    Purges come at 03:00 UTC. The level between purges does not grow from one to the next.
    """
    period = float(rng.uniform(14, 28))
    path = np.empty(hours, np.float32)
    purges: list[int] = []
    begin, low = 0, float(rng.uniform(0.5, 0.65))
    while begin < hours:
        high = float(rng.uniform(0.72, 0.80))
        length = 24 * max(3, round(period * float(rng.uniform(0.85, 1.15))))
        end = begin + length + (3 - (begin + length)) % 24
        rise = np.linspace(low, high, end - begin)
        path[begin:end] = rise[: max(0, hours - begin)]
        if end < hours:
            purges.append(end)
        begin, low = end, float(rng.uniform(0.45, 0.52))
    return path, purges


def leak(hours: int, rng: np.random.Generator) -> tuple[Float32Array, list[int]]:
    """(hours,) memory that grows from 40-45 % to the limit in four to nine days; and the hours of restarts.

    It fills quicker at first and is killed when nothing is left, as a process with a leak under load is.
    """
    period = 24 * float(rng.uniform(4, 9))
    path = np.empty(hours, np.float32)
    restarts: list[int] = []
    # The first run has begun before the history, but ends within it: no run is shorter than 0.85 periods.
    begin = -int(rng.integers(0, int(0.8 * period)))
    while begin < hours:
        end = begin + round(period * float(rng.uniform(0.85, 1.15)))
        low = float(rng.uniform(0.40, 0.45))
        rise = low + (1.0 - low) * np.linspace(0, 1, end - begin) ** 0.9
        path[max(begin, 0) : end] = rise[max(0, -begin) :][: hours - max(begin, 0)]
        if 0 < end < hours:
            restarts.append(end)
        begin = end
    return path, restarts
