"""Reads a file of series: one row per entity, optional metric and slot, whatever types the columns have."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from data.errors import SourceError
from data.frames import UTC_TIME
from headroom.table_file import read_table
from ingest.times import Time, to_utc

_DAY_FIRST = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y")
"""With dots the day comes first; with slashes nobody knows, so such times are not read."""
_HIGHEST = 1e100
"""An amount above this is a marker or a fault: squares of it are no numbers any more."""


class SeriesRows(NamedTuple):
    """The usable rows of a file, sorted, one per series and slot."""

    rows: pl.DataFrame
    """entity, metric, `ts` (UTC) or `step`, value, capacity; null = unreported."""
    slot: str
    """`ts` or `step`."""
    skipped: int
    """Rows without an entity or a time, or with a value that is no number."""
    duplicates: int
    """Rows that gave a slot a second value; the mean was taken."""


def read_series(path: Path) -> SeriesRows:
    """Reads Parquet or CSV with entity, optionally metric, `ts` or an integer `step`, value, maybe capacity.

    Raises:
        SourceUnavailable: the file cannot be read.
        SourceError: it has other columns, or no usable row.
    """
    frame = read_table(path)
    names = set(frame.columns)
    if not {"entity", "value"} <= names or not names & {"ts", "step"}:
        raise SourceError(
            f"{path}: columns are {', '.join(frame.columns)}; entity, value and ts or step are needed"
        )
    slot = "ts" if "ts" in names else "step"
    value = _amounts(frame["value"], path)
    rows = pl.DataFrame(
        {
            "entity": _names(frame["entity"], path),
            "metric": _names(frame["metric"], path)
            if "metric" in names
            else pl.Series(["value"]).new_from_index(0, frame.height),
            slot: _instants(frame["ts"], path) if slot == "ts" else _steps(frame["step"], path),
            "value": value,
            "capacity": _amounts(frame["capacity"], path)
            if "capacity" in names
            else pl.Series([None], dtype=pl.Float64).new_from_index(0, frame.height),
        }
    )
    unreadable = rows["value"].null_count() - frame["value"].null_count()
    placed = rows.filter(
        pl.col("entity").is_not_null() & pl.col("metric").is_not_null() & pl.col(slot).is_not_null()
    )
    if placed.is_empty():
        told = frame[slot].drop_nulls()
        example = f"; the first {slot} is {told[0]!r}, expected e.g. 2024-01-31T08:00Z" if len(told) else ""
        raise SourceError(f"{path}: no row has an entity and a {slot}{example if slot == 'ts' else ''}")
    single = placed.group_by("entity", "metric", slot).agg(
        pl.col("value").fill_nan(None).mean(), pl.col("capacity").fill_nan(None).mean()
    )
    skipped = unreadable + rows.height - placed.height
    return SeriesRows(single.sort("entity", "metric", slot), slot, skipped, placed.height - single.height)


def _names(column: pl.Series, path: Path) -> pl.Series:
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{path}: {column.name} is {column.dtype}, expected text") from error


def _amounts(column: pl.Series, path: Path) -> pl.Series:
    """Numbers; null where there is none, or where it is infinite."""
    dtype = column.dtype
    if dtype == pl.String:
        column = column.str.strip_chars()
    elif not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
        raise SourceError(f"{path}: {column.name} is {dtype}, expected numbers")
    amounts = column.cast(pl.Float64, strict=False)
    return amounts.set((amounts.abs() > _HIGHEST) & amounts.is_not_nan(), None)


def _instants(column: pl.Series, path: Path) -> pl.Series:
    dtype = column.dtype
    if dtype == pl.String:
        texts = column.str.strip_chars()
        if texts.drop_nulls().str.contains(r"^[+-]?\d+$").any():
            dtype = pl.Int64()
        else:
            moments = to_utc(texts, Time())
            for pattern in _DAY_FIRST:
                if not (moments.is_null() & texts.is_not_null()).any():
                    break
                moments = moments.zip_with(moments.is_not_null(), to_utc(texts, Time(format=pattern)))
            return moments
    elif isinstance(dtype, pl.Datetime) or dtype in (pl.Date, pl.Null):
        return to_utc(column, Time()).cast(UTC_TIME)
    raise SourceError(
        f"{path}: ts is {dtype}, expected a timestamp; integer slots go into a column named step"
    )


def _steps(column: pl.Series, path: Path) -> pl.Series:
    dtype = column.dtype
    if dtype == pl.String:
        whole = column.str.strip_chars().cast(pl.Int64, strict=False)
        odd = column.filter(whole.is_null() & column.is_not_null())
        if len(odd):
            raise SourceError(f"{path}: step is {odd[0]!r}, expected an integer")
        return whole
    if not (dtype.is_integer() or dtype == pl.Null):
        raise SourceError(f"{path}: step is {dtype}, expected an integer")
    try:
        return column.cast(pl.Int64)
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{path}: step is beyond 64 bits, e.g. {column.max()!r}") from error
