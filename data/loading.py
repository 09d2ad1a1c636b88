"""Loads a batch of samples: check, look up, last wins, write. One transaction, under the writer's lock.

The result is what a plain loop over the rows would leave behind, one row after the other: a new key is
inserted, the same value again changes nothing, another value replaces the earlier one, which goes to `rejected`.
So neither the order of files nor their split nor a repetition matters, apart from which of two contradicting
values came last. The counts add up the same way: new + replaced + unchanged + rejected = rows of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl

from data.frames import REJECTED_SCHEMA, SAMPLE_SCHEMA, UTC_TIME, Batch
from data.query import naive, unzoned

SLICE_ROWS = 1_000_000
"""Rows handled at a time within the one transaction: bounds memory, whatever the size of the batch."""

KEPT_REJECTED = 10_000
"""Unusable rows kept in full per load; `rejected_counts` counts all of them."""

RAW_LENGTH = 1_000

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Older timestamps come from clocks or units gone wrong."""

AHEAD = timedelta(days=1)
"""How far ahead of now a timestamp may be: clocks and time zones are off by hours, not by days."""

EARLY_SHARE = 0.1
"""A sample this share of a step before the next slot belongs to that slot: collectors are late or early by
seconds, and 10:04:59 of a 5-minute grid means 10:05. Everything else belongs to the slot it lies in."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rows of a batch."""

    new: int = 0
    replaced: int = 0
    """Another value than the stored one came; it won, the earlier one is in `rejected`."""
    unchanged: int = 0
    """Already there with the same value."""
    rejected: int = 0
    """Could not be used, including those the source itself rejected."""
    newest_sample: datetime | None = None
    """Start of the newest usable sample of the batch."""

    def __add__(self, other: Loaded) -> Loaded:
        newest = [t for t in (self.newest_sample, other.newest_sample) if t is not None]
        return Loaded(
            self.new + other.new,
            self.replaced + other.replaced,
            self.unchanged + other.unchanged,
            self.rejected + other.rejected,
            max(newest, default=None),
        )


def load(
    connection: duckdb.DuckDBPyConnection,
    batch: Batch,
    *,
    run_id: str,
    source: str,
    step_seconds: int | None,
    now: datetime,
) -> Loaded:
    """Loads a batch in one transaction; all of it or, on an error, nothing."""
    if step_seconds is not None and step_seconds < 1:
        raise ValueError(f"step_seconds must be at least 1, not {step_seconds}")
    samples = with_all_columns(batch.samples)
    audit = Audit(connection, run_id, source, now)
    loaded = Loaded()
    connection.execute("BEGIN")
    try:
        rejected = batch.rejected
        for part in samples.iter_slices(SLICE_ROWS):
            usable, refused = usable_rows(part, now)
            if refused.height:
                rejected = pl.concat([rejected, refused])
            if usable.height:
                loaded += _load_part(connection, snapped(usable, step_seconds), step_seconds, audit)
        audit.keep(rejected)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return loaded + Loaded(rejected=rejected.height)


def with_all_columns(samples: pl.DataFrame) -> pl.DataFrame:
    """The columns of a sample frame in their types; optional ones may be missing. Raises ValueError."""
    for name in ("ts", "resource", "metric", "value"):
        if name not in samples.columns:
            raise ValueError(f"a sample frame has no column {name!r}")
    moment = samples.schema["ts"]
    if moment != pl.Null and not (isinstance(moment, pl.Datetime) and moment.time_zone):
        raise ValueError(f"ts of a sample frame must be a time with its zone, not {moment}")
    return samples.select(
        pl.lit(None, SAMPLE_SCHEMA[name]).alias(name)
        if name not in samples.columns
        else pl.col(name).dt.cast_time_unit("us").dt.convert_time_zone("UTC")
        if name == "ts" and moment != pl.Null
        else pl.col(name).cast(SAMPLE_SCHEMA[name])
        for name in ("ts", "resource", "metric", "value", "value_max", "capacity")
    )


def usable_rows(samples: pl.DataFrame, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Splits into usable rows and, in REJECTED_SCHEMA, the others with the first reason that applies.

    NaN in value_max and capacity means unreported and becomes null; in value it is a reason.
    """
    samples = samples.with_columns(pl.col("value_max", "capacity").fill_nan(None))
    value, value_max, capacity = pl.col("value"), pl.col("value_max"), pl.col("capacity")
    reasons = (
        (pl.col("ts").is_null(), "timestamp is missing"),
        (pl.col("ts") > now + AHEAD, "timestamp is more than a day ahead"),
        (pl.col("ts") < EARLIEST, f"timestamp is before {EARLIEST:%Y}"),
        (pl.col("resource").fill_null("").str.len_bytes() == 0, "resource is missing"),
        (pl.col("metric").fill_null("").str.len_bytes() == 0, "metric is missing"),
        (value.is_null(), "value is missing"),
        (value.is_nan(), "value is not a number"),
        (value.is_infinite(), "value is infinite"),
        (value < 0, "value is negative"),
        (value_max.is_infinite() | (value_max < 0), "value_max is negative or infinite"),
        (capacity.is_infinite() | (capacity < 0), "capacity is negative or infinite"),
    )
    bad = pl.any_horizontal(condition.fill_null(False) for condition, _ in reasons)
    marked = samples.select(bad.alias("bad"))["bad"]
    if not marked.any():
        return samples, pl.DataFrame(schema=REJECTED_SCHEMA)
    why = pl.coalesce(pl.when(condition).then(pl.lit(reason)) for condition, reason in reasons)
    columns = ("ts", "resource", "metric", "value", "value_max", "capacity")
    raw = pl.concat_str(
        [pl.format(f"{name}={{}}", pl.col(name).cast(pl.String).fill_null("")) for name in columns],
        separator=" ",
    )
    refused = samples.filter(marked).select(
        pl.lit(None, pl.String).alias("origin"),
        pl.lit(None, pl.Int64).alias("line"),
        why.alias("reason"),
        raw.str.slice(0, RAW_LENGTH).alias("raw"),
    )
    return samples.filter(~marked), refused


def snapped(samples: pl.DataFrame, step_seconds: int | None) -> pl.DataFrame:
    """Timestamps on the grid of `step_seconds` (see EARLY_SHARE); as they came where there is no step.

    Only a step that the caller states is used: one guessed from a batch would depend on how the data was split.
    """
    if step_seconds is None:
        return samples
    step = step_seconds * 1_000_000
    moment = pl.col("ts").to_physical() + round(step * EARLY_SHARE)
    return samples.with_columns((moment - moment % step).cast(UTC_TIME).alias("ts"))


class Audit:
    """Writes to `rejected` and `rejected_counts` within the transaction of a load."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, run_id: str, source: str, now: datetime
    ) -> None:
        self.connection = connection
        self.constants = {"run_id": run_id, "source": source, "now": naive(now)}

    def keep(self, rejected: pl.DataFrame) -> None:
        """Keeps unusable rows, up to KEPT_REJECTED in full."""
        if not rejected.height:
            return
        rejected = rejected.select(pl.col(name).cast(dtype) for name, dtype in REJECTED_SCHEMA.items())
        rejected = rejected.with_columns(pl.col("reason").fill_null("unknown"))
        counts = rejected.group_by("origin", "reason", maintain_order=True).agg(
            pl.len().cast(pl.Int64).alias("rows"), pl.col("raw").first().alias("example")
        )
        kept = rejected.head(KEPT_REJECTED)
        for name, frame in (("kept_rejected", kept), ("counted_rejected", counts)):
            self.connection.register(name, frame)
        self.connection.execute(
            "INSERT INTO rejected SELECT $run_id, $source, origin, line, reason, raw[:1000], $now FROM kept_rejected",
            self.constants,
        )
        self.connection.execute(
            "INSERT INTO rejected_counts"
            " SELECT $run_id, $source, origin, reason, rows, example[:1000], $now FROM counted_rejected",
            self.constants,
        )
        for name in ("kept_rejected", "counted_rejected"):
            self.connection.unregister(name)

    def keep_replaced(self, table: str) -> int:
        """Keeps the earlier values that corrections replaced: rows of a temporary table with old_*. All of them."""
        self.connection.execute(
            "INSERT INTO rejected SELECT $run_id, $source, NULL, NULL, 'replaced by a later value',"
            " concat('ts=', strftime(t.ts, '%Y-%m-%dT%H:%M:%SZ'), ' resource=', s.resource[:400], ' metric=', s.metric[:400],"
            " ' value=', t.old_value, ' value_max=', t.old_value_max, ' capacity=', t.old_capacity), $now"
            f" FROM {table} t JOIN series s USING (series_id) WHERE t.corrected",
            self.constants,
        )
        replaced = _number(self.connection, f"SELECT count(*) FROM {table} WHERE corrected")
        if replaced:
            self.connection.execute(
                "INSERT INTO rejected_counts SELECT $run_id, $source, NULL, 'replaced by a later value', $rows, NULL, $now",
                {**self.constants, "rows": replaced},
            )
        return replaced


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _load_part(
    connection: duckdb.DuckDBPyConnection, samples: pl.DataFrame, step_seconds: int | None, audit: Audit
) -> Loaded:
    """Loads up to SLICE_ROWS usable rows within the caller's transaction."""
    incoming = unzoned(samples).with_row_index("position")
    connection.register("incoming", incoming)
    try:
        _name_new_series(connection, step_seconds)
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE staged AS"
            " SELECT s.series_id, i.ts, i.value, i.value_max, i.capacity, i.position,"
            " coalesce(i.ts BETWEEN s.first_ts AND s.last_ts, false) AS maybe_stored"
            " FROM incoming i JOIN series s USING (resource, metric)"
        )
    finally:
        connection.unregister("incoming")
    replaced, unchanged = _settle_repeats(connection, audit)
    replaced_stored, unchanged_stored, present = _settle_stored(connection, audit)
    distinct = _number(connection, "SELECT count(*) FROM staged")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE touched AS"
        " SELECT series_id, ts::DATE AS day, min(ts) AS first_ts, max(ts) AS last_ts FROM staged GROUP BY ALL"
    )
    connection.execute("INSERT INTO samples SELECT series_id, ts, value, value_max, capacity FROM staged")
    connection.execute(
        "INSERT INTO dirty_days SELECT series_id, day FROM touched ANTI JOIN dirty_days USING (series_id, day)"
    )
    connection.execute(
        "UPDATE series SET first_ts = least(series.first_ts, t.first_ts), last_ts = greatest(series.last_ts, t.last_ts)"
        " FROM (SELECT series_id, min(first_ts) AS first_ts, max(last_ts) AS last_ts FROM touched GROUP BY ALL) t"
        " WHERE series.series_id = t.series_id"
        " AND (series.first_ts IS NULL OR t.first_ts < series.first_ts OR t.last_ts > series.last_ts)"
    )
    connection.execute("DROP TABLE staged; DROP TABLE touched;")
    newest: datetime = samples["ts"].max()  # type: ignore[assignment]
    return Loaded(distinct - present, replaced + replaced_stored, unchanged + unchanged_stored, 0, newest)


def _name_new_series(connection: duckdb.DuckDBPyConnection, step_seconds: int | None) -> None:
    connection.execute(
        "INSERT INTO series (series_id, resource, metric, step_seconds)"
        " SELECT (SELECT coalesce(max(series_id), 0) FROM series) + row_number() OVER (ORDER BY resource, metric),"
        " resource, metric, $step"
        " FROM (SELECT DISTINCT resource, metric FROM incoming) ANTI JOIN series USING (resource, metric)",
        {"step": step_seconds},
    )


def _settle_repeats(connection: duckdb.DuckDBPyConnection, audit: Audit) -> tuple[int, int]:
    """Leaves the last row of every key in `staged`; returns how many of the others it replaced and repeated.

    `repeats` then holds the first value of every repeated key: the one that met what was stored.
    """
    rows = _number(connection, "SELECT count(*) FROM staged")
    keys = _number(connection, "SELECT count(*) FROM (SELECT DISTINCT series_id, ts FROM staged)")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE repeats AS"
        " WITH repeated AS (SELECT series_id, ts FROM staged GROUP BY ALL HAVING count(*) > 1)"
        " SELECT series_id, ts, value, value_max, capacity, position,"
        " lag(value) OVER own AS old_value, lag(value_max) OVER own AS old_value_max, lag(capacity) OVER own AS old_capacity,"
        " row_number() OVER own AS place,"
        " place > 1 AND (value, value_max, capacity) IS DISTINCT FROM (old_value, old_value_max, old_capacity) AS corrected,"
        " lead(position) OVER own IS NOT NULL AS superseded"
        " FROM staged SEMI JOIN repeated USING (series_id, ts)"
        " WINDOW own AS (PARTITION BY series_id, ts ORDER BY position)"
        if keys < rows
        else "CREATE OR REPLACE TEMP TABLE repeats"
        " (series_id INTEGER, ts TIMESTAMP, value DOUBLE, value_max DOUBLE, capacity DOUBLE, place BIGINT)"
    )
    if keys == rows:
        return 0, 0
    replaced = audit.keep_replaced("repeats")
    connection.execute("DELETE FROM staged WHERE position IN (SELECT position FROM repeats WHERE superseded)")
    return replaced, rows - keys - replaced


def _settle_stored(connection: duckdb.DuckDBPyConnection, audit: Audit) -> tuple[int, int, int]:
    """Compares with what is stored, removes from `samples` what is corrected and from `staged` what is unchanged.

    Returns how many were replaced, how many were unchanged, and how many rows left in `staged` are not new.
    """
    bounds = connection.execute("SELECT min(ts), max(ts) FROM staged WHERE maybe_stored").fetchone()
    if not bounds or bounds[0] is None:
        return 0, 0, 0
    limits = {"low": bounds[0], "high": bounds[1]}
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE stored AS"
        " SELECT m.rowid AS stored_row, g.series_id, g.ts, g.position,"
        " m.value AS old_value, m.value_max AS old_value_max, m.capacity AS old_capacity,"
        # Of a key that the batch repeats, the first value met the stored one; the last one is to be stored.
        " CASE WHEN r.place IS NULL THEN (g.value, g.value_max, g.capacity) ELSE (r.value, r.value_max, r.capacity) END"
        " IS DISTINCT FROM (m.value, m.value_max, m.capacity) AS corrected,"
        " (g.value, g.value_max, g.capacity) IS DISTINCT FROM (m.value, m.value_max, m.capacity) AS differs"
        " FROM samples m JOIN (FROM staged WHERE maybe_stored) g ON m.series_id = g.series_id AND m.ts = g.ts"
        " LEFT JOIN (FROM repeats WHERE place = 1) r ON r.series_id = g.series_id AND r.ts = g.ts"
        " WHERE m.ts BETWEEN $low AND $high",
        limits,
    )
    met = _number(connection, "SELECT count(*) FROM stored")
    replaced = audit.keep_replaced("stored")
    differing = _number(connection, "SELECT count(*) FROM stored WHERE differs")
    if differing:
        connection.execute(
            "DELETE FROM samples WHERE ts BETWEEN $low AND $high"
            " AND rowid IN (SELECT stored_row FROM stored WHERE differs)",
            limits,
        )
    if differing < met:
        connection.execute(
            "DELETE FROM staged WHERE position IN (SELECT position FROM stored WHERE NOT differs)"
        )
    connection.execute("DROP TABLE stored")
    return replaced, met - replaced, differing
