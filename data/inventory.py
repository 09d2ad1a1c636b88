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
    REJECTED_SCHEMA,
    RESOURCE_SCHEMA,
    SERVICE_SCHEMA,
    Inventory,
)
from data.query import naive, text_of, unzoned
from data.rollups import rebuild_capacities

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Start of a first version whose source does not say since when it holds."""


def record(connection: duckdb.DuckDBPyConnection, inventory: Inventory, *, now: datetime) -> pl.DataFrame:
    """Records what the inventory says, within the caller's transaction.

    A row without `valid_from` holds since ever when nothing was known of its name, otherwise since `now`.
    Several rows of one name are its history. What an inventory does not mention stays as it is.

    Returns the rows that cannot be used, in REJECTED_SCHEMA, after those of the inventory itself.
    """
    rejected = [
        inventory.rejected.select(pl.col(name).cast(dtype) for name, dtype in REJECTED_SCHEMA.items())
    ]
    for table, key, frame, schema in (
        ("resources", ("resource", "kind"), inventory.resources, RESOURCE_SCHEMA),
        ("services", ("service",), inventory.services, SERVICE_SCHEMA),
        ("dependencies", ("service", "depends_on"), inventory.dependencies, DEPENDENCY_SCHEMA),
        ("capacities", ("resource", "metric"), inventory.capacities, CAPACITY_SCHEMA),
        ("events", ("ts", "subject", "kind"), inventory.events, EVENT_SCHEMA),
    ):
        if not frame.height:
            continue
        usable, refused = _usable(shaped(frame, schema), key)
        rejected.append(refused)
        if table == "capacities":
            _record_capacities(connection, usable, now)
        elif table == "events":
            _record_events(connection, usable)
        else:
            name = ("resource",) if table == "resources" else key
            _record_versions(connection, table, name, usable, now)
    return pl.concat(rejected)


def shaped(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """The columns of the schema in their types, times without zone; missing ones null. Raises ValueError."""
    unknown = set(frame.columns) - set(schema)
    if unknown:
        raise ValueError(f"an inventory frame has unknown columns: {', '.join(sorted(unknown))}")
    return unzoned(
        frame.select(
            pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in schema.items()
        )
    )


def merged_versions(
    known: pl.DataFrame, stated: pl.DataFrame, key: Sequence[str], now: datetime
) -> pl.DataFrame:
    """The history of every stated key, sorted, with `valid_to`.

    It is the union of what was known and what is stated, the newer statement winning for the same
    `valid_from`; neighbours that say the same are one version; each ends where the next starts.
    """
    said = [name for name in stated.columns if name not in (*key, "valid_from")]
    known = known.select(stated.columns).join(stated.select(key).unique(), on=key, how="semi")
    since = stated.join(
        known.select(key).unique().with_columns(is_known=True), on=key, how="left", maintain_order="left"
    )
    default = (
        pl.when("is_known").then(pl.lit(naive(now))).otherwise(pl.lit(naive(EVER))).cast(pl.Datetime("us"))
    )
    stated = since.with_columns(pl.col("valid_from").fill_null(default)).drop("is_known")
    every = pl.concat([known, stated]).unique([*key, "valid_from"], keep="last", maintain_order=True)
    every = every.sort(*key, "valid_from")
    first = pl.int_range(pl.len()).over(key) == 0
    changed = pl.any_horizontal(first, *(pl.col(n).ne_missing(pl.col(n).shift().over(key)) for n in said))
    return every.filter(changed).with_columns(pl.col("valid_from").shift(-1).over(key).alias("valid_to"))


def _usable(frame: pl.DataFrame, needed: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Splits into usable rows and the others with their reason."""
    reasons = [(pl.col(name).cast(pl.String).fill_null("") == "", f"{name} is missing") for name in needed]
    if "capacity" in frame.columns:
        amount = pl.col("capacity").fill_nan(None)
        frame = frame.with_columns(amount)
        reasons.append((amount.is_infinite() | (amount < 0), "capacity is negative or infinite"))
    why = pl.coalesce(pl.when(condition).then(pl.lit(reason)) for condition, reason in reasons)
    marked = frame.with_columns(why.alias("reason"))
    refused = marked.filter(pl.col("reason").is_not_null())
    raw = pl.concat_str(
        [pl.format(f"{name}={{}}", pl.col(name).cast(pl.String).fill_null("")) for name in frame.columns],
        separator=" ",
    )
    return marked.filter(pl.col("reason").is_null()).drop("reason"), refused.select(
        pl.lit(None, pl.String).alias("origin"),
        pl.lit(None, pl.Int64).alias("line"),
        "reason",
        raw.alias("raw"),
    )


def _record_versions(
    connection: duckdb.DuckDBPyConnection, table: str, key: Sequence[str], stated: pl.DataFrame, now: datetime
) -> None:
    known: pl.DataFrame = connection.sql(f"FROM {table}").pl()
    history = merged_versions(known, stated, key, now)
    kept = known.join(history.select(key).unique(), on=key, how="anti")
    connection.register("history", pl.concat([kept, history.select(known.columns)]).sort(*key, "valid_from"))
    connection.execute(f"DELETE FROM {table}")
    connection.execute(f"INSERT INTO {table} BY NAME FROM history")
    connection.unregister("history")


def _record_capacities(connection: duckdb.DuckDBPyConnection, stated: pl.DataFrame, now: datetime) -> None:
    known_names: pl.DataFrame = connection.sql("SELECT resource, metric FROM series").pl()
    names = stated.select("resource", "metric").unique()
    fresh = names.join(known_names, on=["resource", "metric"], how="anti")
    connection.register("fresh", fresh.with_columns(pl.lit(None, pl.Int32).alias("step_seconds")))
    connection.execute(text_of("load_series")[0])
    connection.unregister("fresh")
    series: pl.DataFrame = connection.sql("SELECT series_id, resource, metric FROM series").pl()
    numbered = stated.join(series, on=["resource", "metric"], maintain_order="left")
    known: pl.DataFrame = connection.sql("FROM stated_capacities").pl()
    history = merged_versions(
        known, numbered.select("series_id", "valid_from", "capacity"), ["series_id"], now
    )
    connection.register("levels", history)
    connection.execute("DELETE FROM stated_capacities WHERE series_id IN (SELECT series_id FROM levels)")
    connection.execute("INSERT INTO stated_capacities SELECT series_id, valid_from, capacity FROM levels")
    rebuild_capacities(connection, "SELECT series_id FROM levels")
    connection.unregister("levels")


def _record_events(connection: duckdb.DuckDBPyConnection, stated: pl.DataFrame) -> None:
    """One event per time, subject and kind; the newer statement wins."""
    event = ["ts", "subject", "kind"]
    known: pl.DataFrame = connection.sql("FROM events").pl()
    events = pl.concat([known, stated.select(known.columns)]).unique(event, keep="last", maintain_order=True)
    connection.register("stated", events.sort(event))
    connection.execute("DELETE FROM events")
    connection.execute("INSERT INTO events BY NAME FROM stated")
    connection.unregister("stated")
