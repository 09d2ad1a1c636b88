"""The receiver: what is acknowledged is on the disk, what is not says why."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cramjam
import pytest
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from headroom.receiver import LARGEST, OTLP_PATH, WRITE_PATH, blueprint, register
from headroom.settings import ReceiveSettings, Settings, StoreSettings
from ingest import otlp, remote_write
from ingest.landing import Kind, Landing, Record, records, seal
from ingest.pushed import Pushed
from ingest.readings import ReadingList
from tests.unit.ingest.payloads import node_scrape, write_request
from tests.unit.ingest.test_otlp import Request

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
SNAPPY = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    with Landing(tmp_path / "landing", 2**20) as one:
        yield one


@pytest.fixture
def client(landing: Landing) -> FlaskClient:
    server = Flask("test")
    server.register_blueprint(blueprint(landing, clock=lambda: NOW))
    return server.test_client()


def kept(landing: Landing) -> list[Record]:
    return [one for path in seal(landing.folder) for one in records(path) if isinstance(one, Record)]


def test_remote_write_is_kept_as_it_came(client: FlaskClient, landing: Landing) -> None:
    payload = node_scrape(0)
    answer = client.post(WRITE_PATH, data=payload, headers=SNAPPY)
    assert (answer.status_code, answer.data) == (204, b"")
    assert kept(landing) == [Record(Kind.REMOTE_WRITE, NOW, payload)]


@pytest.mark.parametrize(
    ("payload", "headers", "status"),
    [
        (b"garbage", SNAPPY, 400),
        (b"", SNAPPY, 400),
        (bytes(cramjam.snappy.compress_raw(b"garbage garbage")), SNAPPY, 400),
        (b"\xff\xff\xff\xff\x0f" + b"x" * 50, SNAPPY, 400),
        (
            node_scrape(0),
            {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
            415,
        ),
        (node_scrape(0), {**SNAPPY, "Content-Encoding": "gzip"}, 415),
        (bytes(LARGEST + 1), SNAPPY, 413),
    ],
)
def test_what_is_no_remote_write_is_refused_and_not_kept(
    client: FlaskClient, landing: Landing, payload: bytes, headers: dict[str, str], status: int
) -> None:
    assert client.post(WRITE_PATH, data=payload, headers=headers).status_code == status
    assert kept(landing) == []


def test_metadata_alone_is_taken(client: FlaskClient) -> None:
    # field 3, as Prometheus sends it once a minute: type, name, help
    metadata = b"\x1a\x09\x08\x01\x12\x05abcde"
    answer = client.post(WRITE_PATH, data=bytes(cramjam.snappy.compress_raw(metadata)), headers=SNAPPY)
    assert answer.status_code == 204


def test_under_pressure_senders_are_told_to_wait(tmp_path: Path) -> None:
    server = Flask("test")
    with Landing(tmp_path, 100) as landing:
        server.register_blueprint(blueprint(landing))
        answer = server.test_client().post(WRITE_PATH, data=node_scrape(0), headers=SNAPPY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    assert "headroom ingest" in answer.text


def test_otlp_is_kept_and_histograms_are_noted(client: FlaskClient, landing: Landing) -> None:
    request = Request(host_name="a").gauge("system.cpu.utilization", [(0, 0.5)], state="user")
    text = request.message.SerializeToString()
    answer = client.post(
        OTLP_PATH, data=gzip.compress(text), headers={**PROTOBUF, "Content-Encoding": "gzip"}
    )
    assert answer.status_code == 200
    assert not ExportMetricsServiceResponse.FromString(answer.data).HasField("partial_success")
    request.scope.metrics.add(name="latency").histogram.data_points.add(count=3)
    answer = client.post(OTLP_PATH, data=request.message.SerializeToString(), headers=PROTOBUF)
    note = ExportMetricsServiceResponse.FromString(answer.data).partial_success
    assert (note.rejected_data_points, note.error_message) == (
        1,
        "histograms and summaries are not read: latency",
    )
    assert [one.kind for one in kept(landing)] == [Kind.OTLP, Kind.OTLP]


def test_otlp_as_json(client: FlaskClient, landing: Landing) -> None:
    assert client.post(OTLP_PATH, json={"resourceMetrics": [{}]}).json == {}
    assert client.post(OTLP_PATH, json={"resourceMetrics": 3}).status_code == 400
    assert client.post(OTLP_PATH, data="x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert [one.kind for one in kept(landing)] == [Kind.OTLP_JSON]


def test_a_token_is_asked_for(landing: Landing) -> None:
    server = Flask("test")
    server.register_blueprint(blueprint(landing, token="secret"))
    client = server.test_client()
    for path in (WRITE_PATH, OTLP_PATH):
        assert client.post(path, data=node_scrape(0), headers=SNAPPY).status_code == 401
        wrong = {**SNAPPY, "Authorization": "Bearer other"}
        assert client.post(path, data=node_scrape(0), headers=wrong).status_code == 401
    right = {**SNAPPY, "Authorization": "Bearer secret"}
    assert client.post(WRITE_PATH, data=node_scrape(0), headers=right).status_code == 204


def test_it_mounts_on_a_server_and_what_it_takes_is_loaded_as_a_source(tmp_path: Path) -> None:
    settings = Settings(store=StoreSettings(folder=tmp_path), receive=ReceiveSettings(limit_mib=1), file=None)
    server = Flask("test")
    with register(server, settings):
        client = server.test_client()
        for at in range(0, 241, 30):
            assert client.post(WRITE_PATH, data=node_scrape(at), headers=SNAPPY).status_code == 204
    (batch,) = Pushed(str(tmp_path / "landing")).pull(None)
    assert set(batch.samples["metric"]) == {"cpu", "memory"}


def test_any_bytes_are_taken_or_refused_and_what_is_taken_can_be_read(client: FlaskClient) -> None:
    """Sound payloads with some bytes changed: 2,000 of each kind, before and after compression."""
    chance = random.Random(7)
    request = Request(host_name="a").gauge("system.cpu.utilization", [(0, 0.5)], state="user", cpu="0")
    request.sum("system.cpu.time", [(0, 1.0), (60, 2.0)], cpu="0", state="user")
    plain = bytes(cramjam.snappy.decompress_raw(write_request(("up", {"instance": "a"}, [(0, 1.0)]))))
    statuses = set()
    for _ in range(2_000):
        changed = _changed(
            plain if chance.random() < 0.5 else bytes(cramjam.snappy.decompress_raw(node_scrape(0))), chance
        )
        payload = bytes(cramjam.snappy.compress_raw(changed))
        if chance.random() < 0.3:
            payload = _changed(payload, chance)
        status = client.post(WRITE_PATH, data=payload, headers=SNAPPY).status_code
        statuses.add(status)
        if status == 204:
            readings = ReadingList()
            remote_write.add_readings(payload, readings, [])
            readings.frame()
        text = _changed(request.message.SerializeToString(), chance)
        status = client.post(OTLP_PATH, data=text, headers=PROTOBUF).status_code
        statuses.add(status)
        if status == 200:
            readings = ReadingList()
            otlp.add_readings(text, readings, [])
            readings.frame()
    assert statuses <= {200, 204, 400, 429} and {200, 204, 400} <= statuses


def _changed(text: bytes, chance: random.Random) -> bytes:
    changed = bytearray(text)
    for _ in range(chance.randint(1, 4)):
        match chance.randrange(3):
            case 0:
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            case 1:
                del changed[chance.randrange(len(changed)) :]
            case _:
                changed[chance.randrange(len(changed)) : 0] = chance.randbytes(3)
        changed = changed or bytearray(b"x")
    return bytes(changed)


def test_it_is_on_the_disk_before_the_sender_hears_of_it(
    client: FlaskClient, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every acknowledged byte was flushed; where that fails the sender keeps its data and tries again."""
    flushed: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        flushed.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    payload = node_scrape(0)
    for number in range(3):
        assert client.post(WRITE_PATH, data=payload, headers=SNAPPY).status_code == 204
        (segment,) = landing.folder.glob("*.open")
        assert flushed[-1] == segment.stat().st_size > number * len(payload)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused = client.post(WRITE_PATH, data=payload, headers=SNAPPY)
    assert refused.status_code == 429 and refused.headers["Retry-After"]
    assert "No space left" in refused.get_data(as_text=True)
    monkeypatch.setattr(os, "fsync", real)
    assert len(kept(landing)) == 3, "what was not acknowledged must not be kept in part"
    assert client.post(WRITE_PATH, data=payload, headers=SNAPPY).status_code == 204
    assert len(kept(landing)) == 4
