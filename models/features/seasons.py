"""Seasons: how many slots the cycles of a panel have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from data.panel import DAY

_DAYS = frozenset({24, 48, 96, 144, 288})
"""Slots that a day has on the usual grids; a season of that many slots repeats in weeks."""


@dataclass(frozen=True, slots=True)
class Seasons:
    """The short season (a day, on an hourly grid) and the long one (a week), in slots."""

    day: int
    """Slots of the short season; 1 = none."""
    week: int | None
    """Slots of the long season; None = none."""

    def __post_init__(self) -> None:
        if self.day < 1 or (self.week is not None and self.week <= self.day):
            raise ValueError(f"a season has at least one slot and the long one is longer: {self}")

    @classmethod
    def of(cls, step: timedelta, season: int | None = None) -> Self:
        """Seasons of a grid of `step`; `season` names the short one where the step does not tell.

        A step that divides the day has days and weeks, a step of a day has weeks only, any other has none.
        """
        if season is not None:
            return cls(season, 7 * season if season in _DAYS else None)
        if step == DAY:
            return cls(7, None)
        slots, rest = divmod(DAY, step)
        if rest or slots < 2:
            return cls(1, None)
        return cls(slots, 7 * slots)

    @property
    def longest(self) -> int:
        """Slots after which everything repeats."""
        return self.week if self.week is not None else self.day

    @property
    def recent(self) -> int:
        """Slots that count as `now`: a week, or seven short seasons, or 48 without any."""
        return self.week if self.week is not None else max(7 * self.day, 48)
