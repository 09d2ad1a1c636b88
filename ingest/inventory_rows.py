"""Checks the rows of an inventory: types, duplicates, unknown services, circles of dependencies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from data.frames import (
    CAPACITY_SCHEMA,
    DEPENDENCY_SCHEMA,
    EVENT_SCHEMA,
    REJECTED_SCHEMA,
    RESOURCE_SCHEMA,
    SERVICE_SCHEMA,
    UTC_TIME,
    Inventory,
)
from data.series import UNITS, Metric
from ingest.graph import edges_closing_circles
from ingest.pieces import LINE, missing_column
from ingest.times import Time, to_utc
from ingest.units import Dimension, UnknownUnit, conversion

TIERS = (1, 2, 3)
_KEYS: Mapping[str, tuple[str, ...]] = {
    "resources": ("resource",),
    "services": ("service",),
    "dependencies": ("service", "depends_on"),
    "capacities": ("resource", "metric", "capacity"),
    "events": ("ts", "subject", "kind"),
}
"""Columns a row cannot do without."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The rows of one inventory file, not yet checked."""

    origin: str
    rows: pl.DataFrame
    """Texts (or Parquet's own types) under our names, and LINE."""
    rejected: pl.DataFrame
    """REJECTED_SCHEMA: lines that are no rows."""


def checked_inventory(
    cells: Mapping[str, Sequence[Cells]], sizes: Sequence[tuple[str, str, str]]
) -> Inventory:
    """The inventory of these files.

    Args:
        cells: files per table: resources, services, dependencies, capacities, events.
        sizes: (column, metric, unit) of columns of the resources that are capacities.

    Raises:
        SourceError: if a file has not the columns that are needed.
    """
    notes = _Notes([one.rejected for files in cells.values() for one in files])
    services = _table("services", cells, SERVICE_SCHEMA, notes, unique=("service", "valid_from"))
    resources, stated = _resources(cells, sizes, notes)
    dependencies = _table(
        "dependencies", cells, DEPENDENCY_SCHEMA, notes, unique=("service", "depends_on", "valid_from")
    )
    capacities = _capacities(cells, notes)
    events = _table("events", cells, EVENT_SCHEMA, notes, unique=())

    names = set(services["service"])
    if names:
        ownerless = resources.filter(pl.col("service").is_not_null() & ~pl.col("service").is_in(list(names)))
        notes.add(
            ownerless,
            pl.format("service '{}' of {} is not among the services; kept as unowned", "service", "resource"),
        )
        for column in ("service", "depends_on"):
            unknown = ~pl.col(column).is_in(list(names))
            notes.add(
                dependencies.filter(unknown), pl.format("service '{}' is not among the services", column)
            )
            dependencies = dependencies.filter(~unknown)
    circles = edges_closing_circles(list(dependencies.select("service", "depends_on").iter_rows()))
    closing = dependencies[circles]
    notes.add(closing, pl.format("{} depends on {} closes a circle", "service", "depends_on"))
    open_ = pl.Series([i not in set(circles) for i in range(dependencies.height)], dtype=pl.Boolean)
    dependencies = dependencies.filter(open_)
    return Inventory(
        resources=resources.select(*RESOURCE_SCHEMA),
        services=services.select(*SERVICE_SCHEMA),
        dependencies=dependencies.select(*DEPENDENCY_SCHEMA),
        capacities=pl.concat([stated, capacities]).select(*CAPACITY_SCHEMA),
        events=events.select(*EVENT_SCHEMA),
        rejected=notes.frame(),
    )


class _Notes:
    """Collects what is wrong, row by row."""

    def __init__(self, frames: list[pl.DataFrame]) -> None:
        self._frames = list(frames)

    def add(self, rows: pl.DataFrame, reason: pl.Expr) -> None:
        """Notes every row (with LINE, `origin of the row` and `raw of the row`) with its reason."""
        if rows.height:
            self._frames.append(
                rows.select(
                    pl.col("origin of the row").alias("origin"),
                    pl.col(LINE).alias("line"),
                    reason.alias("reason"),
                    pl.col("raw of the row").str.head(1_000).alias("raw"),
                )
            )

    def frame(self) -> pl.DataFrame:
        if not self._frames:
            return pl.DataFrame(schema=REJECTED_SCHEMA)
        return pl.concat(self._frames).sort("origin", "line", nulls_last=True, maintain_order=True)


_ORIGIN = {"origin of the row": pl.String(), "raw of the row": pl.String(), LINE: pl.Int64()}


def _table(
    table: str,
    cells: Mapping[str, Sequence[Cells]],
    schema: dict[str, pl.DataType],
    notes: _Notes,
    *,
    unique: tuple[str, ...],
) -> pl.DataFrame:
    """The rows of a table in its types with where they came from; what cannot be is noted."""
    parts = [pl.DataFrame(schema={**schema, **_ORIGIN})]
    for one in cells.get(table, ()):
        if one.rows.width <= 1:  # LINE alone: lists of YAML may be empty
            continue
        for name in _KEYS[table]:
            if name not in one.rows.columns:
                raise missing_column(one.origin, name, one.rows.columns)
        rows = _located(one)
        typed = rows.with_columns(_typed(rows, name, kind) for name, kind in schema.items())
        for name, kind in schema.items():
            if name in rows.columns:
                said = rows[name].cast(pl.String).str.strip_chars().fill_null("") != ""
                wrong = typed[name].is_null() & said
                shown = rows[name].cast(pl.String).str.head(60).alias("shown")
                what = "kept without it" if name not in _KEYS[table] else "row not used"
                notes.add(
                    typed.with_columns(shown).filter(wrong),
                    pl.format(f"{name} '{{}}' is not {_kind_name(kind)}; {what}", "shown"),
                )
        typed = typed.select(*schema, *_ORIGIN)
        for name in _KEYS[table]:
            void = pl.col(name).is_null()
            unsaid = rows[name].cast(pl.String).str.strip_chars().fill_null("") == ""
            notes.add(typed.filter(unsaid), pl.lit(f"{name} is missing"))
            rows = rows.filter(typed[name].is_not_null())
            typed = typed.filter(~void)
        parts.append(typed)
    found = pl.concat(parts)
    if "tier" in schema:
        bad = pl.col("tier").is_not_null() & ~pl.col("tier").is_in(list(TIERS))
        notes.add(found.filter(bad), pl.format("tier {} is none of 1, 2, 3; kept without it", "tier"))
        found = found.with_columns(tier=pl.when(~bad).then("tier"))
    if unique:
        again = ~pl.struct(*unique).is_first_distinct()
        name_of = pl.concat_str(unique[:-1], separator="/")
        notes.add(found.filter(again), pl.format("{} occurs twice; the first row counts", name_of))
        found = found.filter(~again)
    return found


def _located(one: Cells) -> pl.DataFrame:
    shown = [pl.col(name).cast(pl.String).fill_null("") for name in one.rows.columns if name != LINE]
    return one.rows.with_columns(
        pl.lit(one.origin).alias("origin of the row"),
        pl.concat_str(shown, separator=",").alias("raw of the row"),
    )


def _typed(rows: pl.DataFrame, name: str, kind: pl.DataType) -> pl.Series:
    """The column in its type, null where it cannot be; all null where it is not there."""
    if name not in rows.columns:
        return pl.Series(name, [None] * rows.height, dtype=kind)
    column = rows[name]
    if kind == UTC_TIME:
        return to_utc(column, Time()).alias(name)
    texts = column.cast(pl.String).str.strip_chars()
    texts = texts.set(texts == "", None)
    if kind == pl.String:
        return texts
    if kind.is_integer():
        return texts.cast(pl.Float64, strict=False).cast(kind, strict=False)
    return texts.cast(kind, strict=False)


def _kind_name(kind: pl.DataType) -> str:
    if kind == UTC_TIME:
        return "an ISO 8601 time"
    return "a whole number" if kind.is_integer() else "a number"


def _resources(
    cells: Mapping[str, Sequence[Cells]], sizes: Sequence[tuple[str, str, str]], notes: _Notes
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Resources with their origins, and the capacities their size columns state."""
    stated = [pl.DataFrame(schema=CAPACITY_SCHEMA)]
    labelled: list[Cells] = []
    size_columns = {column for column, _, _ in sizes}
    for one in cells.get("resources", ()):
        rows = one.rows
        if rows.height and "resource" in rows.columns:
            for column, metric, unit in sizes:
                if column not in rows.columns:
                    raise missing_column(one.origin, column, rows.columns)
                stated.append(_stated(one, column, metric, unit, notes))
            rows = _with_labels(rows, size_columns)
        if "kind" not in rows.columns:
            rows = rows.with_columns(pl.lit("server").alias("kind"))
        labelled.append(Cells(one.origin, rows, one.rejected))
    resources = _table(
        "resources", {"resources": labelled}, RESOURCE_SCHEMA, notes, unique=("resource", "valid_from")
    )
    resources = resources.with_columns(pl.col("kind").fill_null("server"))
    negative = pl.col("monthly_price") < 0
    notes.add(
        resources.filter(negative),
        pl.format("monthly_price {} is negative; kept without it", "monthly_price"),
    )
    odd = pl.col("currency").is_not_null() & ~pl.col("currency").str.contains(r"^[A-Z]{3}$")
    notes.add(
        resources.filter(odd),
        pl.format("currency '{}' is no ISO 4217 code; kept without a price", "currency"),
    )
    no_price = negative.fill_null(False) | odd
    return resources.with_columns(
        monthly_price=pl.when(~no_price).then("monthly_price"), currency=pl.when(~odd).then("currency")
    ), pl.concat(stated)


def _stated(one: Cells, column: str, metric: str, unit: str, notes: _Notes) -> pl.DataFrame:
    rows = _located(one)
    factor = conversion(unit, metric).factor
    amount = rows[column].cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False) * factor
    said = rows[column].cast(pl.String).str.strip_chars().fill_null("") != ""
    usable = (amount.is_finite() & (amount >= 0)).fill_null(False)
    shown = rows[column].cast(pl.String).alias("shown")
    notes.add(
        rows.with_columns(shown).filter(said & ~usable),
        pl.format(f"{column} '{{}}' is no {metric} in {unit}", "shown"),
    )
    return pl.DataFrame(
        {
            "resource": rows["resource"].cast(pl.String).str.strip_chars(),
            "metric": pl.repeat(metric, rows.height, eager=True),
            "valid_from": _typed(rows, "valid_from", UTC_TIME),
            "capacity": amount,
        },
        schema=CAPACITY_SCHEMA,
    ).filter(usable & pl.Series(rows["resource"].is_not_null()))


def _with_labels(rows: pl.DataFrame, size_columns: set[str]) -> pl.DataFrame:
    """Columns that are not ours as a JSON object in `labels`, over what `labels` says."""
    others = [
        name
        for name in rows.columns
        if name not in RESOURCE_SCHEMA and name != LINE and name not in size_columns
    ]
    if not others:
        return rows
    labels = []
    for row in rows.iter_rows(named=True):
        try:
            said = json.loads(row.get("labels") or "{}")
        except ValueError:
            said = {"labels": row["labels"]}
        told = {name: row[name] for name in others if row[name] not in (None, "")}
        both = {**(said if isinstance(said, dict) else {"labels": said}), **told}
        labels.append(json.dumps(both, default=str, sort_keys=True) if both else None)
    return rows.with_columns(pl.Series("labels", labels, dtype=pl.String))


def _capacities(cells: Mapping[str, Sequence[Cells]], notes: _Notes) -> pl.DataFrame:
    schema = {**CAPACITY_SCHEMA, "unit": pl.String()}
    found = _table("capacities", cells, schema, notes, unique=("resource", "metric", "valid_from"))
    metrics = {str(metric) for metric in Metric}
    unknown = ~pl.col("metric").is_in(list(metrics))
    notes.add(
        found.filter(unknown),
        pl.format(f"metric '{{}}' has no capacity; known: {', '.join(sorted(metrics))}", "metric"),
    )
    found = found.filter(~unknown)
    factors: dict[tuple[str, str | None], float | None] = {}
    for metric, unit in found.select("metric", "unit").unique().iter_rows():
        try:
            told = conversion(unit or UNITS[metric], metric)
            factors[metric, unit] = told.factor if unit is None or _is_amount(told.dimension) else None
        except UnknownUnit:
            factors[metric, unit] = None
    times = pl.Series(
        [factors[pair] for pair in found.select("metric", "unit").iter_rows()], dtype=pl.Float64
    )
    strange = times.is_null()
    notes.add(found.filter(strange), pl.format("unit '{}' is no amount of {}", "unit", "metric"))
    found = found.with_columns(capacity=pl.col("capacity") * times).filter(~strange)
    wrong = ~(pl.col("capacity").is_finite() & (pl.col("capacity") >= 0))
    notes.add(found.filter(wrong), pl.format("capacity {} is negative or not finite", "capacity"))
    return found.filter(~wrong).drop("unit").select(*CAPACITY_SCHEMA)


def _is_amount(dimension: object) -> bool:
    return dimension not in (Dimension.SHARE, Dimension.CLOCK)
