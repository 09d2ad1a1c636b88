"""Two ingest commands at the same time: one waits or says who holds the store; nothing is lost or twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.store import Store

ROOT = Path(__file__).parents[2]
ROWS = 120_000


def start(folder: Path, source: str, wait: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "headroom", "ingest", source],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HEADROOM_STORE__LOCK_WAIT_SECONDS": str(wait)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sources that overlap: half of the rows of one are in the other."""
    tables = []
    for number, source in enumerate(("one", "two")):
        rows = (
            f"2024-05-{1 + i // 1440 % 28:02}T{i // 60 % 24:02}:{i % 60:02}Z,r{i // 40320},cpu,{i % 97},cores"
            for i in range(number * ROWS // 2, number * ROWS // 2 + ROWS)
        )
        (tmp_path / f"{source}.csv").write_text("ts,resource,metric,value,unit\n" + "\n".join(rows) + "\n")
        tables.append(f'[source.{source}]\nkind = "files"\npaths = ["{source}.csv"]\n')
    (tmp_path / "headroom.toml").write_text("".join(tables))
    return tmp_path


def samples(folder: Path) -> int:
    with Store.open_readonly(folder / "var" / "headroom.duckdb") as store:
        return int(store.frame("status_counts")["samples"][0])


def test_the_second_waits_and_nothing_is_lost(folder: Path) -> None:
    both = [start(folder, source, 60) for source in ("one", "two")]
    answers = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert samples(folder) == ROWS + ROWS // 2


def test_who_waited_takes_the_time_when_it_begins(folder: Path) -> None:
    """By the time before, the newest of what the first one loaded could lie in the future."""
    path = folder / "var" / "headroom.duckdb"
    with Store.open(path):
        second = start(folder, "two", 60)
        time.sleep(4)  # so that it surely waits
        released = datetime.now(UTC)
    _, told = second.communicate(timeout=120)
    assert second.returncode == 0, told
    with Store.open_readonly(path) as store:
        begun = store.frame("status_runs")["run_id"].max()
    assert isinstance(begun, str) and begun >= f"{released:%Y%m%dT%H%M%S}"


def test_without_waiting_it_says_who_holds_the_store(folder: Path) -> None:
    with Store.open(folder / "var" / "headroom.duckdb"):
        second = start(folder, "two", 0)
        _, told = second.communicate(timeout=60)
    assert second.returncode == 1
    (line,) = told.splitlines()
    assert line.startswith("headroom: ") and f"is being written by process {os.getpid()}" in line
    third = start(folder, "two", 0)
    assert third.communicate(timeout=60) and third.returncode == 0
    assert samples(folder) == ROWS
