"""`headroom replay-file`: what each sizing policy would have done on the history in one file, without a
store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl

from data.errors import ConfigError, SourceError, SourceUnavailable, UnknownName
from data.frames import UTC_TIME
from data.panel import HOUR, Panel
from data.series import SeriesKey
from ingest.units import Dimension, UnknownUnit, conversion
from models.replay.replay import ALL_TIERS, replay
from models.sizing import POLICIES

REQUIRED = ("ts", "entity", "metric", "value", "capacity")
COLUMNS = (
    "policy",
    "target_breach",
    "allocated",
    "breached_hours",
    "breached_windows",
    "worst_overshoot",
    "changes",
    "entity_windows",
)
"""What is written, a row per policy and target: see models.replay.score.Score for their meaning."""

MHZ_PER_CORE = 2600.0
"""Where a file states clock rates, a core of this speed turns them into cores. Figures are shares of what is
provisioned, so only policies with floors or rounding in cores notice."""

HARD_METRICS = frozenset({"memory", "storage"})
"""Metrics whose demand cannot exceed what is provisioned."""

MISSING = ("", "na", "nan", "none", "null")
"""What stands in a text cell without a number, in any case."""

MOST_HOURS = 10 * 366 * 24
"""A file that spans more has a wrong time in it, and a window a week from there on would take hours."""

MOST_CELLS = 400_000_000
"""Entities x hours that are taken on at most: 20,000 entities for two years, some 10 GB."""


def replay_file(
    input_file: Path,
    *,
    metric: str,
    policies: Sequence[str] | None,
    hold_days: int = 7,
    start_day: int = 42,
    target_breach: Sequence[float] = (0.005,),
    out: Path,
) -> pl.DataFrame:
    """Replays policies on one metric of a Parquet or CSV file and writes a row per policy and target as CSV.

    Args:
        input_file: columns ts, entity, metric, value (mean of the hour), capacity; `value_max` and `unit` are
            read where there are any.
        metric: which of its metrics.
        policies: names in POLICIES; None = all.
        hold_days: days each size is in force.
        start_day: first day on which sizes are made, counted from the file's first hour of the metric,
            whether anything was reported in it or not.
        target_breach: budgets for policies that have one.
        out: CSV file.

    Returns:
        What was written.

    Raises:
        UnknownName: a policy or the metric is not there.
        SourceError: the file lacks a column, or holds too little to replay.
        ConfigError: a number makes no sense or `out` cannot be written.
    """
    chosen = list(POLICIES) if policies is None else list(dict.fromkeys(policies))
    for name in chosen:
        if name not in POLICIES:
            raise UnknownName("policy", name, POLICIES)
    targets = sorted(set(target_breach), reverse=True)
    if not targets or not all(0 < target < 1 for target in targets):
        raise ConfigError(
            f"target breach is a share between 0 and 1, got {', '.join(map(str, target_breach))}"
        )
    if not out.parent.is_dir():
        raise ConfigError(f"{out}: there is no folder {out.parent}")
    history = read_hours(input_file, metric)
    try:
        scores = replay(
            history,
            MappingProxyType({name: POLICIES[name]() for name in chosen}),
            start_day=start_day,
            hold_days=hold_days,
            targets=targets,
            hard=metric in HARD_METRICS,
        )
    except ValueError as error:
        raise SourceError(f"{input_file}: {error}") from error
    scores = scores.filter(pl.col("tier") == ALL_TIERS).select(COLUMNS)
    if scores["entity_windows"].sum() == 0:
        raise SourceError(
            f"{input_file}: no entity has a capacity for {metric} and a day of hours after day {start_day},"
            " so there is nothing to compare sizes with"
        )
    scores.write_csv(out)
    return scores


def read_hours(input_file: Path, metric: str) -> Panel:
    """One metric of a file as an hourly panel, entities by name.

    Several rows of an entity in one hour are joined: mean of the values, largest value_max and capacity. A
    missing value_max is the value. A row without a value still tells what was provisioned.

    Raises UnknownName, SourceError, SourceUnavailable.
    """
    rows = _rows(input_file, metric)
    rows = _in_own_units(rows, metric, input_file)
    hours = (
        rows.group_by("entity", pl.col("ts").dt.truncate("1h"))
        .agg(
            pl.col("value").mean(),
            pl.max_horizontal(pl.col("value_max").max(), pl.col("value").max()).alias("value_max"),
            pl.col("capacity").max(),
        )
        .sort("entity", "ts")
    )
    names = hours["entity"].unique().sort()
    row = hours["entity"].replace_strict(names, range(len(names)), return_dtype=pl.Int64).to_numpy()
    first = hours["ts"].min()
    slot = ((hours["ts"] - first).dt.total_hours()).to_numpy()
    slots = int(slot.max()) + 1
    if slots > MOST_HOURS or len(names) * slots > MOST_CELLS:
        days = " to ".join(hours["ts"].dt.date().sort()[[0, -1]].cast(pl.String))
        raise SourceError(
            f"{input_file}: {len(names)} entities from {days} are {slots} hours each, too many to replay;"
            " is one of the times wrong?"
        )
    grids = np.full((3, len(names), slots), np.nan)
    for grid, column in zip(grids, ("value", "value_max", "capacity"), strict=True):
        grid[row, slot] = hours[column].fill_null(np.nan).to_numpy()
    keys = [SeriesKey(name, metric) for name in names]
    return Panel.of(keys, first, HOUR, *grids)  # type: ignore[arg-type]


def _rows(input_file: Path, metric: str) -> pl.DataFrame:
    """The rows of one metric, typed."""
    if not input_file.is_file():
        raise SourceUnavailable(f"cannot read {input_file}: there is no such file")
    try:
        table = (
            pl.scan_parquet(input_file)
            if input_file.suffix == ".parquet"
            else pl.scan_csv(input_file, infer_schema=False)
        )
        present = table.collect_schema().names()
        missing = [column for column in REQUIRED if column not in present]
        if missing:
            raise SourceError(
                f"{input_file}: no column {', '.join(missing)}; a replay needs {', '.join(REQUIRED)}"
            )
        wanted = [*REQUIRED, *(name for name in ("value_max", "unit") if name in present)]
        rows = table.filter(pl.col("metric") == metric).select(wanted).collect()
        if "value_max" not in present:
            rows = rows.with_columns(value_max=pl.lit(None, pl.Float64))
        if rows.is_empty():
            known = table.select(pl.col("metric").unique()).collect()["metric"].drop_nulls().to_list()
            raise UnknownName("metric", metric, known)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{input_file}: {str(error).splitlines()[0]}") from error
    return _typed(rows, input_file)


def _typed(rows: pl.DataFrame, input_file: Path) -> pl.DataFrame:
    """Times in UTC and finite numbers; a cell that is neither is an error that says where."""
    if rows.schema["ts"] == pl.String:
        parsed = rows["ts"].str.to_datetime(time_zone="UTC", time_unit="us", strict=False)
    elif isinstance(rows.schema["ts"], pl.Datetime):
        parsed = rows["ts"].cast(pl.Datetime("us", rows.schema["ts"].time_zone or "UTC"))
        parsed = parsed.dt.convert_time_zone("UTC")
    else:
        raise SourceError(f"{input_file}: ts holds {rows.schema['ts']}, expected times")
    amounts = ("value", "value_max", "capacity")
    typed = rows.with_columns(
        parsed.cast(UTC_TIME).alias("ts"),
        pl.col("entity").cast(pl.String),
        *(pl.col(name).cast(pl.Float64, strict=False).fill_nan(None) for name in amounts),
    )
    spoiled = (pl.col("ts").is_null() & rows["ts"].is_not_null()) | pl.col("ts").is_null()
    spoiled |= pl.col("entity").is_null()
    for name in amounts:
        given = rows[name].is_not_null()
        if rows.schema[name] == pl.String:
            given &= ~rows[name].str.strip_chars().str.to_lowercase().is_in(MISSING)
            spoiled |= pl.Series(given) & pl.col(name).is_null()
        spoiled |= pl.col(name).is_infinite().fill_null(value=False) | (pl.col(name) < 0).fill_null(
            value=False
        )
    wrong = typed.with_row_index().filter(spoiled)
    if len(wrong):
        first = rows.row(int(wrong["index"][0]), named=True)
        raise SourceError(
            f"{input_file}: {len(wrong)} of {len(rows)} rows have no time, no entity, or an amount that is"
            f" negative, infinite or no number; the first is {first}"
        )
    return typed


def _in_own_units(rows: pl.DataFrame, metric: str, input_file: Path) -> pl.DataFrame:
    """Amounts in the metric's own unit, where the file names a unit we know; others are taken as they are."""
    if "unit" not in rows.columns:
        return rows
    factors: dict[str, float] = {}
    for unit in rows["unit"].drop_nulls().unique().to_list():
        try:
            found = conversion(unit, metric)
        except UnknownUnit:
            factors[unit] = 1.0
            continue
        factor = found.factor / MHZ_PER_CORE if found.dimension is Dimension.CLOCK else found.factor
        # A share stays one: its capacity is stated in the same unit.
        factors[unit] = 1.0 if found.dimension is Dimension.SHARE else factor
    if len(factors) > 1 and len(set(factors.values())) > 1 and 1.0 in factors.values():
        raise SourceError(f"{input_file}: {metric} comes in units that do not compare: {', '.join(factors)}")
    factor_of = pl.col("unit").replace_strict(factors, default=1.0, return_dtype=pl.Float64)
    return rows.with_columns(pl.col(name) * factor_of for name in ("value", "value_max", "capacity"))
