"""Records the inventory as versions: what changed gets a new row, what did not gets none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb
import polars as pl

from data.frames import (
    CAPACITY_SCHEMA,
    DEPENDENCY_SCHEMA,
    EVENT_SCHEMA,
    RESOURCE_SCHEMA,
    SERVICE_SCHEMA,
    Inventory,
)
from data.query import naive, unzoned
from data.rollups import rebuild_capacities

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Start of a first version whose source does not say since when it holds."""


def record(connection: duckdb.DuckDBPyConnection, inventory: Inventory, *, now: datetime) -> None:
    """Records what the inventory says, within the caller's transaction.

    A row without `valid_from` holds since ever when nothing was known of its name, otherwise since `now`. Rows of
    one name are taken in the order of their validity, so a size history can be given at once. What an inventory
    does not mention stays as it is.
    """
    _record_versions(connection, "resources", ("resource",), inventory.resources, RESOURCE_SCHEMA, now)
    _record_versions(connection, "services", ("service",), inventory.services, SERVICE_SCHEMA, now)
    _record_versions(
        connection, "dependencies", ("service", "depends_on"), inventory.dependencies, DEPENDENCY_SCHEMA, now
    )
    _record_capacities(connection, inventory.capacities, now)
    _record_events(connection, inventory.events)


def shaped(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """The columns of the schema in their types, times without zone; missing ones are null."""
    unknown = set(frame.columns) - set(schema)
    if unknown:
        raise ValueError(f"an inventory frame has unknown columns: {', '.join(sorted(unknown))}")
    return unzoned(
        frame.select(
            pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in schema.items()
        )
    )


def _record_versions(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    key: Sequence[str],
    frame: pl.DataFrame,
    schema: dict[str, pl.DataType],
    now: datetime,
) -> None:
    """Merges stated versions into a table's history of each key.

    The history of a key is the union of what was known and what is stated, the newer statement winning for the same
    `valid_from`; neighbours that say the same are one version, and each version ends where the next starts.
    """
    if not frame.height:
        return
    names = list(key)
    said = [name for name in schema if name not in (*key, "valid_from")]
    connection.register("stated", shaped(frame, schema).with_row_index("place"))
    match = " AND ".join(f"t.{name} = s.{name}" for name in names)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE versions AS"
        f" WITH known AS (SELECT t.* EXCLUDE (valid_to) FROM {table} t"
        f" SEMI JOIN stated s ON {match}),"
        f" dated AS (SELECT s.* REPLACE (coalesce(s.valid_from, CASE WHEN EXISTS (FROM known t WHERE {match})"
        f" THEN $now ELSE $ever END) AS valid_from) FROM stated s),"
        f" every AS (SELECT {', '.join(names + said)}, valid_from, -1 AS place FROM known"
        f" UNION ALL BY NAME SELECT {', '.join(names + said)}, valid_from, place FROM dated),"
        f" newest AS (FROM every QUALIFY row_number() OVER"
        f" (PARTITION BY {', '.join(names)}, valid_from ORDER BY place DESC) = 1),"
        f" marked AS (SELECT * EXCLUDE (place),"
        f" row({', '.join(said) if said else '1'}) AS said,"
        f" lag(row({', '.join(said) if said else '1'})) OVER own AS said_before,"
        f" row_number() OVER own AS nth"
        f" FROM newest WINDOW own AS (PARTITION BY {', '.join(names)} ORDER BY valid_from))"
        f" SELECT * EXCLUDE (said, said_before, nth),"
        f" lead(valid_from) OVER (PARTITION BY {', '.join(names)} ORDER BY valid_from) AS valid_to"
        f" FROM marked WHERE nth = 1 OR said IS DISTINCT FROM said_before",
        {"now": naive(now), "ever": naive(EVER)},
    )
    connection.unregister("stated")
    connection.execute(f"DELETE FROM {table} t USING versions s WHERE {match}")
    connection.execute(f"INSERT INTO {table} BY NAME FROM versions ORDER BY {', '.join(names)}, valid_from")
    connection.execute("DROP TABLE versions")


def _record_capacities(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame, now: datetime) -> None:
    if not frame.height:
        return
    connection.register("stated", shaped(frame, CAPACITY_SCHEMA).with_row_index("place"))
    connection.execute(
        "INSERT INTO series (series_id, resource, metric)"
        " SELECT (SELECT coalesce(max(series_id), 0) FROM series) + row_number() OVER (ORDER BY resource, metric),"
        " resource, metric FROM (SELECT DISTINCT resource, metric FROM stated)"
        " ANTI JOIN series USING (resource, metric)"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE levels AS"
        " SELECT q.series_id, coalesce(s.valid_from, CASE WHEN EXISTS"
        " (FROM stated_capacities k WHERE k.series_id = q.series_id) THEN $now ELSE $ever END) AS valid_from,"
        " CASE WHEN isfinite(s.capacity) AND s.capacity >= 0 THEN s.capacity END AS capacity"
        " FROM stated s JOIN series q USING (resource, metric)"
        " QUALIFY row_number() OVER (PARTITION BY q.series_id, s.valid_from ORDER BY s.place DESC) = 1",
        {"now": naive(now), "ever": naive(EVER)},
    )
    connection.unregister("stated")
    connection.execute(
        "DELETE FROM stated_capacities k USING levels v"
        " WHERE k.series_id = v.series_id AND k.valid_from = v.valid_from"
    )
    # A statement that repeats what holds at its time is no change.
    connection.execute(
        "INSERT INTO stated_capacities SELECT v.series_id, v.valid_from, v.capacity FROM levels v"
        " ASOF LEFT JOIN stated_capacities k ON v.series_id = k.series_id AND v.valid_from >= k.valid_from"
        " WHERE k.series_id IS NULL OR v.capacity IS DISTINCT FROM k.capacity"
    )
    rebuild_capacities(connection, "SELECT series_id FROM levels")
    connection.execute("DROP TABLE levels")


def _record_events(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> None:
    if not frame.height:
        return
    connection.register("stated", shaped(frame, EVENT_SCHEMA))
    connection.execute(
        "DELETE FROM events e USING stated s WHERE e.ts = s.ts AND e.subject = s.subject AND e.kind = s.kind"
    )
    connection.execute("INSERT INTO events BY NAME SELECT DISTINCT * FROM stated")
    connection.unregister("stated")
