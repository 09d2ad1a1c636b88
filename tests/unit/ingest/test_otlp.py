"""OTLP: what the semantic conventions say, by hand, and payloads that are none."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from data.errors import SourceError
from ingest import otlp
from ingest.readings import ReadingList
from ingest.slots import samples_of
from tests.unit.ingest.payloads import START

MINUTE = timedelta(minutes=1)
NANO = 10**9


def nanos(at: float) -> int:
    return round((START.timestamp() + at) * NANO)


class Request:
    """Builds an ExportMetricsServiceRequest."""

    def __init__(self, **about: str) -> None:
        self.message = ExportMetricsServiceRequest()
        group = self.message.resource_metrics.add()
        for name, text in about.items():
            group.resource.attributes.add(key=name.replace("_", ".")).value.string_value = text
        self.scope = group.scope_metrics.add()

    def gauge(self, name: str, points: list[tuple[float, float]], **labels: str) -> Request:
        return self._points(self.scope.metrics.add(name=name).gauge, points, labels)

    def sum(
        self,
        name: str,
        points: list[tuple[float, float]],
        monotonic: bool = True,
        delta: bool = False,
        **labels: str,
    ) -> Request:
        data = self.scope.metrics.add(name=name).sum
        data.is_monotonic, data.aggregation_temporality = monotonic, 1 if delta else 2
        return self._points(data, points, labels, step=60 if delta else None)

    def _points(
        self, data: Any, points: list[tuple[float, float]], labels: dict[str, str], step: float | None = None
    ) -> Request:
        for at, value in points:
            point = data.data_points.add(time_unix_nano=nanos(at), as_double=value)
            point.start_time_unix_nano = nanos(at - step if step else -3_600)
            for label, text in labels.items():
                point.attributes.add(key=label.replace("_", ".")).value.string_value = text
        return self

    def samples(self) -> dict[tuple[str, str], list[tuple[float, float | None]]]:
        frame, _ = read(self.message.SerializeToString())
        found: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
        for row in samples_of(frame, MINUTE, timedelta(minutes=10)).iter_rows(named=True):
            found.setdefault((row["resource"], row["metric"]), []).append((row["value"], row["capacity"]))
        return found


def read(text: bytes, *, as_json: bool = False) -> tuple[pl.DataFrame, list[Any]]:
    readings, rejected = ReadingList(), list[Any]()
    otlp.add_readings(text, readings, rejected, as_json=as_json)
    return readings.frame(), rejected


def growing(rate: float) -> list[tuple[float, float]]:
    return [(at, rate * at) for at in (0.0, 60.0, 120.0)]


def test_cpu_time_with_the_number_of_cores() -> None:
    request = Request(host_name="web-1")
    for core in ("0", "1"):
        request.sum("system.cpu.time", growing(0.25), cpu=core, state="user")
        request.sum("system.cpu.time", growing(0.75), cpu=core, state="idle")
    assert request.samples()["web-1", "cpu"] == [(0.5, 2.0), (0.5, 2.0)]
    request.gauge("system.cpu.logical.count", [(0.0, 8.0), (60.0, 8.0)])
    assert request.samples()["web-1", "cpu"] == [(0.5, 8.0), (0.5, 8.0)]


def test_newer_names_of_labels() -> None:
    request = Request(host_name="web-1")
    request.sum("system.cpu.time", growing(0.5), cpu_mode="user")
    request.sum(
        "system.network.io", growing(125_000.0), network_io_direction="receive", network_interface_name="eth0"
    )
    request.sum(
        "system.network.io", growing(9e9), network_io_direction="receive", network_interface_name="lo"
    )
    found = request.samples()
    assert found["web-1", "cpu"] == [(0.5, None), (0.5, None)]
    assert found["web-1", "network_in"] == [(125_000.0, None)] * 2


def test_utilization_of_single_cores_adds_up_and_of_the_machine_is_a_share() -> None:
    request = Request(host_name="web-1")
    for core in ("0", "1"):
        request.gauge("system.cpu.utilization", [(0, 0.25)], cpu=core, state="user")
        request.gauge("system.cpu.utilization", [(0, 0.75)], cpu=core, state="idle")
    assert request.samples()["web-1", "cpu"] == [(0.5, 2.0)]
    request = Request(host_name="web-2").gauge("system.cpu.utilization", [(0, 0.25)], state="user")
    frame, _ = read(request.message.SerializeToString())
    assert samples_of(frame, MINUTE, MINUTE).select("value", "unit").row(0) == (0.25, "fraction")


def test_memory_and_file_systems() -> None:
    request = Request(host_name="web-1")
    for state, amount in (("used", 2.0), ("free", 5.0), ("cached", 1.0)):
        request.sum("system.memory.usage", [(0, amount)], monotonic=False, state=state)
    for state, amount in (("used", 30.0), ("free", 60.0), ("reserved", 10.0)):
        request.sum("system.filesystem.usage", [(0, amount)], monotonic=False, state=state, mountpoint="/srv")
    assert request.samples() == {
        ("web-1", "memory"): [(2.0, 8.0)],
        ("web-1:/srv", "storage"): [(30.0, 90.0)],
    }


def test_deltas_are_rates_of_their_own_interval() -> None:
    request = Request(host_name="web-1")
    request.sum("system.cpu.time", [(60, 15.0), (120, 30.0)], delta=True, cpu="0", state="user")
    assert request.samples()["web-1", "cpu"] == [(0.25, None), (0.5, None)]


def test_a_restarted_sender_starts_counting_anew() -> None:
    request = Request(host_name="web-1")
    request.sum("system.cpu.time", [(0, 100.0), (60, 160.0)], cpu="0", state="user")
    # Higher than before, but counted since 61 s: no difference of 40.
    data = request.scope.metrics.add(name="system.cpu.time").sum
    data.is_monotonic, data.aggregation_temporality = True, 2
    point = data.data_points.add(time_unix_nano=nanos(120), as_double=200.0, start_time_unix_nano=nanos(61))
    for label, text in (("cpu", "0"), ("state", "user")):
        point.attributes.add(key=label).value.string_value = text
    assert [value for value, _ in request.samples()["web-1", "cpu"]] == [1.0, pytest.approx(200 / 60)]


def test_pods_belong_to_their_workload() -> None:
    request = Request(k8s_namespace_name="shop", k8s_pod_name="api-7d9f8b6c5d-x2x4z")
    request.gauge("k8s.pod.cpu.usage", [(0, 0.5)])
    request.gauge("k8s.container.cpu_request", [(0, 1.0)], k8s_container_name="main")
    request.gauge("k8s.pod.memory.working_set", [(0, 2.0**30)])
    assert request.samples() == {
        ("shop/api", "cpu"): [(0.5, 1.0)],
        ("shop/api", "memory"): [(2.0**30, None)],
    }


def test_containers_without_kubernetes() -> None:
    request = Request(container_name="redis")
    request.sum("container.cpu.time", growing(0.1))
    request.sum("container.memory.usage", [(0, 100.0)], monotonic=False)
    found = request.samples()
    assert [value for value, _ in found["redis", "cpu"]] == pytest.approx([0.1, 0.1])
    assert found["redis", "memory"] == [(100.0, None)]


def test_histograms_are_left_out_with_a_note() -> None:
    request = Request(host_name="a").gauge("system.cpu.utilization", [(0, 0.5)], state="user")
    point = request.scope.metrics.add(name="http.server.duration").histogram.data_points.add(count=3)
    point.time_unix_nano = nanos(0)
    assert otlp.left_out(request.message) == {"http.server.duration": 1}
    frame, rejected = read(request.message.SerializeToString())
    assert frame.height == 1
    assert rejected == [(None, "histograms and summaries are not read", "http.server.duration: 1 points")]


def test_what_has_no_meaning_is_rejected_with_the_reason() -> None:
    request = Request(host_name="a")
    request.sum("system.memory.usage", [(60, 1.0)], monotonic=False, delta=True, state="used")
    request.gauge("system.cpu.utilization", [(0, float("nan"))], state="user")
    data = request.scope.metrics.add(name="system.cpu.time").sum
    data.is_monotonic = True
    data.data_points.add(time_unix_nano=nanos(0), as_double=1.0)
    frame, rejected = read(request.message.SerializeToString())
    assert frame.is_empty()
    reasons = " ".join(reason for _, reason, _ in rejected)
    assert "send it cumulative" in reasons and "nan" in reasons and "temporality" in reasons


def test_json_is_the_same_as_protobuf() -> None:
    from google.protobuf import json_format

    request = Request(host_name="web-1").gauge("system.cpu.utilization", [(0, 0.5)], state="user", cpu="0")
    text = json_format.MessageToJson(request.message).encode()
    assert read(text, as_json=True)[0].equals(read(request.message.SerializeToString())[0])


@pytest.mark.parametrize("text", [b"\xff\xff\xff", b"garbage", b"\x0a\x05abc"])
def test_bytes_that_are_no_request(text: bytes) -> None:
    with pytest.raises(SourceError, match="is no ExportMetricsServiceRequest"):
        otlp.decoded(text)


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"resourceMetrics": 3}', b"\xff", b'{"other": 1}', b"[" * 5_000]
)
def test_json_that_is_no_request(text: bytes) -> None:
    with pytest.raises(SourceError, match="is no ExportMetricsServiceRequest"):
        otlp.decoded(text, as_json=True)


def test_encodings() -> None:
    text = json.dumps({"a": "b" * 1_000}).encode()
    assert otlp.unpacked(gzip.compress(text), "gzip") == text
    assert otlp.unpacked(text, "") == text
    for payload, encoding in ((text, "gzip"), (gzip.compress(text)[:-9], "gzip"), (text, "br")):
        with pytest.raises(SourceError, match="OTLP"):
            otlp.unpacked(payload, encoding)


def test_a_small_request_that_unpacks_to_a_huge_one_is_refused() -> None:
    with pytest.raises(SourceError, match="larger than"):
        otlp.unpacked(gzip.compress(bytes(otlp.LARGEST + 1)), "gzip")
