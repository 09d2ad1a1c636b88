"""What snmpbulkwalk prints of IF-MIB and HOST-RESOURCES-MIB, as counters and gauges. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from data.frames import UTC_TIME

SYSTEM = ".1.3.6.1.2.1.1"
INTERFACES = ".1.3.6.1.2.1.2.2.1"
INTERFACES_MORE = ".1.3.6.1.2.1.31.1.1.1"
STORAGE = ".1.3.6.1.2.1.25.2.3.1"
PROCESSORS = ".1.3.6.1.2.1.25.3.3.1"
TREES = (SYSTEM, INTERFACES, INTERFACES_MORE, STORAGE, PROCESSORS)
"""What is walked: system, ifTable, ifXTable, hrStorageTable, hrProcessorTable."""

_UPTIME, _NAME = f"{SYSTEM}.3", f"{SYSTEM}.5"
_DESCRIPTION, _TYPE, _SPEED, _STATUS = (f"{INTERFACES}.{number}" for number in (2, 3, 5, 8))
_IN_32, _OUT_32 = f"{INTERFACES}.10", f"{INTERFACES}.16"
_IF_NAME, _IN_64, _OUT_64, _HIGH_SPEED = (f"{INTERFACES_MORE}.{number}" for number in (1, 6, 10, 15))
_KIND, _LABEL, _UNITS, _SIZE, _USED = (f"{STORAGE}.{number}" for number in (2, 3, 4, 5, 6))
_LOAD = f"{PROCESSORS}.2"
_COLUMNS = (
    _UPTIME, _NAME, _DESCRIPTION, _TYPE, _SPEED, _STATUS, _IN_32, _OUT_32, _IF_NAME, _IN_64, _OUT_64,
    _HIGH_SPEED, _KIND, _LABEL, _UNITS, _SIZE, _USED, _LOAD,
)  # fmt: skip

_FIXED_DISK, _RAM = "25.2.1.4", "25.2.1.2"
_LOOPBACK = "24"
_UP = "1"
_LINE = re.compile(r"^(\.[\d.]+) = (?:[A-Za-z][\w -]*: )?(.*)$")


@dataclass(slots=True)
class Reading:
    """What one device said."""

    counters: pl.DataFrame
    """COUNTER_SCHEMA of ingest.snmp."""
    gauges: list[tuple[Any, ...]] = field(default_factory=list)
    """Rows of a sample frame."""
    resources: dict[str, str] = field(default_factory=dict)
    """Kind by name."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Reason and what was said."""


def parsed(text: str, tables: dict[str, dict[str, str]]) -> None:
    """Adds the lines of a walk to the tables: by column, then by row."""
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        for column in _COLUMNS:
            if found[1].startswith(f"{column}."):
                tables.setdefault(column, {})[found[1][len(column) + 1 :]] = found[2].strip().strip('"')


def reading_of(
    host: str, tables: dict[str, dict[str, str]], at: datetime, skip_interfaces: str, skip_volumes: str
) -> Reading:
    """The tables as counters and gauges, under the name the device has for us."""
    name = re.sub(r":\d+$", "", host)
    uptime = _number(next(iter(tables.get(_UPTIME, {}).values()), ""))
    start = at - timedelta(milliseconds=10 * uptime) if uptime is not None else None
    reading = Reading(pl.DataFrame())
    rows = _links(name, tables, at, start, skip_interfaces, reading)
    reading.counters = pl.DataFrame(
        rows,
        schema={
            "resource": pl.String, "metric": pl.String, "ts": UTC_TIME, "value": pl.UInt64,
            "bits": pl.Int32, "limit": pl.Float64, "start": UTC_TIME,
        },
        orient="row",
    )  # fmt: skip
    _processors(name, tables, at, reading)
    _storage(name, tables, at, skip_volumes, reading)
    return reading


def _links(
    name: str,
    tables: dict[str, dict[str, str]],
    at: datetime,
    start: datetime | None,
    skip: str,
    reading: Reading,
) -> list[tuple[Any, ...]]:
    """A row per interface and direction: 64-bit counters, or 32-bit ones where a device has no others."""
    rows: list[tuple[Any, ...]] = []
    indices = tables.get(_IF_NAME) or tables.get(_DESCRIPTION) or {}
    for index, label in indices.items():
        loops = tables.get(_TYPE, {}).get(index) == _LOOPBACK
        if loops or re.search(skip, label) or tables.get(_STATUS, {}).get(index, _UP) != _UP:
            continue
        megabits = _number(tables.get(_HIGH_SPEED, {}).get(index, "")) or 0.0
        bits_per_second = megabits * 1e6 or _number(tables.get(_SPEED, {}).get(index, "")) or 0.0
        resource = f"{name}:{label}"
        for metric, wide, narrow in (("network_in", _IN_64, _IN_32), ("network_out", _OUT_64, _OUT_32)):
            bits = 64 if index in tables.get(wide, {}) else 32
            text = tables.get(wide if bits == 64 else narrow, {}).get(index)
            if text is None:
                continue
            value = int(text) if text.isdigit() else -1
            if not 0 <= value < 2**bits:
                reading.problems.append((f"counter of {bits} bits cannot be read", f"{resource} {text}"))
                continue
            reading.resources[resource] = "link"
            rows.append((resource, metric, at, value, bits, bits_per_second / 8, start))
    return rows


def _processors(name: str, tables: dict[str, dict[str, str]], at: datetime, reading: Reading) -> None:
    loads = [_number(text) for text in tables.get(_LOAD, {}).values()]
    known = [load for load in loads if load is not None]
    if known:
        cores = float(len(known))
        reading.resources[name] = "server"
        reading.gauges.append((at, name, "cpu", sum(known) / 100, None, cores, "cores"))


def _storage(name: str, tables: dict[str, dict[str, str]], at: datetime, skip: str, reading: Reading) -> None:
    amounts: dict[str, tuple[float, float]] = {}
    for index, label in tables.get(_LABEL, {}).items():
        numbers = [_number(tables.get(column, {}).get(index, "")) for column in (_UNITS, _SIZE, _USED)]
        if None in numbers:
            reading.problems.append(("storage cannot be read", f"{name}:{label} {numbers}"))
            continue
        # Of 32 bits with a sign: sizes beyond are told as negative numbers.
        unit, size, used = (
            number + 2**32 if number < 0 else number for number in numbers if number is not None
        )
        amounts[label] = (used * unit, size * unit)
        kind = tables.get(_KIND, {}).get(index, "")
        if kind.endswith(_FIXED_DISK) and not re.search(skip, label):
            resource = f"{name}:{label}"
            reading.resources[resource] = "volume"
            reading.gauges.append((at, resource, "storage", used * unit, None, size * unit, "B"))
    physical = next(
        (amounts[label] for index, label in tables.get(_LABEL, {}).items()
         if tables.get(_KIND, {}).get(index, "").endswith(_RAM) and label in amounts),
        None,
    )  # fmt: skip
    if physical is not None and physical[1] > 0:
        used, size = physical
        if "Available memory" in amounts:
            # "Used" physical memory includes caches, which programs get when they want it.
            used = size - amounts["Available memory"][1]
        reading.resources[name] = "server"
        reading.gauges.append((at, name, "memory", used, None, size, "B"))


def _number(text: str) -> float | None:
    found = re.match(r"-?\d+", text)
    return float(found[0]) if found else None
