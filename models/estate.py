"""What there is and whose it is, at one moment and over time: the inventory's frames as typed rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from data.series import Metric

CLOUDS = frozenset({"aws", "azure", "gcp"})
COMPUTE = frozenset({"server", "vm", "database", "workload", "endpoint"})
"""Kinds that hold cores and memory; the others hold one thing: storage (volume) or bandwidth (link)."""
DEFAULT_TIER = 3
"""Tier of a resource whose service, or its tier, nobody has stated: the least important one."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One version of one resource in the inventory."""

    name: str
    kind: str = "vm"
    service: str | None = None
    tier: int = DEFAULT_TIER
    team: str | None = None
    provider: str | None = None
    site: str | None = None
    instance_type: str | None = None
    monthly_price: Decimal | None = None
    currency: str | None = None
    """ISO 4217 of monthly_price."""
    lead_days: int | None = None
    """Days from order to use; None = the default of the options."""
    labels: Mapping[str, Any] = field(default_factory=dict)
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    listed: bool = True
    """False where only samples mention it: kind and provider are then assumptions."""

    @property
    def is_cloud(self) -> bool:
        return self.provider in CLOUDS

    def is_labelled(self, name: str) -> bool:
        """Whether the label is set to something that means yes."""
        return str(self.labels.get(name, "")).lower() in {"true", "yes", "1"}


def replicas_of(resource: Resource) -> int:
    """Replicas of a workload that the label `replicas` states; 1 where it states none."""
    text = str(resource.labels.get("replicas") or "")
    return max(1, int(text)) if text.isdecimal() else 1


def shrinkable(resource: Resource) -> tuple[str, ...]:
    """The metrics whose amount makes the size of a resource of that kind."""
    if resource.kind in COMPUTE:
        return (Metric.CPU, Metric.MEMORY)
    return (Metric.NETWORK_IN, Metric.NETWORK_OUT) if resource.kind == "link" else (Metric.STORAGE,)


@dataclass(frozen=True, slots=True)
class Estate:
    """All versions of all resources, and which of them hold at `as_of`."""

    current: tuple[Resource, ...]
    """One per resource, by name."""
    versions: tuple[Resource, ...]
    """By name and valid_from; valid_to is filled from the next version where the frame has none."""
    as_of: datetime

    def __len__(self) -> int:
        """Number of resources in force."""
        return len(self.current)


def read_estate(
    resources: pl.DataFrame,
    services: pl.DataFrame,
    as_of: datetime,
    measured: Iterable[str] = (),
) -> Estate:
    """Reads the inventory's frames (RESOURCE_SCHEMA and SERVICE_SCHEMA, with or without `valid_to`).

    Resources that only the samples mention (`measured`) are added with assumed kind and unknown service.
    A resource whose last version has ended is no longer part of the estate.
    """
    owners: dict[str, tuple[int, str | None]] = {}
    for row in _in_order(services, "service"):
        start = _utc(row.get("valid_from"))
        if row["service"] not in owners or start is None or start <= as_of:
            tier = row.get("tier")
            owners[row["service"]] = (DEFAULT_TIER if tier is None else int(tier), row.get("team"))

    versions: list[Resource] = []
    for row in _in_order(resources, "resource"):
        one = _resource(row, owners)
        before = versions[-1] if versions else None
        if before and before.name == one.name and before.valid_to is None:
            versions[-1] = _ended(before, one.valid_from)
        versions.append(one)
    known = {v.name for v in versions}
    versions += [Resource(name, listed=False) for name in sorted(set(measured) - known)]
    current: dict[str, Resource] = {}
    for version in versions:
        begun = version.valid_from is None or version.valid_from <= as_of
        if begun and (version.valid_to is None or version.valid_to > as_of):
            current[version.name] = version
    return Estate(tuple(current[name] for name in sorted(current)), tuple(versions), as_of)


def _in_order(frame: pl.DataFrame, name: str) -> Iterable[dict[str, Any]]:
    keys = [name, "valid_from"] if "valid_from" in frame.columns else [name]
    return frame.sort(keys).iter_rows(named=True)


def _resource(row: dict[str, Any], owners: Mapping[str, tuple[int, str | None]]) -> Resource:
    tier, team = owners.get(row.get("service") or "", (DEFAULT_TIER, None))
    lead = row.get("lead_days")
    return Resource(
        name=row["resource"],
        kind=(row.get("kind") or "vm").lower(),
        service=row.get("service"),
        tier=tier,
        team=team,
        provider=(row.get("provider") or "").lower() or None,
        site=row.get("site"),
        instance_type=row.get("instance_type"),
        monthly_price=None if row.get("monthly_price") is None else Decimal(row["monthly_price"]),
        currency=row.get("currency"),
        lead_days=None if lead is None else int(lead),
        labels=_labels(row.get("labels")),
        valid_from=_utc(row.get("valid_from")),
        valid_to=_utc(row.get("valid_to")),
    )


def _labels(text: str | None) -> Mapping[str, Any]:
    """Labels are free text of the inventory: what is not a JSON object says nothing about size or use."""
    try:
        labels = json.loads(text) if text else {}
    except ValueError:
        return {}
    return labels if isinstance(labels, dict) else {}


def _ended(version: Resource, at: datetime | None) -> Resource:
    return replace(version, valid_to=at)


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
