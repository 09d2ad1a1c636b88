"""The archive of readings: what it gives back, merges, forgets, and what it does when a file is damaged."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.errors import SourceError
from ingest.archive import FILES_AT_ONCE, Listing, _owned, keep, tidy
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
    found = Listing(folder).kept(since, until, pl.Series(resources, dtype=pl.String))
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


WRITER = """
import sys
import time
from pathlib import Path
from ingest.archive import _owned
with _owned(Path(sys.argv[1])) as file:
    file.write(b"PAR1")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    """The writer is a process of its own that waits with a file half written, until it is killed."""
    keep(tmp_path, readings(("a", 0, 1.0)), START)
    living = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "2024050100-000000000002-0.partial")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert living.stdout is not None
    with living, living.stdout:
        assert living.stdout.readline() == "writing\n"
        left = tmp_path / "2024050100-000000000001-0.partial"
        left.write_bytes(b"PAR1")
        tidy(tmp_path, START, timedelta(days=2))
        assert {path.name for path in tmp_path.glob("*.partial")} == {"2024050100-000000000002-0.partial"}
        living.kill()
        living.wait()
    tidy(tmp_path, START, timedelta(days=2))
    assert list(tmp_path.glob("*.partial")) == []
    assert values(tmp_path, "a") == [1.0]


def test_writing_and_tidying_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """A file is never taken for abandoned between its making and its lock."""
    stop = threading.Event()

    def tidies() -> None:
        while not stop.is_set():
            tidy(tmp_path, START, timedelta(days=2))

    tidying = threading.Thread(target=tidies)
    keep(tmp_path, readings(("a", 0, 0.0)), START)
    tidying.start()
    try:
        for number in range(1, 100):
            partial = tmp_path / f"{number}.partial"
            with _owned(partial) as file:
                file.write(b"x")
                partial.replace(tmp_path / f"{number}.whole")
    finally:
        stop.set()
        tidying.join()
    assert len(list(tmp_path.glob("*.whole"))) == 99
    assert list(tmp_path.glob("*.partial")) == []
