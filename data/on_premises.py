"""What capacity in one's own data centre costs a month, from what it cost to buy and to run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Self

from data.errors import ConfigError
from data.money import HOURS_PER_MONTH


@dataclass(frozen=True, slots=True)
class OnPremisesModel:
    """Prices of a core, a GiB of memory, a GiB of storage and a Mbit/s, per month.

    The defaults describe a plain two-socket host and are assumptions, not facts: replace them by your own
    purchase and power prices before deciding about money. All amounts are in `currency`.
    """

    currency: str = "USD"
    server_price: Decimal = Decimal(14000)
    """Purchase price of one host; a mid-range two-socket machine."""
    server_cores: int = 32
    """Physical cores of that host."""
    server_memory_gib: int = 384
    """Memory of that host: 12 GiB a core, usual for virtualisation."""
    server_lifetime_months: int = 60
    """Months it is written off over; five years is the usual support period."""
    server_watts: int = 450
    """Mean draw of a host in use, below its name plate because few run flat out."""
    power_factor: Decimal = Decimal("1.5")
    """Watts drawn by the building per watt of the host (PUE), near the average of existing data centres."""
    power_price_kwh: Decimal = Decimal("0.20")
    """Price of a kWh; an industrial tariff, differs by a factor of three between countries."""
    rack_unit_price: Decimal = Decimal(20)
    """Room, cooling plant and rack for one unit a month."""
    server_rack_units: int = 2
    support_share: Decimal = Decimal("0.12")
    """Yearly support and spare parts as a share of the purchase price."""
    usable_share: Decimal = Decimal("0.75")
    """Share of a host that is sold to guests; the rest is kept for the failure of a host and for the
    hypervisor, so every core that is used also pays for its share of the reserve."""
    memory_share: Decimal = Decimal("0.4")
    """Share of a host's cost carried by its memory, near its share of the price; cores carry the rest."""
    storage_price_gib: Decimal = Decimal("0.60")
    """Purchase price of a usable GiB on a flash array, after RAID and spares, before compression."""
    storage_lifetime_months: int = 60
    storage_watts_tib: Decimal = Decimal(6)
    """Mean draw per usable TiB including controllers."""
    link_price_mbps: Decimal = Decimal("0.35")
    """Monthly price of a Mbit/s on a leased line; falls steeply with size: put your contract's price here."""
    endpoint_price: Decimal = Decimal(1200)
    """Purchase price of a laptop or desk computer."""
    endpoint_lifetime_months: int = 48
    """Four years, the usual replacement cycle."""

    def __post_init__(self) -> None:
        for name in (
            "server_cores",
            "server_memory_gib",
            "server_lifetime_months",
            "storage_lifetime_months",
            "endpoint_lifetime_months",
        ):
            if getattr(self, name) <= 0:
                raise ConfigError(f"on_premises.{name} must be above 0")
        if not 0 < self.usable_share <= 1 or not 0 <= self.memory_share <= 1:
            raise ConfigError("on_premises.usable_share and memory_share are shares between 0 and 1")

    @classmethod
    def of(cls, settings: Mapping[str, float], currency: str = "USD") -> Self:
        """The defaults with some figures replaced. Raises ConfigError for a name that is not a field."""
        known = {f.name: f.type for f in fields(cls) if f.name != "currency"}
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                raise ConfigError(f"on_premises.{name}: no such figure; {hint}")
        figures = {n: int(v) if known[n] == "int" else Decimal(str(v)) for n, v in settings.items()}
        return cls(currency=currency, **figures)  # type: ignore[arg-type]

    @property
    def server_month(self) -> Decimal:
        """One host a month: purchase over lifetime, support, power and space."""
        purchase = self.server_price / self.server_lifetime_months
        support = self.server_price * self.support_share / 12
        power = self._power(Decimal(self.server_watts))
        return purchase + support + power + self.rack_unit_price * self.server_rack_units

    @property
    def core_month(self) -> Decimal:
        """One core a month, with its share of the reserve."""
        return self.server_month * (1 - self.memory_share) / self.server_cores / self.usable_share

    @property
    def memory_gib_month(self) -> Decimal:
        """One GiB of memory a month, with its share of the reserve."""
        return self.server_month * self.memory_share / self.server_memory_gib / self.usable_share

    @property
    def storage_gib_month(self) -> Decimal:
        """One usable GiB of storage a month."""
        purchase = self.storage_price_gib / self.storage_lifetime_months
        support = self.storage_price_gib * self.support_share / 12
        return purchase + support + self._power(self.storage_watts_tib) / 1024

    @property
    def link_mbps_month(self) -> Decimal:
        """One Mbit/s a month, the same in both directions."""
        return self.link_price_mbps

    @property
    def endpoint_month(self) -> Decimal:
        """One endpoint a month; it is bought whole, whatever its size."""
        support = self.endpoint_price * self.support_share / 12
        return self.endpoint_price / self.endpoint_lifetime_months + support

    def _power(self, watts: Decimal) -> Decimal:
        return watts / 1000 * self.power_factor * HOURS_PER_MONTH * self.power_price_kwh
