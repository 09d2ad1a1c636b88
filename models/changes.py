"""Changes: recommendations with the resource they are about, as far as they ask for something to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from data.decision import Action
from data.recommendation import Recommendation
from data.series import Metric
from models.estate import Resource, read_estate

_TARGETS = {
    "target_cpu": (Metric.CPU,),
    "target_memory": (Metric.MEMORY,),
    "target_storage": (Metric.STORAGE,),
    "target_network": (Metric.NETWORK_IN, Metric.NETWORK_OUT),
}

_FIELDS = (
    "resource", "from_size", "to_size", "confidence", "policy", "because", "currency", "from_type",
    "to_type", "cost_now", "cost_then", "breach_now", "breach_then", "buy_by",
)  # fmt: skip
"""Columns that are fields of a Recommendation by the same name."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do: what is advised, about what."""

    resource: Resource
    advice: Recommendation


def changes_of(
    recommendations: pl.DataFrame, resources: pl.DataFrame, services: pl.DataFrame
) -> list[Change]:
    """The changes in rows of the table `recommendations`, by service and resource; keeping is no change.

    Args:
        recommendations: any selection of rows; resources that the inventory does not know are kept.
        resources: the inventory's rows now (RESOURCE_SCHEMA).
    """
    wanted = recommendations.filter(pl.col("action") != str(Action.KEEP))
    estate = read_estate(resources, services, datetime.max.replace(tzinfo=UTC), wanted["resource"].to_list())
    known = {resource.name: resource for resource in estate.versions}
    changes = [Change(known[row["resource"]], _advice(row)) for row in wanted.iter_rows(named=True)]
    return in_order(changes)


def in_order(changes: Sequence[Change]) -> list[Change]:
    """By service, then by name, so that the same changes always give the same text."""
    return sorted(changes, key=lambda c: (c.resource.service or "", c.resource.name))


def _advice(row: dict[str, object]) -> Recommendation:
    targets = {
        metric: row[name] for name, metrics in _TARGETS.items() for metric in metrics if row[name] is not None
    }
    fields = {name: row[name] for name in _FIELDS}
    return Recommendation(action=Action(str(row["action"])), targets=targets, **fields)  # type: ignore[arg-type]
