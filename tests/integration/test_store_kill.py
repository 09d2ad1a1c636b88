"""Writers are killed at random moments: what was acknowledged is there, whole, and readers never notice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from data.errors import StoreLocked
from data.snapshot import Snapshot
from data.store import Store

WRITER = Path(__file__).parent / "store_writer.py"
UPKEEP = Path(__file__).parent / "upkeep_writer.py"
ROOT = Path(__file__).parents[2]
ROWS = 3_000
ROWS_OF_UPKEEP = 400


def start(folder: Path, first: int, writer: Path = WRITER) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(writer), str(folder), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def numbers(lines: list[str], word: str) -> list[int]:
    return [int(line.split()[1]) for line in lines if line.startswith(word + " ")]


@pytest.mark.slow
def test_killed_writers_lose_nothing_and_disturb_nobody(tmp_path: Path) -> None:
    chance = random.Random(20240101)
    acknowledged: set[int] = set()
    published = -1
    reader: Snapshot | None = None
    for _ in range(10):
        writer = start(tmp_path, max(acknowledged, default=-1) + 1)
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "open"
        time.sleep(chance.uniform(0.05, 1.2))
        writer.send_signal(signal.SIGKILL)
        lines = writer.stdout.read().splitlines()
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL
        acknowledged |= set(numbers(lines, "loaded"))
        published = max([published, *numbers(lines, "published")])

        if published >= 0:
            with Snapshot.open(tmp_path / "published") as snapshot:
                assert int(snapshot.run_id.removeprefix("run-")) >= published
                assert snapshot.frame("rollups_of_hour").height > 0
        if reader is not None:
            assert reader.table("series").height == ROWS  # of a file that may have been pruned since
        elif published >= 0:
            reader = Snapshot.open(tmp_path / "published")

        with Store.open(tmp_path / "headroom.duckdb") as store:
            kept = store.frame("samples_of").group_by("ts").agg(pl.len(), pl.col("value").unique())
        assert set(kept["len"]) <= {ROWS}, "a batch was kept in part"
        minutes = {round(values[0]) for values in kept["value"]}
        assert acknowledged <= minutes
        assert len(minutes - acknowledged) <= 1, "only the batch at hand may be kept without a word"
        acknowledged |= minutes
    assert len(acknowledged) > 20 and published >= 0 and reader is not None
    reader.close()
    with Store.open(tmp_path / "headroom.duckdb") as store:
        store.refresh_rollups()
        counted = store.frame("rollups_of_day", resource="vm-7")["count"].to_list()
        assert sum(counted) == len(acknowledged)


@pytest.mark.slow
def test_upkeep_killed_at_any_moment_keeps_every_day(tmp_path: Path) -> None:
    chance = random.Random(20240202)
    acknowledged = compacted = -1
    path = tmp_path / "headroom.duckdb"
    for rounds in range(40):
        writer = start(tmp_path, acknowledged + 1, UPKEEP)
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "start"
        time.sleep(chance.uniform(0.1, 1.5))
        writer.send_signal(signal.SIGKILL)
        lines = writer.stdout.read().splitlines()
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL
        compacted = max([compacted, *numbers(lines, "compacted")])
        with Store.open(path) as store:
            store.refresh_rollups()
            days = store.frame("rollups_of_day")
            raw = store.frame("samples_of")
        counted = days.group_by("day").agg(pl.len(), pl.col("mean").unique(), pl.col("count").unique())
        assert set(counted["len"]) <= {ROWS_OF_UPKEEP}
        assert set(counted["count"].explode()) <= {1}
        kept = sorted(round(mean[0]) for mean in counted["mean"])
        assert kept == list(range(len(kept))), "a day is lost, though its samples may be gone"
        assert len(kept) - 1 >= max([acknowledged, *numbers(lines, "loaded")])
        acknowledged = len(kept) - 1
        newest = set(raw["value"].unique().to_list())
        assert newest >= set(range(max(acknowledged - 7, 0), acknowledged + 1)), "a sample went too early"
        if rounds >= 7 and compacted >= 3:
            break
    assert compacted >= 3


@pytest.mark.slow
def test_a_second_writer_waits_or_says_who_holds_the_lock(tmp_path: Path) -> None:
    writer = start(tmp_path, 0)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "open"
        with pytest.raises(StoreLocked, match=f"process {writer.pid}"):
            Store.open(tmp_path / "headroom.duckdb")
        with pytest.raises(StoreLocked, match=f"process {writer.pid}"):
            Store.open_readonly(tmp_path / "headroom.duckdb")
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    Store.open(tmp_path / "headroom.duckdb").close()  # the lock of a dead process is taken over


@pytest.mark.slow
def test_two_processes_that_load_the_same_take_turns(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from data.store import Store;"
        "sys.path.insert(0, 'tests/integration'); from store_writer import batch\n"
        "for n in range(10):\n"
        "    with Store.open(Path(sys.argv[1]), wait_seconds=60) as store:\n"
        "        store.load(batch(n), run_id='r', source='s')\n"
    )
    path = tmp_path / "headroom.duckdb"
    both = [subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    with Store.open(path) as store:
        assert store.frame("samples_of").height == 10 * ROWS
