"""Takes in late and repeated requests while being killed at random moments: the store shows nothing of it."""

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

from data.store import Store
from ingest.landing import Kind, Landing, segments
from tests.integration.pushed_writer import RECEIVED, finish, load, requests, whole

WRITER = Path(__file__).parent / "pushed_writer.py"
ROOT = Path(__file__).parents[2]


def samples(store: Store) -> pl.DataFrame:
    rows = store.frame("samples_of").filter(pl.col("resource") == "web-1")
    return rows.select("resource", "metric", "ts", "value", "value_max", "capacity").sort("metric", "ts")


@pytest.mark.slow
def test_killed_between_taking_in_and_loading_nothing_is_lost_and_nothing_counts_twice(
    tmp_path: Path,
) -> None:
    chance = random.Random(11)
    first = kills = 0
    while first < len(requests()):
        writer = subprocess.Popen(
            [sys.executable, str(WRITER), str(tmp_path), str(first)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert writer.stdout is not None
        told = [writer.stdout.readline()]
        if kills < 6:
            time.sleep(chance.uniform(0.05, 0.9))
            writer.send_signal(signal.SIGKILL)
            kills += 1
        told += writer.stdout.readlines()
        writer.stdout.close()
        writer.wait()
        # What was not acknowledged is sent again, although it may have been kept.
        first = max([first, *(int(line.split()[1]) + 1 for line in told if line.startswith("landed "))])
    assert kills == 6
    with Store.open(tmp_path / "headroom.duckdb") as store:
        load(tmp_path / "landing", store)
        finish(tmp_path / "landing", store)
        found = samples(store)
    with Store.open(tmp_path / "reference.duckdb") as store:
        with Landing(tmp_path / "at once", 2**30) as landing:
            landing.append(Kind.REMOTE_WRITE, whole(), RECEIVED)
        load(tmp_path / "at once", store)
        finish(tmp_path / "at once", store)
        expected = samples(store)
    assert expected.height > 80
    assert found.select("metric", "ts").is_duplicated().sum() == 0
    keys, measured = ["resource", "metric", "ts"], ["value", "value_max", "capacity"]
    assert found.select(keys).equals(expected.select(keys))
    assert found.select(pl.col(measured).round(9)).equals(expected.select(pl.col(measured).round(9)))
    assert segments(tmp_path / "landing", ".sealed") == segments(tmp_path / "landing", ".open") == []
