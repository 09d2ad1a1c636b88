"""Members of a service compared: one hot while the others are cold; sizes that left the standard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.decision import Finding
from data.series import Metric
from models.estate import COMPUTE, Resource
from models.fitting import describe
from models.pricing import Amounts

_MEMBERS = 3
_HOT = 0.7
"""p95 of utilization from which a member counts as hot …"""
_TIMES = 3.0
"""… where it is also this many times the median of the others."""
_PROFILE_MEMBERS = 4
_PROFILE_SHARE = 0.6
"""Share of the members that must have the same size for it to be the service's standard."""


def compare_members(
    resources: Sequence[Resource], findings: Sequence[Finding], held: Sequence[Amounts]
) -> list[Finding]:
    """The findings with `cpu:imbalance` and `size:drift` added where they hold; statuses stay as they are.

    Members are the resources of one service with the same kind and site; a hot one next to cold ones is a
    matter of how load is spread, which a larger size would not cure.
    """
    told = list(findings)
    groups: dict[tuple[str, str, str | None], list[int]] = {}
    for row, resource in enumerate(resources):
        if resource.service is not None and resource.kind in COMPUTE and resource.kind != "endpoint":
            groups.setdefault((resource.service, resource.kind, resource.site), []).append(row)
    for (service, _, _), rows in groups.items():
        for row, text in _hot_members(service, rows, findings).items():
            told[row] = with_reason(told[row], f"{Metric.CPU}:imbalance", text)
        for row, text in _drifted(service, rows, resources, held).items():
            told[row] = with_reason(told[row], "size:drift", text)
    return told


def _hot_members(service: str, rows: Sequence[int], findings: Sequence[Finding]) -> dict[int, str]:
    loads: dict[int, float] = {}
    for row in rows:
        for metric in findings[row].metrics:
            if metric.metric == Metric.CPU and metric.capacity and metric.demand_p95 is not None:
                loads[row] = metric.demand_p95 / metric.capacity
    hot: dict[int, str] = {}
    if len(loads) < _MEMBERS:
        return hot
    for row, load in loads.items():
        others = float(np.median([v for r, v in loads.items() if r != row]))
        if load >= _HOT and load >= _TIMES * others:
            hot[row] = (
                f"its cpu is {load:.0%} used while the other members of {service} are at {others:.0%}:"
                " spread the load first"
            )
    return hot


def _drifted(
    service: str, rows: Sequence[int], resources: Sequence[Resource], held: Sequence[Amounts]
) -> dict[int, str]:
    profiles: dict[int, tuple[str | None, str]] = {}
    for row in rows:
        size = describe(held[row], (Metric.CPU, Metric.MEMORY))
        if size != "unknown":
            profiles[row] = (resources[row].instance_type, size)
    if len(profiles) < _PROFILE_MEMBERS:
        return {}
    standard, count = Counter(profiles.values()).most_common(1)[0]
    if count < _PROFILE_SHARE * len(profiles):
        return {}
    name = standard[0] or standard[1]
    return {
        row: f"{count} of {len(profiles)} members of {service} are {name}, this is {profile[0] or profile[1]}"
        for row, profile in profiles.items()
        if profile != standard
    }


def with_reason(finding: Finding, code: str, text: str) -> Finding:
    """The finding with a code and a sentence more."""
    return replace(finding, reasons=(*finding.reasons, code), because=f"{finding.because}; {text}")
