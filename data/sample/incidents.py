"""What happened: outages, monitoring gaps, deployments that changed demand; and the events that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from data.frames import EVENT_SCHEMA
from data.sample.demand import Cut
from data.sample.estate import Estate, SampleResource
from data.sample.shapes import HOLIDAYS, Clock

Event = tuple[datetime, datetime | None, str, str, str]
"""ts, ends_at, subject, kind, description: a row of the events frame."""

_DEPLOYMENTS = (
    "new release with a larger cache",
    "moved to a newer runtime",
    "a batch job was moved here",
    "slow queries were fixed",
)


@dataclass(slots=True)
class Incidents:
    """Cuts by service and by site, level shifts by service, and all events."""

    outages: dict[str, list[Cut]] = field(default_factory=dict)
    """Service -> hours without demand."""
    gaps: dict[str, list[Cut]] = field(default_factory=dict)
    """Site -> hours without measurements."""
    shifts: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Service -> (hour, demand before it as a share of demand after it)."""
    events: list[Event] = field(default_factory=list)

    def cuts(self, resource: SampleResource, metric: str) -> tuple[Cut, ...]:
        """What was not measured or not wanted of one metric of one resource."""
        cuts = list(self.gaps.get(resource.site, []))
        if metric != "storage" and resource.kind != "endpoint":
            # An outage leaves the operating system in memory, and files where they are.
            left = 0.25 if metric == "memory" else 0.0
            cuts += [Cut(c.first, c.last, left) for c in self.outages.get(resource.service.name, [])]
        return tuple(cuts)

    def frame(self) -> pl.DataFrame:
        """EVENT_SCHEMA, in order of time."""
        return pl.DataFrame(self.events, schema=EVENT_SCHEMA, orient="row").sort("ts", "subject", "kind")


def happen(estate: Estate, clock: Clock, rng: np.random.Generator) -> Incidents:
    """Draws what happened to services and sites. Nothing happens in the last five days."""
    incidents = Incidents()
    last = clock.hours - 5 * 24
    for service in estate.services:
        if rng.random() < 0.45:
            hour, length = int(rng.integers(24, last)), int(rng.integers(1, 6))
            incidents.outages[service.name] = [Cut(hour, hour + length, 0.0)]
            incidents.events.append(
                _event(clock, hour, hour + length, service.name, "outage", f"{service.name} was down")
            )
        if rng.random() < 0.4:
            hour = int(rng.integers(clock.hours // 3, clock.hours - 60 * 24))
            share = float(rng.choice([0.82, 0.88, 1.12, 1.18]))
            incidents.shifts[service.name] = (hour, share)
            change = f"demand of its resources changed by {100 * (1 / share - 1):+.0f} %"
            why = _DEPLOYMENTS[int(rng.integers(len(_DEPLOYMENTS)))]
            incidents.events.append(_event(clock, hour, None, service.name, "deployment", f"{why}; {change}"))
        for hour in rng.integers(24, clock.hours, int(rng.integers(2, 7))):
            incidents.events.append(
                _event(clock, int(hour), None, service.name, "deployment", "regular release")
            )
    for site in sorted({resource.site for resource in estate.resources}):
        hour, length = int(rng.integers(24, last)), int(rng.integers(3, 9))
        incidents.gaps[site] = [Cut(hour, hour + length, float("nan"))]
        incidents.events.append(
            _event(clock, hour, hour + length, site, "gap", "the monitoring of the site was down")
        )
    incidents.events += _holidays(clock)
    return incidents


def purged(resource: SampleResource, clock: Clock, hours: Sequence[int]) -> list[Event]:
    """One event per purge of a volume."""
    return [_event(clock, hour, hour + 1, resource.name, "purge", "old files were deleted") for hour in hours]


def restarted(resource: SampleResource, clock: Clock, hours: Sequence[int]) -> list[Event]:
    """One event per restart of a leaking process."""
    return [_event(clock, hour, None, resource.name, "restart", "killed: out of memory") for hour in hours]


def changed(resource: SampleResource, description: str) -> Event:
    """The event of a resize or of a switch-off."""
    assert resource.changed_at is not None
    return (resource.changed_at, None, resource.name, "resize", description)


def _event(clock: Clock, first: int, last: int | None, subject: str, kind: str, description: str) -> Event:
    end = None if last is None else clock.time_of(last)
    return (clock.time_of(first), end, subject, kind, description)


def _holidays(clock: Clock) -> list[Event]:
    """Holidays hold for every site; their subject is `*`."""
    days = (clock.start + timedelta(days=i) for i in range((clock.end - clock.start).days + 1))
    return [
        (day, day + timedelta(days=1), "*", "holiday", "public holiday")
        for day in days
        if (day.month, day.day) in HOLIDAYS
    ]
