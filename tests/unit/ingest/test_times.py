"""Times: every form, and the hours in which the clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from data.errors import ConfigError
from ingest.times import Time, length_of_time, parts_to_utc, positions_to_utc, to_utc


def read(*texts: object, time: Time | None = None) -> list[datetime | None]:
    return to_utc(pl.Series(list(texts)), time or Time()).to_list()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01T10:00:00Z",
        "2024-03-01 10:00:00",
        "2024-03-01T10:00:00.000000",
        "2024-03-01 11:00:00+01:00",
        "2024-03-01T05:00:00-0500",
        "2024-03-01T10:00",
        "2024-03-01 10:00",
        "2024/03/01 10:00:00",
        "20240301T100000Z",
        " 2024-03-01T10:00:00Z ",
        "1709287200",
        "1709287200.0",
        "1709287200000",
        "1709287200000000",
        "1709287200000000000",
    ],
)
def test_auto_reads_iso_forms_and_epochs(text: str) -> None:
    assert read(text) == [at("2024-03-01T10:00:00+00:00")]


def test_forms_may_be_mixed_in_one_column() -> None:
    assert read("2024-03-01", "2024-03-01T00:00:00Z", "1709251200", None, "soon") == [
        *[at("2024-03-01T00:00:00+00:00")] * 3,
        None,
        None,
    ]


@pytest.mark.parametrize("text", ["4/1/25", "01.02.2024", "12", "", "nan", "20181001000500.0", "2024-13-01"])
def test_what_could_mean_anything_is_not_guessed(text: str) -> None:
    assert read(text) == [None]


def test_unit_of_an_epoch_is_the_settings_not_the_headers() -> None:
    assert read("1372629804", time=Time(unit="s")) == [at("2013-06-30T22:03:24+00:00")]
    assert read(1372629804, time=Time(unit="ms")) == [at("1970-01-16T21:17:09.804+00:00")]
    assert read(1_700_000_000_123_456_789, time=Time(unit="ns")) == [at("2023-11-14T22:13:20.123456+00:00")]
    assert read(1.7e9 + 0.25) == [at("2023-11-14T22:13:20.250+00:00")]
    assert read(float("nan"), float("inf"), -5.0, 1e300, time=Time(unit="s")) == [None] * 4


def test_patterns() -> None:
    assert read("20181001000500.0", time=Time(format="%Y%m%d%H%M%S%.f")) == [at("2018-10-01T00:05:00+00:00")]
    assert read("01.02.2024 13:30", time=Time(format="%d.%m.%Y %H:%M")) == [at("2024-02-01T13:30:00+00:00")]
    assert read(20240201, time=Time(format="%Y%m%d")) == [at("2024-02-01T00:00:00+00:00")]


def test_local_times_where_the_clock_is_changed() -> None:
    twice, never, plain = "2024-10-27 02:30:00", "2024-03-31 02:30:00", "2024-07-01 00:00:00"
    berlin = Time(timezone="Europe/Berlin")
    assert read(twice, never, plain, time=berlin) == [None, None, at("2024-06-30T22:00:00+00:00")]
    first = Time(timezone="Europe/Berlin", ambiguous="earliest", nonexistent="later")
    second = Time(timezone="Europe/Berlin", ambiguous="latest")
    assert read(twice, never, time=first) == [
        at("2024-10-27T00:30:00+00:00"),
        at("2024-03-31T01:30:00+00:00"),
    ]
    assert read(twice, never, time=second) == [at("2024-10-27T01:30:00+00:00"), None]


def test_a_zone_in_the_text_wins_over_the_setting() -> None:
    assert read("2024-07-01T00:00:00Z", time=Time(timezone="Europe/Berlin")) == [
        at("2024-07-01T00:00:00+00:00")
    ]


@settings(deadline=None)
@given(
    moment=st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001
    hours=st.integers(-12, 14),
)
def test_what_python_writes_is_read_back(moment: datetime, hours: int) -> None:
    written = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert read(written.isoformat()) == [written.astimezone(UTC)]


def test_typed_columns() -> None:
    naive = pl.Series([datetime(2024, 7, 1, 12)])  # noqa: DTZ001
    assert to_utc(naive, Time(timezone="Europe/Berlin")).to_list() == [at("2024-07-01T10:00:00+00:00")]
    there = naive.dt.replace_time_zone("America/New_York")
    assert to_utc(there, Time()).to_list() == [at("2024-07-01T16:00:00+00:00")]
    assert to_utc(naive.dt.date(), Time()).to_list() == [at("2024-07-01T00:00:00+00:00")]


def test_dates_over_several_columns() -> None:
    rows = pl.DataFrame(
        {"y": ["2015", "2015", "x"], "m": ["3", "13", "1"], "d": ["26", "1", "1"], "h": ["7", "0", "0"]}
    )
    found = parts_to_utc(rows, Time(parts=("y", "m", "d", "h"))).to_list()
    assert found == [at("2015-03-26T07:00:00+00:00"), None, None]


def test_rows_without_a_time_are_counted() -> None:
    time = Time(step="5m", start="2011-03-03")
    start = time.moment("20110303")
    assert start is not None
    assert positions_to_utc(pl.Series([0, 2]), start, time).to_list() == [
        at("2011-03-03T00:00:00+00:00"),
        at("2011-03-03T00:10:00+00:00"),
    ]
    assert length_of_time("1.5h") == timedelta(minutes=90)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "furlong"}, "unit: 'furlong' is none of auto, s, ms, us, ns"),
        ({"timezone": "Mars/Base"}, "timezone: no time zone 'Mars/Base'"),
        ({"format": "daily"}, "format: 'daily' is neither auto, epoch nor a pattern"),
        ({"format": "%H %d"}, "format: '%H %d' cannot be used"),
        ({"ambiguous": "both"}, "ambiguous: 'both' is none of reject, earliest, latest"),
        ({"step": "often"}, "step: 'often' is no length of time"),
        ({"start": "2024-01-01"}, "start: needs"),
        ({"constant": "soon"}, "constant: 'soon' is no time"),
        ({"parts": ("y",)}, "parts: needs the columns of year, month, day"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        Time(**settings)  # type: ignore[arg-type]
