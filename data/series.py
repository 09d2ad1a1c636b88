"""What a measurement is about: metrics and their units, keys, windows of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class Metric(StrEnum):
    """The metrics a resource has a capacity for."""

    CPU = "cpu"
    MEMORY = "memory"
    STORAGE = "storage"
    NETWORK_IN = "network_in"
    NETWORK_OUT = "network_out"


class Driver(StrEnum):
    """What drives demand; reported by services, never by something with a capacity."""

    REQUESTS = "requests"
    USERS = "users"


UNITS: dict[str, str] = {
    Metric.CPU: "cores",
    Metric.MEMORY: "GiB",
    Metric.STORAGE: "GiB",
    Metric.NETWORK_IN: "Mbit/s",
    Metric.NETWORK_OUT: "Mbit/s",
    Driver.REQUESTS: "requests/s",
    Driver.USERS: "users",
}
"""The one unit of each metric inside the program; other units are converted at the edge."""

STOCKS = frozenset({str(Metric.STORAGE)})
"""Metrics that accumulate (what is there stays there) rather than flow."""


class SeriesKey(NamedTuple):
    """Names one series: a resource (or a service) and one of its metrics."""

    subject: str
    """Name of the resource or of the service."""
    metric: str

    def __str__(self) -> str:
        return f"{self.subject}/{self.metric}"


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time in UTC: `start` belongs to it, `end` does not."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            moment: datetime = getattr(self, name)
            if moment.tzinfo is None:
                raise ValueError(f"{name} of a window needs a time zone: {moment.isoformat()}")
            object.__setattr__(self, name, moment.astimezone(UTC))
        if self.end < self.start:
            raise ValueError(f"window ends before it starts: {self}")

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"

    @property
    def length(self) -> timedelta:
        return self.end - self.start
