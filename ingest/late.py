"""Late readings: makes the slots anew that they belong to, from all that is known of their time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import polars as pl

from data.frames import SAMPLE_SCHEMA
from ingest.readings import GROUP, READING_SCHEMA, SERIES
from ingest.recipes import Role
from ingest.slots import samples_of

Around = Callable[[datetime, datetime, pl.Series], pl.DataFrame]
"""READING_SCHEMA from the first moment to the second, of resources; late ones are not needed among them."""


FEW = 20
"""Resources of which a day of readings is no more than all others' of an hour."""


def late_samples(
    late: pl.DataFrame, around: Around, bounds: pl.DataFrame, step: timedelta, longest_gap: timedelta
) -> pl.DataFrame:
    """SAMPLE_SCHEMA of the slots before the bound of their group that late readings may change.

    The samples are those that the same readings in order would have given: a reading matters to slots as far
    as a gap may be long, and these depend on readings as far away again.

    Args:
        late: READING_SCHEMA.
        bounds: GROUP, bound: from which slot on the group's samples are made otherwise.
    """
    reach = longest_gap + 2 * step
    found = [pl.DataFrame(schema=SAMPLE_SCHEMA)]
    for part in _parts(late):
        resources = part["resource"].unique()
        oldest, newest = part.select(pl.col("ts").min(), pl.col("ts").max().alias("newest")).row(0)
        since, until = oldest - 2 * reach, newest + 2 * reach
        near = pl.col("ts").is_between(since, until) & pl.col("resource").is_in(resources.implode())
        known = pl.concat([around(since, until, resources), late.filter(near).select(*READING_SCHEMA)])
        made = samples_of(known.unique([*SERIES, "ts"], keep="last", maintain_order=True), step, longest_gap)
        moments = part.select(*GROUP, pl.col("ts").alias("late")).unique().sort("late")
        found.append(
            made.join(bounds, on=GROUP, how="inner", maintain_order="left")
            .filter(pl.col("ts") < pl.col("bound"))
            .sort("ts", maintain_order=True)
            # Of what lies between, nothing has changed.
            .join_asof(
                moments,
                left_on="ts",
                right_on="late",
                by=GROUP,
                strategy="nearest",
                tolerance=reach,
                check_sortedness=False,
            )
            .filter(pl.col("late").is_not_null())
            .select(*SAMPLE_SCHEMA)
        )
    return pl.concat(found).unique(["resource", "metric", "ts"], keep="last", maintain_order=True)


def _parts(late: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The readings hour by hour, or day by day if they are of few resources: all of it may be too much."""
    length = "1d" if late["resource"].n_unique() <= FEW else "1h"
    for _, part in late.group_by(pl.col("ts").dt.truncate(length), maintain_order=True):
        yield part


def incomplete(late: pl.DataFrame, around: Around, known: pl.DataFrame, step: timedelta) -> pl.Series:
    """(rows of late,) whether its slot has too few series of its group, so that their sum would be too small.

    The measure is how many series of demand the group has in `known`. Needed only where not everything that
    came before is kept for the late ones to join.

    Args:
        late: READING_SCHEMA.
    """
    demand = pl.col("role") == Role.DEMAND
    width = round(step / timedelta(microseconds=1))
    slot = (pl.col("ts").to_physical() // width).alias("slot")
    parts = pl.struct(*SERIES).n_unique()
    has = known.filter(demand).group_by(GROUP).agg(parts.alias("has"))
    came = [pl.DataFrame(schema={**{name: late.schema[name] for name in SERIES}, "slot": pl.Int64})]
    for part in _parts(late):
        oldest, newest = part.select(pl.col("ts").min(), pl.col("ts").max().alias("newest")).row(0)
        near = around(oldest - step, newest + step, part["resource"].unique())
        slots = part.select(*GROUP, slot).unique()
        both = pl.concat([near, part]).filter(demand).select(*SERIES, slot)
        came.append(both.join(slots, on=[*GROUP, "slot"], how="semi").unique())
    counts = pl.concat(came).unique().group_by(*GROUP, "slot").agg(pl.len().alias("came"))
    joined = (
        late.with_columns(slot)
        .join(has, on=GROUP, how="left", maintain_order="left")
        .join(counts, on=[*GROUP, "slot"], how="left", maintain_order="left")
    )
    return joined.select((pl.col("came").fill_null(0) < pl.col("has").fill_null(0)).alias("few"))["few"]
