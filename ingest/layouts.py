"""From the columns of a file to samples: the long layout (a row is a sample) and the wide one (many)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

from data.errors import ConfigError
from data.frames import SAMPLE_SCHEMA
from ingest.core_clock import Clock
from ingest.intake import NO_DRIVERS, settle
from ingest.numbers import HUMAN, KUBERNETES, numbers, quantities
from ingest.pieces import LINE, Piece, missing_column
from ingest.units import Conversion, Dimension, UnknownUnit, canonical, conversion, suffix_factor

MISSING = ("", "-", "NA", "N/A", "NULL", "null", "None", "nil")
"""Texts that stand for nothing where a value may be absent."""

NOTHING: Mapping[str, str] = MappingProxyType({})
_SUFFIXED = (HUMAN, KUBERNETES)


@dataclass(frozen=True, slots=True)
class Value:
    """One column of values in the wide layout."""

    column: str
    """The column."""
    metric: str
    """What it measures: cpu, memory, storage, network_in, network_out, requests, users, or a driver."""
    unit: str
    """Its unit; `human` or `kubernetes` where each value has its own suffix (523.42T, 500m)."""
    value_max: str = ""
    """Column with the highest value within the interval, in the same unit."""
    capacity: str = ""
    """Column with the capacity."""
    capacity_is: float | None = None
    """The capacity, where no column holds it and all rows have the same."""
    capacity_unit: str = ""
    """Unit of the capacity where it differs: a percentage of it then becomes an amount."""
    resource: str = ""
    """The resource, where each column is about another one."""

    def __post_init__(self) -> None:
        if self.capacity and self.capacity_is is not None:
            raise ConfigError(f"values: {self.column!r} has both capacity and capacity_is; keep one")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the columns of a file become samples. Built by `Files` from its settings."""

    resource: tuple[str, ...]
    """Columns whose texts, joined by a slash, name the resource; () = constant or from the file's name."""
    resource_is: str = ""
    """The resource of all rows; in place of the columns, or where they are empty."""
    metric: str = ""
    """Long layout: column with the metric; "" = `metric_is`."""
    metric_is: str = ""
    unit: str = ""
    """Long layout: column with the unit; "" = `unit_is`."""
    unit_is: str = ""
    value: str = "value"
    value_max: str = ""
    capacity: str = ""
    capacity_is: float | None = None
    capacity_unit: str = ""
    values: tuple[Value, ...] = ()
    """Wide layout; the fields of the long one are then not used."""
    where: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    metrics: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    skip_metrics: tuple[str, ...] = ()
    drivers: Mapping[str, str] = field(default_factory=lambda: NO_DRIVERS)
    missing: tuple[str, ...] = MISSING
    decimal_comma: bool = False

    def needs(self) -> tuple[str, ...]:
        """The columns that must be there."""
        if self.values:
            of_values = [
                name for one in self.values for name in (one.column, one.value_max, one.capacity) if name
            ]
        else:
            of_values = [
                name for name in (self.metric, self.unit, self.value, self.value_max, self.capacity) if name
            ]
        return tuple(dict.fromkeys((*self.resource, *of_values, *self.where)))

    def samples(
        self, piece: Piece, ts: pl.Series, origin: str, clock: Clock
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """SAMPLE_SCHEMA with LINE, and unusable samples with LINE and `reason`.

        Args:
            ts: the time of every row of the piece, null where it could not be read (those rows are left out).
            clock: turns clock rates into cores.

        Raises:
            SourceError: if a column is missing.
        """
        rows = piece.rows.with_columns(ts.alias("ts of the row")).filter(ts.is_not_null())
        for name in self.needs():
            if name not in rows.columns:
                raise missing_column(origin, name, rows.columns)
        for name, wanted in self.where.items():
            rows = rows.filter(pl.col(name).cast(pl.String).str.strip_chars().fill_null("") == wanted)
        resource = self._resources(rows)
        plan = self.values or (self._long(),)
        good, bad, unreported = [], [], pl.repeat(0, rows.height, dtype=pl.Int32, eager=True)
        for one in plan:
            frame = self._one(rows, resource, one)
            if len(plan) > 1:  # an empty cell in a row with others is unreported, not wrong
                nothing = frame["value"].is_null() & frame["wrong"].is_null()
                unreported += nothing.cast(pl.Int32)
                frame = frame.filter(~nothing)
            usable, unusable = self._settled(frame, clock)
            good.append(usable)
            bad.append(unusable)
        if len(plan) > 1 and (unreported == len(plan)).any():
            void = rows.filter(unreported == len(plan))
            bad.append(void.select(pl.col(LINE), pl.lit("row has no value").alias("reason")))
        return pl.concat(good), pl.concat(bad)

    def _long(self) -> Value:
        return Value(
            self.value,
            self.metric_is,
            self.unit_is,
            self.value_max,
            self.capacity,
            self.capacity_is,
            self.capacity_unit,
        )

    def _resources(self, rows: pl.DataFrame) -> pl.Series:
        parts = [rows[name].cast(pl.String) for name in self.resource]
        if not parts:
            return pl.repeat(self.resource_is, rows.height, dtype=pl.String, eager=True).alias("resource")
        joined = parts[0]
        for part in parts[1:]:
            joined = joined.str.strip_chars() + "/" + part.str.strip_chars()
        if self.resource_is:
            blank = (joined.str.strip_chars() == "").fill_null(True)
            joined = joined.zip_with(~blank, pl.repeat(self.resource_is, rows.height, eager=True))
        return joined.alias("resource")

    def _one(self, rows: pl.DataFrame, resource: pl.Series, value: Value) -> pl.DataFrame:
        """The samples of one value column, with LINE and, where it cannot be read, `wrong`."""
        if value.resource:
            resource = pl.repeat(value.resource, rows.height, dtype=pl.String, eager=True)
        unit: pl.Series | pl.Expr = pl.lit(value.unit, pl.String)
        metric: pl.Series | pl.Expr = pl.lit(value.metric, pl.String)
        if not self.values and self.metric:
            metric = rows[self.metric].cast(pl.String).alias("metric")
        if not self.values and self.unit:
            unit = rows[self.unit].cast(pl.String).alias("unit")
        columns: dict[str, pl.Series] = {}
        wrongs: list[tuple[str, pl.Series]] = []
        read_as = value.unit
        for name, column in (
            ("value", value.column),
            ("value_max", value.value_max),
            ("capacity", value.capacity),
        ):
            if not column:
                columns[name] = pl.repeat(None, rows.height, dtype=pl.Float64, eager=True)
                continue
            suffixed = value.capacity_unit if name == "capacity" and value.capacity_unit else value.unit
            columns[name], wrong = self._read(rows[column], suffixed, value.metric)
            if wrong.any():
                wrongs.append((column, wrong))
        if value.capacity_is is not None:
            columns["capacity"] = pl.repeat(value.capacity_is, rows.height, dtype=pl.Float64, eager=True)
        if read_as in _SUFFIXED:
            unit = pl.lit(_base(value.metric, self.drivers), pl.String)
        frame = pl.DataFrame(
            {"ts": rows["ts of the row"], "resource": resource, **columns, LINE: rows[LINE]}
        ).with_columns(metric.alias("metric"), unit.alias("unit"))
        wrong_text = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
        for column, wrong in wrongs:
            reason = pl.select(
                pl.format(
                    "{} '{}' is not a number", pl.lit(column), rows[column].cast(pl.String).str.head(60)
                )
            ).to_series()
            wrong_text = wrong_text.zip_with(~(wrong & wrong_text.is_null()), reason)
        frame = frame.with_columns(wrong_text.alias("wrong"))
        return self._own_capacity(frame, value)

    def _read(self, column: pl.Series, unit: str, metric: str) -> tuple[pl.Series, pl.Series]:
        missing = frozenset(self.missing)
        if unit not in _SUFFIXED:
            return numbers(column, decimal_comma=self.decimal_comma, missing=missing)
        own = self.drivers.get(metric, "")

        def factor(suffix: str) -> float | None:
            if own and suffix.casefold() == own.casefold():
                return 1.0
            return suffix_factor(suffix, style=unit)

        return quantities(column, factor, missing=missing)

    def _own_capacity(self, frame: pl.DataFrame, value: Value) -> pl.DataFrame:
        """Settles a capacity in a unit of its own: shares of it become amounts."""
        if not value.capacity_unit:
            return frame
        known = pl.col("capacity")
        if value.capacity_unit in _SUFFIXED:
            held = Conversion(_base(value.metric, self.drivers), 1.0, None)
            inner = conversion(held.unit, value.metric, self.drivers)
        else:
            inner = conversion(value.capacity_unit, value.metric, self.drivers)
        if inner.dimension in (Dimension.SHARE, Dimension.CLOCK):
            raise ConfigError(
                f"values: capacity_unit of {value.column!r} must be an amount, e.g. {inner.unit}"
            )
        if value.unit in _SUFFIXED:
            outer = conversion(_base(value.metric, self.drivers), value.metric, self.drivers)
        else:
            outer = conversion(value.unit, value.metric, self.drivers)
        capacity = known * inner.factor
        if outer.dimension is Dimension.SHARE:
            unknown = pl.col("wrong").is_null() & known.is_null() & pl.col("value").is_not_null()
            return frame.with_columns(
                value=pl.col("value") * outer.factor * capacity,
                value_max=pl.col("value_max") * outer.factor * capacity,
                capacity=capacity,
                unit=pl.lit(inner.unit),
                wrong=pl.when(unknown)
                .then(pl.lit(f"{value.unit} of an unknown capacity"))
                .otherwise(pl.col("wrong")),
            )
        if outer.dimension is Dimension.CLOCK:
            raise ConfigError(f"values: {value.column!r} is a clock rate, so its capacity must be one too")
        return frame.with_columns(
            value=pl.col("value") * outer.factor,
            value_max=pl.col("value_max") * outer.factor,
            capacity=capacity,
            unit=pl.lit(inner.unit),
        )

    def _settled(self, frame: pl.DataFrame, clock: Clock) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Renames and skips metrics; splits into usable samples and unusable ones with a reason."""
        if self.metrics:
            frame = frame.with_columns(pl.col("metric").str.strip_chars().replace(dict(self.metrics)))
        if self.skip_metrics:
            skipped = pl.col("metric").str.strip_chars().is_in(list(self.skip_metrics)).fill_null(False)
            frame = frame.filter(~skipped)
        wrong = frame["wrong"].is_not_null()
        refused = []
        if wrong.any():
            refused.append(frame.filter(wrong).select(LINE, pl.col("wrong").alias("reason")))
            frame = frame.filter(~wrong)
        frame = clock.to_cores(frame)
        good, bad = settle(frame.select(*SAMPLE_SCHEMA, LINE), drivers=self.drivers, defer=True)
        return good, pl.concat([*refused, bad.select(LINE, "reason")])


def _base(metric: str, drivers: Mapping[str, str]) -> str:
    """The unit of a quantity without suffix: bytes, cores, or the driver's own."""
    if metric in ("memory", "storage"):
        return "B"
    return canonical(metric, drivers)


def check_value(value: Value, drivers: Mapping[str, str]) -> None:
    """Raises ConfigError where metric and units of a value column cannot be."""
    try:
        own = canonical(value.metric, drivers)
        for unit in (value.unit, value.capacity_unit):
            if unit and unit not in _SUFFIXED:
                conversion(unit, value.metric, drivers)
    except UnknownUnit as error:
        raise ConfigError(f"values: {value.column!r}: {error}") from error
    if not value.unit:
        raise ConfigError(f"values: {value.column!r} needs a unit, e.g. {own}")
