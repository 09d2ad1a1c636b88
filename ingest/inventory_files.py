"""Inventory from files: what there is, whose it is, how big it is, and what happened to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import yaml

from data.errors import ConfigError, SourceError
from data.frames import (
    CAPACITY_SCHEMA,
    DEPENDENCY_SCHEMA,
    EVENT_SCHEMA,
    REJECTED_SCHEMA,
    RESOURCE_SCHEMA,
    SERVICE_SCHEMA,
    Inventory,
    empty,
)
from ingest.file_formats import Format, files_of, flat, read_file
from ingest.from_table import from_table, instead
from ingest.inventory_rows import Cells, checked_inventory
from ingest.kubernetes_objects import kubernetes_inventory
from ingest.pieces import LINE
from ingest.units import UnknownUnit, conversion

TABLES: Mapping[str, dict[str, pl.DataType]] = MappingProxyType(
    {
        "resources": RESOURCE_SCHEMA,
        "services": SERVICE_SCHEMA,
        "dependencies": DEPENDENCY_SCHEMA,
        "capacities": CAPACITY_SCHEMA,
        "events": EVENT_SCHEMA,
    }
)
_NONE: Mapping[str, Mapping[str, str]] = MappingProxyType({})
_LARGEST = 512 * 2**20
"""Bytes of a YAML or JSON file, which are read whole."""


@dataclass(frozen=True, slots=True)
class Size:
    """A column of the resources that is the capacity of one metric."""

    column: str
    """The column."""
    metric: str
    """cpu, memory, storage, network_in or network_out."""
    unit: str
    """Its unit."""

    def __post_init__(self) -> None:
        try:
            conversion(self.unit, self.metric)
        except UnknownUnit as error:
            raise ConfigError(f"sizes: {self.column!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class InventoryFiles:
    """Reads inventory from tables, YAML and JSON; every field is a setting of `[inventory]`."""

    resources: tuple[str, ...] = ()
    """Files of resources: resource, kind, service, provider, site, instance_type, monthly_price, currency,
    lead_days, labels, valid_from. Only `resource` must be there; other columns become labels."""
    services: tuple[str, ...] = ()
    """Files of services: service, team, owner, tier (1 to 3), description, valid_from."""
    dependencies: tuple[str, ...] = ()
    """Files of edges: service, depends_on, valid_from."""
    capacities: tuple[str, ...] = ()
    """Files of capacities: resource, metric, valid_from, capacity and, where it differs, unit."""
    events: tuple[str, ...] = ()
    """Files of events: ts, ends_at, subject, kind, description."""
    kubernetes: tuple[str, ...] = ()
    """Dumps of API objects (`kubectl get nodes,deployments,pods -A -o json`), JSON or YAML."""
    kubernetes_size: str = "requests"
    """Capacity of a workload: the `requests` of its containers (what is reserved) or their `limits`."""
    sizes: tuple[Size, ...] = ()
    """Columns of the resources that are capacities."""
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NONE)
    """Names of columns that differ, per table: { resources = { resource = "hostname" } }."""
    constants: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NONE)
    """What is the same in all rows, per table: { resources = { kind = "vm", provider = "aws" } }."""
    separator: str = ""
    """Between fields of text files; "" = comma, in TSV a tab."""
    encoding: str = "utf-8"
    """Of text files; a byte order mark wins."""

    def __post_init__(self) -> None:
        if self.kubernetes_size not in ("requests", "limits"):
            raise ConfigError(f"kubernetes_size: {self.kubernetes_size!r} is neither requests nor limits")
        for setting in ("columns", "constants"):
            for table, names in getattr(self, setting).items():
                if table not in TABLES:
                    raise ConfigError(f"{setting}: no table {table!r}{instead(table, TABLES)}")
                for name in names:
                    if name not in TABLES[table] and (table, name) != ("capacities", "unit"):
                        known = instead(name, TABLES[table])
                        raise ConfigError(f"{setting}.{table}: no column {name!r}{known}")
        Format(separator=self.separator, encoding=self.encoding)

    def inventory(self) -> Inventory:
        """Everything the files say; rows that cannot be are in `rejected` with the reason.

        Raises:
            SourceError: if a file cannot be read, or has not the columns that are needed.
        """
        cells = {table: [self._cells(path, table) for path in self._paths(table)] for table in TABLES}
        sizes = [(one.column, one.metric, one.unit) for one in self.sizes]
        found = checked_inventory(cells, sizes)
        for path in self._paths("kubernetes"):
            more = kubernetes_inventory(documents(path), path, size=self.kubernetes_size)
            found = Inventory(
                resources=pl.concat([found.resources, more.resources]),
                services=found.services,
                dependencies=found.dependencies,
                capacities=pl.concat([found.capacities, more.capacities]),
                events=found.events,
                rejected=pl.concat([found.rejected, more.rejected]),
            )
        return found

    def _paths(self, table: str) -> list[str]:
        return files_of(getattr(self, table), Format(separator=self.separator, encoding=self.encoding))

    def _cells(self, path: str, table: str) -> Cells:
        """The rows of a file as texts under our names, with what is constant filled in."""
        rejected = [empty(REJECTED_SCHEMA)]
        if Path(path).suffix.lower() in (".yaml", ".yml", ".json"):
            rows = _listed(documents(path), path, table)
        else:
            how = Format(separator=self.separator, encoding=self.encoding)
            pieces = list(read_file(path, how, lambda columns: columns))
            rejected += [piece.rejected for piece in pieces]
            full = [piece.rows for piece in pieces if piece.rows.width]
            if not full:
                full = [pl.DataFrame(schema={LINE: pl.Int64})]
            rows = pl.concat(full)
        if rows.width <= 1:  # an empty list of YAML
            return Cells(path, rows, pl.concat(rejected))
        ours = {theirs: name for name, theirs in self.columns.get(table, {}).items()}
        for theirs in ours:
            if theirs not in rows.columns:
                known = [name for name in rows.columns if name != LINE]
                raise SourceError(f"{path}: no column {theirs!r}{instead(theirs, known)}")
        rows = rows.rename(ours, strict=False)
        for name, text in self.constants.get(table, {}).items():
            rows = rows.with_columns(pl.lit(text).alias(name))
        return Cells(path, rows, pl.concat(rejected))

    @classmethod
    def from_table(cls, table: Mapping[str, object], root: Path | None = None) -> InventoryFiles:
        """Builds it from its settings table.

        Args:
            root: folder that relative paths start from; None = the current one.

        Raises:
            ConfigError: if a setting does not exist or cannot be; says what would be right.
        """
        found = from_table(cls, table, "inventory")
        if root is None:
            return found
        rooted = {
            name: tuple(str(root / Path(path).expanduser()) for path in getattr(found, name))
            for name in (*TABLES, "kubernetes")
        }
        return replace(found, **rooted)  # type: ignore[arg-type]


def documents(path: str) -> list[Any]:
    """The documents of a YAML or JSON file.

    Raises:
        SourceError: if it cannot be read or is too large to be read whole.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _LARGEST:
            raise SourceError(f"{path}: is larger than {_LARGEST // 2**20} MiB; split it")
        text = file.read_text(encoding="utf-8-sig")
        if not text.strip():
            raise SourceError(f"{path}: is empty")
        if file.suffix.lower() == ".json":
            return [json.loads(text)]
        return [one for one in yaml.safe_load_all(text) if one is not None]
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise SourceError(f"{path}: is no valid {file.suffix[1:].upper()}: {first}") from error


def _listed(found: list[Any], path: str, table: str) -> pl.DataFrame:
    """The rows of a YAML or JSON file: a list, a list under the table's name, or one under each name."""
    items: list[Any] = []
    for one in found:
        part = one.get(table, []) if isinstance(one, dict) else one
        if isinstance(part, dict):
            key = next(iter(TABLES[table]))
            part = [
                {key: name, **(entry or {})} for name, entry in part.items() if isinstance(entry, dict | None)
            ]
        if not isinstance(part, list) or not all(isinstance(entry, dict) for entry in part):
            raise SourceError(f"{path}: expected a list of {table}, each with its columns")
        items.extend(part)
    rows = []
    for number, entry in enumerate(items, start=1):
        labels = entry.get("labels")
        if isinstance(labels, dict):
            entry = {**entry, "labels": json.dumps(labels, default=str)}
        plain = {
            key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in entry.items()
        }
        rows.append({**flat({str(key): value for key, value in plain.items()}), LINE: number})
    names = dict.fromkeys(name for row in rows for name in row if name != LINE)
    schema = {**dict.fromkeys(names, pl.String()), LINE: pl.Int64()}
    return pl.DataFrame(rows, schema=schema)
