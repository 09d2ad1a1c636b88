"""Demand of a service: the sum of what its resources used, slot by slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from data.panel import FloatArray, Panel
from data.series import SeriesKey

SILENT_FOR = timedelta(days=7)
"""A member that has not reported for longer is gone; until then its service has a gap, not a fall."""


@dataclass(frozen=True, slots=True)
class ServiceDemand:
    """Demand of services, and how many members reported it."""

    panel: Panel
    """One row per service and metric. `peak` is the sum of the members' peaks: an upper bound, since
    members need not peak in the same minute."""
    members: FloatArray
    """(n, t) members that reported in the slot."""


def aggregate(resources: Panel, service_of: Mapping[str, str], tolerance: float = 0.05) -> ServiceDemand:
    """Sums the members of each service per metric.

    A slot is unreported (NaN) when members that exist at that time but did not report usually make up
    more than `tolerance` of the service's demand; a smaller gap is left out of the sum. A member exists
    from its first reported slot until a week after its last: silent for less is missing, not gone.
    Capacity is the sum of the known capacities; unknown when no member's is known.

    Args:
        resources: n series of resources; resources without a service are left out.
        service_of: resource -> service.
        tolerance: share of the service's usual demand that may be missing.
    """
    groups: dict[SeriesKey, list[int]] = {}
    for row, key in enumerate(resources.keys):
        if key.subject in service_of:
            groups.setdefault(SeriesKey(service_of[key.subject], key.metric), []).append(row)
    keys = sorted(groups)
    if not keys:
        empty = np.empty((0, resources.slots))
        return ServiceDemand(Panel((), resources.start, resources.step, empty, empty, empty), empty)

    order = np.concatenate([groups[key] for key in keys])
    starts = np.cumsum([0, *(len(groups[key]) for key in keys[:-1])])
    demand = resources.demand[order]
    reported = np.isfinite(demand)
    last = np.where(reported.any(1), resources.slots - 1 - np.argmax(reported[:, ::-1], 1), -1)
    slots = np.arange(resources.slots)
    exists = np.logical_or.accumulate(reported, 1) & (slots <= (last + SILENT_FOR // resources.step)[:, None])
    usual = np.array(
        [np.median(row[ok]) if ok.any() else 0.0 for row, ok in zip(demand, reported, strict=True)]
    )

    missing = _sums(np.where(exists & ~reported, usual[:, None], 0.0), starts)
    expected = _sums(np.where(exists, usual[:, None], 0.0), starts)
    members = _sums(reported.astype(float), starts)
    complete = (members > 0) & (missing <= tolerance * expected + 1e-12)

    capacity = resources.capacity[order]
    known = np.isfinite(capacity)
    capacities = np.where(
        _sums(known.astype(float), starts) > 0, _sums(np.where(known, capacity, 0.0), starts), np.nan
    )
    panel = Panel(
        tuple(keys),
        resources.start,
        resources.step,
        np.where(complete, _sums(np.where(reported, demand, 0.0), starts), np.nan),
        np.where(complete, _sums(np.nan_to_num(resources.peak[order]), starts), np.nan),
        capacities,
    )
    return ServiceDemand(panel, members)


def _sums(rows: FloatArray, starts: np.ndarray) -> FloatArray:
    sums: FloatArray = np.add.reduceat(rows, starts, axis=0)
    return sums
