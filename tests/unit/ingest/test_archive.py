"""The archive of readings: what it gives back, merges, forgets, and what it does when a file is damaged."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.errors import SourceError
from ingest.archive import FILES_AT_ONCE, keep, kept, tidy
from ingest.readings import READING_SCHEMA
from tests.unit.ingest.payloads import START

EVERYTHING = START - timedelta(days=1), START + timedelta(days=9)


def readings(*rows: tuple[str, float, float]) -> pl.DataFrame:
    """Of resource, minutes after START, value."""
    return pl.DataFrame(
        [
            (0, resource, "demand", 0, "{}", "gauge", START + timedelta(minutes=minutes), None, value)
            for resource, minutes, value in rows
        ],
        schema=READING_SCHEMA,
        orient="row",
    )


def values(folder: Path, *resources: str, since: datetime = START, minutes: float = 6_000) -> list[float]:
    until = since + timedelta(minutes=minutes)
    found = kept(folder, since, until, pl.Series(resources, dtype=pl.String))
    return found.unique(["resource", "ts"], keep="last", maintain_order=True).sort("ts")["value"].to_list()


def test_it_gives_back_what_was_kept_of_a_time_and_of_some_resources(tmp_path: Path) -> None:
    keep(tmp_path, readings(("a", 0, 1.0), ("b", 0, 2.0), ("a", 90, 3.0), ("a", 1_500, 4.0)), START)
    assert values(tmp_path, "a") == [1.0, 3.0, 4.0]
    assert values(tmp_path, "b") == [2.0]
    assert values(tmp_path, "a", since=START + timedelta(minutes=1), minutes=89) == [3.0]
    assert values(tmp_path / "none", "a") == []


def test_of_two_readings_of_a_moment_the_later_one_counts_also_after_merging(tmp_path: Path) -> None:
    for number in range(FILES_AT_ONCE + 1):
        keep(tmp_path, readings(("a", 0, float(number)), ("a", 1 + number, 0.5)), START)
    assert len(list(tmp_path.iterdir())) == FILES_AT_ONCE + 1
    before = values(tmp_path, "a")
    tidy(tmp_path, START, timedelta(days=2))
    assert len(list(tmp_path.iterdir())) == 1
    assert values(tmp_path, "a") == before
    assert before[0] == FILES_AT_ONCE
    keep(tmp_path, readings(("a", 0, 99.0)), START)
    assert values(tmp_path, "a")[0] == 99.0


def test_it_forgets_by_when_things_came_not_by_what_they_are_about(tmp_path: Path) -> None:
    keep(tmp_path, readings(("a", 0, 1.0)), START)
    keep(tmp_path, readings(("a", 1, 2.0)), START + timedelta(days=3))
    tidy(tmp_path, START + timedelta(days=3), timedelta(days=2))
    assert values(tmp_path, "a") == [2.0]


def test_a_damaged_file_is_named_when_it_is_needed_and_harms_nothing_before(tmp_path: Path) -> None:
    for number in range(FILES_AT_ONCE):
        keep(tmp_path, readings(("a", 0, float(number))), START)
    keep(tmp_path, readings(("a", 600, 7.0)), START)
    damaged = sorted(tmp_path.iterdir())[2]
    damaged.write_bytes(b"PAR1 nonsense")
    (tmp_path / "notes.parquet").write_bytes(b"")
    tidy(tmp_path, START, timedelta(days=2))
    assert values(tmp_path, "a", since=START + timedelta(minutes=500)) == [7.0]
    with pytest.raises(SourceError, match=rf"{damaged.name}: cannot be read: .* remove it"):
        values(tmp_path, "a")
