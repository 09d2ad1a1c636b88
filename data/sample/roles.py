"""What is planted: which kinds of resources are given which fault, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What is true of a resource by construction."""

    HEALTHY = "healthy"
    """The right size: p95 utilization 55 to 70 %, peaks under 85 %, nothing grows."""
    TOO_BIG = "too_big"
    """Even the year's highest peak is under 35 % of cpu and 40 % of memory (volumes: 20 % of storage)."""
    TOO_SMALL = "too_small"
    """Peaks above 95 % of capacity on every busy day, for months."""
    SATURATED = "saturated"
    """Wants more than there is for hours every busy day: demand is cut off at capacity."""
    IDLE = "idle"
    """Does nothing: cpu under 2 %, memory under 8 %, a few MB a day on the network."""
    LEAK = "leak"
    """Memory grows until the process is killed at the limit, then starts again."""
    EXHAUSTING = "exhausting"
    """Grows in a straight line and reaches usable capacity on a known day."""
    SAWTOOTH = "sawtooth"
    """Fills and is purged, again and again, and never reaches usable capacity: no alarm."""
    SILENT = "silent"
    """Stopped reporting ten days ago, in good health until then."""
    SHORT_HISTORY = "short_history"
    """Exists for nine days only, in good health."""
    POWERED_OFF = "powered_off"
    """Switched off three weeks ago: capacity and demand are 0."""
    RESIZED = "resized"
    """Was given twice the capacity some months ago, and is the right size since."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault to plant on one resource."""

    role: Role
    metric: str | None = None
    """The metric that shows it, where it is only one."""
    days: int = 0
    """Days from the end of the history to exhaustion."""
    weekly: bool = False
    """The growth carries a weekly season, so its date is not a clean case."""


def _times(count: int, role: Role, metric: str | None = None) -> list[Planted]:
    return [Planted(role, metric)] * count


def _growing(metric: str, *days: int, weekly: bool = False) -> list[Planted]:
    return [Planted(Role.EXHAUSTING, metric, d, weekly) for d in days]


def _mixed(*lists: list[Planted]) -> tuple[Planted, ...]:
    """Takes one of each list in turn, so that a small fleet has some of everything."""
    turns = range(max(len(planted) for planted in lists))
    return tuple(planted[turn] for turn in turns for planted in lists if turn < len(planted))


PLANTED: dict[str, tuple[Planted, ...]] = {
    "server": _mixed(
        _times(4, Role.TOO_BIG),
        _growing("cpu", 95),
        _times(2, Role.TOO_SMALL, "cpu"),
        _times(1, Role.IDLE),
        _times(1, Role.SILENT),
    ),
    "vm": _mixed(
        _times(13, Role.TOO_BIG),
        _times(4, Role.TOO_SMALL, "cpu"),
        _times(8, Role.IDLE),
        _times(2, Role.LEAK, "memory"),
        _times(2, Role.SATURATED, "cpu"),
        _growing("cpu", 40, 180),
        _times(2, Role.SILENT),
        _times(1, Role.SHORT_HISTORY),
        _times(2, Role.POWERED_OFF),
        _times(6, Role.RESIZED),
        _times(2, Role.TOO_SMALL, "memory"),
        _growing("cpu", 60, weekly=True),
    ),
    "volume": _mixed(
        _growing("storage", 34, 75, 12, 150, 21, 290, 110),
        _times(3, Role.SAWTOOTH, "storage"),
        _times(3, Role.TOO_BIG, "storage"),
    ),
    "link": _mixed(
        _growing("network_in", 70, 28, 160),
        _times(1, Role.TOO_SMALL, "network_in"),
        _times(1, Role.SATURATED, "network_out"),
        _growing("network_in", 120, weekly=True),
    ),
    "workload": _mixed(
        _times(3, Role.TOO_BIG),
        _times(1, Role.SATURATED, "cpu"),
        _times(3, Role.IDLE),
        _times(2, Role.LEAK, "memory"),
        _times(2, Role.TOO_SMALL, "cpu"),
    ),
    "database": _mixed(
        _growing("storage", 55, 210),
        _times(2, Role.TOO_BIG),
        _times(1, Role.TOO_SMALL, "memory"),
    ),
    "endpoint": (),
}
"""Per kind of resource, in the order in which they are given out, at scale 1."""


def planted_for(kind: str, count: int, share: float) -> list[Planted]:
    """One entry per resource of `kind`: the faults of `share` of the full fleet, then healthy ones.

    A fleet larger than the full one repeats them; one smaller takes the first ones, at least one where there
    are any, and leaves at least a third of the resources healthy.
    """
    plan = PLANTED[kind]
    wanted = round(len(plan) * share)
    wanted = min(max(wanted, 1 if plan else 0), count - count // 3)
    chosen = [plan[i % len(plan)] for i in range(wanted)]
    return chosen + [Planted(Role.HEALTHY)] * (count - wanted)
