"""What a resource costs a month at a size: inventory price, price list, on-premises model, or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import numpy as np

from data.money import HOURS_PER_MONTH, Exchange
from data.on_premises import OnPremisesModel
from data.prices import InstanceType, PriceCatalog
from data.series import Metric
from models.estate import Resource


class Basis(StrEnum):
    """Where a price comes from."""

    INVENTORY = "inventory"
    CATALOG = "catalog"
    ON_PREMISES = "on_premises"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Price:
    """A price for one month in the snapshot's currency, not rounded; None = unknown, `note` says why."""

    month: Decimal | None
    basis: Basis
    note: str = ""


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What one core and one GiB of memory cost a month in one region, in the price list's currency."""

    core_month: Decimal
    memory_gib_month: Decimal
    currency: str


Amounts = Mapping[str, float]
"""Metric -> how much is held, in the metric's unit; a metric that is missing is not known."""


@dataclass(frozen=True, slots=True)
class Pricer:
    """Prices of a snapshot: one catalog, one on-premises model, one currency."""

    catalog: PriceCatalog
    on_premises: OnPremisesModel = field(default_factory=OnPremisesModel)
    exchange: Exchange = field(default_factory=Exchange)
    _units: dict[tuple[str, str], UnitPrice | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def currency(self) -> str:
        """Currency of every price, ISO 4217."""
        return self.exchange.currency

    def current(self, resource: Resource, held: Amounts) -> Price:
        """What the resource costs at its size of today: the inventory's price wins over any list."""
        if resource.monthly_price is not None:
            currency = resource.currency or self.currency
            month = self.exchange.convert(resource.monthly_price, currency)
            if month is None:
                return Price(None, Basis.UNKNOWN, f"priced in {currency}, no exchange rate is set")
            return Price(month, Basis.INVENTORY)
        return self.listed(resource, held, resource.instance_type)

    def listed(self, resource: Resource, held: Amounts, instance_type: str | None) -> Price:
        """The list or model price of that size, whatever the inventory says it costs."""
        match resource.kind:
            case "endpoint" if resource.is_cloud:
                return Price(None, Basis.UNKNOWN, "a cloud's endpoints have no list price here")
            case "endpoint":
                return self._own(self.on_premises.endpoint_month, "bought whole, whatever its size")
            case "volume" | "snapshot":
                return self._storage(resource, held)
            case "link":
                return self._link(resource, held)
            case "workload":
                return self._workload(resource, held)
        if resource.is_cloud:
            return self._cloud(resource, held, instance_type)
        note = "" if resource.provider else "provider not in the inventory: priced as on premises"
        return self._on_premises(held, note)

    def type_of(self, resource: Resource) -> InstanceType | None:
        """The resource's type in the catalog; None where it has none or the catalog does not list it."""
        if resource.instance_type is None or resource.provider is None or resource.site is None:
            return None
        return self.catalog.find(resource.provider, resource.instance_type, resource.site)

    def unit_price(self, provider: str, region: str) -> UnitPrice | None:
        """Price of a core and of a GiB there, from the price list; None where the region is not listed.

        The list's types of 1.5 to 16 GiB a core are explained by cores and memory (least squares of the
        relative error, neither below 0); types more than a quarter off (accelerators, local disks) are
        left out and the rest is fitted again.
        """
        place = (provider, region)
        if place not in self._units:
            self._units[place] = _unit_price(self.catalog.candidates(provider, region))
        return self._units[place]

    def _cloud(self, resource: Resource, held: Amounts, instance_type: str | None) -> Price:
        provider, site = resource.provider or "", resource.site or ""
        if held.get(Metric.CPU) == 0:
            return self._switched_off(resource, held)
        kind = self.catalog.find(provider, instance_type, site) if instance_type else None
        if kind is not None:
            month, note = self._convert(kind.month, kind.currency), f"list price of {kind.as_of}"
            has_disk = bool(kind.storage_gb)
        else:
            units = self.unit_price(provider, site)
            if units is None:
                return Price(
                    None, Basis.UNKNOWN, f"no prices of {provider or 'the provider'} in {site or '?'}"
                )
            parts = _cores_and_memory(units, held)
            if parts is None:
                named = f"type {instance_type} is not in the price list" if instance_type else "no type"
                return Price(None, Basis.UNKNOWN, f"{named} and no capacity is known")
            month, has_disk = self._convert(parts, units.currency), False
            named = f"{instance_type} is not in the price list" if instance_type else "no instance type"
            note = f"{named}: priced by cores and memory"
        if month is None:
            return Price(None, Basis.UNKNOWN, "the price list's currency has no exchange rate")
        disk = held.get(Metric.STORAGE)
        if disk and not has_disk:
            storage = self._storage(resource, held)
            if storage.month is not None:
                month += storage.month
                note += ", with its disk"
        return Price(month, Basis.CATALOG, note)

    def _switched_off(self, resource: Resource, held: Amounts) -> Price:
        """Providers do not bill cores and memory of a stopped machine; its disk stays."""
        disk = self._storage(resource, held) if held.get(Metric.STORAGE) else None
        month = disk.month if disk is not None and disk.month is not None else Decimal(0)
        return Price(month, Basis.CATALOG, "switched off: only its disk is billed")

    def _workload(self, resource: Resource, held: Amounts) -> Price:
        """Kubernetes: what is requested, at the price of a core and a GiB of the nodes it runs on."""
        for provider in ("aws", "azure", "gcp"):
            units = self.unit_price(provider, resource.site or "")
            if units is not None:
                parts = _cores_and_memory(units, held)
                if parts is None:
                    return Price(None, Basis.UNKNOWN, "no request of cores or memory is known")
                month = self._convert(parts, units.currency)
                if month is None:
                    return Price(None, Basis.UNKNOWN, "the price list's currency has no exchange rate")
                return Price(month, Basis.CATALOG, f"requests at node prices of {provider} {resource.site}")
        return self._on_premises(held, "requests at on-premises prices")

    def _storage(self, resource: Resource, held: Amounts) -> Price:
        gib = held.get(Metric.STORAGE)
        if gib is None:
            return Price(None, Basis.UNKNOWN, "no capacity is known")
        if not resource.is_cloud:
            return self._own(self.on_premises.storage_gib_month * _decimal(gib), "")
        listed = self.catalog.storage_price(resource.provider or "", resource.site or "")
        if listed is None:
            return Price(
                None, Basis.UNKNOWN, f"no storage price of {resource.provider} in {resource.site or '?'}"
            )
        month = self._convert(listed.price_gib_month * _decimal(gib), listed.currency)
        if month is None:
            return Price(None, Basis.UNKNOWN, f"no exchange rate of {listed.currency}")
        return Price(month, Basis.CATALOG, f"{listed.storage_type} at the list price of {listed.as_of}")

    def _link(self, resource: Resource, held: Amounts) -> Price:
        rates = [held[m] for m in (Metric.NETWORK_IN, Metric.NETWORK_OUT) if m in held]
        if not rates:
            return Price(None, Basis.UNKNOWN, "no capacity is known")
        if resource.is_cloud:
            return Price(
                None, Basis.UNKNOWN, "links of a cloud have no list price here: state it in the inventory"
            )
        return self._own(self.on_premises.link_mbps_month * _decimal(max(rates)), "")

    def _on_premises(self, held: Amounts, note: str) -> Price:
        model = self.on_premises
        prices = {
            Metric.CPU: model.core_month,
            Metric.MEMORY: model.memory_gib_month,
            Metric.STORAGE: model.storage_gib_month,
        }
        known = [m for m in prices if m in held]
        if not known:
            return Price(None, Basis.UNKNOWN, "no capacity is known")
        month = sum((prices[m] * _decimal(held[m]) for m in known), Decimal(0))
        missing = [str(m) for m in (Metric.CPU, Metric.MEMORY) if m not in held]
        if missing:
            note = "; ".join(filter(None, [note, f"{' and '.join(missing)} unknown, not priced"]))
        return self._own(month, note)

    def _own(self, month: Decimal, note: str) -> Price:
        converted = self._convert(month, self.on_premises.currency)
        if converted is None:
            return Price(None, Basis.UNKNOWN, f"no exchange rate of {self.on_premises.currency}")
        return Price(converted, Basis.ON_PREMISES, note)

    def _convert(self, value: Decimal, currency: str) -> Decimal | None:
        return self.exchange.convert(value, currency)


def in_proportion(paid: Decimal | None, to: Decimal | None, of: Decimal | None) -> Decimal | None:
    """What is paid now, changed as the list price goes `to` another one `of` today's; None = unknown."""
    return paid * to / of if paid is not None and to is not None and of else None


def _cores_and_memory(units: UnitPrice, held: Amounts) -> Decimal | None:
    if Metric.CPU not in held and Metric.MEMORY not in held:
        return None
    cores, memory = held.get(Metric.CPU, 0.0), held.get(Metric.MEMORY, 0.0)
    return units.core_month * _decimal(cores) + units.memory_gib_month * _decimal(memory)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(float(value), 6)))


def _unit_price(kinds: tuple[InstanceType, ...]) -> UnitPrice | None:
    usual = [k for k in kinds if 1.5 <= k.memory_gib / k.vcpu <= 16]
    if not usual:
        return None
    currency = usual[0].currency
    usual = [k for k in usual if k.currency == currency]
    shape = np.array([[k.vcpu, k.memory_gib] for k in usual])
    price = np.array([float(k.price_hour) for k in usual])
    keep = np.ones(len(usual), bool)
    core = gib = 0.0
    for _ in range(3):
        core, gib = _two_prices(shape[keep] / price[keep, None])
        off = np.abs(shape @ np.array([core, gib]) / price - 1)
        keep = off <= max(0.25, float(np.median(off)))
    hours = Decimal(HOURS_PER_MONTH)
    return UnitPrice(_decimal(core) * hours, _decimal(gib) * hours, currency)


def _two_prices(rows: np.ndarray) -> tuple[float, float]:
    """Least squares of rows @ (core, gib) = 1, neither below 0. One kind of type alone: memory costs
    an eighth of a core, about what the lists of three providers say."""
    if np.linalg.matrix_rank(rows, tol=1e-6) < 2:
        core = 1 / (rows[:, 0] + rows[:, 1] / 8).mean()
        return float(core), float(core / 8)
    core, gib = np.linalg.lstsq(rows, np.ones(len(rows)), rcond=None)[0]
    if core < 0:
        return 0.0, float(rows[:, 1].sum() / (rows[:, 1] ** 2).sum())
    if gib < 0:
        return float(rows[:, 0].sum() / (rows[:, 0] ** 2).sum()), 0.0
    return float(core), float(gib)
