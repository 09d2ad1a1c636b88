"""Calendar: public holidays, the days around a month's end, and the clock of a place.

Days are local: a holiday begins at midnight where the demand comes from, which is UTC unless a zone is set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data.errors import ConfigError

PUBLIC_HOLIDAY = "public holiday"
MONTH_ENDS = ("second last day of the month", "last day of the month", "first day of the month")
"""The days on which books are closed, in order."""


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A local day on which demand may not be what its weekday is."""

    day: date
    name: str
    """What it is called: days of the same name are of the same kind."""


@lru_cache(maxsize=64)
def public_holidays(region: str, first: date, last: date) -> tuple[SpecialDay, ...]:
    """Public holidays of a country, e.g. `DE`, or of a part of it, e.g. `DE-HE`, from first to last.

    The package `holidays` is imported here, where a region is set at all.

    Raises:
        ConfigError: the country or its part is not known.
    """
    import holidays

    country, _, part = region.partition("-")
    try:
        known = holidays.country_holidays(
            country, subdiv=part or None, years=range(first.year, last.year + 1), language="en_US"
        )
    except NotImplementedError as error:
        raise ConfigError(
            f"no public holidays are known for {region!r}; use a country's ISO code such as DE,"
            " or one with a part such as DE-HE"
        ) from error
    return tuple(SpecialDay(day, str(known[day])) for day in sorted(known) if first <= day <= last)


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    """The time zone of an IANA name such as `Europe/Berlin`.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(f"no time zone {name!r}; use an IANA name such as Europe/Berlin") from error


@lru_cache(maxsize=64)
def utc_offsets(zone: str | None, start: datetime, step: timedelta, slots: int) -> NDArray[np.timedelta64]:
    """(slots,) how far local time is ahead of UTC at the start of each slot; zero without a zone."""
    if zone is None:
        return np.zeros(slots, "timedelta64[s]")
    place = zone_named(zone)
    seconds = []
    for i in range(slots):
        offset = (start + i * step).astimezone(UTC).astimezone(place).utcoffset()
        seconds.append(int(offset.total_seconds()) if offset is not None else 0)
    return np.array(seconds, "timedelta64[s]")


def month_end_days(days: Iterable[date]) -> dict[date, str]:
    """Those of the days that are the last two or the first of a month, and which of them they are."""
    found = {}
    for day in days:
        if day.day == 1:
            found[day] = MONTH_ENDS[2]
        elif (day + timedelta(days=1)).day == 1:
            found[day] = MONTH_ENDS[1]
        elif (day + timedelta(days=2)).day == 1:
            found[day] = MONTH_ENDS[0]
    return found
