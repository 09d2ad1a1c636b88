"""Publishing: one file per run, a pointer that moves at once, and what becomes of old runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from data.errors import StoreUnavailable, UnknownName
from data.publish import ORDER, POINTER
from data.snapshot import Snapshot
from data.store import Store
from tests.store_frames import MONDAY, NOW, load


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "headroom.duckdb") as opened:
        load(opened, (0, "a", "cpu", 1.0), (60, "a", "cpu", 3.0))
        opened.refresh_rollups()
        yield opened


def publish(store: Store, folder: Path, run: int | str, **settings: object) -> Path:
    hours = run if isinstance(run, int) else 0
    return store.publish(
        folder,
        run_id=f"run-{run}",
        as_of=MONDAY + timedelta(hours=2),
        published_at=NOW + timedelta(hours=hours),
        program_version="0.1.0",
        currency="EUR",
        settings_json='{"horizon": 90}',
        **settings,  # type: ignore[arg-type]
    )


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_the_pointer_names_the_newest_run(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    publish(store, folder, 1)
    path = publish(store, folder, 2)
    assert (folder / POINTER).read_text() == "run-2.duckdb\n" and path == folder / "run-2.duckdb"
    assert names(folder) == ["current", "run-1.duckdb", "run-1.json", "run-2.duckdb", "run-2.json"]
    with Snapshot.open(folder) as newest, Snapshot.open(folder, "run-1") as earlier:
        assert (newest.run_id, earlier.run_id) == ("run-2", "run-1")
    assert [run.run_id for run in Snapshot.runs(folder)] == ["run-2", "run-1"]
    assert Snapshot.runs(folder)[0].as_of == MONDAY + timedelta(hours=2)


def test_old_runs_go_and_pinned_ones_stay(store: Store, tmp_path: Path) -> None:
    for run in range(5):
        publish(store, tmp_path / "p", run, keep=2, pinned=["run-0"])
    assert [run.run_id for run in Snapshot.runs(tmp_path / "p")] == ["run-4", "run-3", "run-0"]
    publish(store, tmp_path / "p", 5, keep=1)
    assert names(tmp_path / "p") == ["current", "run-5.duckdb", "run-5.json"]


def test_a_run_published_again_takes_the_place_of_its_file(store: Store, tmp_path: Path) -> None:
    publish(store, tmp_path, 1)
    reader = Snapshot.open(tmp_path)
    load(store, (120, "a", "cpu", 9.0))
    store.refresh_rollups()
    publish(store, tmp_path, 1)
    assert reader.demand("a", "cpu").height == 2  # still the file it opened
    with Snapshot.open(tmp_path) as again:
        assert again.demand("a", "cpu").height in (2, 3)  # within one process the open file is shared
    reader.close()
    with Snapshot.open(tmp_path) as after:
        assert after.demand("a", "cpu").height == 3


def test_samples_and_the_writers_own_tables_are_left_out(store: Store, tmp_path: Path) -> None:
    load(store, *((None, "a", "cpu", 1.0) for _ in range(300)))
    publish(store, tmp_path, 1)
    with Snapshot.open(tmp_path) as snapshot:
        assert snapshot.table("samples").height == 0 and snapshot.table("dirty_days").height == 0
        assert snapshot.table("rollup_hour").height == 2
        assert snapshot.table("rejected").height == 100
        assert snapshot.frame("health_rejected")["rows"].to_list() == [300]


def test_what_a_killed_publication_left_is_removed(store: Store, tmp_path: Path) -> None:
    (tmp_path / ".run-0.part").write_bytes(b"half a file")
    (tmp_path / ".run-0.part.wal").write_bytes(b"half a log")
    publish(store, tmp_path, 1)
    assert not list(tmp_path.glob(".run*"))


def test_a_publication_that_fails_half_way_leaves_nothing_and_the_store_usable(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ORDER, "rollup_hour", "error('no room left')")
    with pytest.raises(duckdb.Error, match="no room left"):
        publish(store, tmp_path, 1)
    monkeypatch.undo()
    assert not list(tmp_path.glob(".run-*"))
    store.begin_run("run-1", "publish")
    store.finish_run("run-1", "publish", outcome="failed")
    publish(store, tmp_path, 1)
    with Snapshot.open(tmp_path) as snapshot:
        assert snapshot.run_id == "run-1"


def test_a_description_without_its_run_is_removed(store: Store, tmp_path: Path) -> None:
    publish(store, tmp_path / "p", 1)
    (tmp_path / "p" / "run-1.duckdb").unlink()  # killed between the two
    publish(store, tmp_path / "p", 2)
    assert names(tmp_path / "p") == ["current", "run-2.duckdb", "run-2.json"]


def test_a_failed_publication_leaves_the_pointer(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, tmp_path / "p", 1)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("data.publish._copy", fail)
    with pytest.raises(OSError, match="disk full"):
        publish(store, tmp_path / "p", 2)
    monkeypatch.undo()
    with Snapshot.open(tmp_path / "p") as snapshot:
        assert snapshot.run_id == "run-1"
    publish(store, tmp_path / "p", 3)


@pytest.mark.parametrize("run", ["../outside", "", "a b", "x/y"])
def test_a_run_id_is_a_file_name(store: Store, tmp_path: Path, run: str) -> None:
    with pytest.raises(ValueError, match="run id"):
        store.publish(
            tmp_path,
            run_id=run,
            as_of=MONDAY,
            published_at=NOW,
            program_version="0",
            currency="EUR",
            settings_json="{}",
        )


def test_nothing_published_says_what_to_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(StoreUnavailable, match=r"nothing is published in .*; run `headroom run`"):
            Snapshot.open(folder)
        assert Snapshot.runs(folder) == []


def test_an_unknown_run_is_named(store: Store, tmp_path: Path) -> None:
    publish(store, tmp_path, 1)
    with pytest.raises(UnknownName, match="did you mean run-1"):
        Snapshot.open(tmp_path, "run-11")


def test_a_pointer_to_a_file_that_is_gone_is_an_error_with_a_hint(store: Store, tmp_path: Path) -> None:
    publish(store, tmp_path, 1).unlink()
    with pytest.raises(StoreUnavailable, match="headroom run"):
        Snapshot.open(tmp_path)


def test_the_folder_may_have_a_quote_in_its_name(store: Store, tmp_path: Path) -> None:
    publish(store, tmp_path / "it's here", 1)
    with Snapshot.open(tmp_path / "it's here") as snapshot:
        assert snapshot.table("series").height == 1


def test_conclusions_are_published(store: Store, tmp_path: Path) -> None:
    row = {"resource": "a", "status": "idle", "severity": 1, "reasons": "", "because": "x"}
    store.replace("findings", pl.DataFrame([row]))
    publish(store, tmp_path, 1)
    with Snapshot.open(tmp_path) as snapshot:
        assert snapshot.table("findings").to_dicts() == [row]


class Interrupted:
    """A connection on which Ctrl-C is pressed while a table is copied: what DuckDB then says."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def execute(self, statement: str, *values: object) -> duckdb.DuckDBPyConnection:
        if statement.startswith("INSERT INTO published.series"):
            raise RuntimeError("Query interrupted")
        return self.connection.execute(statement, *values)


def test_after_an_interrupted_publication_the_store_can_be_written_and_published(
    store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "published"
    plain = store._connection
    store._connection = Interrupted(plain)  # type: ignore[assignment]
    store.begin_run("run-1", "publish")
    with pytest.raises(RuntimeError, match="Query interrupted"):
        publish(store, folder, 1)
    store.finish_run("run-1", "publish", outcome="failed")
    store._connection = plain
    publish(store, folder, 2)
    assert names(folder) == ["current", "run-2.duckdb", "run-2.json"]
