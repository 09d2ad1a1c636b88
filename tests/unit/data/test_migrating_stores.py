"""Stores and published runs of every earlier schema: brought up to date with all that is in them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data.migrate import migrate, migrations
from data.snapshot import Snapshot
from data.store import Store
from tests.store_frames import NOW, load

ROWS = 3
SAMPLES = {"VARCHAR": "text", "BOOLEAN": True, "DOUBLE": 2.5, "DATE": date(2024, 1, 2)}
MOMENT = datetime(2024, 1, 2, 3)  # noqa: DTZ001 - the columns hold UTC without its zone


def store_of(path: Path, schema: int) -> dict[str, list[dict[str, Any]]]:
    """Makes a store as the program with that schema did, with rows in every table; returns them."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL, name VARCHAR NOT NULL)")
        for number, file in migrations().items():
            if number <= schema:
                connection.execute(file.read_text(encoding="utf-8"))
                connection.execute("INSERT INTO schema_version VALUES (?, ?)", [number, file.stem])
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        for (table,) in tables:
            if table != "schema_version":
                _fill(connection, table)
        return {table: _rows(connection, table) for (table,) in tables if table != "schema_version"}


def _fill(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
        [table],
    ).fetchall()
    for number in range(1, (1 if table in ("snapshot", "raw_since") else ROWS) + 1):
        row = [_value(kind, name, number) for name, kind in columns]
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def _value(kind: str, name: str, number: int) -> object:
    if kind == "TIMESTAMP":
        return None if name == "valid_to" else MOMENT
    if kind == "VARCHAR":
        return f"{name}-{number}"
    if kind.endswith("[]"):
        return [1.0, 2.0]
    return SAMPLES.get(kind, number)


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    found = connection.execute(f"FROM {table} ORDER BY ALL")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("schema", [number for number in migrations() if number < max(migrations())])
def test_everything_in_an_older_store_is_kept_and_can_be_worked_on(tmp_path: Path, schema: int) -> None:
    path = tmp_path / "headroom.duckdb"
    before = store_of(path, schema)
    with Store.open(path) as store:
        for table, rows in before.items():
            now = _rows(store._connection, table)
            assert [{name: row[name] for name in rows[0]} for row in now] == rows, table
        done = load(store, (0, "new", "cpu", 1.0), (5, "new", "cpu", 2.0))
        assert done.new == 2
        assert store.refresh_rollups() >= 1
        if schema % 5 != 1:
            return
        store.compact(now=NOW)
        store.publish(
            tmp_path / "published",
            run_id="r",
            as_of=NOW,
            published_at=NOW,
            program_version="1",
            currency="EUR",
            settings_json="{}",
        )
    with Store.open_readonly(path) as store:
        assert store.panel("hour", subjects=["new"]).demand.tolist() == [[1.5]]
    with Snapshot.open(tmp_path / "published") as snapshot:
        assert snapshot.panel("hour", subjects=["new"]).demand.tolist() == [[1.5]]


@pytest.mark.parametrize("schema", sorted(migrations())[:-1:4])
def test_a_migration_that_was_cut_off_goes_on(
    tmp_path: Path, schema: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "headroom.duckdb"
    before = store_of(path, schema)
    later = [number for number in migrations() if number > schema]
    broken = tmp_path / "broken.sql"
    broken.write_text(migrations()[later[-1]].read_text(encoding="utf-8") + ";\nSELECT error('cut off');")
    with duckdb.connect(str(path)) as connection, monkeypatch.context() as patched:
        patched.setitem(migrations(), later[-1], broken)
        with pytest.raises(duckdb.Error, match="cut off"):
            migrate(connection, path)
    with Store.open(path) as store:
        for table, rows in before.items():
            now = _rows(store._connection, table)
            assert [{name: row[name] for name in rows[0]} for row in now] == rows, table
