"""Compaction: forgets what is older than wanted, and rewrites the file in the order that packs best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import duckdb

from data import packing
from data.migrate import migrate
from data.query import naive, row_of

ROW_GROUP = 491_520
"""Rows that DuckDB packs together. A column of a group starts a block of 256 KiB, and what is left of its
last one is mostly lost: with the default of 122,880 rows a column of 13 bits a value takes 17."""

_ROUNDED = "SELECT * REPLACE (rollup_digits(mean, max) AS mean, rollup_digits(p95, max) AS p95)"
"""Rollups of earlier programs are not rounded yet."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in days; None = for ever. Rollups always stay."""

    samples: int | None = None
    """Raw samples. Late or corrected samples of a removed day are not looked at: its rollups are final."""
    rejected: int | None = None
    """Rejected rows and their counts."""
    runs: int | None = None
    """What steps did."""

    def __post_init__(self) -> None:
        for days in (self.samples, self.rejected, self.runs):
            if days is not None and days < 1:
                raise ValueError(f"a retention is at least 1 day, not {days}")


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows a retention removed."""

    samples: int = 0
    rejected: int = 0
    runs: int = 0


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did."""

    samples: int
    """Kept."""
    bytes_before: int
    """Size of the file."""
    bytes_after: int
    """The same where rewriting it would have made it larger: the file then stayed."""
    removed: Removed = Removed()


FOR_EVER = Retention()


def forget(connection: duckdb.DuckDBPyConnection, retention: Retention, now: datetime) -> Removed:
    """Removes what is older than the retention, at once. The rollups must be fresh."""

    def before(days: int) -> datetime:
        day = now.astimezone(UTC).date() - timedelta(days=days)
        return datetime.combine(day, time(), UTC)

    def deleted(statement: str, days: int | None) -> int:
        if days is None:
            return 0
        row = row_of(connection, statement, {"before": naive(before(days))})
        return int(row[0]) if row else 0

    connection.execute("BEGIN")
    try:
        samples = deleted("DELETE FROM samples WHERE ts < $before", retention.samples)
        if retention.samples is not None:
            known = row_of(connection, "SELECT max(day) FROM raw_since")
            since = before(retention.samples).date()
            connection.execute("DELETE FROM raw_since")
            newest = max(since, known[0]) if known and known[0] else since
            connection.execute("INSERT INTO raw_since VALUES ($day)", {"day": newest})
        rejected = deleted("DELETE FROM rejected WHERE rejected_at < $before", retention.rejected)
        deleted("DELETE FROM rejected_counts WHERE rejected_at < $before", retention.rejected)
        runs = deleted("DELETE FROM runs WHERE started_at < $before", retention.runs)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return Removed(samples, rejected, runs)


def rewrite(
    connection: duckdb.DuckDBPyConnection, path: Path, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Writes all tables to a new file beside the store and returns it, for the store to take its place.

    A new file, because DuckDB reuses the space of what is deleted but seldom gives it back. `progress` gets
    (done, all) in rows.
    """
    compacted = path.with_name(path.name + ".compacted")
    _remove(compacted)  # of a compaction that was killed
    try:
        _copy(connection, compacted, progress)
    except BaseException:
        # On a full disk half a copy would be in the way of whatever is done next.
        _remove(compacted)
        raise
    return compacted


def _remove(compacted: Path) -> None:
    for leftover in (compacted, wal_of(compacted)):
        leftover.unlink(missing_ok=True)


def _copy(
    connection: duckdb.DuckDBPyConnection, compacted: Path, progress: Callable[[int, int], None] | None
) -> None:
    quoted = str(compacted).replace("'", "''")
    with duckdb.connect() as fresh:
        # Through ATTACH, because only it takes the size of row groups; the tables remember it.
        fresh.execute(f"ATTACH '{quoted}' AS compacted (ROW_GROUP_SIZE {ROW_GROUP})")
        fresh.execute("USE compacted")
        migrate(fresh, compacted)
    counted = row_of(
        connection, "SELECT count(*), count(DISTINCT series_id), count(DISTINCT ts) FROM samples"
    ) or (0, 0, 0)
    selected = {
        "samples": packing.samples_in_order(*counted),
        "rollup_hour": f"{_ROUNDED} FROM main.rollup_hour ORDER BY {packing.HOURS}",
        "rollup_day": f"{_ROUNDED} FROM main.rollup_day ORDER BY {packing.DAYS}",
    }
    connection.execute(f"ATTACH '{quoted}' AS compacted (ROW_GROUP_SIZE {ROW_GROUP})")
    try:
        tables = connection.execute(
            "SELECT table_name, estimated_size FROM duckdb_tables()"
            " WHERE database_name = current_database() AND table_name <> 'schema_version' ORDER BY table_name"
        ).fetchall()
        total, done = sum(int(rows) for _, rows in tables), 0
        for table, rows in tables:
            connection.execute(
                f"INSERT INTO compacted.{table} BY NAME {selected.get(table, f'FROM main.{table}')}"
            )
            done += int(rows)
            if progress:
                progress(done, total)
        connection.execute("CHECKPOINT compacted")
    finally:
        connection.execute("DETACH compacted")


def wal_of(path: Path) -> Path:
    """DuckDB's log beside a file: what is not in the file yet."""
    return path.with_name(path.name + ".wal")
