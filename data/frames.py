"""The columns of the frames that travel between sources, the store and the decisions."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

UTC_TIME = pl.Datetime("us", "UTC")

SAMPLE_SCHEMA: dict[str, pl.DataType] = {
    "ts": pl.Datetime("us", "UTC"),
    "resource": pl.String(),
    "metric": pl.String(),
    "value": pl.Float64(),
    "value_max": pl.Float64(),
    "capacity": pl.Float64(),
    "unit": pl.String(),
}
"""Sample frame. `ts` is the start of the interval; `value_max` and `capacity` may be null. `unit` is the unit
of value, value_max and capacity as the source gave it; after `ingest.intake` it is the metric's own unit."""

REJECTED_SCHEMA: dict[str, pl.DataType] = {
    "origin": pl.String(),
    "line": pl.Int64(),
    "reason": pl.String(),
    "raw": pl.String(),
}

RESOURCE_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "kind": pl.String(),
    "service": pl.String(),
    "provider": pl.String(),
    "site": pl.String(),
    "instance_type": pl.String(),
    "monthly_price": pl.Decimal(18, 4),
    "currency": pl.String(),
    "lead_days": pl.Int32(),
    "labels": pl.String(),
    "valid_from": UTC_TIME,
}
SERVICE_SCHEMA: dict[str, pl.DataType] = {
    "service": pl.String(),
    "team": pl.String(),
    "owner": pl.String(),
    "tier": pl.Int32(),
    "description": pl.String(),
    "valid_from": UTC_TIME,
}
DEPENDENCY_SCHEMA: dict[str, pl.DataType] = {
    "service": pl.String(),
    "depends_on": pl.String(),
    "valid_from": UTC_TIME,
}
CAPACITY_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "metric": pl.String(),
    "valid_from": UTC_TIME,
    "capacity": pl.Float64(),
}
"""Capacity stated by the inventory (in the metric's unit), holding from `valid_from` until the next row."""
EVENT_SCHEMA: dict[str, pl.DataType] = {
    "ts": UTC_TIME,
    "ends_at": UTC_TIME,
    "subject": pl.String(),
    "kind": pl.String(),
    "description": pl.String(),
}


def empty(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """An empty frame of that schema."""
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a source brought in one go: usable samples, and the rows that could not be read."""

    samples: pl.DataFrame
    """SAMPLE_SCHEMA."""
    rejected: pl.DataFrame = field(default_factory=lambda: empty(REJECTED_SCHEMA))
    """REJECTED_SCHEMA."""
    rows_read: int = 0
    """Rows seen, usable or not."""
    inventory: Inventory | None = None
    """What came with the samples about resources; None = nothing."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What there is and whose it is; absent frames say nothing (they do not mean 'none')."""

    resources: pl.DataFrame = field(default_factory=lambda: empty(RESOURCE_SCHEMA))
    services: pl.DataFrame = field(default_factory=lambda: empty(SERVICE_SCHEMA))
    dependencies: pl.DataFrame = field(default_factory=lambda: empty(DEPENDENCY_SCHEMA))
    capacities: pl.DataFrame = field(default_factory=lambda: empty(CAPACITY_SCHEMA))
    events: pl.DataFrame = field(default_factory=lambda: empty(EVENT_SCHEMA))
    rejected: pl.DataFrame = field(default_factory=lambda: empty(REJECTED_SCHEMA))
