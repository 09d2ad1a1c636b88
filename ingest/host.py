"""Host: what this machine does right now, through psutil."""

from __future__ import annotations

import json
import platform
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar

import polars as pl
import psutil

from data.errors import ConfigError, SourceUnavailable
from data.frames import CAPACITY_SCHEMA, RESOURCE_SCHEMA, SAMPLE_SCHEMA, Batch, Inventory
from data.series import Window

GIB = 2.0**30
MBIT = 1e6 / 8
"""Bytes of a megabit."""

_INTERNAL = re.compile(r"lo|veth|docker|br-|virbr|ifb|cali|flannel|cni|tun|tap")
_NO_SPEEDS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Host:
    """Measures this machine now: CPU, memory, file systems and network; every field is a setting."""

    live: ClassVar[bool] = True
    """It tells what is, not what was: every pull measures anew."""

    name: str = ""
    """Name of the machine; "" = its host name."""
    interval: float = 5.0
    """Seconds that one sample covers."""
    count: int = 2
    """Samples to take per pull."""
    link_speeds: Mapping[str, float] = field(default_factory=lambda: _NO_SPEEDS)
    """Mbit/s of interfaces whose driver does not say, e.g. { eth0 = 1000 }."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.interval <= 3600:
            raise ConfigError(f"interval: {self.interval:g} is not between 0.1 and 3600 seconds")
        if not 1 <= self.count <= 10_000:
            raise ConfigError(f"count: {self.count} is not between 1 and 10000")

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields one batch per interval; outside the window nothing. See `ingest.source.Source`."""
        before = _reading()
        for _ in range(self.count):
            if window is not None and not window.start <= before.taken_at < window.end:
                return
            time.sleep(self.interval)
            after = _reading()
            rows = self._rows(before, after)
            yield Batch(pl.DataFrame(rows, schema=SAMPLE_SCHEMA, orient="row"), rows_read=len(rows))
            before = after

    def inventory(self) -> Inventory:
        """The machine, its volumes and its links, with their sizes."""
        name = self.name or socket.gethostname()
        labels = {"os": platform.system(), "release": platform.release(), "machine": platform.machine()}
        reading = _reading()
        found = [(name, "server", labels)]
        found += [(f"{name}:{mount}", "volume", {"host": name}) for mount in reading.volumes]
        sizes = [(name, "cpu", float(_cores())), (name, "memory", reading.memory_total / GIB)]
        sizes += [(f"{name}:{mount}", "storage", size / GIB) for mount, (_, size) in reading.volumes.items()]
        speed = self._speed(reading.received)
        if speed is not None:
            sizes += [(name, metric, speed) for metric in ("network_in", "network_out")]
        resources = pl.DataFrame(
            [{"resource": one, "kind": kind, "labels": json.dumps(more)} for one, kind, more in found],
            schema={name: RESOURCE_SCHEMA[name] for name in ("resource", "kind", "labels")},
        )
        capacities = pl.DataFrame(
            [{"resource": one, "metric": metric, "capacity": size} for one, metric, size in sizes],
            schema={name: CAPACITY_SCHEMA[name] for name in ("resource", "metric", "capacity")},
        )
        return Inventory(resources=resources, capacities=capacities)

    def _speed(self, links: Iterable[str]) -> float | None:
        """Mbit/s of the interfaces together; None if one of them does not say."""
        stats = psutil.net_if_stats()
        total = 0.0
        for link in links:
            speed = self.link_speeds.get(link, float(stats[link].speed) if link in stats else 0.0)
            # 0 stands for unknown, and 65535 is what some virtual drivers say for it.
            if not 0 < speed < 65_535:
                return None
            total += speed
        return total or None

    def _rows(self, before: _Reading, after: _Reading) -> list[tuple[Any, ...]]:
        name = self.name or socket.gethostname()
        start = before.taken_at
        seconds = after.clock - before.clock
        busy = (after.busy - before.busy) / seconds
        rows: list[tuple[Any, ...]] = [
            (start, name, "cpu", max(busy, 0.0), None, float(_cores()), "cores"),
            (start, name, "memory", after.memory_used / GIB, None, after.memory_total / GIB, "GiB"),
        ]
        for mount, (used, size) in after.volumes.items():
            rows.append((start, f"{name}:{mount}", "storage", used / GIB, None, size / GIB, "GiB"))
        for metric, earlier, later in (
            ("network_in", before.received, after.received),
            ("network_out", before.sent, after.sent),
        ):
            # An interface that fell back was taken down and up again: it counted from 0.
            grown = sum(
                counted - earlier[link] if counted >= earlier[link] else counted
                for link, counted in later.items()
                if link in earlier
            )
            rows.append((start, name, metric, grown / seconds / MBIT, None, self._speed(later), "Mbit/s"))
        return rows


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the machine's counters and gauges say at one moment."""

    taken_at: datetime
    clock: float
    """Seconds of a clock that never jumps."""
    busy: float
    """Core seconds since the start, including stolen ones: they were wanted."""
    memory_used: float
    memory_total: float
    volumes: dict[str, tuple[float, float]]
    """By mount point: bytes used, and bytes that can be used."""
    received: dict[str, int]
    sent: dict[str, int]


def _cores() -> int:
    return psutil.cpu_count() or 1


def _reading() -> _Reading:
    try:
        times, memory = psutil.cpu_times(), psutil.virtual_memory()
        # guest time is part of user time already
        idle = times.idle + getattr(times, "iowait", 0.0)
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        links = {
            link: counted
            for link, counted in psutil.net_io_counters(pernic=True).items()
            if not _leads_nowhere(link)
        }
        return _Reading(
            taken_at=datetime.now(UTC),
            clock=time.monotonic(),
            busy=sum(times) - idle - guests,
            memory_used=float(memory.total - memory.available),
            memory_total=float(memory.total),
            volumes=_volumes(),
            received={link: counted.bytes_recv for link, counted in links.items()},
            sent={link: counted.bytes_sent for link, counted in links.items()},
        )
    except (OSError, psutil.Error) as error:
        raise SourceUnavailable(f"this machine cannot be measured: {error}") from error


def _leads_nowhere(link: str) -> bool:
    """Loopback, or one that leads to containers on the machine itself: that would count traffic twice."""
    stats = psutil.net_if_stats().get(link)
    return stats is None or not stats.isup or "loopback" in stats.flags or bool(_INTERNAL.match(link))


def _volumes() -> dict[str, tuple[float, float]]:
    """Bytes used and usable (used + available: what is reserved for the system cannot be used)."""
    found: dict[str, tuple[float, float]] = {}
    devices = set()
    for part in psutil.disk_partitions(all=False):
        if part.device in devices or "loop" in part.device or part.fstype in ("squashfs", "iso9660"):
            continue
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError:
            continue  # mounted, but not for us to look at
        devices.add(part.device)
        found[part.mountpoint] = (float(usage.used), float(usage.used + usage.free))
    return found
