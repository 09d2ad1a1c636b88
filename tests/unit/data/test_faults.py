"""A full disk and too little memory end in one sentence, and what was there before is still there."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from data.errors import SourceError, StoreUnavailable
from data.faults import store_error
from data.frames import Batch
from data.store import Store
from tests.store_frames import MONDAY, NOW, load, stored

ROWS = 400_000


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Lets no file grow beyond `size` bytes: a write then fails as on a full disk."""
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, earlier[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)


def many(rows: int = ROWS) -> Batch:
    noise = np.random.default_rng(1).random(rows)
    return Batch(
        pl.DataFrame({"value": noise}).with_columns(
            ts=pl.lit(MONDAY) + pl.duration(seconds=pl.int_range(pl.len())),
            resource=pl.lit("a"),
            metric=pl.lit("cpu"),
        )
    )


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    with Store.open(path) as store:
        load(store, (0, "kept", "cpu", 1.0))
    with (
        pytest.raises(
            StoreUnavailable, match=r"no room left on the disk of .*headroom\.duckdb \(.*; free some"
        ),
        largest_file(path.stat().st_size + 2**20),
        Store.open(path) as store,
    ):
        store.load(many(), run_id="r", source="s", now=NOW)
        store.refresh_rollups()
        store._connection.execute("CHECKPOINT")
    with Store.open(path) as store:
        assert stored(store, "kept") == [(0, "", "cpu", 1.0, None, None)]
        load(store, (5, "kept", "cpu", 2.0))


def test_too_little_memory_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreUnavailable, match=r"not enough memory|no room left"),
        Store.open(tmp_path / "headroom.duckdb") as store,
    ):
        store._connection.execute("SET memory_limit = '2MB'")
        store._connection.execute("SET max_temp_directory_size = '0KB'")
        store.load(many(), run_id="r", source="s", now=NOW)
        store.refresh_rollups()


def test_the_first_error_of_a_chain_counts() -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise duckdb.TransactionException("cannot rollback") from None
    except duckdb.Error as error:
        told = store_error(Path("s.duckdb"), error)
    assert told is not None and "No space left on device" in str(told)


@pytest.mark.parametrize(
    "error", [None, KeyError("a"), SourceError("s"), duckdb.BinderException("no column")]
)
def test_bugs_and_other_errors_stay_what_they_are(error: BaseException | None) -> None:
    assert store_error(Path("s.duckdb"), error) is None


@pytest.mark.parametrize("size", [0, 1, 1_000, 12_288, 100_000])
def test_a_disk_that_is_full_at_once_leaves_no_half_store_and_no_lock(tmp_path: Path, size: int) -> None:
    path = tmp_path / "headroom.duckdb"
    with pytest.raises(StoreUnavailable, match=r"no room left|cannot write beside"), largest_file(size):
        Store.open(path)
    assert {file.name for file in tmp_path.iterdir()} <= {"headroom.duckdb.lock"}
    with Store.open(path) as store:
        load(store, (0, "kept", "cpu", 1.0))


def test_what_a_killed_process_left_of_a_new_store_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    for name in ("headroom.duckdb.new", "headroom.duckdb.new.wal"):
        (tmp_path / name).write_bytes(b"half a file")
    with Store.open(path) as store:
        load(store, (0, "kept", "cpu", 1.0))
    assert not list(tmp_path.glob("*.new*"))


@pytest.mark.parametrize("size", [0, 10_000, 300_000])
def test_a_disk_that_is_full_while_publishing_or_compacting_keeps_all(tmp_path: Path, size: int) -> None:
    path = tmp_path / "headroom.duckdb"
    with Store.open(path) as store:
        store.load(many(60_000), run_id="r", source="s", now=NOW)
        store.refresh_rollups()
        store._connection.execute("CHECKPOINT")
    for _ in range(2):
        with pytest.raises(StoreUnavailable), largest_file(size), Store.open(path) as store:
            store.compact(now=NOW)
        with pytest.raises(StoreUnavailable), largest_file(size), Store.open(path) as store:
            store.publish(
                tmp_path / "published",
                run_id="r",
                as_of=NOW,
                published_at=NOW,
                program_version="1",
                currency="EUR",
                settings_json="{}",
            )
    left = {file.name for file in tmp_path.rglob("*") if file.is_file()}
    assert left <= {"headroom.duckdb", "headroom.duckdb.lock", "headroom.duckdb.wal"}
    with Store.open(path) as store:
        assert store.frame("samples_of").height == 60_000
