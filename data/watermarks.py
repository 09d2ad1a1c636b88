"""Watermarks: where each source, and each target of it, got to; the next pull starts there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import duckdb

from data.query import naive, row_of


def watermark(
    connection: duckdb.DuckDBPyConnection, source: str, target: str | None = None
) -> datetime | None:
    """The newest sample of the source as a whole (None) or of one of its targets."""
    row = row_of(
        connection,
        "SELECT max(newest_sample) FROM watermarks"
        " WHERE source = $source AND target IS NOT DISTINCT FROM $target",
        {"source": source, "target": target},
    )
    newest: datetime | None = row[0] if row else None
    return newest.replace(tzinfo=UTC) if newest else None


def targets(connection: duckdb.DuckDBPyConnection, source: str) -> set[str]:
    """Targets of a source that have a watermark of their own."""
    rows = connection.execute(
        "SELECT target FROM watermarks WHERE source = $source AND target IS NOT NULL", {"source": source}
    ).fetchall()
    return {target for (target,) in rows}


def inherit(connection: duckdb.DuckDBPyConnection, source: str, listed: Collection[str]) -> None:
    """Gives the targets the watermark of the source as a whole, from before targets had their own.

    Only where none has one of its own yet: a target that is added later has no place. Afterwards the source
    as a whole has none. Within the caller's transaction.
    """
    whole = watermark(connection, source)
    if whole is not None and not targets(connection, source):
        connection.execute(
            "INSERT INTO watermarks (source, target, newest_sample, updated_at)"
            " SELECT source, unnest($targets::VARCHAR[]), newest_sample, updated_at FROM watermarks"
            " WHERE source = $source AND target IS NULL AND newest_sample = $newest",
            {"source": source, "targets": sorted(listed), "newest": naive(whole)},
        )
    connection.execute("DELETE FROM watermarks WHERE source = $source AND target IS NULL", {"source": source})


def forget_targets(connection: duckdb.DuckDBPyConnection, source: str, listed: Collection[str]) -> None:
    """Forgets the targets that the source has no more, within the caller's transaction.

    Args:
        listed: all that it has; of a listing that an error cut short nothing may be concluded.
    """
    connection.execute(
        "DELETE FROM watermarks WHERE source = $source AND target IS NOT NULL"
        " AND NOT list_contains($listed::VARCHAR[], target)",
        {"source": source, "listed": sorted(listed)},
    )


def set_watermark(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    target: str | None,
    newest_sample: datetime,
    now: datetime,
) -> None:
    """Moves a watermark, back as well as forth, within the caller's transaction."""
    key = {"source": source, "target": target}
    connection.execute(
        "DELETE FROM watermarks WHERE source = $source AND target IS NOT DISTINCT FROM $target", key
    )
    connection.execute(
        "INSERT INTO watermarks (source, target, newest_sample, updated_at)"
        " VALUES ($source, $target, $newest, $now)",
        key | {"newest": naive(newest_sample), "now": naive(now)},
    )
