"""Counters to rates: resets, wraps of 32 and 64 bits, and intervals cut along a grid. Pure and vectorised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from data.frames import UTC_TIME

PLAUSIBLE = 1.05
"""A wrap is believed up to this multiple of the stated limit: clocks of devices jitter by some percent."""

READING = ("ts", "value")
"""Columns a counter's readings need besides those that name the series."""


def rates(readings: pl.DataFrame, by: Sequence[str], longest_gap: timedelta | None = None) -> pl.DataFrame:
    """Increase per second between neighbouring readings of each series.

    A counter that falls was reset: the increase is what it counted since, a lower bound. Where `bits` is
    32 or 64 it may have wrapped instead. That is believed if the increase is then possible: at most `limit`
    per second, or without a limit less than half the range.

    Args:
        readings: `ts`, `value` and the columns `by`; optional are `bits` (null = never wraps), `limit`
            (highest possible increase per second) and `start` (since when the counter counts; a start after
            the reading before is a reset, even if the counter is higher by now).
        longest_gap: readings further apart say nothing about the time between them.

    Returns:
        `by`, since, ts, rate: one row per pair of neighbours, sorted; equal times keep the last reading.
    """
    optional: dict[str, pl.DataType] = {"bits": pl.Int32(), "limit": pl.Float64(), "start": UTC_TIME}
    readings = readings.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in optional.items() if name not in readings.columns
    )
    if readings.schema["value"].is_integer():
        # Float64 counts exactly only to 2**53, and 64-bit counters go further.
        readings = readings.with_columns(pl.col("value").cast(pl.Int128))
    ordered = readings.unique([*by, "ts"], keep="last", maintain_order=True).sort(*by, "ts")
    pairs = ordered.with_columns(
        pl.col("ts").shift().over(by).alias("since"),
        pl.col("value").shift().over(by).alias("before"),
    ).filter(pl.col("since").is_not_null())
    if longest_gap is not None:
        pairs = pairs.filter(pl.col("ts") - pl.col("since") <= longest_gap)
    seconds = (pl.col("ts") - pl.col("since")).dt.total_microseconds() / 1e6
    now, before = pl.col("value"), pl.col("before")
    size = pl.when(pl.col("bits") == 32).then(2**32).when(pl.col("bits") == 64).then(2**64)
    whole = pl.Int128 if ordered.schema["value"] == pl.Int128 else pl.Float64
    wrapped = now - before + size.cast(whole)
    possible = (
        pl.when(pl.col("limit") > 0)
        .then(wrapped.cast(pl.Float64) <= pl.col("limit") * PLAUSIBLE * seconds)
        .otherwise(wrapped < size.cast(whole) / 2)
    )
    fell = now < before
    restarted = (pl.col("start") > pl.col("since")).fill_null(False)
    increase = (
        pl.when(restarted | (fell & ~possible.fill_null(False)))
        .then(now)
        .when(fell)
        .then(wrapped)
        .otherwise(now - before)
    )
    return pairs.select(*by, "since", "ts", (increase.cast(pl.Float64) / seconds).alias("rate"))


def onto_grid(intervals: pl.DataFrame, by: Sequence[str], step: timedelta) -> pl.DataFrame:
    """Mean rate in each slot of the grid, of the time that the intervals cover.

    Args:
        intervals: `by`, since, ts, rate; as `rates` gives them.

    Returns:
        `by`, slot (its start), value, covered (seconds of the slot with a known rate).
    """
    width = round(step / timedelta(microseconds=1))
    since, until = pl.col("since").to_physical(), pl.col("ts").to_physical()
    cut = (
        intervals.select(*by, "rate", since.alias("since"), until.alias("until"))
        .filter(pl.col("until") > pl.col("since"))
        .with_columns(
            pl.int_ranges(pl.col("since") // width, (pl.col("until") - 1) // width + 1).alias("slot")
        )
        .explode("slot", empty_as_null=False)
        .with_columns(pl.col("slot") * width)
        .with_columns(
            (pl.min_horizontal("until", pl.col("slot") + width) - pl.max_horizontal("since", "slot")).alias(
                "covered"
            )
        )
    )
    return (
        cut.group_by(*by, "slot")
        .agg(
            ((pl.col("rate") * pl.col("covered")).sum() / pl.col("covered").sum()).alias("value"),
            (pl.col("covered").sum() / 1e6).alias("covered"),
        )
        .with_columns(pl.col("slot").cast(UTC_TIME))
        .sort(*by, "slot")
    )
