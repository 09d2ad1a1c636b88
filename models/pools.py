"""Pools: members of a service that stand in for each other, recognised by label or by how they behave.

A pool is what a load balancer spreads over: machines of one service, kind, place and size. The label `pool`
names it. Without one, machines whose names differ by a number only are a pool where their load says so:
about as much on each, rising and falling together. A workload of Kubernetes with the label `replicas` is a
pool by itself. What is wrongly taken as a pool would lose a machine nobody else stands in for, so databases
need the label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.panel import FloatArray, Panel
from data.series import Metric
from models.case import Case
from models.estate import replicas_of
from models.fitting import describe
from models.pricing import Amounts
from models.usage import by_day, days_before

POOL_LABEL = "pool"

_LEAST_UNLABELLED = 3
_ALIKE = 0.6
"""Correlation of a member's hours with those of the others from which their load is one."""
_FACTOR = 2.0
"""A member's mean load is within this factor of the others' median."""
_LEAST_HOURS = 168
_NUMBERED = re.compile(r"(.*?)[-_.]?\d+$")
_REPLICAS_UNEVEN = 1.25
"""Replicas are measured together: a quarter more on one of them than on the average is usual."""
_COUNTED = (Metric.CPU, Metric.MEMORY)


@dataclass(frozen=True, slots=True)
class Pool:
    """Members of a service that stand in for each other."""

    name: str
    """Within the service: `web`."""
    cases: tuple[Case, ...]
    """By name; one for a workload that counts its replicas."""
    count: int
    """Members: the cases, or the replicas of the one."""
    unit: Amounts
    """Metric -> what one member holds: cores and memory."""
    total: Mapping[str, FloatArray]
    """Metric -> (hours,) sum of the members' peaks, of the recent hours that were reported."""
    top: Mapping[str, float]
    """Metric -> highest day of all history of that sum; of cpu, one lone day is left out."""
    uneven: float
    """Mean cpu of the busiest member over the mean of all; at least 1."""

    @property
    def service(self) -> str:
        return self.cases[0].resource.service or ""

    @property
    def tier(self) -> int:
        return self.cases[0].resource.tier

    @property
    def text(self) -> str:
        """What people call it: `shop web in frankfurt`."""
        site = self.cases[0].resource.site
        named = self.name if self.service in ("", self.name) else f"{self.service} {self.name}"
        return f"{named} in {site}" if site else named


def pools_of(
    cases: Sequence[Case], hourly: Mapping[str, Panel], daily: Mapping[str, Panel], window_days: int
) -> list[Pool]:
    """The pools among the cases, by service and name.

    Args:
        hourly, daily: metric -> panel of resources, as decisions are made from.
        window_days: days of hours that count as lately.
    """
    rows = {metric: _rows(panel) for metric, panel in hourly.items()}
    days = {metric: _rows(panel) for metric, panel in daily.items()}
    groups: dict[tuple[str, ...], list[Case]] = {}
    found: list[Pool] = []
    for case in cases:
        resource = case.resource
        known = all(m in case.used and m in case.held for m in _COUNTED)
        if not known or resource.service is None:
            continue
        label = str(resource.labels.get(POOL_LABEL) or "")
        if resource.kind == "workload":
            replicas = replicas_of(resource)
            if replicas >= 2:
                unit = {str(m): case.held[m] / replicas for m in _COUNTED}
                stem = resource.name.rpartition("/")[2]
                stem = stem.removeprefix(f"{resource.service}-") or stem
                found.append(
                    _pool(stem, [case], replicas, unit, hourly, daily, rows, days, window_days, None)
                )
            continue
        numbered = _NUMBERED.fullmatch(resource.name)
        if label or (numbered and resource.kind in {"vm", "server"}):
            stem = label or (numbered[1] if numbered else "")
            place = (resource.service, stem, resource.kind, resource.provider or "", resource.site or "")
            groups.setdefault((*place, "labelled" if label else ""), []).append(case)
    for (_, stem, _, _, _, labelled), members in sorted(groups.items()):
        same = _of_one_size(members)
        if len(same) < (2 if labelled else _LEAST_UNLABELLED):
            continue
        loads = _matrix(same, Metric.CPU, hourly, rows, window_days, "demand")
        if not labelled and not _together(loads):
            continue
        unit = {str(m): same[0].held[m] for m in _COUNTED}
        name = stem.removeprefix(f"{same[0].resource.service}-") or stem
        found.append(_pool(name, same, len(same), unit, hourly, daily, rows, days, window_days, loads))
    return sorted(found, key=lambda pool: (pool.service, pool.name, pool.cases[0].resource.name))


def _pool(
    name: str,
    members: Sequence[Case],
    count: int,
    unit: Amounts,
    hourly: Mapping[str, Panel],
    daily: Mapping[str, Panel],
    rows: Mapping[str, Mapping[str, int]],
    days: Mapping[str, Mapping[str, int]],
    window_days: int,
    loads: FloatArray | None,
) -> Pool:
    total, top = {}, {}
    for metric in _COUNTED:
        peaks = _matrix(members, metric, hourly, rows, window_days, "peak")
        recent = _sum(peaks)
        total[str(metric)] = recent[np.isfinite(recent)]
        before = _sum(_matrix(members, metric, daily, days, None, "peak"))
        before = before[: days_before(daily.get(metric), hourly[metric])]
        whole = _sum(_matrix(members, metric, hourly, rows, None, "peak"))
        known = np.sort(np.concatenate([before, by_day(whole[None])[0]]))
        known = known[np.isfinite(known)]
        lone = 2 if metric == Metric.CPU and len(known) > 1 else 1
        top[str(metric)] = float(known[-lone]) if len(known) else float("nan")
    uneven = _REPLICAS_UNEVEN
    if loads is not None:
        means = _means(loads)
        middle = float(means.mean())
        uneven = max(1.0, float(means.max()) / middle) if middle > 0 else 1.0
    return Pool(name, tuple(members), count, unit, total, top, uneven)


def _of_one_size(members: Sequence[Case]) -> list[Case]:
    """Those of the most common size: others drifted and cannot stand in."""
    sizes = [(one.resource.instance_type, describe(one.held, _COUNTED)) for one in members]
    usual = max(Counter(sizes).items(), key=lambda item: (item[1], str(item[0])))[0]
    return sorted(
        (one for one, size in zip(members, sizes, strict=True) if size == usual),
        key=lambda one: one.resource.name,
    )


def _together(loads: FloatArray) -> bool:
    """Whether the members carry about the same load at the same time."""
    known = np.isfinite(loads)
    if loads.shape[1] < _LEAST_HOURS or (known.sum(1) < _LEAST_HOURS).any():
        return False
    means = _means(loads)
    if means.min() <= 0:
        return False
    middle = float(np.median(means))
    if means.max() > _FACTOR * middle or means.min() < middle / _FACTOR:
        return False
    shared = loads[:, known.all(0)]
    if shared.shape[1] < _LEAST_HOURS:
        return False
    others = shared.sum(0) - shared
    moves = shared.std(1) > 0
    if not moves.all() or not (others.std(1) > 0).all():
        return False
    centred = shared - shared.mean(1, keepdims=True)
    rest = others - others.mean(1, keepdims=True)
    alike = (centred * rest).sum(1) / np.sqrt((centred**2).sum(1) * (rest**2).sum(1))
    return bool((alike >= _ALIKE).all())


def _matrix(
    members: Sequence[Case],
    metric: str,
    panels: Mapping[str, Panel],
    rows: Mapping[str, Mapping[str, int]],
    window_days: int | None,
    what: str,
) -> FloatArray:
    """(members, slots) demand or peak; members without a row are NaN, no slots without a panel."""
    panel = panels.get(metric)
    if panel is None:
        return np.empty((len(members), 0))
    first = 0 if window_days is None else max(0, panel.slots - window_days * panel.slots_per_day)
    out = np.full((len(members), panel.slots - first), np.nan)
    for i, member in enumerate(members):
        row = rows[metric].get(member.resource.name)
        if row is not None:
            demand = panel.demand[row, first:]
            out[i] = np.fmax(demand, panel.peak[row, first:]) if what == "peak" else demand
    return out


def _sum(values: FloatArray) -> FloatArray:
    """(slots,) sums over members; one that did not report, but had before, did like the others."""
    known = np.isfinite(values)
    count, there = known.sum(0), np.logical_or.accumulate(known, 1).sum(0)
    whole: FloatArray = np.where(
        count > 0, np.where(known, values, 0.0).sum(0) * there / np.maximum(count, 1), np.nan
    )
    return whole


def _means(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    means: FloatArray = np.where(known, values, 0.0).sum(1) / np.maximum(known.sum(1), 1)
    return means


def _rows(panel: Panel) -> dict[str, int]:
    return {key.subject: row for row, key in enumerate(panel.keys)}
