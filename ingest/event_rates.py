"""Logs with one row per event, counted into rates."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from data.frames import SAMPLE_SCHEMA, empty
from data.series import UNITS, Driver


class EventRates:
    """Adds up events piece by piece; the memory it needs grows with the stretches of time, not the events."""

    def __init__(self, step: timedelta) -> None:
        self._step = step
        self._counts = pl.DataFrame(
            schema={
                "resource": pl.String,
                "metric": pl.String,
                "ts": SAMPLE_SCHEMA["ts"],
                "value": pl.Float64,
            }
        )

    def add(self, samples: pl.DataFrame) -> None:
        """Counts samples of value 1."""
        counted = samples.select("resource", "metric", pl.col("ts").dt.truncate(self._step), "value")
        self._counts = (
            pl.concat([self._counts, counted]).group_by("resource", "metric", "ts").agg(pl.col("value").sum())
        )

    def samples(self) -> pl.DataFrame:
        """SAMPLE_SCHEMA with the events per second of each stretch; between the first and the last event of a
        resource, stretches without any are 0, because then nothing was asked for."""
        if self._counts.is_empty():
            return empty(SAMPLE_SCHEMA)
        spans = self._counts.group_by("resource", "metric").agg(
            pl.datetime_ranges(pl.col("ts").min(), pl.col("ts").max(), self._step).first().alias("ts")
        )
        grid = spans.explode("ts")
        seconds = self._step.total_seconds()
        return (
            grid.join(self._counts, on=["resource", "metric", "ts"], how="left")
            .sort("resource", "metric", "ts")
            .select(
                "ts",
                "resource",
                "metric",
                pl.col("value").fill_null(0.0) / seconds,
                pl.lit(None, pl.Float64).alias("value_max"),
                pl.lit(None, pl.Float64).alias("capacity"),
                pl.lit(UNITS[Driver.REQUESTS]).alias("unit"),
            )
        )
