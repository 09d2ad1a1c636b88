"""Counted hours: a resource that only matters in office hours is judged by those.

The label `hours` of the inventory says which: `business` (as the settings define it), or days and times such
as `Mon-Fri 08:00-18:00`, several with a comma between them. What happens outside, a backup or a batch, then
counts neither for its size nor for its shortages; whether anybody uses it at all is still judged by all
hours. Days of the long history know no hours, so running out of cores or memory is not looked at either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data.errors import ConfigError
from data.panel import HOUR, Panel
from data.series import STOCKS
from models.estate import Resource
from models.features.calendar import zone_named
from models.features.known import EVERYBODY, nearest

HOURS_LABEL = "hours"
BUSINESS = "business"
ALWAYS = frozenset({"", "all", "always", "24x7"})
OFFICE = "Mon-Fri 08:00-18:00"
WEEK = 7 * 24
"""Hours of a week."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TO = r"\s*[-–]\s*"
_TIME = r"(\d{1,2})(?::?(\d{2}))?"
_PART = re.compile(rf"([a-z]{{3}})(?:{_TO}([a-z]{{3}}))?\s+{_TIME}{_TO}{_TIME}")


@dataclass(frozen=True, slots=True)
class CountedHours:
    """Which hours of a week count, on the clock of a zone."""

    hours: frozenset[int]
    """Hours of the week, 0 = Monday 00:00 to 167."""

    @classmethod
    def of(cls, text: str) -> CountedHours:
        """Reads `Mon-Fri 08:00-18:00, Sat 09-12`; an hour that is only touched counts.

        Raises ConfigError for anything else.
        """
        hours: set[int] = set()
        for part in text.lower().split(","):
            found = _PART.fullmatch(part.strip())
            known = found and found[1] in _DAYS and (found[2] or found[1]) in _DAYS
            if not found or not known:
                raise ConfigError(f"{text!r} are no hours; write e.g. {OFFICE}")
            first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
            start = int(found[3]) * 60 + int(found[4] or 0)
            end = int(found[5]) * 60 + int(found[6] or 0)
            if not 0 <= start < end <= 24 * 60 or max(int(found[4] or 0), int(found[6] or 0)) > 59:
                raise ConfigError(f"{text!r}: a day's hours start before they end, by 24:00")
            days = range(first, last + 1) if first <= last else (*range(first, 7), *range(last + 1))
            hours |= {day * 24 + hour for day in days for hour in range(start // 60, -(-end // 60))}
        return cls(frozenset(hours))

    def mask(self, panel: Panel, zone: str = "UTC") -> NDArray[np.bool_]:
        """(t,) which slots of an hourly panel count, on the clock of an IANA zone.

        Where that clock is not whole hours off, a slot is part of two hours: one of them is enough.
        """
        if panel.step != HOUR:
            raise ValueError(f"hours are counted in an hourly panel, not in steps of {panel.step}")
        clock = ZoneInfo(zone)
        counts = np.zeros(panel.slots, bool)
        for slot in range(panel.slots):
            first = panel.start + timedelta(hours=slot)
            for moment in (first, first + timedelta(minutes=59)):
                local = moment.astimezone(clock)
                counts[slot] |= local.weekday() * 24 + local.hour in self.hours
        return counts


def counted_hours(
    resources: Sequence[Resource], business: str = OFFICE
) -> tuple[dict[str, CountedHours], list[str]]:
    """Resource -> its hours, for those whose label limits them; and names whose label cannot be read.

    A label that names every hour of the week limits nothing.

    Raises ConfigError where `business` are no hours.
    """
    of_business = CountedHours.of(business)
    found: dict[str, CountedHours] = {}
    unread: list[str] = []
    for resource in resources:
        text = str(resource.labels.get(HOURS_LABEL) or "").strip()
        if text.lower() in ALWAYS:
            continue
        try:
            hours = of_business if text.lower() == BUSINESS else CountedHours.of(text)
        except ConfigError:
            unread.append(resource.name)
            continue
        if len(hours.hours) < WEEK:
            found[resource.name] = hours
    return found, unread


def counted_slots(
    resources: Sequence[Resource],
    panel: Panel,
    business: str = OFFICE,
    zones: Mapping[str, str] | None = None,
) -> tuple[dict[str, NDArray[np.bool_]], list[str]]:
    """Resource -> which slots of an hourly panel count, for those whose label limits them; and names whose
    label cannot be read.

    Args:
        zones: resource, service, site or `*` -> IANA zone whose clock its hours are on, the nearest wins; UTC
            where there is none.

    Raises ConfigError where the business hours or a zone cannot be.
    """
    found, unread = counted_hours(resources, business)
    masks: dict[tuple[CountedHours, str], NDArray[np.bool_]] = {}
    counted: dict[str, NDArray[np.bool_]] = {}
    for resource in resources:
        if resource.name not in found:
            continue
        names = [resource.name, resource.service or "", resource.site or "", EVERYBODY]
        key = (found[resource.name], nearest(zones or {}, names) or "UTC")
        if key not in masks:
            masks[key] = key[0].mask(panel, zone_named(key[1]).key)
        counted[resource.name] = masks[key]
    return counted, unread


def only_counted(panel: Panel, counted: Mapping[str, NDArray[np.bool_]]) -> Panel:
    """The panel with the hours that do not count unreported; the same object where all count.

    What accumulates is held at every hour, whichever of them count for cores and memory: it stays.

    Args:
        counted: subject -> (t,) which slots count; all for those that are not there.
    """
    rows = [row for row, key in enumerate(panel.keys) if key.subject in counted and key.metric not in STOCKS]
    if not rows:
        return panel
    demand, peak = panel.demand.copy(), panel.peak.copy()
    for row in rows:
        out = ~counted[panel.keys[row].subject]
        demand[row, out] = np.nan
        peak[row, out] = np.nan
    return replace(panel, demand=demand, peak=peak)
