"""Every question in data/sql can be asked of an empty store and of an empty snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from data.errors import UnknownName
from data.query import FOLDER, text_of
from data.snapshot import Snapshot
from data.store import Store

WRITES = frozenset({"load", "rollup", "capacity", "compact", "verify"})
"""First word of the questions that the store asks itself; they read frames and temporary tables."""

FRAMES = """
CREATE TEMP TABLE fresh (resource VARCHAR, metric VARCHAR, step_seconds INTEGER);
CREATE TEMP TABLE staged (series_id INTEGER, ts TIMESTAMP, value DOUBLE, value_max DOUBLE, capacity DOUBLE);
CREATE TEMP TABLE touched (series_id INTEGER, day DATE, first_ts TIMESTAMP, last_ts TIMESTAMP);
CREATE TEMP TABLE asked (place UINTEGER, series_id INTEGER, ts TIMESTAMP);
CREATE TEMP TABLE corrected (stored_row BIGINT);
CREATE TEMP TABLE earlier (series_id INTEGER, ts TIMESTAMP, old_value DOUBLE, old_value_max DOUBLE,
    old_capacity DOUBLE);
CREATE TEMP TABLE refused (place UINTEGER, origin VARCHAR, line BIGINT, reason VARCHAR, raw VARCHAR);
CREATE TEMP TABLE touching (series_id INTEGER, day DATE);
CREATE TEMP TABLE stale (series_id INTEGER, day DATE);
CREATE TEMP TABLE fresh_hour AS FROM rollup_hour;
CREATE TEMP VIEW verify_points AS FROM forecast_points;
CREATE TEMP VIEW verify_series AS FROM forecast_series;
"""
QUERIES = sorted(file.stem for file in FOLDER.glob("*.sql"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("sql") / "headroom.duckdb") as opened:
        opened._connection.execute(FRAMES)
        yield opened


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    folder = tmp_path_factory.mktemp("empty")
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    with Store.open(folder / "headroom.duckdb") as opened:
        opened.publish(
            folder,
            run_id="empty",
            as_of=moment,
            published_at=moment,
            program_version="0",
            currency="EUR",
            settings_json="{}",
        )
    with Snapshot.open(folder) as published:
        yield published


@pytest.mark.parametrize("query", QUERIES)
def test_every_question_can_be_planned_on_an_empty_store(store: Store, query: str) -> None:
    text, names = text_of(query)
    plan = store._connection.execute(f"EXPLAIN {text}", dict.fromkeys(names)).fetchall()
    assert plan


@pytest.mark.parametrize("query", [name for name in QUERIES if name.split("_")[0] not in WRITES])
def test_every_reading_question_can_be_asked_of_an_empty_snapshot(snapshot: Snapshot, query: str) -> None:
    assert isinstance(snapshot.frame(query), pl.DataFrame)


@pytest.mark.parametrize("query", QUERIES)
def test_every_question_says_what_it_asks(query: str) -> None:
    lines = (FOLDER / f"{query}.sql").read_text(encoding="utf-8").splitlines()
    header = [line for line in lines if line.startswith("--")]
    assert header[0].endswith((".", "?")) and any(line.startswith("-- parameters   ") for line in header), (
        header
    )
    assert any(line.startswith("-- grain        ") for line in header), header
    _, names = text_of(query)
    stated = " ".join(header)
    assert [name for name in names if f"${name}" not in stated] == [], "parameters the header does not state"


def test_unknown_questions_and_parameters_are_named(store: Store) -> None:
    with pytest.raises(UnknownName, match="did you mean panel_hour"):
        store.frame("panel_hours")
    with pytest.raises(UnknownName, match="metrics"):
        store.frame("panel_series", metric="cpu")
    with pytest.raises(UnknownName, match="unknown query"):
        store.frame("../migrations/0001_measurements")


def test_times_come_back_in_utc(store: Store) -> None:
    frame = store.frame("samples_of")
    assert frame.schema["ts"] == pl.Datetime("us", "UTC")


def test_duckdb_never_fetches_extensions(store: Store) -> None:
    with pytest.raises(duckdb.Error):
        store._connection.execute("FROM read_csv('s3://nowhere/x.csv')").fetchall()


def test_the_folder_of_questions_is_part_of_the_package() -> None:
    assert (Path(__file__).parents[3] / "data" / "sql").samefile(FOLDER)
