"""Payloads as senders make them."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime

import cramjam

from ingest.remote_write import WriteRequest

START = datetime(2024, 5, 1, tzinfo=UTC)
STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]

Points = list[tuple[float, float]]
"""Seconds after START, and the value."""


def write_request(*series: tuple[str, dict[str, str], Points]) -> bytes:
    """A remote write request of name, labels and points."""
    request = WriteRequest()
    for name, labels, points in series:
        one = request.timeseries.add()
        for label, text in sorted({"__name__": name, **labels}.items()):
            one.labels.add(name=label, value=text)
        for at, value in points:
            one.samples.add(timestamp=round((START.timestamp() + at) * 1000), value=value)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def node_scrape(at: float, host: str = "web-1:9100", busy: float = 0.25) -> bytes:
    """A scrape of a machine with 2 cores, each `busy`, and 8 GiB of which 2 are used."""
    return write_request(*node_series([at], host, busy))


def node_series(
    moments: list[float], host: str = "web-1:9100", busy: float = 0.25, swing: float = 0.0
) -> list[tuple[str, dict[str, str], Points]]:
    """The series of scrapes; the load of each core swings around `busy` by up to `swing`."""
    labels = {"instance": host, "job": "node"}

    def worked(at: float) -> float:
        return busy * at + swing * 300 * math.sin(at / 300)

    cpu = [
        (
            "node_cpu_seconds_total",
            {**labels, "cpu": str(core), "mode": mode},
            [(at, 1_000 + (worked(at) if mode == "user" else at - worked(at))) for at in moments],
        )
        for core in (0, 1)
        for mode in ("user", "idle")
    ]
    return [
        *cpu,
        ("node_memory_MemTotal_bytes", labels, [(at, 8 * 2.0**30) for at in moments]),
        ("node_memory_MemAvailable_bytes", labels, [(at, 6 * 2.0**30) for at in moments]),
        ("go_goroutines", labels, [(at, 7.0) for at in moments]),
        ("up", labels, [(at, math.nan if at < 0 else 1.0) for at in moments]),
    ]
