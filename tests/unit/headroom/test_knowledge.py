"""What events, inventory and settings say about a subject; which model the settings name for it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from data.errors import ConfigError
from data.frames import EVENT_SCHEMA
from data.series import SeriesKey, Window
from headroom.jobs.knowledge import known_from
from headroom.jobs.model_choice import model_for
from headroom.settings import ForecastSettings, KnownEvent, load
from models.features.calendar import SpecialDay
from models.features.known import Membership, Stretch

WINDOW = Window(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
MEMBER = Membership({"web-1": "shop", "db-1": "shop"}, {"web-1": "frankfurt", "db-1": "lisbon"})
NONE = pl.DataFrame(schema=EVENT_SCHEMA)


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def events(*rows: tuple[datetime, datetime | None, str, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=EVENT_SCHEMA, orient="row")


def test_an_outage_of_a_service_masks_its_resources_and_a_release_of_an_unmasked_kind_nothing() -> None:
    told = known_from(
        ["web-1", "db-1", "other", "shop"],
        MEMBER,
        events(
            (at(2, 3), at(2, 5), "shop", "outage", "shop was down"),
            (at(3), None, "web-1", "anomaly", None),
            (at(4), None, "shop", "resize", "bigger"),
        ),
        ForecastSettings(),
        WINDOW,
    )
    outage = Stretch(Window(at(2, 3), at(2, 5)), "outage", "shop was down")
    anomaly = Stretch(Window(at(3), at(3)), "anomaly", "")
    assert {name: one.masks for name, one in told.items()} == {
        "web-1": (anomaly, outage),
        "db-1": (outage,),
        "shop": (outage,),
    }


def test_holidays_come_from_events_and_from_the_nearest_calendar() -> None:
    settings = ForecastSettings(calendars={"frankfurt": "DE-HE", "*": "PT"})
    told = known_from(
        ["web-1", "db-1"], MEMBER, events((at(6), at(7), "*", "holiday", "party")), settings, WINDOW
    )
    assert [special.day for special in told["web-1"].holidays] == [date(2026, 10, 3), date(2026, 11, 6)]
    assert date(2026, 10, 5) in [special.day for special in told["db-1"].holidays]
    assert SpecialDay(date(2026, 11, 6), "party") in told["db-1"].holidays


def test_zones_and_announced_events_are_by_subject() -> None:
    sale = KnownEvent(subject="shop", start=at(27), end=at(28), factor=1.8, description="sale")
    settings = ForecastSettings(zones={"lisbon": "Europe/Lisbon"}, known_events=(sale,))
    told = known_from(["web-1", "db-1"], MEMBER, NONE, settings, WINDOW)
    assert (told["web-1"].zone, told["db-1"].zone) == (None, "Europe/Lisbon")
    assert [event.factor for event in told["web-1"].expected] == [1.8]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ForecastSettings(calendars={"nobody": "ZZ"}), "no public holidays are known for 'ZZ'"),
        (ForecastSettings(zones={"nobody": "Mars/Base"}), "no time zone 'Mars/Base'"),
    ],
)
def test_a_wrong_setting_is_an_error_even_where_nobody_uses_it(settings: ForecastSettings, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        known_from([], MEMBER, NONE, settings, WINDOW)


def test_announced_events_are_read_from_the_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "headroom.toml"
    file.write_text(
        '[forecast]\nknown_events = [{ subject = "shop", start = 2026-11-27T00:00:00Z,'
        " end = 2026-11-28T00:00:00Z, factor = 1.8 }]\n"
    )
    (event,) = load(file, environ={}).forecast.known_events
    assert (event.subject, event.factor, event.start) == ("shop", 1.8, at(27))
    file.write_text(
        '[forecast]\nknown_events = [{ subject = "shop", start = 2026-11-27T00:00:00Z,'
        " end = 2026-11-26T00:00:00Z, factor = 1.8 }]\n"
    )
    with pytest.raises(ConfigError, match="before it starts"):
        load(file, environ={})


CHOSEN = {
    "orders-db/storage": "prophet",
    "orders-*/storage": "planning",
    "service:shop": "statsforecast_mstl",
    "metric:network_*": "seasonal_naive",
}


@pytest.mark.parametrize(
    ("key", "service", "expected"),
    [
        (SeriesKey("orders-db", "storage"), "shop", "prophet"),
        (SeriesKey("orders-2", "storage"), "shop", "planning"),
        (SeriesKey("orders-2", "cpu"), "shop", "statsforecast_mstl"),
        (SeriesKey("shop", "requests"), None, "statsforecast_mstl"),
        (SeriesKey("web-1", "network_in"), "blog", "seasonal_naive"),
        (SeriesKey("web-1", "network_in"), "shop", "statsforecast_mstl"),
        (SeriesKey("web-1", "cpu"), "blog", "fleet"),
        (SeriesKey("web-1", "cpu"), None, "fleet"),
    ],
)
def test_the_first_entry_that_fits_names_the_model(
    key: SeriesKey, service: str | None, expected: str
) -> None:
    assert model_for(key, service, "fleet", CHOSEN) == expected


def test_the_order_of_entries_decides() -> None:
    key = SeriesKey("orders-db", "storage")
    assert model_for(key, None, "fleet", dict(reversed(CHOSEN.items()))) == "planning"


def test_a_subject_with_brackets_is_found_by_its_own_name() -> None:
    key = SeriesKey("disk[1]", "storage")
    assert model_for(key, None, "fleet", {"disk[1]/storage": "prophet"}) == "prophet"
