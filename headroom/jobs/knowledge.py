"""Knowledge: what the store's events, the inventory and the settings say about whoever is forecast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from data.errors import ConfigError
from data.panel import Panel
from data.series import Driver, SeriesKey, Window
from headroom.jobs.run import Run
from headroom.settings import ForecastSettings
from models.features.calendar import PUBLIC_HOLIDAY, SpecialDay, public_holidays, zone_named
from models.features.known import Expected, Known, Membership, Stretch, mask_windows, nearest
from models.features.masks import masked
from models.forecaster import Forecaster
from models.forecasters import FORECASTERS
from models.forecasters.driven import Driven
from models.forecasters.informed import Informed
from models.forecasters.planning import Planning
from models.planning.driven import DailyDrivers
from models.planning.informed import inform

HOLIDAY = "holiday"
"""The kind of an event that is a holiday rather than an incident."""


@dataclass(frozen=True, slots=True)
class Drivers:
    """What drives whom."""

    panel: Panel
    row_of: Mapping[str, int]
    """Subject -> row of its driver in the panel."""


def informed(model: str, known: Mapping[str, Known], drivers: Drivers | None = None) -> Informed:
    """A forecaster by name, told what is known; with drivers, the demand they explain follows them."""
    forecaster: Forecaster = FORECASTERS[model]()
    if drivers is not None:
        forecaster = Driven(forecaster, drivers.panel, drivers.row_of)
    return Informed(forecaster, known)


def told(model: str, known: Mapping[str, Known]) -> Forecaster:
    """A forecaster of either grain by name, told what is known."""
    return Planning(known=known) if model == "planning" else informed(model, known)


def daily_drivers(
    panel: Panel, service_of: Mapping[str, str], known: Mapping[str, Known], settings: ForecastSettings
) -> DailyDrivers | None:
    """The drivers that daily forecasts follow; None where nobody wants that.

    Raises:
        ConfigError: a plan is for a driver that was never measured.
    """
    rows = {key: row for row, key in enumerate(panel.keys)}
    plans = {}
    for plan in settings.driver_plans:
        key = SeriesKey(plan.subject, plan.metric)
        if key not in rows:
            measured = ", ".join(str(driver) for driver in sorted(rows)) or "none"
            raise ConfigError(f"forecast.driver_plans: {key} was never measured; drivers are: {measured}")
        plans[rows[key]] = plan.times
    if not plans and not settings.drivers:
        return None
    row_of = _driver_rows(panel, service_of)
    # Of two drivers of a service, the planned one is followed.
    for key, row in rows.items():
        if row in plans:
            row_of |= {name: row for name, service in service_of.items() if service == key.subject}
            row_of[key.subject] = row
    cleaned = inform(panel, settings.days, known, seed=settings.seed).history
    return DailyDrivers.of(
        cleaned, row_of, settings.days, plans=plans, seed=settings.seed, forecast=settings.drivers
    )


def drivers_of(panel: Panel, service_of: Mapping[str, str], known: Mapping[str, Known]) -> Drivers:
    """The drivers of services and of their resources: requests where they are reported, else users."""
    return Drivers(masked(panel, mask_windows(panel, known)), _driver_rows(panel, service_of))


def _driver_rows(panel: Panel, service_of: Mapping[str, str]) -> dict[str, int]:
    """Subject -> row of its driver: a service, and every resource of it."""
    row_of: dict[str, int] = {}
    for metric in (Driver.REQUESTS, Driver.USERS):
        for row, key in enumerate(panel.keys):
            if key.metric == metric:
                row_of.setdefault(key.subject, row)
    owned = {name: row_of[service] for name, service in service_of.items() if service in row_of}
    return {**owned, **row_of}


def known_of(run: Run, panels: Iterable[Panel], horizon: timedelta) -> dict[str, Known]:
    """Subject -> what is known of it, for every subject of the panels that anything is known of.

    Raises:
        ConfigError: the settings name a country or a time zone that does not exist.
    """
    settings = run.settings.forecast
    subjects = sorted({key.subject for panel in panels for key in panel.keys})
    window = Window(
        min((p.start for p in panels), default=run.now),
        max((p.end for p in panels), default=run.now) + horizon,
    )
    owned = run.store.frame("resources_now")
    member = Membership(
        dict(owned.filter(pl.col("service").is_not_null()).select("resource", "service").iter_rows()),
        dict(owned.filter(pl.col("site").is_not_null()).select("resource", "site").iter_rows()),
    )
    events = run.store.frame("events_between", start=window.start, end=window.end)
    return known_from(subjects, member, events, settings, window)


def known_from(
    subjects: Iterable[str],
    member: Membership,
    events: pl.DataFrame,
    settings: ForecastSettings,
    window: Window,
) -> dict[str, Known]:
    """The same from an events frame (ts, ends_at, subject, kind, description)."""
    masks: dict[str, list[Stretch]] = {}
    feasts: dict[str, list[SpecialDay]] = {}
    for ts, ends_at, subject, kind, description in events.iter_rows():
        begin, end = _utc(ts), _utc(ends_at) if ends_at is not None else _utc(ts)
        if kind == HOLIDAY:
            feasts.setdefault(subject, []).extend(_days(begin, end, description or PUBLIC_HOLIDAY))
        elif kind in settings.masked_events:
            masks.setdefault(subject, []).append(Stretch(Window(begin, end), kind, description or ""))
    expected: dict[str, list[Expected]] = {}
    for event in settings.known_events:
        expected.setdefault(event.subject, []).append(
            Expected(
                Window(event.start, event.end or _NEVER),
                event.factor,
                event.description,
                event.amount,
                event.metric or None,
                lasts=event.end is None,
            )
        )
    for region in settings.calendars.values():
        public_holidays(region, window.start.date(), window.end.date())
    for zone in settings.zones.values():
        zone_named(zone)

    found = {}
    for subject in subjects:
        names = member.names(subject)
        country = nearest(settings.calendars, names)
        days = [day for name in names for day in feasts.get(name, ())]
        if country is not None:
            # The day after the window: midnight of a place comes up to a day before or after that of UTC.
            days += public_holidays(country, window.start.date() - _DAY, window.end.date() + _DAY)
        one = Known(
            tuple(stretch for name in names for stretch in masks.get(name, ())),
            _once(days),
            tuple(event for name in names for event in expected.get(name, ())),
            nearest(settings.zones, names),
        )
        if one != Known():
            found[subject] = one
    return found


_DAY = timedelta(days=1)
_NEVER = datetime(9000, 1, 1, tzinfo=UTC)
"""The end of what lasts."""


def _once(days: Iterable[SpecialDay]) -> tuple[SpecialDay, ...]:
    """In order, one per day; a calendar's name wins over a nameless event."""
    named: dict[date, SpecialDay] = {}
    for special in days:
        if special.day not in named or named[special.day].name == PUBLIC_HOLIDAY:
            named[special.day] = special
    return tuple(named[day] for day in sorted(named))


def _days(begin: datetime, end: datetime, name: str) -> list[SpecialDay]:
    """The days that a holiday event names: its dates, whatever the zone."""
    last = max(begin, end - timedelta(microseconds=1)).date()
    count = (last - begin.date()).days + 1
    return [SpecialDay(begin.date() + k * _DAY, name) for k in range(count)]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
