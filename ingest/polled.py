"""Polled: what sources have in common that keep history and are asked for intervals of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import polars as pl

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.frames import CAPACITY_SCHEMA, RESOURCE_SCHEMA, Inventory
from data.names import Names
from data.series import Window
from ingest.times import length_of_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """Settings of a source whose service measures at whole minutes and is a little late."""

    step: str = "5m"
    """Length of an interval, whole minutes that the service offers."""
    settle: str = "10m"
    """Intervals that ended less than this ago are left for the next pull: metrics are late."""
    history_days: float = 14.0
    """How far back the first pull goes, and how far back a resource that was silent is asked again. A pull
    after an outage starts where the one before it ended, however long ago that is."""
    timeout: float = 30.0
    """Seconds to wait for one reply."""
    time_limit: float = 1_800.0
    """Seconds that one pull may take altogether."""

    names: Names = field(default_factory=Names, repr=False, compare=False, metadata={"setting": False})
    """What its resources are called; those of an earlier run by `calling`."""

    resumes: ClassVar[bool] = True
    """It is asked for what is new since its last pull."""

    def __post_init__(self) -> None:
        for name in ("step", "settle"):
            try:
                length_of_time(getattr(self, name))
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from error
        if self.step_seconds % 60 or not self.step_seconds:
            raise ConfigError(f"step: {self.step} is not a number of whole minutes")
        for name in ("history_days", "timeout", "time_limit"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name}: {getattr(self, name):g} is not above 0")

    @property
    def step_seconds(self) -> int:
        """The grid of its samples."""
        return round(length_of_time(self.step).total_seconds())

    def calling(self, names: Names) -> Self:
        """The same source, whose resources are called as they were before; it adds those that are new."""
        return replace(self, names=names)

    def asked(self, window: Window | None) -> Asked:
        """The settled intervals that lie within the window (None = all of the history)."""
        now, step = datetime.now(UTC), self.step_seconds
        window = window or Window(now - timedelta(days=self.history_days), now)
        settled = min(window.end, now - length_of_time(self.settle))
        return Asked(
            -int(-window.start.timestamp() // step) * step,
            int(settled.timestamp() // step) * step,
            step,
            time.monotonic() + self.time_limit,
            self.time_limit,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A stretch of whole intervals, and until when it must have been answered."""

    first: int
    """Start of the first interval, in seconds since 1970."""
    last: int
    """End of the last one."""
    step: int
    deadline: float
    """Of the monotonic clock."""
    time_limit: float

    def parts(self, slots: int, whom: str) -> Iterator[tuple[int, int]]:
        """Start and end of consecutive parts of at most so many intervals.

        Raises:
            SourceUnavailable: time is up; names `whom`.
        """
        for start in range(self.first, self.last, slots * self.step):
            if time.monotonic() > self.deadline:
                raise SourceUnavailable(f"{whom}: not done within {self.time_limit:g} s")
            yield start, min(start + slots * self.step, self.last)


def inventory_of(resources: Sequence[dict[str, Any]], sizes: Sequence[dict[str, Any]]) -> Inventory:
    """An inventory of rows with columns of RESOURCE_SCHEMA and CAPACITY_SCHEMA."""
    names = [name for name in RESOURCE_SCHEMA if any(name in row for row in resources)] or ["resource"]
    stated = [name for name in CAPACITY_SCHEMA if any(name in row for row in sizes)] or ["resource"]
    return Inventory(
        resources=pl.DataFrame(list(resources), schema={name: RESOURCE_SCHEMA[name] for name in names}),
        capacities=pl.DataFrame(list(sizes), schema={name: CAPACITY_SCHEMA[name] for name in stated}),
    )


def together(problems: Sequence[SourceError]) -> SourceError:
    """One error of several parts of a pull; worth another try if one of them is."""
    later = any(isinstance(one, SourceUnavailable) for one in problems)
    told = list(dict.fromkeys(str(one) for one in problems))
    further = f"; and {len(told) - 3} more" if len(told) > 3 else ""
    return (SourceUnavailable if later else SourceError)("; ".join(told[:3]) + further)


def one_line(text: object) -> str:
    """What a client library says, as one line that is not too long."""
    return " ".join(str(text).split())[:200] or type(text).__name__
