"""Odd files of series: an answer on the grid of the file, or one clear line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError, HeadroomError, SourceError
from headroom.forecast_file import FileForecast, forecast_file
from headroom.series_file import read_series
from headroom.series_grid import Grid, stamps_of

START = datetime(2024, 1, 1, tzinfo=UTC)


def wave(slots: int, season: int = 24) -> list[float]:
    """Seasonal demand of level 10 that never repeats exactly."""
    rng = np.random.default_rng(slots)
    return [
        float(v) for v in 10 + 3 * np.sin(2 * np.pi * np.arange(slots) / season) + rng.normal(0, 0.2, slots)
    ]


def forecast(folder: Path, ts: pl.Series, season: int, horizon: int = 6) -> tuple[pl.DataFrame, FileForecast]:
    frame = pl.DataFrame({"entity": "a", "ts": ts, "value": wave(len(ts), season)})
    frame.write_parquet(folder / "in.parquet")
    summary = forecast_file(
        folder / "in.parquet", horizon, folder / "out.parquet", levels=(0.5,), processes=1
    )
    return pl.read_parquet(folder / "out.parquet"), summary


def every(step: timedelta, count: int, start: datetime = START) -> pl.Series:
    return pl.Series([start + i * step for i in range(count)], dtype=pl.Datetime("us", "UTC"))


@pytest.mark.parametrize(
    ("start", "step", "count", "season"),
    [
        (START + timedelta(minutes=30), timedelta(hours=1), 480, 24),  # as every hour in India
        (START + timedelta(hours=12), timedelta(days=1), 100, 7),
        (START + timedelta(hours=5), timedelta(days=1), 100, 7),
        (START, timedelta(days=7), 80, 52),  # Mondays; a week of seconds since 1970 starts on Thursday
        (START + timedelta(minutes=2), timedelta(minutes=5), 900, 288),
        (START + timedelta(minutes=5), timedelta(minutes=45), 700, 32),
    ],
)
def test_stamps_go_on_where_their_own_grid_is(
    tmp_path: Path, start: datetime, step: timedelta, count: int, season: int
) -> None:
    got, summary = forecast(tmp_path, every(step, count, start), season)
    assert got["ts"].to_list() == [start + (count + i) * step for i in range(6)]
    assert not summary.duplicates and not summary.refused


def test_hours_on_the_half_hour_are_all_used(tmp_path: Path) -> None:
    whole, _ = forecast(tmp_path, every(timedelta(hours=1), 480), 24, horizon=24)
    half, _ = forecast(
        tmp_path, every(timedelta(hours=1), 480, START + timedelta(minutes=30)), 24, horizon=24
    )
    assert half["value"].to_list() == whole["value"].to_list()


def test_days_of_a_local_clock_go_on_at_local_midnight(tmp_path: Path) -> None:
    zone = "Europe/Berlin"
    ts = pl.datetime_range(date(2024, 1, 1), date(2024, 6, 1), "1d", time_zone=zone, eager=True)
    got, summary = forecast(tmp_path, ts, 7)
    assert got["ts"][0] == datetime(2024, 6, 1, 22, tzinfo=UTC)
    assert summary.models == ("planning",) and not summary.refused


@pytest.mark.parametrize(
    ("every_so", "first", "last", "expected"),
    [
        ("1mo", date(2018, 1, 1), date(2022, 12, 1), [date(2023, 1, 1), date(2023, 2, 1), date(2023, 3, 1)]),
        ("3mo", date(2010, 2, 15), date(2022, 11, 15), [date(2023, 2, 15), date(2023, 5, 15)]),
        ("1y", date(1990, 1, 1), date(2019, 1, 1), [date(2020, 1, 1), date(2021, 1, 1)]),
    ],
)
def test_months_go_on_by_the_calendar(
    tmp_path: Path, every_so: str, first: date, last: date, expected: list[date]
) -> None:
    ts = pl.date_range(first, last, every_so, eager=True)
    got, _ = forecast(tmp_path, ts, 12, horizon=len(expected))
    assert got["ts"].dt.date().to_list() == expected


def test_month_ends_stay_month_ends(tmp_path: Path) -> None:
    ts = pl.date_range(date(2019, 1, 31), date(2023, 12, 31), "1mo", eager=True).dt.month_end()
    got, _ = forecast(tmp_path, ts, 12, horizon=3)
    assert got["ts"].dt.date().to_list() == [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)]


def test_slots_and_stamps_undo_each_other() -> None:
    ends = pl.date_range(date(2019, 1, 31), date(2023, 12, 31), "1mo", eager=True).dt.month_end()
    for ts in (
        every(timedelta(minutes=45), 50, START + timedelta(minutes=7)),
        ends.cast(pl.Datetime("us")),
        pl.date_range(date(1969, 5, 3), date(1971, 5, 3), "1mo", eager=True).cast(pl.Datetime("us")),
    ):
        stamps = stamps_of(ts)
        grid = Grid.of(stamps)
        slots = grid.slots(stamps)
        assert np.diff(slots).tolist() == [1] * (len(ts) - 1)
        assert grid.stamps(slots).tolist() == stamps.tolist()


def test_a_year_of_days_can_be_forecast_three_years_ahead(tmp_path: Path) -> None:
    got, summary = forecast(tmp_path, every(timedelta(days=1), 400), 7, horizon=1_000)
    assert got.height == 1_000 and got["value"].is_finite().all()
    assert summary.models == ("planning",)


def csv(folder: Path, rows: list[str], head: str = "entity,step,value") -> Path:
    path = folder / "in.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_a_csv_of_whole_numbers_may_become_exact_later(tmp_path: Path) -> None:
    path = csv(tmp_path, [f"a,{i},{i % 24 if i < 10_400 else i % 24 + 0.5}" for i in range(10_500)])
    read = read_series(path)
    assert read.rows.height == 10_500 and read.skipped == 0
    assert read.rows["value"][-1] == 10_499 % 24 + 0.5


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    path = csv(tmp_path, [f"{name},{i},{i}" for name in ("007", "7", "7.0") for i in range(3)])
    read = read_series(path)
    assert read.rows["entity"].unique().sort().to_list() == ["007", "7", "7.0"]
    assert read.duplicates == 0


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-02",
        "2024-01-02T00:00Z",
        "2024-01-02 01:00:00+01:00",
        " 2024-01-02 00:00 ",
        "02.01.2024 00:00",
    ],
)
def test_times_of_a_csv(tmp_path: Path, text: str) -> None:
    read = read_series(csv(tmp_path, [f"a,{text},1", "a,soon,2", "a,,3"], "entity,ts,value"))
    assert read.rows["ts"].to_list() == [datetime(2024, 1, 2, tzinfo=UTC)]
    assert read.skipped == 2


def test_infinite_and_unreadable_values_are_counted_and_hide_no_others(tmp_path: Path) -> None:
    read = read_series(csv(tmp_path, ["a,1,5", "a,1,inf", "a,2,1e300", "a,3,n/a", "a,4,NaN", "a,5,"]))
    assert read.rows["value"].to_list() == [5.0, None, None, None, None]
    assert (read.skipped, read.duplicates) == (3, 1)


@pytest.mark.parametrize(
    ("rows", "head", "message"),
    [
        (["a,01/13/2024 00:00,1"], "entity,ts,value", "the first ts is '01/13/2024 00:00', expected e.g."),
        (["a,1704067200,1"], "entity,ts,value", "integer slots go into a column named step"),
        (["a,0.5,1"], "entity,step,value", "step is '0.5', expected an integer"),
        (["a,1,2,3"], "entity,step,value", "cannot read"),
        ([], "entity,step,value", "no row has an entity and a step"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, rows: list[str], head: str, message: str) -> None:
    with pytest.raises(HeadroomError, match=message) as raised:
        read_series(csv(tmp_path, rows, head))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("value", [[1.0]] * 3, "value is List"),
        ("value", [START] * 3, "value is Datetime"),
        ("entity", [["a"]] * 3, "entity is List"),
        ("entity", [b"\xff\xfe"] * 3, "entity is Binary"),
        ("step", pl.Series([2**63, 2**63 + 1, 2**63 + 2], dtype=pl.UInt64), "beyond 64 bits"),
    ],
)
def test_columns_of_other_types_are_one_line(
    tmp_path: Path, column: str, values: object, message: str
) -> None:
    frame = pl.DataFrame({"entity": "a", "step": [0, 1, 2], "value": [1.0, 2.0, 3.0]})
    frame.with_columns(pl.Series(column, values)).write_parquet(tmp_path / "in.parquet")  # type: ignore[arg-type]
    with pytest.raises(SourceError, match=message):
        read_series(tmp_path / "in.parquet")


def test_a_far_off_slot_is_named_and_not_computed(tmp_path: Path) -> None:
    frame = pl.DataFrame({"entity": "a", "step": [0, *range(10**10, 10**10 + 99)], "value": wave(100)})
    frame.write_parquet(tmp_path / "in.parquet")
    with pytest.raises(SourceError, match=r"a/value goes from 0 to 10000000098.*is a step wrong\?"):
        forecast_file(tmp_path / "in.parquet", 3, tmp_path / "out.parquet", processes=1)


def test_an_out_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    frame = pl.DataFrame({"entity": "a", "step": range(100), "value": wave(100)})
    frame.write_parquet(tmp_path / "in.parquet")
    for out in (tmp_path, tmp_path / "in.parquet" / "out.parquet"):
        with pytest.raises(ConfigError, match="cannot write"):
            forecast_file(tmp_path / "in.parquet", 3, out, processes=1)
