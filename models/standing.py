"""Where an estate stands: per resource what is held, used and needed, and what the needed size costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import polars as pl

from data.series import Metric
from models.estate import Resource, read_estate, shrinkable
from models.fitting import Fit, fit
from models.pricing import Amounts, Pricer, in_proportion


@dataclass(frozen=True, slots=True)
class Standing:
    """One resource today."""

    resource: Resource
    held: Amounts
    """Metric -> capacity."""
    demand: Amounts
    """Metric -> highest demand of the last four weeks."""
    needs: Amounts
    """Metric -> what should be held for that: the policy's target, at least peak over usable share."""
    price: Decimal | None
    """Of today's size, per month; None = unknown."""
    is_off: bool = False
    """Switched off: it has no demand and takes none over."""


@dataclass(frozen=True, slots=True)
class Held:
    """A size and its price, after something happened."""

    text_type: str | None
    amounts: Amounts
    members: int
    """More than 1 where no single size is large enough."""
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class Position:
    """The whole estate today."""

    standings: Mapping[str, Standing] = field(default_factory=dict)
    """By name of the resource."""
    as_of: datetime | None = None

    def of_service(self, service: str) -> list[Standing]:
        return [s for s in self.standings.values() if s.resource.service == service]


def position_of(
    metric_findings: pl.DataFrame,
    resources: pl.DataFrame,
    services: pl.DataFrame,
    as_of: datetime,
    pricer: Pricer,
    reserve: float = 0.1,
) -> Position:
    """Reads the position from the tables of a published run: `metric_findings` and the inventory now."""
    held: dict[str, dict[str, float]] = {}
    demand: dict[str, dict[str, float]] = {}
    needs: dict[str, dict[str, float]] = {}
    rows = metric_findings.select("resource", "metric", "capacity", "demand_peak", "size_target")
    for name, metric, capacity, peak, target in rows.iter_rows():
        if capacity is not None:
            held.setdefault(name, {})[metric] = capacity
        if peak is not None:
            demand.setdefault(name, {})[metric] = peak
            needs.setdefault(name, {})[metric] = max(target or 0.0, peak / (1 - reserve))
    estate = read_estate(resources, services, as_of, metric_findings["resource"].unique().to_list())
    standings = {}
    for resource in estate.current:
        capacity_now = held.get(resource.name, {})
        # What ran before it was switched off is no demand of today.
        is_off = any(capacity_now.get(m) == 0 for m in shrinkable(resource))
        standings[resource.name] = Standing(
            resource,
            {m: c for m, c in capacity_now.items() if c > 0},
            {} if is_off else demand.get(resource.name, {}),
            {} if is_off else needs.get(resource.name, {}),
            pricer.current(resource, capacity_now).month,
            is_off,
        )
    return Position(standings, as_of)


def size_for(standing: Standing, needs: Amounts, pricer: Pricer) -> Held:
    """The smallest size, not below today's, that holds the needs; members of today's size where none does.

    Only what makes the size of a resource counts (cores and memory of a machine, GiB of a volume …), and
    disks of machines. A price stated by the inventory keeps its ratio to the list price.
    """
    held = standing.held
    counted = {m for m in (*shrinkable(standing.resource), Metric.STORAGE) if m in held}
    short = {m: needs[m] for m in counted if needs.get(m, 0.0) > held[m] * (1 + 1e-9)}
    if not short:
        return Held(standing.resource.instance_type, held, 1, standing.price)
    wanted = {m: held[m] for m in shrinkable(standing.resource) if m in held} | short
    size = fit(standing.resource, held, wanted, pricer)
    if size is None:
        members = max(math.ceil(short[m] / held[m]) for m in short)
        price = None if standing.price is None else standing.price * members
        return Held(standing.resource.instance_type, held, members, price)
    return Held(
        size.instance_type or standing.resource.instance_type,
        size.amounts,
        1,
        _priced(standing, size, pricer),
    )


def _priced(standing: Standing, size: Fit, pricer: Pricer) -> Decimal | None:
    if standing.resource.monthly_price is None:
        return size.price.month
    today = pricer.listed(standing.resource, standing.held, standing.resource.instance_type).month
    return in_proportion(standing.price, size.price.month, today)
