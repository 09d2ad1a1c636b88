"""The writer's lock within one process; tests/integration/test_store_kill.py has several."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from data.errors import StoreLocked, StoreUnavailable
from data.lock import WriterLock
from data.store import Store


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    with Store.open(path):
        with pytest.raises(StoreLocked, match=f"process {os.getpid()}") as locked:
            Store.open(path)
        assert locked.value.pid == os.getpid()
    Store.open(path).close()


def test_a_lock_left_by_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    (tmp_path / "headroom.duckdb.lock").write_text("999999999\n")
    with Store.open(path):
        assert WriterLock(path).holder() == os.getpid()
    assert WriterLock(path).holder() is None


def test_a_writer_waits_for_the_other_to_end(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    held = threading.Event()

    def write() -> None:
        with Store.open(path):
            held.set()
            time.sleep(0.3)

    thread = threading.Thread(target=write)
    thread.start()
    assert held.wait(10)
    Store.open(path, wait_seconds=30).close()
    thread.join()


def test_a_writer_waits_for_a_reader_of_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    Store.open(path).close()
    reader = Store.open_readonly(path)
    with pytest.raises(StoreLocked):
        Store.open(path)
    reader.close()
    Store.open(path).close()


def test_a_failed_opening_lets_go_of_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    path.write_bytes(b"x" * 20_000)
    with pytest.raises(StoreUnavailable):
        Store.open(path)
    path.unlink()
    Store.open(path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="file"):
        Store.open(tmp_path / "file" / "headroom.duckdb")
