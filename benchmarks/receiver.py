"""How fast pushed metrics are taken in and loaded, against a plain append and fsync of the same bytes.

    python -m benchmarks receiver
    python -m benchmarks receiver --requests 400 --samples 2000

Requests are what Prometheus sends: remote write, snappy, scrapes of node_exporter.

append and fsync   the same payloads to one file, each flushed before the next: the least one can do
taken in           the landing alone: framed, flushed
the route          a whole request through Flask, without a network
over HTTP          `headroom receive` on loopback, several connections
loaded             from the landing to samples in a store on disk

All take turns in one run; ratios are medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import cramjam
import httpx
from flask import Flask

from data.store import Store
from headroom.receiver import WRITE_PATH, blueprint
from ingest.intake import intake
from ingest.landing import Kind, Landing
from ingest.pushed import Pushed
from ingest.remote_write import WriteRequest

START = 1_714_521_600
CORES = 8
SNAPPY = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}


def payloads(requests: int, samples: int) -> list[bytes]:
    """Scrapes of machines with 8 cores, 15 s apart, of about so many samples a request."""
    modes = ("user", "system", "iowait", "idle")
    of_machine = CORES * len(modes) + 2
    machines = max(1, samples // of_machine)
    made = []
    for number in range(requests):
        request, at = WriteRequest(), (START + 15 * number) * 1_000
        for machine in range(machines):
            add = partial(_add, request, at, {"instance": f"web-{machine}:9100", "job": "node"})
            for core in range(CORES):
                for place, mode in enumerate(modes):
                    add("node_cpu_seconds_total", 3.75 * number * (place + 1) / 2.5, cpu=f"{core}", mode=mode)
            add("node_memory_MemTotal_bytes", 64 * 2.0**30)
            add("node_memory_MemAvailable_bytes", (32 + machine % 16) * 2.0**30)
        made.append(bytes(cramjam.snappy.compress_raw(request.SerializeToString())))
    return made


def _add(request: Any, at: int, about: dict[str, str], name: str, value: float, **more: str) -> None:
    series = request.timeseries.add()
    for label, text in sorted({"__name__": name, **about, **more}.items()):
        series.labels.add(name=label, value=text)
    series.samples.add(value=value, timestamp=at)


def appended(folder: Path, made: list[bytes]) -> float:
    """Seconds for a plain append and fsync of each."""
    started = time.perf_counter()
    with (folder / "plain").open("ab", buffering=0) as file:
        for payload in made:
            file.write(payload)
            os.fsync(file.fileno())
    return time.perf_counter() - started


def landed(folder: Path, made: list[bytes]) -> float:
    """Seconds for the landing alone."""
    started = time.perf_counter()
    with Landing(folder / "landing", 2**40) as landing:
        for payload in made:
            landing.append(Kind.REMOTE_WRITE, payload, datetime.now(UTC))
    return time.perf_counter() - started


def routed(folder: Path, made: list[bytes]) -> float:
    """Seconds for whole requests, one after the other."""
    server = Flask("benchmark")
    with Landing(folder / "routed", 2**40) as landing:
        server.register_blueprint(blueprint(landing))
        client = server.test_client()
        started = time.perf_counter()
        for payload in made:
            if client.post(WRITE_PATH, data=payload, headers=SNAPPY).status_code != 204:
                raise SystemExit("the receiver refused a request")
        return time.perf_counter() - started


def sent(url: str, made: list[bytes], connections: int) -> float:
    """Seconds to send all over HTTP with several connections."""
    failed: list[int] = []

    def send(some: list[bytes]) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            for payload in some:
                answer = client.post(f"{url}{WRITE_PATH}", content=payload, headers=SNAPPY)
                if answer.status_code != 204:
                    failed.append(answer.status_code)

    threads = [threading.Thread(target=send, args=(made[i::connections],)) for i in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(f"the receiver refused a request: {failed[0]}")
    return time.perf_counter() - started


def loaded(folder: Path) -> float:
    """Seconds from what waits to samples in a store."""
    source = Pushed(str(folder / "landing"))
    started = time.perf_counter()
    with Store.open(folder / "headroom.duckdb") as store:
        for batch in source.pull(None):
            usable = intake(batch, now=datetime.now(UTC))
            store.load(usable, run_id="r", source="landing", step_seconds=60)
            source.loaded(batch)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument(
        "--samples", type=int, default=2_000, help="per request; Prometheus sends up to 2,000"
    )
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    made = payloads(asked.requests, asked.samples)
    request = WriteRequest()
    request.ParseFromString(bytes(cramjam.snappy.decompress_raw(made[0])))
    samples = len(made) * len(request.timeseries)
    size = sum(len(payload) for payload in made)
    print(f"{len(made):,} requests, {samples:,} samples, {size / samples:.1f} bytes a sample as sent")
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "headroom.toml").write_text("[receive]\nlimit_mib = 100000\n")
        command = [sys.executable, "-m", "headroom", "receive", "--port", "0"]
        command += ["--settings", str(Path(name) / "headroom.toml")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1].removesuffix(WRITE_PATH)
            for repeat in range(asked.repeats):
                folder = Path(name) / f"{repeat}"
                folder.mkdir()
                steps: dict[str, Callable[[], float]] = {
                    "append and fsync": lambda folder=folder: appended(folder, made),
                    "taken in": lambda folder=folder: landed(folder, made),
                    "the route": lambda folder=folder: routed(folder, made),
                    "over HTTP": lambda: sent(url, made, asked.connections),
                    "loaded": lambda folder=folder: loaded(folder),
                }
                for what, step in steps.items():
                    times.setdefault(what, []).append(step())
        finally:
            process.terminate()
            process.wait(20)
    plain = times["append and fsync"]
    print(f"{'':<18} {'samples/s':>12} {'requests/s':>11} {'of append and fsync':>20}")
    for what, seconds in times.items():
        middle = statistics.median(seconds)
        ratio = statistics.median(limit / own for limit, own in zip(plain, seconds, strict=True))
        print(f"{what:<18} {samples / middle:>12,.0f} {len(made) / middle:>11,.0f} {ratio:>20.2f}")


if __name__ == "__main__":
    main()
