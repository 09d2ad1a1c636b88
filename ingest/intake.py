"""The edge every batch passes: the metric's own unit, finite and non-negative amounts, trimmed names.

What fails is not dropped: it is in `Batch.rejected` with the reason. Demand above capacity is kept as it is;
a capacity of 0 means switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import polars as pl

from data.frames import REJECTED_SCHEMA, SAMPLE_SCHEMA, Batch
from ingest.units import Dimension, UnknownUnit, conversion

NO_DRIVERS: Mapping[str, str] = MappingProxyType({})

OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Samples before it come from a wrong time unit, not from a data centre."""

NAME_LIMIT = 512
"""Longest name of a resource, in characters."""

BELOW_TOLERANCE = 1e-6
"""A maximum may lie below its mean by this share: rounding at the source, not a contradiction."""


def intake(
    batch: Batch,
    *,
    now: datetime,
    drivers: Mapping[str, str] = NO_DRIVERS,
    mhz_per_core: float | None = None,
    capacities: pl.DataFrame | None = None,
    skew: timedelta = timedelta(hours=1),
) -> Batch:
    """The batch with every sample in its metric's own unit; what cannot be used is rejected with the reason.

    Running it twice changes nothing more.

    Args:
        now: samples later than `now + skew` are rejected.
        drivers: names and units of further drivers besides `requests` and `users`, from the settings.
        mhz_per_core: turns clock rates into cores; without it MHz and GHz are rejected.
        capacities: CAPACITY_SCHEMA, what is known already; turns shares of capacity into amounts.
        skew: how far the clocks of the sources may run ahead.
    """
    good, bad = settle(batch.samples, drivers=drivers, mhz_per_core=mhz_per_core, capacities=capacities)
    horizon = now.astimezone(UTC) + skew
    late = good["ts"] > horizon
    if late.any():
        too_late = good.filter(late).with_columns(
            pl.format("time {} lies in the future; is a clock or the time zone wrong?", "ts").alias("reason")
        )
        bad = pl.concat([bad, too_late])
        good = good.filter(~late)
    rejected = batch.rejected
    if bad.height:
        rejected = pl.concat([rejected, as_rejections(bad)])
    return Batch(good, rejected, max(batch.rows_read, batch.samples.height))


def as_rejections(bad: pl.DataFrame) -> pl.DataFrame:
    """REJECTED_SCHEMA from samples with a `reason`; the raw text is the sample as it was read."""
    shown = pl.concat_str(
        [pl.col(name).cast(pl.String) for name in SAMPLE_SCHEMA], separator=" ", ignore_nulls=True
    )
    return bad.select(
        pl.lit(None, pl.String).alias("origin"),
        pl.lit(None, pl.Int64).alias("line"),
        pl.col("reason"),
        shown.str.head(1_000).alias("raw"),
    ).cast(REJECTED_SCHEMA)  # type: ignore[arg-type]


def settle(
    frame: pl.DataFrame,
    *,
    drivers: Mapping[str, str] = NO_DRIVERS,
    mhz_per_core: float | None = None,
    capacities: pl.DataFrame | None = None,
    defer: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Splits samples into usable ones, in their metrics' own units, and the others with a `reason`.

    Args:
        frame: SAMPLE_SCHEMA and any further columns, which are kept.
        defer: leave shares and clock rates as they are, for a later call that knows capacities and clocks.
    """
    frame = frame.with_columns(pl.col("resource").str.strip_chars())
    metrics = frame["metric"].unique()
    if (metrics != metrics.str.strip_chars()).any():  # few names, so this costs less than trimming them all
        frame = frame.with_columns(pl.col("metric").str.strip_chars())
    meanings = _meanings(frame, drivers, mhz_per_core, defer)
    plain = (meanings["factor"] == 1.0) & ~meanings["share"] & (meanings["unit"] == meanings["own"])
    if plain.all():
        frame = frame.with_columns(pl.lit(None, pl.String).alias("problem"))
    else:
        frame = _converted(frame, meanings, capacities)
    frame = frame.with_columns(
        # NaN is unreported: for what is optional that is the same as absent.
        pl.col("value_max").fill_nan(None),
        pl.col("capacity").fill_nan(None),
    )
    usable = (
        pl.col("ts").is_not_null()
        & (pl.col("ts") >= OLDEST)
        & pl.col("resource").str.len_chars().is_between(1, NAME_LIMIT)
        & pl.col("problem").is_null()
        & pl.col("value").is_finite()
        & (pl.col("value") >= 0)
        & (pl.col("capacity").is_null() | (pl.col("capacity").is_finite() & (pl.col("capacity") >= 0)))
        & (
            pl.col("value_max").is_null()
            | (
                pl.col("value_max").is_finite()
                & (pl.col("value_max") >= pl.col("value") * (1 - BELOW_TOLERANCE))
            )
        )
    ).fill_null(False)
    mask = frame.select(usable.alias("usable"))["usable"]
    if mask.all():
        return frame.drop("problem"), frame.clear().with_columns(reason=pl.lit(None, pl.String)).drop(
            "problem"
        )
    bad = frame.filter(~mask).with_columns(_reason().alias("reason")).drop("problem")
    return frame.filter(mask).drop("problem"), bad


def _meanings(
    frame: pl.DataFrame, drivers: Mapping[str, str], mhz_per_core: float | None, defer: bool
) -> pl.DataFrame:
    """One row per (metric, unit) of the frame: own unit, factor, whether it is a share, or the problem."""
    rows: list[tuple[str | None, str | None, str | None, float, bool, str | None]] = []
    metrics, units = frame["metric"].unique().to_list(), frame["unit"].unique().to_list()
    if min(len(metrics), len(units)) == 1:  # every pair of them occurs, and finding that out is costly
        pairs = [(metric, unit) for metric in metrics for unit in units]
    else:
        pairs = frame.select("metric", "unit").unique().rows()
    for metric, unit in pairs:
        own, factor, share, problem = unit, 1.0, False, None
        if not metric:
            problem = "metric is empty"
        elif unit is None:
            problem = f"unit of {metric} is missing"
        else:
            try:
                found = conversion(unit, metric, drivers)
            except UnknownUnit as error:
                problem = str(error)
            else:
                own, factor, share = found.unit, found.factor, found.dimension is Dimension.SHARE
                if defer and found.dimension in (Dimension.SHARE, Dimension.CLOCK):
                    own, factor, share = unit, 1.0, False
                elif found.dimension is Dimension.CLOCK:
                    if mhz_per_core is None:
                        problem = f"{unit} needs the clock of a core to become cores: set mhz_per_core"
                    else:
                        factor /= mhz_per_core
        rows.append((metric, unit, own, factor, share, problem))
    names = ("metric", "unit", "own", "factor", "share", "problem")
    types = (pl.String, pl.String, pl.String, pl.Float64, pl.Boolean, pl.String)
    table = pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    return table.with_columns(
        # A pair with a problem must not count as plain.
        factor=pl.when(pl.col("problem").is_null()).then("factor").otherwise(float("nan"))
    )


def _converted(frame: pl.DataFrame, meanings: pl.DataFrame, capacities: pl.DataFrame | None) -> pl.DataFrame:
    joined = frame.join(meanings, on=["metric", "unit"], how="left", nulls_equal=True, maintain_order="left")
    sound = pl.col("problem").is_null()
    if meanings["share"].any():
        joined = _shares_to_amounts(joined, capacities)
    return joined.with_columns(
        *(
            pl.when(sound).then(pl.col(name) * pl.col("factor")).otherwise(pl.col(name)).alias(name)
            for name in ("value", "value_max", "capacity")
        ),
        unit=pl.when(sound).then("own").otherwise("unit"),
    ).drop("own", "factor", "share")


def _shares_to_amounts(joined: pl.DataFrame, capacities: pl.DataFrame | None) -> pl.DataFrame:
    """Gives rows that are shares the capacity of their time; a problem where nobody knows it.

    `capacity` of such a row is a share too (100 %) and says nothing, so the known one takes its place.
    """
    unknown = pl.format(
        "{} of an unknown capacity: the inventory states no {} of {}", "unit", "metric", "resource"
    )
    if capacities is None or capacities.is_empty():
        known = joined.with_columns(known=pl.lit(None, pl.Float64))
    else:
        steps = capacities.select("resource", "metric", pl.col("valid_from").alias("ts"), known="capacity")
        # Before the first statement the earliest one is the best guess: inventories start late.
        first = steps.sort("ts").group_by("resource", "metric").agg(first=pl.col("known").first())
        known = (
            joined.with_row_index("position")
            .sort("ts", nulls_last=True)
            .join_asof(steps.sort("ts"), on="ts", by=["resource", "metric"], check_sortedness=False)
            .join(first, on=["resource", "metric"], how="left")
            .sort("position")
            .with_columns(known=pl.coalesce("known", "first"))
            .drop("position", "first")
        )
    share = pl.col("share") & pl.col("problem").is_null()
    return known.with_columns(
        problem=pl.when(share & pl.col("known").is_null()).then(unknown).otherwise("problem"),
        value=pl.when(share).then(pl.col("value") * pl.col("known")).otherwise("value"),
        value_max=pl.when(share).then(pl.col("value_max") * pl.col("known")).otherwise("value_max"),
        # divided here because the factor is applied to all three afterwards
        capacity=pl.when(share).then(pl.col("known") / pl.col("factor")).otherwise("capacity"),
    ).drop("known")


def _reason() -> pl.Expr:
    """Why a row is unusable: the first thing that is wrong with it."""
    value, most, capacity = pl.col("value"), pl.col("value_max"), pl.col("capacity")
    return pl.coalesce(
        pl.when(pl.col("ts").is_null()).then(pl.lit("time is missing")),
        pl.when(pl.col("ts") < OLDEST).then(
            pl.format("time {} lies before 1990; is the unit of the time right?", "ts")
        ),
        pl.when(pl.col("resource").fill_null("") == "").then(pl.lit("resource is empty")),
        pl.when(pl.col("resource").str.len_chars() > NAME_LIMIT).then(
            pl.lit(f"name of the resource is longer than {NAME_LIMIT} characters")
        ),
        pl.col("problem"),
        pl.when(value.is_null()).then(pl.lit("value is missing")),
        pl.when(value.is_nan()).then(pl.lit("value is NaN")),
        pl.when(value.is_infinite()).then(pl.lit("value is infinite")),
        pl.when(value < 0).then(pl.format("value {} is negative", value)),
        pl.when(capacity.is_infinite()).then(pl.lit("capacity is infinite")),
        pl.when(capacity < 0).then(pl.format("capacity {} is negative", capacity)),
        pl.when(most.is_infinite()).then(pl.lit("value_max is infinite")),
        pl.when(most < value).then(pl.format("value_max {} is below value {}", most, value)),
        pl.lit("row cannot be used"),
    )
