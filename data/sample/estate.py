"""The sample estate: sites, resources, sizes, names, and which service owns what."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import numpy as np

from data.sample.roles import Planted, Role, planted_for
from data.sample.services import SampleService, services
from data.sample.shapes import Clock

UTC_OFFSETS = {
    "berlin": 1, "lisbon": 0, "krakow": 1, "austin": -6, "singapore": 8,
    "frankfurt": 1, "madrid": 1, "eu-west-1": 1, "westeurope": 1,
}  # fmt: skip
"""Hours east of Greenwich whose working day a site follows; cloud regions follow their users in Europe."""

OFFICES = ("berlin", "lisbon", "krakow", "austin", "singapore")
_OFFICE_SHARES = (0.36, 0.2, 0.18, 0.16, 0.1)

_AWS = {
    "m6i.large": (2, 8), "m6i.xlarge": (4, 16), "m6i.2xlarge": (8, 32), "m6i.4xlarge": (16, 64),
    "c6i.xlarge": (4, 8), "c6i.2xlarge": (8, 16), "c6i.4xlarge": (16, 32),
    "r6i.large": (2, 16), "r6i.xlarge": (4, 32), "r6i.2xlarge": (8, 64), "r6i.4xlarge": (16, 128),
}  # fmt: skip
_AZURE = {
    "Standard_D2s_v5": (2, 8), "Standard_D4s_v5": (4, 16), "Standard_D8s_v5": (8, 32),
    "Standard_D16s_v5": (16, 64), "Standard_E4s_v5": (4, 32), "Standard_E8s_v5": (8, 64),
    "Standard_E16s_v5": (16, 128), "Standard_F4s_v2": (4, 8), "Standard_F8s_v2": (8, 16),
}  # fmt: skip
_LARGE_AWS = ("m6i.2xlarge", "m6i.4xlarge", "r6i.2xlarge", "r6i.4xlarge")
_LARGE_AZURE = ("Standard_D8s_v5", "Standard_D16s_v5", "Standard_E8s_v5", "Standard_E16s_v5")
_HALF = {
    "m6i.xlarge": "m6i.large", "m6i.2xlarge": "m6i.xlarge", "m6i.4xlarge": "m6i.2xlarge",
    "r6i.xlarge": "r6i.large", "r6i.2xlarge": "r6i.xlarge", "r6i.4xlarge": "r6i.2xlarge",
    "Standard_D4s_v5": "Standard_D2s_v5", "Standard_D8s_v5": "Standard_D4s_v5",
    "Standard_D16s_v5": "Standard_D8s_v5", "Standard_E8s_v5": "Standard_E4s_v5",
    "Standard_E16s_v5": "Standard_E8s_v5",
}  # fmt: skip
"""The type that has half of everything."""

COUNTS = {
    "server": 40, "vm": 150, "volume": 50, "link": 20, "workload": 48, "database": 24, "endpoint": 500,
}  # fmt: skip
"""Resources of each kind at scale 1: 332 of infrastructure and 500 endpoints."""

_DATABASES = ("orders-db", "billing-db", "catalog-db", "accounts-db")
_STORING = (
    "data-lake",
    "orders-db",
    "backup",
    "file-shares",
    "billing-db",
    "logging",
    "accounts-db",
    "catalog-db",
)
_NO_SERVERS = ("wan", "workplace", "dns")


@dataclass(frozen=True, slots=True)
class SampleResource:
    """One resource of the sample fleet."""

    name: str
    kind: str
    service: SampleService
    provider: str
    site: str
    planted: Planted
    sizes: dict[str, float | None]
    """Metric -> capacity now, in the metric's unit; None = measured, but without a known limit."""
    lead_days: int
    instance_type: str | None = None
    monthly_price: Decimal | None = None
    labels: dict[str, str] = field(default_factory=dict)
    changed_at: datetime | None = None
    """When capacity last changed (resized, powered off)."""
    former_type: str | None = None
    """Instance type before that."""

    @property
    def utc_offset(self) -> int:
        return UTC_OFFSETS[self.site]

    @property
    def labels_json(self) -> str:
        return json.dumps(self.labels, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Estate:
    """All services and resources."""

    services: tuple[SampleService, ...]
    resources: tuple[SampleResource, ...]


def build_estate(clock: Clock, rng: np.random.Generator, scale: float) -> Estate:
    """Lays out the estate; smaller scales have fewer resources and services, larger ones more resources."""
    chosen = services(max(10, round(41 * min(scale, 1.0))))
    counts = {kind: max(3, round(count * scale)) for kind, count in COUNTS.items()}
    resources: list[SampleResource] = []
    builder = _Builder(chosen, clock, rng)
    for kind, count in counts.items():
        planted = planted_for(kind, count, scale)
        resources += getattr(builder, f"{kind}s")(_interleaved(planted, rng))
    return Estate(chosen, tuple(resources))


def _interleaved(planted: list[Planted], rng: np.random.Generator) -> list[Planted]:
    """Mixes faulty and healthy ones, so that no name gives a fault away."""
    return [planted[i] for i in rng.permutation(len(planted))]


class _Builder:
    """Makes the resources of each kind, in order."""

    def __init__(self, chosen: tuple[SampleService, ...], clock: Clock, rng: np.random.Generator) -> None:
        self._by_name = {service.name: service for service in chosen}
        self._all = chosen
        self._applications = tuple(s for s in chosen if s.name not in (*_NO_SERVERS, *_DATABASES))
        self._clock = clock
        self._rng = rng
        self._numbers: dict[str, int] = {}

    def _name(self, stem: str) -> str:
        self._numbers[stem] = self._numbers.get(stem, 0) + 1
        return f"{stem}-{self._numbers[stem]:02d}"

    def _pick(self, names: Iterable[str], turn: int) -> SampleService:
        there = [self._by_name[name] for name in names if name in self._by_name] or list(self._applications)
        return there[turn % len(there)]

    def _ago(self, low: int, high: int) -> datetime:
        """Midnight of a day that many days before the end."""
        days = int(self._rng.integers(low, high))
        return self._clock.time_of(24 * max(self._clock.hours // 24 - days, 1))

    def servers(self, planted: list[Planted]) -> Iterator[SampleResource]:
        for turn, what in enumerate(planted):
            site = "madrid" if turn % 5 in (1, 3) else "frankfurt"
            cores, memory, disk = ((32, 384, 7680), (64, 768, 15360), (48, 512, 7680))[turn % 3]
            yield SampleResource(
                name=self._name(f"{site[:3]}-srv"),
                kind="server",
                service=self._applications[turn * 5 % len(self._applications)],
                provider="on_premises",
                site=site,
                planted=what,
                sizes={
                    "cpu": cores,
                    "memory": memory,
                    "storage": disk,
                    "network_in": None,
                    "network_out": None,
                },
                lead_days=60,
                labels={"model": f"2-socket, {cores} cores", "rack": f"{site[0].upper()}{turn // 8 + 1:02d}"},
            )

    def vms(self, planted: list[Planted]) -> Iterator[SampleResource]:
        for turn, what in enumerate(planted):
            place = ("on_premises", "aws", "on_premises", "azure", "aws")[turn % 5]
            if turn % 15 == 3:
                place = "on_premises"
            service = self._applications[turn * 3 % len(self._applications)]
            large = what.role in (Role.TOO_BIG, Role.IDLE) and turn % 3 != 2
            instance_type = former = None
            if place == "on_premises":
                site = "madrid" if turn % 3 == 1 else "frankfurt"
                sizes = ((8, 32), (16, 64), (8, 64)) if large else ((4, 16), (8, 32), (4, 32), (2, 8))
                cpu, memory = sizes[int(self._rng.integers(len(sizes)))]
                name = self._name(f"{service.name}-vm")
            else:
                site, types, big, short = (
                    ("eu-west-1", _AWS, _LARGE_AWS, "euw1")
                    if place == "aws"
                    else ("westeurope", _AZURE, _LARGE_AZURE, "weu")
                )
                choice = big if large or what.role is Role.TOO_BIG else tuple(types)
                if what.role is Role.RESIZED:
                    choice = tuple(name for name in types if name in _HALF)
                instance_type = choice[int(self._rng.integers(len(choice)))]
                former = _HALF.get(instance_type) if what.role is Role.RESIZED else None
                cpu, memory = types[instance_type]
                name = self._name(f"{service.name}-{short}")
            changed = {Role.RESIZED: (70, 230), Role.POWERED_OFF: (20, 24)}.get(what.role)
            yield SampleResource(
                name=name,
                kind="vm",
                service=service,
                provider=place,
                site=site,
                planted=what,
                sizes={"cpu": cpu, "memory": memory, "network_in": None, "network_out": None},
                lead_days=5 if place == "on_premises" else 1,
                instance_type=instance_type,
                labels={"environment": "production" if turn % 6 else "staging"},
                changed_at=self._ago(*changed) if changed else None,
                former_type=former,
            )

    def volumes(self, planted: list[Planted]) -> Iterator[SampleResource]:
        for turn, what in enumerate(planted):
            service = self._pick(_STORING, turn)
            provider, site, kind = (
                ("on_premises", "frankfurt", None),
                ("aws", "eu-west-1", "gp3"),
                ("on_premises", "madrid", None),
                ("azure", "westeurope", "premium_ssd"),
                ("on_premises", "frankfurt", None),
            )[turn % 5]
            size = (2048, 4096, 8192, 16384, 32768)[int(self._rng.integers(5))]
            if provider != "on_premises":
                size = min(size, 16384)
            yield SampleResource(
                name=self._name(f"{service.name}-vol"),
                kind="volume",
                service=service,
                provider=provider,
                site=site,
                planted=what,
                sizes={"storage": size},
                lead_days=30 if provider == "on_premises" else 1,
                instance_type=kind,
                labels={"array": f"{site[:3]}-array-{turn % 3 + 1}"} if kind is None else {},
            )

    def links(self, planted: list[Planted]) -> Iterator[SampleResource]:
        far = (*OFFICES, "frankfurt", "madrid")
        for turn, what in enumerate(planted):
            site = far[turn % len(far)]
            to = ("internet", "frankfurt", "eu-west-1", "westeurope", "madrid")[turn // len(far) % 5]
            to = "internet" if to == site else to
            rate = (1000, 500, 2000, 1000, 10000)[turn % 5] if site in OFFICES else 10000
            yield SampleResource(
                name=self._name(f"wan-{site}-{to}"),
                kind="link",
                service=self._pick(("wan",), 0),
                provider="on_premises",
                site=site,
                planted=what,
                sizes={"network_in": rate, "network_out": rate},
                lead_days=45,
                monthly_price=Decimal(rate) * Decimal("0.35") + Decimal(120),
                labels={"carrier": ("Nordfiber", "Telvia", "Backhaul One")[turn % 3], "to": to},
            )

    def workloads(self, planted: list[Planted]) -> Iterator[SampleResource]:
        parts = ("api", "worker", "cache")
        for turn, what in enumerate(planted):
            service = self._applications[turn * 7 % len(self._applications)]
            cpu, memory = ((4, 8), (8, 16), (6, 12), (12, 24), (16, 64))[int(self._rng.integers(5))]
            site = "eu-west-1" if turn % 3 == 2 else "frankfurt"
            yield SampleResource(
                name=self._name(f"{service.name}-{parts[turn // 7 % 3]}"),
                kind="workload",
                service=service,
                provider="kubernetes",
                site=site,
                planted=what,
                sizes={"cpu": cpu, "memory": memory},
                lead_days=1,
                labels={"cluster": f"k8s-{site}", "namespace": service.name, "replicas": str(2 + turn % 4)},
            )

    def databases(self, planted: list[Planted]) -> Iterator[SampleResource]:
        for turn, what in enumerate(planted):
            service = self._pick(_DATABASES, turn)
            provider, site, price = (
                ("on_premises", "frankfurt", None),
                ("aws", "eu-west-1", Decimal("0.171")),
                ("on_premises", "madrid", None),
                ("azure", "westeurope", Decimal("0.188")),
            )[turn % 4]
            cpu, memory = ((8, 64), (16, 128), (4, 32))[turn % 3]
            disk = (1024, 2048, 4096)[int(self._rng.integers(3))]
            yield SampleResource(
                name=self._name(f"{service.name}-pg"),
                kind="database",
                service=service,
                provider=provider,
                site=site,
                planted=what,
                sizes={"cpu": cpu, "memory": memory, "storage": disk},
                lead_days=14 if price is None else 1,
                monthly_price=None if price is None else price * cpu * 730 + Decimal("0.115") * disk,
                labels={"engine": "postgresql 17"},
            )

    def endpoints(self, planted: list[Planted]) -> Iterator[SampleResource]:
        for turn, what in enumerate(planted):
            model = ("laptop", "laptop", "workstation", "laptop", "vdi")[turn % 5]
            site = str(self._rng.choice(OFFICES, p=_OFFICE_SHARES))
            cpu, memory, disk = {
                "laptop": ((8, 16, 512), (10, 32, 1024)),
                "workstation": ((16, 64, 2048), (24, 128, 2048)),
                "vdi": ((4, 16, 128), (2, 8, 64)),
            }[model][turn // 5 % 2]
            stem = {"laptop": "lap", "workstation": "wks", "vdi": "vdi"}[model]
            self._numbers[stem] = self._numbers.get(stem, 0) + 1
            yield SampleResource(
                name=f"{stem}-{site[:3]}-{self._numbers[stem]:04d}",
                kind="endpoint",
                service=self._pick(("virtual-desktops",) if model == "vdi" else ("workplace",), 0),
                provider="on_premises",
                site="frankfurt" if model == "vdi" else site,
                planted=what,
                sizes={"cpu": cpu, "memory": memory, "storage": disk},
                lead_days=21,
                monthly_price={"laptop": Decimal(34), "workstation": Decimal(68), "vdi": Decimal(29)}[model],
                labels={"model": model, "office": site},
            )
