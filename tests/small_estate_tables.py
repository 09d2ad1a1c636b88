"""Moments of the small estate, and how its rows get into tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import polars as pl

AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
"""End of the newest hour measured: days are counted from 19 November, the last day with measurements."""


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """UTC without its zone, as TIMESTAMP columns hold it."""
    return datetime(year, month, day, hour, tzinfo=UTC).replace(tzinfo=None)


OLD = at(2025, 1, 1)
HOURS, DAYS = 60 * 24, 300


def fill(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, object]]) -> None:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    connection.register("rows", frame.to_arrow())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
    connection.unregister("rows")


def day_ahead(ahead: int) -> date:
    """So many days after the last day with measurements."""
    return AS_OF.date() - timedelta(days=1) + timedelta(days=ahead)
