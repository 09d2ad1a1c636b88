"""Units at the edge: what people write, and the factor to the one unit each metric has inside.

Conventions where writers disagree: `KB`, `MB`, `GB` are powers of 1,000 and `KiB`, `MiB`, `GiB` powers of
1,024; in a rate `b` is a bit and `B` a byte (`Mb/s`, `Mbps` are megabits, `MB/s` megabytes), and a rate whose
case leaves that open (`mb/s`) is refused. Amounts are bytes in any case: nobody stores bits.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from data.series import UNITS, Driver, Metric


class Dimension(StrEnum):
    """What a unit measures; only units of one dimension convert by a factor alone."""

    COMPUTE = "cores"
    CLOCK = "clock rate"
    DATA = "data"
    DATA_RATE = "data rate"
    REQUEST_RATE = "request rate"
    COUNT = "count"
    SHARE = "share of capacity"


@dataclass(frozen=True, slots=True)
class Unit:
    """A known unit."""

    name: str
    """As the source wrote it, trimmed."""
    dimension: Dimension
    factor: float
    """One of it in the base of its dimension: cores, MHz, bytes, bit/s, requests/s, one, fraction."""


class UnknownUnit(ValueError):
    """The text is no unit, or not one of this metric; the message lists what is known."""


_DECIMAL = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}
_PREFIXES = {"": 1.0, **_DECIMAL, **_BINARY}
_TIMES = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("min", "minute"), 60.0),
    **dict.fromkeys(("h", "hr", "hour"), 3_600.0),
    **dict.fromkeys(("d", "day"), 86_400.0),
}

_COMPUTE = {
    **dict.fromkeys(("cores", "core", "cpu", "cpus", "vcpu", "vcpus", "threads"), 1.0),
    **dict.fromkeys(("m", "millicores", "millicore", "mcores", "mcpu", "millicpu"), 1e-3),
    **dict.fromkeys(("u", "microcores"), 1e-6),
    **dict.fromkeys(("n", "nanocores"), 1e-9),
    # what top and container tools print: 250 % is two and a half cores
    **dict.fromkeys(("percent of a core", "core-percent"), 1e-2),
}
_CLOCK = {"Hz": 1e-6, "kHz": 1e-3, "MHz": 1.0, "GHz": 1e3, "THz": 1e6}
_DATA = {
    **{f"{prefix}{word}": size for prefix, size in _PREFIXES.items() for word in ("B", "byte", "bytes")},
    **{
        f"{prefix}bytes": size
        for prefix, size in (
            ("kilo", 1e3), ("mega", 1e6), ("giga", 1e9), ("tera", 1e12),
            ("kibi", 2.0**10), ("mebi", 2.0**20), ("gibi", 2.0**30), ("tebi", 2.0**40),
        )
    },
}  # fmt: skip
_DATA_RATE = {
    **{
        f"{prefix}{word}/{time}": size * bits / seconds
        for prefix, size in _PREFIXES.items()
        for word, bits in (("B", 8.0), ("byte", 8.0), ("bytes", 8.0), ("b", 1.0), ("bit", 1.0), ("bits", 1.0))
        for time, seconds in _TIMES.items()
    },
    **{f"{prefix}Bps": size * 8.0 for prefix, size in _PREFIXES.items()},
    **{f"{prefix}bps": size for prefix, size in _PREFIXES.items()},
}
_REQUEST_RATE = {
    **{
        f"{word}/{time}": 1.0 / seconds
        for word in ("requests", "request", "req", "hits", "queries", "1", "")
        for time, seconds in _TIMES.items()
    },
    **dict.fromkeys(("rps", "qps"), 1.0),
    **dict.fromkeys(("rpm", "qpm"), 1.0 / 60.0),
}
_COUNT = dict.fromkeys(("users", "user", "sessions", "connections", "count", "1"), 1.0)
_SHARE = {
    **dict.fromkeys(("percent", "%", "pct"), 0.01),
    **dict.fromkeys(("fraction", "ratio", "share"), 1.0),
}

_TABLES: Mapping[Dimension, Mapping[str, float]] = MappingProxyType(
    {
        Dimension.COMPUTE: _COMPUTE,
        Dimension.CLOCK: _CLOCK,
        Dimension.DATA: _DATA,
        Dimension.DATA_RATE: _DATA_RATE,
        Dimension.REQUEST_RATE: _REQUEST_RATE,
        Dimension.COUNT: _COUNT,
        Dimension.SHARE: _SHARE,
    }
)
_EXAMPLES: Mapping[Dimension, str] = MappingProxyType(
    {
        Dimension.COMPUTE: "cores, millicores, m",
        Dimension.CLOCK: "MHz, GHz",
        Dimension.DATA: "B, KB, KiB, MB, MiB, GB, GiB, TB, TiB",
        Dimension.DATA_RATE: "bit/s, kbit/s, Mbit/s, Gbit/s, B/s, KB/s, KiB/s, MB/s, GB/s, B/h",
        Dimension.REQUEST_RATE: "requests/s, requests/min, requests/h, requests/day",
        Dimension.COUNT: "users, count",
        Dimension.SHARE: "percent, fraction",
    }
)
_MEASURED_IN: Mapping[str, tuple[Dimension, ...]] = MappingProxyType(
    {
        Metric.CPU: (Dimension.COMPUTE, Dimension.CLOCK, Dimension.SHARE),
        Metric.MEMORY: (Dimension.DATA, Dimension.SHARE),
        Metric.STORAGE: (Dimension.DATA, Dimension.SHARE),
        Metric.NETWORK_IN: (Dimension.DATA_RATE, Dimension.SHARE),
        Metric.NETWORK_OUT: (Dimension.DATA_RATE, Dimension.SHARE),
        Driver.REQUESTS: (Dimension.REQUEST_RATE,),
        Driver.USERS: (Dimension.COUNT,),
    }
)


def _folded(table: Mapping[str, float]) -> dict[str, float | None]:
    """The table without case; None where case decides."""
    folded: dict[str, float | None] = {}
    for name, factor in table.items():
        key = name.casefold()
        folded[key] = factor if folded.get(key, factor) == factor else None
    return folded


_FOLDED = {dimension: _folded(table) for dimension, table in _TABLES.items()}


def find_unit(text: str, dimensions: tuple[Dimension, ...] = tuple(Dimension)) -> Unit | None:
    """The unit `text` names within the dimensions, tried in their order; None if there is none.

    Raises:
        UnknownUnit: if it would mean different things in upper and lower case.
    """
    name = text.strip()
    for dimension in dimensions:
        factor = _TABLES[dimension].get(name)
        if factor is not None:
            return Unit(name, dimension, factor)
    key = name.casefold()
    for dimension in dimensions:
        if key in _FOLDED[dimension]:
            factor = _FOLDED[dimension][key]
            if factor is None:
                raise UnknownUnit(f"unit {name!r} can mean bits or bytes; write e.g. Mbit/s or MB/s")
            return Unit(name, dimension, factor)
    return None


def canonical(metric: str, drivers: Mapping[str, str]) -> str:
    """The unit of the metric inside the program.

    Args:
        drivers: names and units of further drivers, from the settings.

    Raises:
        UnknownUnit: if nobody knows the metric.
    """
    if metric in UNITS:
        return UNITS[metric]
    if metric in drivers:
        return drivers[metric]
    known = [str(name) for name in (*UNITS, *drivers)]
    near = difflib.get_close_matches(metric, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    raise UnknownUnit(f"metric {metric!r} is unknown; {hint}")


@dataclass(frozen=True, slots=True)
class Conversion:
    """How an amount of one unit becomes the metric's own unit."""

    unit: str
    """The metric's own unit."""
    factor: float
    """Multiply by it; for a share the result is the fraction, for a clock rate MHz."""
    dimension: Dimension | None
    """SHARE needs the capacity, CLOCK the clock of a core besides the factor; None: already the own unit."""


def conversion(unit: str, metric: str, drivers: Mapping[str, str] = MappingProxyType({})) -> Conversion:
    """How `unit` converts to the metric's own.

    Raises:
        UnknownUnit: if the metric is unknown or the unit is not one of it; says what is known.
    """
    own = canonical(metric, drivers)
    if unit == own:
        return Conversion(own, 1.0, None)
    if metric in _MEASURED_IN:
        dimensions = _MEASURED_IN[metric]
    else:
        mine = find_unit(own)
        dimensions = () if mine is None else (mine.dimension,)
    found = find_unit(unit, dimensions)
    if found is None:
        if unit.strip().casefold() == own.casefold():
            return Conversion(own, 1.0, None)
        known = "; ".join(_EXAMPLES[dimension] for dimension in dimensions) or own
        raise UnknownUnit(f"unit {unit.strip()!r} is no unit of {metric}; known: {known}")
    if found.dimension in (Dimension.SHARE, Dimension.CLOCK) and metric in UNITS:
        return Conversion(own, found.factor, found.dimension)
    base = find_unit(own, dimensions)
    assert base is not None, f"{own} is not in the tables"
    return Conversion(own, found.factor / base.factor, found.dimension)


_SUFFIX_BINARY = {**{name: 1024.0**power for power, name in enumerate("KMGTPE", start=1)}, "k": 1024.0}
_SUFFIX_MILLI = {"m": 1e-3, "u": 1e-6, "n": 1e-9}


def suffix_factor(suffix: str, *, style: str) -> float | None:
    """What a suffix glued to a number multiplies it by; None if it is unknown.

    Args:
        style: `human` is what command line tools print: `523.42T`, `10K`; bare letters are powers of 1,024
            and units are allowed (`12 MiB`). `kubernetes` is its resource quantity: `500m`, `2Gi`, `128M`.
    """
    suffix = suffix.strip()
    if suffix == "":
        return 1.0
    if style == "kubernetes":
        return {**_DECIMAL, **_BINARY, **_SUFFIX_MILLI}.get(suffix)
    if suffix in _SUFFIX_BINARY:
        return _SUFFIX_BINARY[suffix]
    if suffix in _BINARY:
        return _BINARY[suffix]
    found = find_unit(suffix, (Dimension.DATA,))
    return None if found is None else found.factor
