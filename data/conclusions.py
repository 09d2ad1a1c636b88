"""Replaces tables of conclusions as a whole."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import polars as pl

from data.errors import UnknownName
from data.query import unzoned

MEASURED = frozenset(
    (
        "runs", "series", "samples", "capacities", "stated_capacities", "dirty_days", "rollup_hour",
        "rollup_day", "watermarks", "rejected", "rejected_counts", "services", "dependencies", "resources",
        "events", "raw_since", "bills", "bill_conformance", "bill_months", "snapshot", "schema_version",
    )
)  # fmt: skip
"""Tables that `replace_all` may not write; all others hold what was concluded."""


def replace_all(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pl.DataFrame]) -> None:
    """Replaces each table by its rows, within the caller's transaction; see `Store.replace_all`."""
    columns: dict[str, list[tuple[str, bool]]] = {}
    for name, column, nullable in connection.execute(
        "SELECT table_name, column_name, is_nullable FROM duckdb_columns()"
        " WHERE database_name = current_database() AND NOT internal"
    ).fetchall():
        columns.setdefault(name, []).append((column, nullable))
    for table, rows in tables.items():
        if table in MEASURED or table not in columns:
            raise UnknownName("table of conclusions", table, columns.keys() - MEASURED)
        _check(table, columns[table], rows)
        try:
            connection.execute(f"DELETE FROM {table}")
            if rows.height:
                connection.register("concluded", unzoned(rows))
                connection.execute(f"INSERT INTO {table} BY NAME FROM concluded")
                connection.unregister("concluded")
        except duckdb.ConversionException as error:
            raise ValueError(f"{table}: {str(error).splitlines()[0]}") from error


def _check(table: str, columns: list[tuple[str, bool]], rows: pl.DataFrame) -> None:
    """Raises ValueError for rows with other columns than the table's, or without one that it needs."""
    unknown = set(rows.columns) - {name for name, _ in columns}
    if unknown:
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    needed = [name for name, nullable in columns if not nullable and rows.height]
    for name in needed:
        if name not in rows.columns or rows[name].null_count():
            raise ValueError(f"{table} needs a value of {name!r} in every row")
