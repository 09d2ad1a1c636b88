"""Which rows of a sample frame can be used, and on which grid they lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from data.frames import REJECTED_SCHEMA, SAMPLE_SCHEMA, UTC_TIME

RAW_LENGTH = 1_000
"""Characters of a rejected row that are kept."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Older timestamps come from clocks or units gone wrong."""

AHEAD = timedelta(days=1)
"""How far ahead of now a timestamp may be: clocks and time zones are off by hours, not by days."""

EARLY_SHARE = 0.1
"""A sample this share of a step before the next slot belongs to that slot: collectors are late or early by
seconds, and 10:04:59 of a 5-minute grid means 10:05. Everything else belongs to the slot it lies in."""


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

    Only a step that the caller states is used: one guessed from a batch would depend on how data was split.
    """
    if step_seconds is None:
        return samples
    step = step_seconds * 1_000_000
    moment = pl.col("ts").to_physical() + round(step * EARLY_SHARE)
    return samples.with_columns((moment - moment % step).cast(UTC_TIME).alias("ts"))
