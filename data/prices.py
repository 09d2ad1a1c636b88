"""Prices of instance types and of block storage: the shipped catalog and files the user loads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import polars as pl

from data.errors import ConfigError, UnknownName
from data.frames import REJECTED_SCHEMA, empty
from data.money import CURRENCIES, HOURS_PER_MONTH

PRICE_SCHEMA: dict[str, pl.DataType] = {
    "provider": pl.String(),
    "region": pl.String(),
    "instance_type": pl.String(),
    "family": pl.String(),
    "vcpu": pl.Float64(),
    "memory_gib": pl.Float64(),
    "network_gbps": pl.Float64(),
    "storage_gb": pl.Float64(),
    "price_hour": pl.String(),
    "currency": pl.String(),
    "as_of": pl.String(),
    "source": pl.String(),
}
"""Columns of a price file. `price_usd_hour` may stand for `price_hour` and `currency`. Prices are read as
text, since 0.0912 has no exact float."""

_NEEDED = ("provider", "region", "instance_type", "vcpu", "memory_gib", "as_of", "source")


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One type in one region at one date."""

    provider: str
    region: str
    name: str
    family: str
    vcpu: float
    memory_gib: float
    network_gbps: float | None
    """Baseline; None = unknown."""
    storage_gb: float | None
    """Local disk; 0 = none, None = unknown."""
    price_hour: Decimal
    currency: str
    as_of: date
    source: str

    @property
    def month(self) -> Decimal:
        """Price of 730 hours, not rounded."""
        return self.price_hour * HOURS_PER_MONTH


@dataclass(frozen=True, slots=True)
class StoragePrice:
    """One GiB of block storage for one month."""

    provider: str
    region: str
    storage_type: str
    price_gib_month: Decimal
    currency: str
    as_of: date
    source: str


@dataclass(frozen=True, slots=True)
class PriceCatalog:
    """Instance types and storage prices, looked up by provider and region."""

    types: tuple[InstanceType, ...]
    storage: tuple[StoragePrice, ...] = ()
    rejected: pl.DataFrame = field(default_factory=lambda: empty(REJECTED_SCHEMA))
    """REJECTED_SCHEMA: rows of a price file that could not be used."""
    _by_place: dict[tuple[str, str], tuple[InstanceType, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places: dict[tuple[str, str], list[InstanceType]] = {}
        for kind in self.types:
            places.setdefault((kind.provider, kind.region), []).append(kind)
        ordered = {
            place: tuple(sorted(kinds, key=lambda k: (k.price_hour, k.name)))
            for place, kinds in places.items()
        }
        object.__setattr__(self, "_by_place", ordered)

    def __len__(self) -> int:
        """Number of instance types."""
        return len(self.types)

    @classmethod
    def shipped(cls) -> PriceCatalog:
        """The small catalog in the repository."""
        catalog = files("data") / "catalog"
        types, rejected = _read_types((catalog / "instance_types.csv").read_bytes(), "instance_types.csv")
        storage = _read_storage((catalog / "storage_types.csv").read_bytes())
        return cls(types, storage, rejected)

    @classmethod
    def read(cls, path: Path) -> PriceCatalog:
        """A price list from a CSV file; rows that cannot be used are in `rejected`.

        Raises ConfigError when the file cannot be read or a needed column is missing.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot read the price list {path}: {error.strerror}") from error
        types, rejected = _read_types(content, str(path))
        return cls(types, (), rejected)

    def with_prices(self, other: PriceCatalog) -> PriceCatalog:
        """Both catalogs together; where both price the same type in the same region, `other` wins."""
        types = {(t.provider, t.region, t.name.lower()): t for t in (*self.types, *other.types)}
        storage = {(s.provider, s.region): s for s in (*self.storage, *other.storage)}
        return PriceCatalog(
            tuple(types.values()), tuple(storage.values()), pl.concat([self.rejected, other.rejected])
        )

    def candidates(self, provider: str, region: str) -> tuple[InstanceType, ...]:
        """Every type one can have there, cheapest first; empty where nothing is known."""
        return self._by_place.get((provider, region), ())

    def find(self, provider: str, name: str, region: str) -> InstanceType | None:
        """That type in that region (names regardless of case); None where it is not listed there."""
        wanted = name.lower()
        return next((t for t in self.candidates(provider, region) if t.name.lower() == wanted), None)

    def require(self, provider: str, name: str, region: str) -> InstanceType:
        """Like `find`, but raises UnknownName with the nearest names."""
        found = self.find(provider, name, region)
        if found is None:
            known = (t.name for t in self.candidates(provider, region))
            raise UnknownName(f"instance type of {provider} in {region}", name, known)
        return found

    def cheapest(
        self,
        provider: str,
        region: str,
        vcpu: float,
        memory_gib: float,
        network_mbps: float = 0.0,
        family: str | None = None,
    ) -> InstanceType | None:
        """The cheapest type with at least that much of everything; None where there is none.

        Types whose network is not listed are taken to be enough: most price lists leave it blank.
        """
        for kind in self.candidates(provider, region):
            network = None if kind.network_gbps is None else kind.network_gbps * 1000
            enough = kind.vcpu >= vcpu - 1e-9 and kind.memory_gib >= memory_gib - 1e-9
            if enough and (network is None or network >= network_mbps) and family in (None, kind.family):
                return kind
        return None

    def storage_price(self, provider: str, region: str) -> StoragePrice | None:
        """Price of block storage there; None where it is not listed."""
        return next((s for s in self.storage if (s.provider, s.region) == (provider, region)), None)


def _read_types(content: bytes, origin: str) -> tuple[tuple[InstanceType, ...], pl.DataFrame]:
    try:
        table = pl.read_csv(BytesIO(content), infer_schema=False, null_values=[""])
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"{origin} is not a price list: {str(error).splitlines()[0]}") from error
    if "price_hour" not in table.columns and "price_usd_hour" in table.columns:
        table = table.with_columns(price_hour=pl.col("price_usd_hour"), currency=pl.lit("USD"))
    missing = [c for c in (*_NEEDED, "price_hour", "currency") if c not in table.columns]
    if missing:
        raise ConfigError(
            f"{origin}: column {', '.join(missing)} is missing; a price list has {', '.join(PRICE_SCHEMA)}"
        )
    types: list[InstanceType] = []
    rejected: list[dict[str, object]] = []
    for line, row in enumerate(table.iter_rows(named=True), start=2):
        reason = _fault(row)
        if reason:
            raw = ",".join("" if v is None else str(v) for v in row.values())[:1000]
            rejected.append({"origin": origin, "line": line, "reason": reason, "raw": raw})
        else:
            types.append(_instance_type(row))
    return tuple(types), pl.DataFrame(rejected, schema=REJECTED_SCHEMA)


def _fault(row: dict[str, str | None]) -> str | None:
    """Why a row cannot be used; None where it can."""
    absent = [c for c in (*_NEEDED, "price_hour", "currency") if not row[c]]
    if absent:
        return f"{absent[0]} is empty"
    if row["currency"] not in CURRENCIES:
        return f"currency {row['currency']!r} is not an ISO 4217 code"
    for column, lowest in (("vcpu", 0.0), ("memory_gib", 0.0), ("price_hour", 0.0)):
        try:
            number = float(row[column] or "")
        except ValueError:
            return f"{column} {row[column]!r} is not a number"
        if not lowest < number < float("inf"):
            return f"{column} {row[column]} is not above 0"
    for column in ("network_gbps", "storage_gb"):
        text = row.get(column)
        try:
            if text and not 0 <= float(text) < float("inf"):
                return f"{column} {text} is below 0"
        except ValueError:
            return f"{column} {text!r} is not a number"
    try:
        date.fromisoformat(row["as_of"] or "")
    except ValueError:
        return f"as_of {row['as_of']!r} is not a date (YYYY-MM-DD)"
    return None


def _instance_type(row: dict[str, str | None]) -> InstanceType:
    def text(column: str) -> str:
        return (row.get(column) or "").strip()

    def number(column: str) -> float | None:
        return float(text(column)) if text(column) else None

    return InstanceType(
        text("provider").lower(),
        text("region"),
        text("instance_type"),
        text("family"),
        float(text("vcpu")),
        float(text("memory_gib")),
        number("network_gbps"),
        number("storage_gb"),
        Decimal(text("price_hour")),
        text("currency"),
        date.fromisoformat(text("as_of")),
        text("source"),
    )


def _read_storage(content: bytes) -> tuple[StoragePrice, ...]:
    rows: Iterable[dict[str, str]] = pl.read_csv(BytesIO(content), infer_schema=False).iter_rows(named=True)
    return tuple(
        StoragePrice(
            row["provider"],
            row["region"],
            row["storage_type"],
            Decimal(row["price_gib_month"]),
            row["currency"],
            date.fromisoformat(row["as_of"]),
            row["source"],
        )
        for row in rows
    )
