"""Compaction: rewrites the file with the samples in the order that packs best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from data.loading import SHORT_RUN
from data.migrate import migrate
from data.query import row_of


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did."""

    samples: int
    bytes_before: int
    """Size of the file."""
    bytes_after: int


def rewrite(connection: duckdb.DuckDBPyConnection, path: Path) -> Path:
    """Writes all tables to a new file beside the store and returns it, for the store to take its place.

    A new file, because DuckDB reuses the space of what is deleted but seldom gives it back. Samples are sorted
    by series, then time; where a series has few of them, by time (see data.loading.SHORT_RUN).
    """
    compacted = path.with_name(path.name + ".compacted")
    for leftover in (compacted, wal_of(compacted)):  # of a compaction that was killed
        leftover.unlink(missing_ok=True)
    with duckdb.connect(str(compacted)) as fresh:
        migrate(fresh, compacted)
    connection.execute("CHECKPOINT")
    connection.execute(f"ATTACH '{str(compacted).replace(chr(39), chr(39) * 2)}' AS compacted")
    try:
        samples, series = row_of(connection, "SELECT count(*), count(DISTINCT series_id) FROM samples") or (
            0,
            0,
        )
        order = "series_id, ts" if samples >= SHORT_RUN * series else "ts, series_id"
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
            " AND table_name <> 'schema_version' ORDER BY table_name"
        ).fetchall()
        for (table,) in tables:
            sorting = f" ORDER BY {order}" if table == "samples" else ""
            connection.execute(f"INSERT INTO compacted.{table} BY NAME FROM main.{table}{sorting}")
        connection.execute("CHECKPOINT compacted")
    finally:
        connection.execute("DETACH compacted")
    return compacted


def wal_of(path: Path) -> Path:
    """DuckDB's log beside a file: what is not in the file yet."""
    return path.with_name(path.name + ".wal")
