"""Readers follow the pointer while runs are published and removed as fast as they can be."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from data.snapshot import Snapshot
from data.store import Store
from tests.store_frames import MONDAY, NOW, load


def test_readers_always_find_a_whole_run(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    failures: list[str] = []
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                with Snapshot.open(folder) as snapshot:
                    runs = snapshot.table("rollup_hour").height
                    if snapshot.run_id != f"run-{runs}":
                        failures.append(f"{snapshot.run_id} has {runs} rows")
                    seen.add(snapshot.run_id)
            except Exception as error:
                failures.append(repr(error))

    with Store.open(tmp_path / "headroom.duckdb") as store:
        readers = [threading.Thread(target=read) for _ in range(3)]
        for run in range(1, 16):
            load(store, (60.0 * run, "a", "cpu", 1.0))
            store.refresh_rollups()
            store.publish(
                folder,
                run_id=f"run-{run}",
                as_of=MONDAY,
                published_at=NOW + timedelta(minutes=run),
                program_version="0",
                currency="EUR",
                settings_json="{}",
                keep=1,
            )
            if run == 1:
                for reader in readers:
                    reader.start()
        done.set()
        for reader in readers:
            reader.join()
    assert failures == []
    assert len(seen) > 3
