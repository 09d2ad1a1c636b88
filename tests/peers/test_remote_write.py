"""A real Prometheus sends to a real receiver, both killed in between: nothing lost, nothing twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import psutil
import pytest

from data.series import Window
from data.store import Store
from headroom.receiver import WRITE_PATH
from ingest.intake import intake
from ingest.landing import Record, records, seal, segments
from ingest.pushed import Pushed
from ingest.remote_write import decoded
from tests.peers.servers import answers, end, free_port, program, prometheus, running, until

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.xdist_group("prometheus")]


@contextmanager
def receiver(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`headroom receive` as a process of its own."""
    (folder / "headroom.toml").write_text("")
    command = [
        sys.executable, "-m", "headroom", "receive", "--port", str(port),
        "--settings", str(folder / "headroom.toml"),
    ]  # fmt: skip

    def ready() -> bool:
        try:
            answer = httpx.post(f"http://127.0.0.1:{port}{WRITE_PATH}", content=b"x", trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 400

    with running(command, folder / "receiver.log", ready) as process:
        yield process


def kill(process: subprocess.Popen[bytes]) -> None:
    """Without warning, with its children."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    for child in children:
        if child.is_running():
            child.kill()
    psutil.wait_procs(children, timeout=10)


SLOTS = 5
"""Whole slots whose sums are compared with the counters."""

Scrapes = dict[tuple[str, ...], dict[int, float]]


def landed(folder: Path) -> Scrapes:
    """Every sample that was acknowledged, by series and time."""
    found: Scrapes = {}
    for path in seal(folder):
        for record in records(path):
            if not isinstance(record, Record):
                continue
            for series in decoded(record.payload).timeseries:
                key = tuple(f"{label.name}={label.value}" for label in series.labels)
                for sample in series.samples:
                    found.setdefault(key, {})[sample.timestamp] = sample.value
    return found


def scraped(url: str, metric: str, seconds: int) -> dict[tuple[str, ...], dict[int, float]]:
    """What Prometheus itself holds of a metric."""
    reply = httpx.get(
        f"{url}/api/v1/query", params={"query": f"{metric}[{seconds}s]"}, trust_env=False, timeout=30
    ).json()
    return {
        tuple(f"{name}={text}" for name, text in sorted(one["metric"].items())): {
            round(float(at) * 1000): float(value) for at, value in one["values"]
        }
        for one in reply["data"]["result"]
    }


def test_kills_and_restarts_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    exporter_port, port, prometheus_port = free_port(), free_port(), free_port()
    exporter = [
        program("prometheus-node-exporter"),
        f"--web.listen-address=127.0.0.1:{exporter_port}",
        "--collector.disable-defaults",
        "--collector.cpu",
        "--collector.meminfo",
        "--collector.filesystem",
        "--collector.netdev",
    ]
    config = f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]
remote_write:
  - url: http://127.0.0.1:{port}{WRITE_PATH}
    queue_config: {{batch_send_deadline: 1s, min_backoff: 30ms, max_backoff: 500ms, max_shards: 3}}
"""
    landing = tmp_path / "var" / "landing"
    metric = "node_cpu_seconds_total"

    unsent: list[float] = []
    """When the sender was last known to have sent everything, and when it was back: it does not send again
    what it had written down but not sent when it died."""

    def due(url: str) -> Scrapes:
        """What Prometheus holds and has to send."""
        return {
            key: {at: value for at, value in points.items() if not unsent or not unsent[0] < at < unsent[1]}
            for key, points in scraped(url, metric, 600).items()
        }

    def arrived(url: str) -> Callable[[], bool]:
        """Whether all that Prometheus holds so far has been acknowledged."""
        held = due(url)

        def check() -> bool:
            kept = landed(landing)
            return bool(held) and all(
                at in kept.get(key, {}) for key, points in held.items() for at in points
            )

        return check

    with running(exporter, tmp_path / "exporter.log", answers(f"http://127.0.0.1:{exporter_port}/metrics")):
        with prometheus(tmp_path, config, port=prometheus_port) as (url, sender):
            with receiver(tmp_path, port) as process:
                until(lambda: len(landed(landing)) > 0)
                # While data flow in: the receiver dies without warning, and stays away for some scrapes.
                kill(process)
            missing = datetime.now(UTC)
            until(lambda: datetime.now(UTC) - missing > timedelta(seconds=3))
            with receiver(tmp_path, port):
                asked = datetime.now(UTC).timestamp() * 1000
                until(arrived(url))
                kill(sender)
        with (
            receiver(tmp_path, port) as process,
            prometheus(tmp_path, config, port=prometheus_port) as (url, sender),
        ):
            restarted = datetime.now(UTC)
            unsent += [asked - 1000, restarted.timestamp() * 1000]

            def goes_on() -> bool:
                newest = max(
                    (at for points in scraped(url, metric, 600).values() for at in points), default=0
                )
                return newest > (restarted.timestamp() + 6) * 1000

            def enough() -> bool:
                """Whether the slots that are looked at below have ended, however slow the machine is."""
                looked = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC))
                slots = {
                    at
                    for batch in Pushed(str(landing), step="2s", lateness="1m").pull(looked)
                    for at in batch.samples.filter(pl.col("metric") == "cpu")["ts"]
                }
                return len(slots) >= SLOTS + 2

            until(goes_on)
            until(enough)
            until(arrived(url))
            held = due(url)
            # The sender flushes for up to a minute at its end if the receiver goes first.
            end(sender)
            end(process)

    kept = landed(landing)
    for key, points in held.items():
        for at, value in points.items():
            assert kept[key][at] == value, (key, at)
    assert segments(landing, ".open") == []

    source = Pushed(str(landing), step="2s", lateness="1m")
    with Store.open(tmp_path / "store.duckdb") as store:
        counts = []
        for _ in range(2):
            new = 0
            for batch in source.pull(None):
                usable = intake(batch, now=datetime.now(UTC))
                done = store.load(usable, run_id="run", source="landing", step_seconds=2)
                source.loaded(batch)
                new += done.new
                assert (done.replaced, done.rejected) == (0, 0), usable.rejected
            counts.append(new)
        rows = store._connection.sql(
            "SELECT resource, metric, ts, value, capacity FROM samples JOIN series USING (series_id)"
        ).pl()
    assert counts[0] > 0 and counts[1] == 0
    assert rows.select("resource", "metric", "ts").is_duplicated().sum() == 0
    assert {"cpu", "memory", "storage"} <= set(rows["metric"])
    cpu = rows.filter(pl.col("metric") == "cpu")
    # null where nobody counted cores: while nothing was sent
    assert cpu["capacity"].drop_nulls().unique().to_list() == [psutil.cpu_count()]

    # Over the slots between the first and the last one, which are whole, the rates add up to what the
    # counters themselves say at their ends.
    slots = sorted(cpu["ts"].to_list())[1:-1]
    inner = cpu.filter(pl.col("ts").is_in(slots))
    ends = [
        slots[0].replace(tzinfo=UTC).timestamp() * 1000,
        slots[-1].replace(tzinfo=UTC).timestamp() * 1000 + 2000,
    ]
    busy = sum(
        float(np.diff(np.interp(ends, sorted(points), [points[at] for at in sorted(points)]))[0])
        for key, points in kept.items()
        if f"__name__={metric}" in key and not any(one in ("mode=idle", "mode=iowait") for one in key)
    )
    assert len(slots) >= SLOTS
    assert len(slots) == (slots[-1] - slots[0]).total_seconds() / 2 + 1
    assert inner["value"].sum() * 2 == pytest.approx(busy, rel=1e-6)


def test_a_full_landing_makes_the_sender_wait_and_nothing_is_lost(tmp_path: Path) -> None:
    """429 with Retry-After while more than a MiB waits; once it is loaded the sender delivers the rest."""
    from ingest.landing import remove

    port = free_port()
    config = f"""
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{{own}}']}}]}}]
remote_write:
  - url: http://127.0.0.1:{port}{WRITE_PATH}
    queue_config: {{batch_send_deadline: 1s, max_backoff: 1s, retry_on_http_429: true}}
"""
    own = free_port()
    landing = tmp_path / "var" / "landing"
    with (
        receiver(tmp_path, port),
        prometheus(tmp_path, config.replace("{own}", str(own)), port=own) as (url, sender),
    ):
        until(lambda: len(landed(landing)) > 0)
        ballast = landing / "00000000000000000000-0-0000.sealed"
        _fill(ballast)
        full = datetime.now(UTC)
        until(lambda: datetime.now(UTC) - full > timedelta(seconds=4))
        before = scraped(url, "up", 600)
        late = max(at for points in before.values() for at in points)
        assert late not in {at for points in _up(landing).values() for at in points}
        remove([ballast])
        until(lambda: late in {at for points in _up(landing).values() for at in points}, seconds=90)
        held = scraped(url, "up", 600)
        kept = _up(landing)
        for key, points in before.items():
            assert points.items() <= kept[key].items()
        assert held
        end(sender)


def _fill(path: Path) -> None:
    """A file that counts as more than may wait, without taking room."""
    with path.open("wb") as file:
        file.truncate(2**31)


def _up(folder: Path) -> Scrapes:
    found: Scrapes = {}
    for path in seal(folder):
        if path.stat().st_size >= 2**31:
            continue
        for record in records(path):
            if isinstance(record, Record):
                for series in decoded(record.payload).timeseries:
                    key = tuple(f"{label.name}={label.value}" for label in series.labels)
                    if "__name__=up" in key:
                        for sample in series.samples:
                            found.setdefault(key, {})[sample.timestamp] = sample.value
    return found
