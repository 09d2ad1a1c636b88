"""Compaction: samples sorted by series and time take half the space and are read faster per series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from data.query import row_of


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did."""

    samples: int
    bytes_before: int
    """Size of the file."""
    bytes_after: int


def compact(connection: duckdb.DuckDBPyConnection, path: Path) -> CompactReport:
    """Rewrites the samples in order, at once."""
    connection.execute("CHECKPOINT")
    before = path.stat().st_size
    connection.execute("BEGIN")
    try:
        connection.execute("CREATE TABLE compacted AS FROM samples ORDER BY series_id, ts")
        connection.execute("DROP TABLE samples")
        connection.execute("ALTER TABLE compacted RENAME TO samples")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("CHECKPOINT")
    row = row_of(connection, "SELECT count(*) FROM samples")
    return CompactReport(int(row[0]) if row else 0, before, path.stat().st_size)
