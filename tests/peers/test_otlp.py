"""The OpenTelemetry SDK exports to a real receiver; what it measured comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flask import Flask
from werkzeug.serving import make_server

from headroom.receiver import OTLP_PATH, blueprint
from ingest.landing import Landing
from ingest.pushed import Pushed
from tests.peers.servers import until

metrics = pytest.importorskip(
    "opentelemetry.sdk.metrics", reason="needs opentelemetry-sdk, part of the extra `dev`"
)
exporter = pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    reason="needs opentelemetry-exporter-otlp-proto-http, part of the extra `dev`",
)
export = pytest.importorskip("opentelemetry.sdk.metrics.export")
resources = pytest.importorskip("opentelemetry.sdk.resources")

pytestmark = pytest.mark.peer


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    with Landing(tmp_path / "landing", 2**26) as landing:
        server = Flask("test")
        server.register_blueprint(blueprint(landing))
        listening = make_server("127.0.0.1", 0, server, threaded=True)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}{OTLP_PATH}"
        listening.shutdown()
        thread.join()
        listening.server_close()


@pytest.mark.parametrize(("temporality", "compressed"), [("cumulative", False), ("delta", True)])
def test_counters_gauges_and_histograms(
    endpoint: str, tmp_path: Path, temporality: str, compressed: bool
) -> None:
    from opentelemetry.exporter.otlp.proto.http import Compression

    preferred: dict[type, Any] = {}
    if temporality == "delta":
        preferred = {metrics.Counter: export.AggregationTemporality.DELTA}
    sender = exporter.OTLPMetricExporter(
        endpoint=endpoint,
        compression=Compression.Gzip if compressed else Compression.NoCompression,
        preferred_temporality=preferred,
    )
    reader = export.PeriodicExportingMetricReader(sender, export_interval_millis=200)
    about = resources.Resource.create({"host.name": "web-1"})
    provider = metrics.MeterProvider(metric_readers=[reader], resource=about)
    meter = provider.get_meter("test")
    cpu = meter.create_counter("system.cpu.time", unit="s")
    memory = meter.create_up_down_counter("system.memory.usage", unit="By")
    limit = meter.create_gauge("system.memory.limit", unit="By")
    latency = meter.create_histogram("http.server.duration")
    memory.add(2 * 2**30, {"state": "used"})
    limit.set(8 * 2**30)
    latency.record(0.1)
    began = time.monotonic()
    rate = 0.5
    worked = {"user": 0.0, "idle": 0.0}

    def work() -> bool:
        """Counts half a second per second as used, as a thread that is half busy would."""
        elapsed = time.monotonic() - began
        for state, share in (("user", rate), ("idle", 1 - rate)):
            cpu.add(share * elapsed - worked[state], {"state": state, "cpu": "0"})
            worked[state] = share * elapsed
        return elapsed > 5

    until(work)
    provider.shutdown()

    source = Pushed(str(tmp_path / "landing"), step="1s", lateness="1m")
    batches = list(source.pull(None))
    samples = pl.concat(batch.samples for batch in batches)
    rejected = pl.concat(batch.rejected for batch in batches)
    of_cpu = samples.filter(pl.col("metric") == "cpu")
    assert of_cpu.height >= 2
    # A reading falls between two additions, which are 50 ms apart or, on a busy machine, more.
    assert of_cpu["value"].mean() == pytest.approx(rate, rel=0.2)
    assert of_cpu["capacity"].drop_nulls().unique().to_list() == [1.0]
    of_memory = samples.filter(pl.col("metric") == "memory")
    assert set(of_memory.select("value", "capacity").rows()) == {(2.0 * 2**30, 8.0 * 2**30)}
    assert rejected["reason"].unique().to_list() == ["histograms and summaries are not read"]
