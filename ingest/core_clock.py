"""Clock rates into cores: hypervisors report MHz used, capacity is planned in cores."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from data.errors import ConfigError
from data.frames import UTC_TIME
from ingest.units import Dimension, find_unit


@dataclass(frozen=True, slots=True)
class CoreClock:
    """A file that says how many cores and MHz each resource has; with a date, as history.

    Preferred over one `mhz_per_core` for all: hosts differ, and a machine that moves to a faster host would
    seem to need fewer cores.
    """

    path: str
    """CSV or Parquet; relative to the settings like `paths`."""
    resource: str = "resource"
    """Column with the resource, as in the measurements."""
    cores: str = "cores"
    """Column with the number of cores."""
    mhz: str = "mhz"
    """Column with the clock rate of all its cores together, in MHz."""
    valid_from: str = ""
    """Column with the day or time from which the row holds; "" = always."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known about the clock of a core."""

    table: pl.DataFrame | None = None
    """resource, ts (from when), mhz_per_core; sorted by ts."""
    constant: float | None = None
    """MHz of a core where the table says nothing."""

    def to_cores(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The samples, clock rates turned into cores where the clock is known."""
        if self.table is None and self.constant is None:
            return frame
        found = {name: find_unit(name, (Dimension.CLOCK,)) for name in frame["unit"].drop_nulls().unique()}
        factors = {name: unit.factor for name, unit in found.items() if unit is not None}
        if not factors:
            return frame
        per_core = pl.lit(self.constant, pl.Float64)
        if self.table is not None:
            first = self.table.group_by("resource").agg(first=pl.col("mhz_per_core").first())
            frame = (
                frame.with_row_index("position")
                .sort("ts", nulls_last=True)
                .join_asof(self.table, on="ts", by="resource", check_sortedness=False)
                .join(first, on="resource", how="left")
                .sort("position")
                .drop("position")
            )
            per_core = pl.coalesce("mhz_per_core", "first", per_core)
        mhz = pl.col("unit").replace_strict(factors, default=None, return_dtype=pl.Float64)
        times = mhz / per_core
        known = times.is_not_null()
        frame = frame.with_columns(
            *(
                pl.when(known).then(pl.col(name) * times).otherwise(pl.col(name)).alias(name)
                for name in ("value", "value_max", "capacity")
            ),
            unit=pl.when(known).then(pl.lit("cores")).otherwise("unit"),
        )
        return frame.drop("mhz_per_core", "first", strict=False)


def clock_table(rows: pl.DataFrame, setting: CoreClock, since: pl.Series | None) -> pl.DataFrame:
    """The table of `Clock` from the rows of its file.

    Args:
        since: the time from which each row holds; None = always.

    Raises:
        ConfigError: if no row says anything.
    """
    always = pl.Series([0], dtype=pl.Int64).cast(UTC_TIME).new_from_index(0, rows.height)
    number = {name: pl.col(name).cast(pl.Float64, strict=False) for name in (setting.cores, setting.mhz)}
    table = (
        rows.select(
            pl.col(setting.resource).cast(pl.String).str.strip_chars().alias("resource"),
            (always if since is None else since).alias("ts"),
            (number[setting.mhz] / number[setting.cores]).alias("mhz_per_core"),
        )
        # switched off: no cores, no clock; the run before or after tells it
        .filter(
            pl.col("mhz_per_core").is_finite() & (pl.col("mhz_per_core") > 0) & pl.col("ts").is_not_null()
        )
        .sort("ts")
    )
    if table.is_empty():
        raise ConfigError(f"core_clock: {setting.path} has no row with cores and MHz above 0")
    return table
