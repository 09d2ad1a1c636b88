"""Slots: how readings become samples on a grid: means, sums over series, capacities and peaks. Pure."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from data.frames import SAMPLE_SCHEMA, UTC_TIME
from ingest.counters import onto_grid, rates
from ingest.readings import GROUP, SERIES
from ingest.recipes import RECIPES, Role


def samples_of(readings: pl.DataFrame, step: timedelta, longest_gap: timedelta) -> pl.DataFrame:
    """SAMPLE_SCHEMA and `recipe` of the slots that the readings cover, sorted by resource, metric and time.

    Demand and capacity of a slot are the sums over the series of their terms, each of its mean over the slot;
    the peak is the highest sum at one moment at which all series were read.
    """
    if readings.is_empty():
        return pl.DataFrame(schema={**SAMPLE_SCHEMA, "recipe": pl.Int32})
    readings = readings.unique([*SERIES, "ts"], keep="last", maintain_order=True)
    gauges = readings.filter(pl.col("kind") == "gauge")
    counted = _intervals(readings, longest_gap)
    width = round(step / timedelta(microseconds=1))
    means = pl.concat(
        [
            _gauge_means(gauges, longest_gap, step),
            onto_grid(counted, SERIES, step).select(*SERIES, "slot", "value"),
        ]
    )
    of_role = _without_torn_edges(
        means.group_by(*GROUP, "role", "slot").agg(
            pl.col("value").sum(), pl.col("term").n_unique().alias("terms"), pl.len().alias("parts")
        ),
        step,
    )
    demand = of_role.filter(pl.col("role") == Role.DEMAND)
    needed = pl.DataFrame(
        [
            (number, sum(term.role is Role.DEMAND for term in recipe.terms), recipe.metric, recipe.unit)
            for number, recipe in enumerate(RECIPES)
        ],
        schema={"recipe": pl.Int32, "needed": pl.UInt32, "metric": pl.String, "unit": pl.String},
        orient="row",
    )
    complete = demand.join(needed, on="recipe").filter(pl.col("terms") == pl.col("needed"))
    for role in (Role.CAPACITY, Role.FALLBACK):
        held = of_role.filter(pl.col("role") == role).select(*GROUP, "slot", pl.col("value").alias(role))
        complete = complete.join(held, on=[*GROUP, "slot"], how="left")
    complete = complete.join(_peaks(gauges, counted, width), on=[*GROUP, "slot", "parts"], how="left")
    return (
        complete.select(
            pl.col("slot").alias("ts"),
            "resource",
            "metric",
            # Two gauges read one after the other may differ by less than nothing.
            pl.when(pl.col("value").is_between(-1e-6, 0)).then(0.0).otherwise("value").alias("value"),
            pl.when(pl.col("peak").is_not_null()).then(pl.max_horizontal("peak", "value")).alias("value_max"),
            pl.coalesce(Role.CAPACITY, Role.FALLBACK).alias("capacity"),
            "unit",
            "recipe",
        )
        .sort("resource", "metric", "ts", "recipe")
        .unique(["resource", "metric", "ts"], keep="first", maintain_order=True)
        .select(*SAMPLE_SCHEMA, "recipe")
    )


def _gauge_means(gauges: pl.DataFrame, longest_gap: timedelta, step: timedelta) -> pl.DataFrame:
    """SERIES, slot, value: the mean of a slot's readings, or the one before if only this series has none.

    A request that was lost holds some series of a scrape: without them the others' sum would be too small. A
    slot in which nothing of the resource was read stays a gap.
    """
    width = round(step / timedelta(microseconds=1))
    slot = pl.col("ts").to_physical() // width
    read = gauges.group_by(*SERIES, slot.alias("slot")).agg(
        pl.col("value").mean(), pl.col("value").sort_by("ts").last().alias("last"), pl.col("ts").max()
    )
    ordered = read.sort(*SERIES, "slot").with_columns(
        pl.col("slot").shift(-1).over(SERIES).alias("next"),
        (pl.col("ts").shift(-1).over(SERIES) - pl.col("ts") <= longest_gap).alias("near"),
    )
    held = (
        ordered.filter(pl.col("near") & (pl.col("next") > pl.col("slot") + 1))
        .select(
            *SERIES, pl.int_ranges(pl.col("slot") + 1, "next").alias("slot"), pl.col("last").alias("value")
        )
        .explode("slot", empty_as_null=False)
        .join(read.select(*GROUP, "slot").unique(), on=[*GROUP, "slot"], how="semi")
    )
    both = pl.concat([read.select(*SERIES, "slot", "value"), held])
    return both.with_columns((pl.col("slot") * width).cast(UTC_TIME))


def _without_torn_edges(of_role: pl.DataFrame, step: timedelta) -> pl.DataFrame:
    """Without slots before or after a gap that have fewer series than their neighbour on the other side.

    There a scrape was cut: what arrived of it is no sum. Inside a stretch series may come and go.
    """
    key = [*GROUP, "role"]
    ordered = of_role.sort(*key, "slot").with_columns(
        (pl.col("slot") - pl.col("slot").shift().over(key) == step).fill_null(False).alias("follows"),
        (pl.col("slot").shift(-1).over(key) - pl.col("slot") == step).fill_null(False).alias("precedes"),
        pl.col("parts").shift().over(key).alias("parts_before"),
        pl.col("parts").shift(-1).over(key).alias("parts_after"),
    )
    torn = (pl.col("follows") & ~pl.col("precedes") & (pl.col("parts") < pl.col("parts_before"))) | (
        pl.col("precedes") & ~pl.col("follows") & (pl.col("parts") < pl.col("parts_after"))
    )
    return ordered.filter(~torn.fill_null(False)).select(of_role.columns)


def _intervals(readings: pl.DataFrame, longest_gap: timedelta) -> pl.DataFrame:
    """SERIES, since, ts, rate of counters and deltas."""
    counters = readings.filter(pl.col("kind") == "counter")
    deltas = readings.filter((pl.col("kind") == "delta") & (pl.col("ts") > pl.col("start")))
    seconds = (pl.col("ts") - pl.col("start")).dt.total_microseconds() / 1e6
    return pl.concat(
        [
            rates(counters, SERIES, longest_gap),
            deltas.select(
                *SERIES, pl.col("start").alias("since"), "ts", (pl.col("value") / seconds).alias("rate")
            ),
        ]
    )


def _peaks(gauges: pl.DataFrame, counted: pl.DataFrame, width: int) -> pl.DataFrame:
    """GROUP, slot, parts, peak: the highest sum of the demand at one moment, by how many series it has.

    A rate belongs to the slot in which its interval ends. A sum of fewer series than the slot has is no peak.
    """
    moments = pl.concat(
        [
            gauges.filter(pl.col("role") == Role.DEMAND).select(
                *GROUP, "ts", pl.col("ts").to_physical().alias("within"), "value"
            ),
            counted.filter(pl.col("role") == Role.DEMAND).select(
                *GROUP, "ts", (pl.col("ts").to_physical() - 1).alias("within"), pl.col("rate").alias("value")
            ),
        ]
    )
    sums = moments.group_by(*GROUP, "ts").agg(
        pl.col("value").sum(), pl.len().alias("parts"), pl.col("within").first()
    )
    slot = (pl.col("within") // width * width).cast(UTC_TIME).alias("slot")
    return sums.group_by(*GROUP, slot, "parts").agg(pl.col("value").max().alias("peak"))
