"""Brings the schema of a store up to what the program expects: numbered files, applied in order."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path

import duckdb

from data.errors import StoreUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"


@cache
def migrations() -> dict[int, Path]:
    """Number -> file of every migration, in order. Numbers are never used twice."""
    files = sorted(MIGRATIONS.glob("[0-9]*_*.sql"))
    found = {int(file.name.split("_")[0]): file for file in files}
    if len(found) != len(files):
        raise ValueError(f"two migrations have the same number: {[file.name for file in files]}")
    return found


def applied(connection: duckdb.DuckDBPyConnection) -> set[int]:
    """Numbers of the migrations that a file has had; empty for a new one."""
    known = connection.execute(
        "SELECT count(*) FROM duckdb_tables()"
        " WHERE table_name = 'schema_version' AND database_name = current_database()"
    ).fetchall()
    if not known[0][0]:
        return set()
    return {number for (number,) in connection.execute("SELECT version FROM schema_version").fetchall()}


def is_current(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether a file has the program's schema. Raises StoreUnavailable when it is newer than that."""
    present = applied(connection)
    newest = max(migrations())
    if present and max(present) > newest:
        raise StoreUnavailable(
            f"{path} was written by a newer program (schema {max(present)}, this one knows {newest});"
            " upgrade headroom"
        )
    return not migrations().keys() - present


def migrate(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Applies what is missing, each file in a transaction of its own; `path` is named in errors.

    Raises StoreUnavailable when the file is newer than the program.
    """
    if is_current(connection, path):
        return
    present = applied(connection)
    for number, file in migrations().items():
        if number in present:
            continue
        connection.execute("BEGIN")
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, name VARCHAR NOT NULL)"
            )
            connection.execute(file.read_text(encoding="utf-8"))
            connection.execute(
                "INSERT INTO schema_version VALUES ($version, $name)", {"version": number, "name": file.stem}
            )
            connection.execute("COMMIT")
        except duckdb.Error:
            with suppress(duckdb.Error):  # a full disk has ended the transaction already
                connection.execute("ROLLBACK")
            raise


def make(path: Path) -> None:
    """Makes a new store under another name and gives it its own once it is whole, by the writer.

    What a killed process or a full disk left of a file that was never whole could not be opened again.
    """
    part = path.with_name(path.name + ".new")
    leftovers = (part, part.with_name(part.name + ".wal"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(part)) as fresh:
            migrate(fresh, part)
            fresh.execute("CHECKPOINT")
        part.replace(path)
    except BaseException:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        raise
