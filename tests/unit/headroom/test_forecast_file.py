"""Forecasts of any file: what is read, what is written, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError, SourceError, SourceUnavailable, UnknownName
from headroom.file_knowledge import FileKnowledge
from headroom.forecast_file import forecast_file

START = datetime(2024, 3, 4, tzinfo=UTC)
HOURS = 24 * 21


def demand(slots: int = HOURS, level: float = 10.0, season: int = 24, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    shape = level * (1 + 0.4 * np.sin(2 * np.pi * np.arange(slots) / season))
    return [float(v) for v in shape + rng.normal(0, 0.03 * level, slots)]


def hours(entity: str, values: list[float], start: datetime = START, **more: object) -> pl.DataFrame:
    ts = [start + timedelta(hours=i) for i in range(len(values))]
    return pl.DataFrame({"entity": entity, "ts": ts, "value": values, **more})


def steps(entity: str, values: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"entity": entity, "step": range(len(values)), "value": values})


def run(
    tmp_path: Path, frame: pl.DataFrame, horizon: int = 24, **more: object
) -> tuple[pl.DataFrame, object]:
    frame.write_parquet(tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    summary = forecast_file(tmp_path / "in.parquet", horizon, out, processes=1, **more)  # type: ignore[arg-type]
    return pl.read_parquet(out), summary


def test_hours_go_on_where_they_ended(tmp_path: Path) -> None:
    frame = pl.concat([hours("a", demand()), hours("b", demand(level=50.0))])
    got, summary = run(tmp_path, frame, levels=(0.9, 0.1, 0.5))
    assert got.columns == ["entity", "metric", "ts", "level", "value", "model"]
    assert got.height == summary.rows == 2 * 24 * 3  # type: ignore[attr-defined]
    first = got.filter(entity="a")["ts"].min()
    assert first == START + timedelta(hours=HOURS)
    assert got["ts"].n_unique() == 24
    assert got["level"].unique().sort().to_list() == [0.1, 0.5, 0.9]
    middle = got.filter(entity="b", level=0.5)["value"].to_numpy()
    expected = 50 * (1 + 0.4 * np.sin(2 * np.pi * np.arange(HOURS, HOURS + 24) / 24))
    np.testing.assert_allclose(middle, expected, rtol=0.08)
    assert got["model"].unique().to_list() == ["fleet"]


def test_integer_steps_of_different_lengths_each_go_on_from_their_own_end(tmp_path: Path) -> None:
    frame = pl.concat([steps("long", demand(700)), steps("short", demand(500, level=3.0))])
    got, _ = run(tmp_path, frame, horizon=48)
    assert got.filter(entity="long")["step"].min() == 700
    assert got.filter(entity="short")["step"].min() == 500
    assert got.filter(entity="short")["step"].max() == 547
    middle = got.filter(entity="short", level=0.5)["value"].to_numpy()
    expected = 3 * (1 + 0.4 * np.sin(2 * np.pi * np.arange(500, 548) / 24))
    np.testing.assert_allclose(middle, expected, rtol=0.1)


def test_a_named_season_is_used(tmp_path: Path) -> None:
    values = demand(600, season=10)
    got, _ = run(tmp_path, steps("a", values), horizon=10, season=10)
    expected = 10 * (1 + 0.4 * np.sin(2 * np.pi * np.arange(600, 610) / 10))
    np.testing.assert_allclose(got.filter(level=0.5)["value"].to_numpy(), expected, rtol=0.08)


def test_days_are_left_to_planning(tmp_path: Path) -> None:
    values = demand(200, season=7)
    days = hours("a", values).with_columns(ts=pl.Series([START + timedelta(days=i) for i in range(200)]))
    got, summary = run(tmp_path, days, horizon=90)
    assert summary.models == ("planning",)  # type: ignore[attr-defined]
    assert got["ts"].max() == START + timedelta(days=289)


def test_csv_in_and_out_with_a_metric(tmp_path: Path) -> None:
    frame = pl.concat([hours("a", demand(), metric="cpu"), hours("a", demand(level=4.0), metric="memory")])
    frame.write_csv(tmp_path / "in.csv")
    out = tmp_path / "deep" / "out.csv"
    summary = forecast_file(tmp_path / "in.csv", 6, out, levels=(0.5,), processes=1)
    got = pl.read_csv(out, try_parse_dates=True)
    assert summary.series == 2
    assert got.group_by("metric").len().sort("metric").rows() == [("cpu", 6), ("memory", 6)]
    assert got["ts"][0].replace(tzinfo=UTC) == START + timedelta(hours=HOURS)


def test_refused_series_are_named_and_get_the_fallback(tmp_path: Path) -> None:
    frame = pl.concat(
        [hours("new", [1.0, 2.0, 3.0], START + timedelta(hours=HOURS - 3)), hours("old", demand())]
    )
    got, summary = run(tmp_path, frame)
    ((key, reason),) = summary.refused  # type: ignore[attr-defined]
    assert key.subject == "new"
    assert reason == "3 reported slots of history, at least 24 are needed; used last_value (fallback)"
    rows = got.filter(entity="new", level=0.5)
    assert rows["value"].to_list() == [3.0] * 24
    assert rows["model"].unique().to_list() == ["last_value (fallback)"]
    assert "1 series refused" in summary.sentence()  # type: ignore[attr-defined]


def test_gaps_doubles_and_unreadable_rows_are_counted(tmp_path: Path) -> None:
    frame = hours("a", demand()).with_columns(pl.col("value").cast(pl.String))
    broken = pl.DataFrame(
        {"entity": ["a", None], "ts": [START, START], "value": ["n/a", "1"]}, schema=frame.schema
    )
    frame = pl.concat([frame.filter(pl.int_range(pl.len()) % 17 != 3), frame.head(2), broken])
    got, summary = run(tmp_path, frame)
    assert summary.skipped == 2  # type: ignore[attr-defined]
    assert summary.duplicates == 3  # type: ignore[attr-defined]
    assert got["value"].is_finite().all()


def test_jittered_stamps_are_snapped_to_their_step(tmp_path: Path) -> None:
    ts = [START + timedelta(seconds=300 * i + (i * 7919) % 3 - 1) for i in range(2000)]
    values = demand(2000, season=288)
    got, _ = run(tmp_path, pl.DataFrame({"entity": "a", "ts": ts, "value": values}), horizon=12)
    assert got["ts"].min() == START + timedelta(minutes=5 * 2000)
    assert set(got["ts"].unique().sort().diff().drop_nulls()) == {timedelta(minutes=5)}


def test_a_series_that_ended_a_little_earlier_is_forecast_from_the_common_end(tmp_path: Path) -> None:
    frame = pl.concat([hours("a", demand()), hours("b", demand()[: HOURS - 5])])
    got, _ = run(tmp_path, frame)
    assert got.group_by("entity").agg(pl.col("ts").min())["ts"].n_unique() == 1


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"name": ["a"], "value": [1.0]}), "columns are name, value"),
        (pl.DataFrame({"entity": ["a"], "value": [1.0], "step": [0.5]}), "expected an integer"),
        (pl.DataFrame({"entity": ["a"], "value": [1.0], "ts": [5]}), "expected a timestamp"),
        (pl.DataFrame({"entity": [], "value": [], "step": pl.Series([], dtype=pl.Int32)}), "no row has"),
    ],
)
def test_other_columns_are_an_error(tmp_path: Path, frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        run(tmp_path, frame)


def test_senseless_settings_are_an_error(tmp_path: Path) -> None:
    frame = steps("a", demand(100))
    with pytest.raises(ConfigError, match="horizon"):
        run(tmp_path, frame, horizon=0)
    with pytest.raises(ConfigError, match="levels"):
        run(tmp_path, frame, levels=(0.5, 1.0))
    with pytest.raises(UnknownName, match="did you mean fleet"):
        run(tmp_path, frame, model="fleeet")
    with pytest.raises(SourceUnavailable, match="cannot read"):
        forecast_file(tmp_path / "none.parquet", 5, tmp_path / "out.parquet")


def office(days: int, holidays: set[datetime]) -> list[float]:
    """Busy on working days from 8 to 18; a holiday is like a weekend."""
    rng = np.random.default_rng(4)
    values = []
    for i in range(24 * days):
        moment = START + timedelta(hours=i)
        midnight = moment.replace(hour=0)
        works = moment.weekday() < 5 and midnight not in holidays and 8 <= moment.hour < 18
        values.append((50.0 if works else 8.0) * float(np.exp(rng.normal(0, 0.03))))
    return values


def test_public_holidays_of_a_country_are_like_those_before(tmp_path: Path) -> None:
    """Good Friday, Easter Monday and Labour Day are in the history, Ascension Day (9 May 2024) is ahead."""
    holidays = {datetime(2024, month, day, tzinfo=UTC) for month, day in ((3, 29), (4, 1), (5, 1))}
    frame = hours("a", office(65, holidays))
    assert frame["ts"].max() < datetime(2024, 5, 9, tzinfo=UTC)
    noon = pl.col("ts") == datetime(2024, 5, 9, 12, tzinfo=UTC)
    without, _ = run(tmp_path, frame, horizon=72)
    told, _ = run(tmp_path, frame, horizon=72, known=FileKnowledge(country="DE"))
    assert without.filter(noon, level=0.5)["value"][0] > 35
    assert told.filter(noon, level=0.5)["value"][0] < 15
    after = pl.col("ts") == datetime(2024, 5, 10, 12, tzinfo=UTC)
    assert told.filter(after, level=0.5)["value"][0] > 35


def events(tmp_path: Path, text: str) -> FileKnowledge:
    file = tmp_path / "events.csv"
    file.write_text(text)
    return FileKnowledge(events=file)


def test_announced_events_and_masks_come_from_a_table(tmp_path: Path) -> None:
    broken = demand(seed=1)
    broken[-40:-16] = [v * 9 for v in broken[-40:-16]]
    frame = pl.concat([hours("a", demand()), hours("b", broken)])
    end = START + timedelta(hours=HOURS)
    first, last = end + timedelta(hours=6), end + timedelta(hours=12)
    fault = START + timedelta(hours=HOURS - 40), START + timedelta(hours=HOURS - 16)
    known = events(
        tmp_path,
        "ts,ends_at,subject,kind,description,factor\n"
        f"{first:%Y-%m-%dT%H:%M}Z,{last:%Y-%m-%d %H:%M},a,,sale,2.5\n"
        f"{fault[0].isoformat()},{fault[1].isoformat()},b,anomaly,test load,\n",
    )
    plain, _ = run(tmp_path, frame, levels=(0.5,))
    told, _ = run(tmp_path, frame, levels=(0.5,), known=known)
    ratio = told.filter(entity="a")["value"] / plain.filter(entity="a")["value"]
    np.testing.assert_allclose(ratio, [2.5 if 6 <= hour < 12 else 1.0 for hour in range(24)], rtol=0.02)
    usual = 10 * (1 + 0.4 * np.sin(2 * np.pi * np.arange(HOURS, HOURS + 24) / 24))
    apart = [np.abs(got.filter(entity="b")["value"].to_numpy() - usual).mean() for got in (plain, told)]
    assert apart[1] < 0.5
    assert apart[1] < 0.8 * apart[0]


def test_days_are_told_too(tmp_path: Path) -> None:
    days = hours("a", demand(200, season=7)).with_columns(
        ts=pl.Series([START + timedelta(days=i) for i in range(200)])
    )
    known = events(tmp_path, "ts,ends_at,factor\n2024-09-23,2024-09-25,3\n")
    plain, _ = run(tmp_path, days, horizon=14, levels=(0.5,))
    told, summary = run(tmp_path, days, horizon=14, levels=(0.5,), known=known)
    assert summary.models == ("planning",)  # type: ignore[attr-defined]
    ratio = (told["value"] / plain["value"]).to_numpy()
    at = [(day - datetime(2024, 9, 20, tzinfo=UTC)).days for day in told["ts"]]
    np.testing.assert_allclose(ratio, [3.0 if day in (3, 4) else 1.0 for day in at], rtol=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("when,factor\n2024-03-05,2\n", "columns are when, factor; ts is needed"),
        ("ts,factor\n5 March,2\n", "ts is not readable: '5 March'"),
        ("ts,factor\n2024-03-05,twice\n", "factor is not readable: 'twice'"),
        ("ts,factor\n,2\n", "an event has no ts"),
        ("ts,ends_at,factor\n2024-03-05,2024-03-04,2\n", "ends before it starts"),
        ("ts,kind\n2024-03-05,deployment\n", "an event of kind deployment needs a factor"),
        ("ts,kind\n2024-03-05,\n", r"an event of kind \(none\) needs a factor"),
        ("ts,factor\n2024-03-05,-2\n", "greater than or equal to 0"),
    ],
)
def test_senseless_events_are_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        run(tmp_path, hours("a", demand()), known=events(tmp_path, text))


def test_what_is_known_needs_dates_and_names_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="integer steps"):
        run(tmp_path, steps("a", demand(100)), known=FileKnowledge(country="DE"))
    with pytest.raises(ConfigError, match="no public holidays are known for 'XX'"):
        run(tmp_path, hours("a", demand()), known=FileKnowledge(country="XX"))
    with pytest.raises(ConfigError, match="no time zone 'Berlin'"):
        run(tmp_path, hours("a", demand()), known=FileKnowledge(zone="Berlin"))
    with pytest.raises(SourceUnavailable, match="cannot read"):
        run(tmp_path, hours("a", demand()), known=FileKnowledge(events=tmp_path / "none.csv"))


def test_nothing_known_changes_nothing(tmp_path: Path) -> None:
    frame = pl.concat([hours("a", demand()), hours("b", demand(), START - timedelta(days=30))])
    plain, _ = run(tmp_path, frame)
    told, _ = run(tmp_path, frame, known=FileKnowledge())
    assert plain.equals(told)
