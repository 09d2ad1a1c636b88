"""Mutated payloads: the receiver takes or refuses each; what it took is loaded or rejected, nothing else.

`python -m benchmarks fuzz` runs ten thousand mutations in place of the usual thousand.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cramjam
import pytest
from flask import Flask
from google.protobuf import json_format

from data.errors import SourceError
from data.frames import REJECTED_SCHEMA, SAMPLE_SCHEMA, Batch
from data.series import UNITS, Window
from headroom.receiver import OTLP_PATH, RETRY_AFTER, WRITE_PATH, blueprint
from ingest.intake import intake
from ingest.landing import Landing, segments
from ingest.prometheus import Prometheus
from ingest.prometheus_presets import Query
from ingest.pushed import Pushed
from tests.fuzzing import MUTATIONS, mutated
from tests.standin import Asked, Reply, standing_in
from tests.unit.ingest.payloads import START, node_series, write_request
from tests.unit.ingest.test_otlp import Request

NOW = START + timedelta(hours=1)
AT_ONCE = 20
"""Payloads that are loaded together: a bad one must not harm the others."""

WRITE = write_request(*node_series([30.0 * number for number in range(6)]))
SAID = Request(host_name="web-1", k8s_pod_name="api-1", service_name="shop")
SAID.sum("system.cpu.time", [(0, 1.0), (60, 31.0), (120, 61.0)], cpu="0", state="user")
SAID.sum("system.cpu.time", [(60, 30.0), (120, 30.0)], delta=True, cpu="1", state="user")
SAID.gauge("system.memory.usage", [(0, 2.0**30), (60, 2.0**31)], state="used")
SAID.gauge("system.memory.limit", [(0, 2.0**33), (60, 2.0**33)])
OTLP = SAID.message.SerializeToString()


def _snappy(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


Payload = tuple[str, bytes, Callable[[bytes], bytes], dict[str, str]]
"""Path, what is mutated, what is done to it before it is sent, and headers."""
PAYLOADS: dict[str, Payload] = {
    "remote write": (WRITE_PATH, WRITE, lambda text: text, {"Content-Encoding": "snappy"}),
    "remote write, inside": (
        WRITE_PATH,
        bytes(cramjam.snappy.decompress_raw(WRITE)),
        _snappy,
        {"Content-Encoding": "snappy"},
    ),
    "OTLP": (OTLP_PATH, OTLP, lambda text: text, {"Content-Type": "application/x-protobuf"}),
    "OTLP, gzip": (
        OTLP_PATH,
        gzip.compress(OTLP, mtime=0),
        lambda text: text,
        {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
    ),
    "OTLP as JSON": (
        OTLP_PATH,
        json_format.MessageToJson(SAID.message).encode(),
        lambda text: text,
        {"Content-Type": "application/json"},
    ),
}
REPLY = json.dumps(
    {
        "status": "success",
        "data": {
            "resultType": "matrix",
            "result": [
                {
                    "metric": {"instance": f"{name}:9100", "job": "node"},
                    "values": [[START.timestamp() + 300 * i, f"{i / 7}"] for i in range(1, 13)],
                }
                for name in ("web-1", "web-2")
            ],
        },
    }
).encode()


def check(batch: Batch) -> int:
    """Checks that every sample is usable as it is; returns how many there are."""
    usable = intake(batch, now=NOW)
    assert dict(usable.samples.schema) == SAMPLE_SCHEMA
    assert dict(usable.rejected.schema) == REJECTED_SCHEMA
    assert usable.rejected["reason"].null_count() == 0
    assert usable.samples["value"].is_finite().all() and (usable.samples["value"] >= 0).all()
    for metric, unit in usable.samples.select("metric", "unit").unique().iter_rows():
        assert UNITS[metric] == unit
    return usable.samples.height


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_pushed_payloads(name: str, tmp_path: Path) -> None:
    path, seed, made, headers = PAYLOADS[name]
    server = Flask("test")
    # What goes wrong inside comes out here, instead of as a status 500.
    server.testing = True
    counts: dict[int, int] = {}
    total = max(AT_ONCE, MUTATIONS // (len(PAYLOADS) + 1))
    samples = 0
    with Landing(tmp_path / "landing", 2**30) as landing:
        server.register_blueprint(blueprint(landing, clock=lambda: NOW))
        client = server.test_client()
        for number in range(total):
            text = mutated(seed, random.Random(f"{name} {number}"))
            answer = client.post(path, data=made(text), headers=headers)
            counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
            assert answer.status_code in (200, 204, 400, 413), f"mutation {number}: {answer.status}"
            if answer.status_code >= 400:
                assert answer.get_data(as_text=True).strip().count("\n") == 0
            if number % AT_ONCE == AT_ONCE - 1:
                client.post(path, data=made(seed), headers=headers)
                samples += _loaded(tmp_path / "landing", f"mutations up to {number} of {name}")
    assert sum(counts.values()) == total
    assert counts.get(400), "nothing was refused: the mutations do nothing"
    assert samples > 0


def _loaded(folder: Path, what: str) -> int:
    """Loads what waits; returns how many samples came of it."""
    source = Pushed(str(folder), step="1m")
    count = 0
    try:
        for batch in source.pull(None):
            count += check(batch)
            source.loaded(batch)
    except BaseException as error:
        raise AssertionError(f"{what} ended in {error!r}") from error
    assert segments(folder, ".sealed") == []
    return count


@pytest.mark.slow
def test_replies_of_prometheus() -> None:
    """A server that answers mutated replies: samples, rejections or one line that says what is wrong."""
    current = [REPLY]

    def answer(asked: Asked) -> Reply:
        return Reply(200, current[0])

    total = max(AT_ONCE, MUTATIONS // (len(PAYLOADS) + 1))
    loads = 0
    with standing_in(answer) as (url, _):
        query = Query("cpu", "cores", "x", capacity="y")
        patience: dict[str, Any] = {"requests_per_second": 1e6, "attempts": 1, "timeout": 5.0}
        source = Prometheus(url, presets=(), queries=(query,), **patience)
        window = Window(START, START + timedelta(hours=1))
        assert sum(check(batch) for batch in source.pull(window)) > 0
        for number in range(total):
            current[0] = mutated(REPLY, random.Random(f"reply {number}"))
            try:
                loads += sum(check(batch) for batch in source.pull(window)) > 0
            except SourceError as error:
                assert str(error) and "\n" not in str(error), f"mutation {number}: {error!r}"
            except BaseException as error:
                raise AssertionError(f"mutation {number} ended in {error!r}") from error
    assert loads


@pytest.mark.slow
def test_a_full_landing_says_when_to_come_back(tmp_path: Path) -> None:
    """429 with Retry-After for all that comes while too much waits, and nothing of it is kept."""
    server = Flask("test")
    with Landing(tmp_path / "landing", 1) as landing:
        server.register_blueprint(blueprint(landing, clock=lambda: datetime.now(UTC)))
        client = server.test_client()
        for path, seed, made, headers in PAYLOADS.values():
            answer = client.post(path, data=made(seed), headers=headers)
            assert answer.status_code == 429
            assert answer.headers["Retry-After"] == str(RETRY_AFTER)
            assert client.post(path, data=b"garbage", headers=headers).status_code == 400
    assert segments(tmp_path / "landing", ".open") == []


def test_every_payload_is_taken_as_it_is(tmp_path: Path) -> None:
    server = Flask("test")
    with Landing(tmp_path / "landing", 2**30) as landing:
        server.register_blueprint(blueprint(landing, clock=lambda: NOW))
        client: Any = server.test_client()
        for path, seed, made, headers in PAYLOADS.values():
            assert client.post(path, data=made(seed), headers=headers).status_code in (200, 204)
    assert _loaded(tmp_path / "landing", "the payloads as they are") > 0
