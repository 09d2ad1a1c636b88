"""Which size holds given needs at the lowest price: a type of the price list, or an amount."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from data.prices import InstanceType
from data.series import Metric
from models.estate import Resource
from models.pricing import Amounts, Price, Pricer

_STEPS: dict[str, dict[str, float]] = {
    "workload": {Metric.CPU: 0.05, Metric.MEMORY: 0.0625, Metric.STORAGE: 1.0},
    "volume": {Metric.STORAGE: 10.0},
    "link": {Metric.NETWORK_IN: 10.0, Metric.NETWORK_OUT: 10.0},
}
"""Amounts are rounded up to a multiple of this; kinds that are not named take whole cores and GiB."""
_WHOLE: dict[str, float] = {Metric.CPU: 1.0, Metric.MEMORY: 1.0, Metric.STORAGE: 10.0}
_FAMILY_PREMIUM = 0.05
"""Leaving the family must be cheaper by more than this: another family is another risk."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A size that holds the needs, and its list price."""

    instance_type: str | None
    """Name in the price list; None where an amount is held instead of a type."""
    amounts: Amounts
    price: Price
    """Of that size by list or model, whatever the inventory says about today's."""


def fit(resource: Resource, held: Amounts, needs: Amounts, pricer: Pricer) -> Fit | None:
    """The cheapest size with at least `needs` of every metric; what is not needed stays as it is held.

    A resource with a type of the price list moves within its family or to a sibling of it (the same
    generation with another ratio of memory to cores), never to another architecture; None where no type
    there is large enough. Everything else is sized by amount, rounded up to a step people can order.
    """
    today = pricer.type_of(resource)
    if today is not None and resource.kind not in {"volume", "link", "workload", "endpoint"}:
        return _type(resource, today, held, needs, pricer)
    amounts = dict(held)
    for metric, need in needs.items():
        amounts[metric] = _rounded(need, _step(resource.kind, metric, need))
    return Fit(None, amounts, pricer.listed(resource, amounts, resource.instance_type))


def _type(
    resource: Resource, today: InstanceType, held: Amounts, needs: Amounts, pricer: Pricer
) -> Fit | None:
    cores = needs.get(Metric.CPU, held.get(Metric.CPU, today.vcpu))
    memory = needs.get(Metric.MEMORY, held.get(Metric.MEMORY, today.memory_gib))
    network = max((needs.get(m, 0.0) for m in (Metric.NETWORK_IN, Metric.NETWORK_OUT)), default=0.0)
    enough = [
        kind
        for kind in pricer.catalog.candidates(today.provider, today.region)
        if kind.vcpu >= cores * (1 - 1e-9)
        and kind.memory_gib >= memory * (1 - 1e-9)
        and (kind.network_gbps is None or kind.network_gbps * 1000 >= network)
        and is_sibling(today, kind)
        and kind.currency == today.currency
    ]
    if not enough:
        return None
    best = enough[0]
    same = next((k for k in enough if k.family == today.family), None)
    if same is not None and float(same.price_hour) <= float(best.price_hour) * (1 + _FAMILY_PREMIUM):
        best = same
    amounts = {**held, Metric.CPU: best.vcpu, Metric.MEMORY: best.memory_gib}
    if Metric.STORAGE in needs:
        amounts[Metric.STORAGE] = _rounded(needs[Metric.STORAGE], _step(resource.kind, Metric.STORAGE, 0))
    return Fit(best.name, amounts, pricer.listed(resource, amounts, best.name))


def is_sibling(one: InstanceType, other: InstanceType) -> bool:
    """The same family, or the same generation and processor with more or less memory a core.

    m6i, c6i and r6i are siblings, m6i and m6g are not (another architecture); D and E of one Azure version
    are; the standard, highcpu and highmem types of one GCP series are.
    """
    return one.family == other.family or (
        one.provider == other.provider and _series(one) is not None and _series(one) == _series(other)
    )


def _series(kind: InstanceType) -> str | None:
    match kind.provider:
        case "aws":
            found = re.fullmatch(r"[cmr](\d.*)", kind.family)
            return found[1] if found else None
        case "azure":
            found = re.fullmatch(r"(?:Standard)?[DEF](.*)", kind.family)
            return found[1].lower() if found else None
        case "gcp":
            found = re.fullmatch(r"(.+)-(?:standard|highcpu|highmem)", kind.family)
            return found[1] if found else None
    return None


def _step(kind: str, metric: str, need: float) -> float:
    if kind == "link" and need > 1000:
        return 100.0
    return _STEPS.get(kind, _WHOLE).get(metric, 1.0)


def _rounded(need: float, step: float) -> float:
    return max(1, math.ceil(need / step - 1e-9)) * step


def describe(amounts: Amounts, metrics: Iterable[str] | None = None) -> str:
    """As people say it: '8 cores, 32 GiB'; 'unknown' where nothing is known."""
    texts: Mapping[str, str] = {
        Metric.CPU: "{} cores",
        Metric.MEMORY: "{} GiB",
        Metric.STORAGE: "{} GiB disk",
        Metric.NETWORK_IN: "{} Mbit/s in",
        Metric.NETWORK_OUT: "{} Mbit/s out",
    }
    wanted = tuple(texts) if metrics is None else tuple(metrics)
    parts = [texts[m].format(number(amounts[m])) for m in texts if m in amounts and m in wanted]
    return ", ".join("1 core" if part == "1 cores" else part for part in parts) or "unknown"


def number(value: float) -> str:
    """Three digits at most where there is a fraction; whole numbers in full with thousands marked."""
    if abs(value - round(value)) < 5e-3 or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.3g}"
