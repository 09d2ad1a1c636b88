"""Google's own clients against stand-ins on loopback that reply in the documented form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

pytest.importorskip("google.cloud.monitoring_v3", reason="needs the extra `gcp`")

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.series import Window
from ingest.gcp import Gcp
from tests.standin import Reply, standing_in
from tests.unit.ingest.clouds import amounts, refused, taken_in
from tests.unit.ingest.gcp_replies import START, ZONE, cloud, computing, machine, time_series

HOUR = Window(START, START + timedelta(hours=1))


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCP_TEST_TOKEN", "the-token")


@pytest.fixture
def source() -> Iterator[Gcp]:
    with cloud() as settings:
        yield Gcp(**settings)


def test_amounts_peaks_and_capacities(source: Gcp) -> None:
    samples = taken_in(source, HOUR)
    assert samples.height == (4 + 2 + 5) * 12
    assert (samples["ts"].min(), samples["ts"].max()) == (START, START + timedelta(minutes=55))
    assert amounts(samples, START) == {
        ("web-1", "cpu"): (1.0, 2.0, 4.0),
        # of as much as the inventory knows of that time
        ("web-1", "memory"): (4.0, 6.0, None),
        ("web-1", "network_in"): (pytest.approx(1.0), None, None),
        ("web-1", "network_out"): (pytest.approx(2.0), None, None),
        # written goes in, read comes out
        ("web-1-data", "network_in"): (pytest.approx(3.0), None, None),
        ("web-1-data", "network_out"): (pytest.approx(4.0), None, None),
        # 10 % of 8 cores
        ("orders", "cpu"): (pytest.approx(0.8), pytest.approx(2.4), 8.0),
        ("orders", "memory"): (6.0, 7.0, 32.0),
        ("orders", "storage"): (40.0, None, 100.0),
        ("orders", "network_in"): (pytest.approx(1.0), None, None),
        ("orders", "network_out"): (pytest.approx(1.0), None, None),
    }


def test_inventory(source: Gcp) -> None:
    inventory = source.inventory()
    machine, disk = inventory.resources.iter_rows(named=True)
    assert (
        machine["resource"],
        machine["kind"],
        machine["service"],
        machine["site"],
        machine["instance_type"],
    ) == ("web-1", "vm", "shop", ZONE, "e2-standard-4")
    assert (disk["resource"], disk["kind"], disk["service"]) == ("web-1-data", "volume", "shop")
    sizes = inventory.capacities.select("resource", "metric", "capacity").rows()
    assert sizes == [
        ("web-1", "cpu", 4.0), ("web-1", "memory", 16.0), ("web-1-data", "storage", 100.0),
    ]  # fmt: skip


def test_a_disk_that_machines_share_is_there_once_and_does_what_all_of_them_do() -> None:
    shared = {"data": "shared"}
    machines = [machine(name, disks=shared, labels={"service": "shop", "a": name}) for name in ("m-2", "m-1")]
    series = [(name, ZONE, "shop", "data") for name in ("m-1", "m-2")]
    with cloud(lambda request: time_series(request, series), computing(*machines)) as settings:
        source = Gcp(**settings, services=("disks",))
        inventory = source.inventory()
        samples = taken_in(source, HOUR)
    (disk,) = inventory.resources.rows(named=True)
    assert (disk["resource"], disk["service"]) == ("shared", "shop")
    assert json.loads(disk["labels"]) == {"service": "shop", "attached_to": "m-1, m-2"}
    assert inventory.capacities.select("resource", "metric", "capacity").rows() == [
        ("shared", "storage", 100.0)
    ]
    assert amounts(samples, START) == {
        ("shared", "network_in"): (pytest.approx(6.0), None, None),
        ("shared", "network_out"): (pytest.approx(8.0), None, None),
    }


def test_a_project_that_watches_over_others_brings_its_own_only() -> None:
    series = [("web-1", ZONE, "shop"), ("web-1", ZONE, "another")]
    with cloud(lambda request: time_series(request, series)) as settings:
        samples = taken_in(Gcp(**settings), HOUR)
    measured = amounts(samples, START)
    assert measured["web-1", "cpu"][0] == 1.0 and measured["orders", "storage"][0] == 40.0


def test_databases_that_reported_lately_are_in_the_inventory(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "tests.unit.ingest.gcp_replies.START",
            datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3),
        )
        with cloud() as settings:
            rows = Gcp(**settings, services=("sql",)).inventory().resources.rows(named=True)
    assert [(row["resource"], row["kind"], row["site"]) for row in rows] == [
        ("orders", "database", "europe-west3")
    ]


def test_a_metric_that_nobody_ever_reported_is_no_error() -> None:
    def reply(request: Any) -> Any:
        if "agent.googleapis.com" in request.filter:
            raise LookupError("Cannot find metric(s) that match type")
        return time_series(request)

    with cloud(reply) as settings:
        samples = pl.concat(batch.samples for batch in Gcp(**settings, services=("compute",)).pull(HOUR))
    assert set(samples["metric"]) == {"cpu", "network_in", "network_out"}


def test_a_machine_that_is_gone_is_rejected_not_dropped() -> None:
    with cloud(lambda request: time_series(request, [("deleted",)])) as settings:
        batches = list(Gcp(**settings, services=("compute", "disks")).pull(HOUR))
    assert sum(batch.samples.height for batch in batches) == 0
    of_cpu = f"compute.googleapis.com/instance/cpu/utilization {ZONE}/deleted: 12 points"
    assert ("the machine is not there any more", of_cpu) in refused(batches)


def test_bytes_that_are_no_reply_are_an_error() -> None:
    with cloud(lambda _: b"\xff\xff\xff") as settings, pytest.raises(SourceError) as caught:
        list(Gcp(**settings, timeout=1.0).pull(HOUR))
    assert "\n" not in str(caught.value)


def test_a_project_that_is_not_there_or_answers_nonsense(source: Gcp) -> None:
    for reply, kind in (
        (Reply(404, {"error": {"code": 404, "message": "no such project"}}), SourceError),
        (Reply(403, {"error": {"code": 403, "message": "not yours"}}), SourceError),
        (Reply(200, "<html>"), SourceError),
        (Reply(503, {"error": {"code": 503, "message": "later"}}), SourceUnavailable),
        (
            Reply(429, {"error": {"code": 429, "message": "slowly"}}, {"Retry-After": "3600"}),
            SourceUnavailable,
        ),
    ):
        with standing_in(lambda _, reply=reply: reply) as (url, _):
            settings: dict[str, Any] = {
                "compute_endpoint": url.removeprefix("http://"),
                "monitoring_endpoint": source.monitoring_endpoint,
            }
            broken = Gcp(("shop",), "GCP_TEST_TOKEN", timeout=2.0, **settings)
            with pytest.raises(SourceError) as caught:
                list(broken.pull(HOUR))
        assert type(caught.value) is kind, caught.value


def test_settings_that_cannot_be_are_refused() -> None:
    for settings, message in (
        ({"projects": ()}, "none is named"),
        ({"projects": ("a",), "step": "90s"}, "whole minutes"),
        ({"projects": ("a",), "history_days": 0.0}, "not above 0"),
        ({"projects": ("a",), "services": ("disk",)}, "did you mean 'disks'"),
    ):
        with pytest.raises(ConfigError, match=message):
            Gcp(**settings)  # type: ignore[arg-type]
