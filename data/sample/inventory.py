"""The inventory of the sample fleet: what there is, whose it is, how large it was when."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl

from data.frames import CAPACITY_SCHEMA, DEPENDENCY_SCHEMA, RESOURCE_SCHEMA, SERVICE_SCHEMA, Inventory
from data.sample.estate import Estate, SampleResource
from data.sample.plans import SHORT_DAYS
from data.sample.roles import Role
from data.sample.shapes import Clock

CURRENCY = "USD"


def inventory_of(estate: Estate, clock: Clock, events: pl.DataFrame) -> Inventory:
    """Inventory frames; a resized resource has a row before and a row after."""
    begin = clock.start
    resources = [row for resource in estate.resources for row in _resource_rows(resource, clock)]
    capacities = [row for resource in estate.resources for row in _capacity_rows(resource, clock)]
    return Inventory(
        resources=pl.DataFrame(resources, schema=RESOURCE_SCHEMA, orient="row"),
        services=pl.DataFrame(
            [(s.name, s.team, s.owner, s.tier, s.description, begin) for s in estate.services],
            schema=SERVICE_SCHEMA,
            orient="row",
        ),
        dependencies=pl.DataFrame(
            [(s.name, needed, begin) for s in estate.services for needed in s.depends_on],
            schema=DEPENDENCY_SCHEMA,
            orient="row",
        ),
        capacities=pl.DataFrame(capacities, schema=CAPACITY_SCHEMA, orient="row"),
        events=events,
    )


def _since(resource: SampleResource, clock: Clock) -> datetime:
    """When the resource came to be."""
    if resource.planted.role is Role.SHORT_HISTORY:
        return clock.end - timedelta(days=SHORT_DAYS)
    return clock.start


def _resource_rows(resource: SampleResource, clock: Clock) -> list[tuple[object, ...]]:
    def row(instance_type: str | None, valid_from: datetime) -> tuple[object, ...]:
        price = resource.monthly_price
        return (
            resource.name,
            resource.kind,
            resource.service.name,
            resource.provider,
            resource.site,
            instance_type,
            None if price is None else price.quantize(Decimal("0.0001")),
            None if price is None else CURRENCY,
            resource.lead_days,
            resource.labels_json,
            valid_from,
        )

    now = row(resource.instance_type, _since(resource, clock))
    if resource.former_type is None or resource.changed_at is None:
        return [now]
    return [row(resource.former_type, clock.start), row(resource.instance_type, resource.changed_at)]


def _capacity_rows(resource: SampleResource, clock: Clock) -> list[tuple[object, ...]]:
    since = _since(resource, clock)
    rows: list[tuple[object, ...]] = []
    for metric, size in resource.sizes.items():
        if size is None:
            continue
        match resource.planted.role:
            case Role.RESIZED:
                rows.append((resource.name, metric, since, size / 2))
                rows.append((resource.name, metric, resource.changed_at, float(size)))
            case Role.POWERED_OFF:
                rows.append((resource.name, metric, since, float(size)))
                rows.append((resource.name, metric, resource.changed_at, 0.0))
            case _:
                rows.append((resource.name, metric, since, float(size)))
    return rows
