"""Azure's own clients against a stand-in on loopback that answers in the documented form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

pytest.importorskip("azure.monitor.querymetrics", reason="needs the extra `azure`")

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.series import Window
from ingest.azure import Azure
from tests.standin import Asked, Reply, standing_in
from tests.unit.ingest.azure_replies import START, SUBSCRIPTION, answer, answering, machine
from tests.unit.ingest.clouds import amounts, taken_in

HOUR = Window(START, START + timedelta(hours=1))


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TEST_TOKEN", "the-token")


@pytest.fixture
def source() -> Iterator[Azure]:
    with standing_in(answer) as (url, _):
        yield at(url)


def at(url: str, **settings: Any) -> Azure:
    return Azure((SUBSCRIPTION,), "AZURE_TEST_TOKEN", management_url=url, metrics_url=url, **settings)


def test_amounts_peaks_and_capacities(source: Azure) -> None:
    samples = taken_in(source, HOUR)
    assert samples.height == (4 + 2 + 3) * 12
    assert amounts(samples, START) == {
        ("web-1", "cpu"): (1.0, 2.0, 4.0),
        ("web-1", "memory"): (4.0, 6.0, 16.0),
        ("web-1", "network_in"): (pytest.approx(1.0), None, None),
        ("web-1", "network_out"): (pytest.approx(2.0), None, None),
        # written goes in, read comes out
        ("web-1-data", "network_in"): (pytest.approx(3.0), pytest.approx(4.0), None),
        ("web-1-data", "network_out"): (pytest.approx(4.0), pytest.approx(5.0), None),
        # 10 % of 4 cores; of a database sold by DTU only the storage is known
        ("shop/orders", "cpu"): (pytest.approx(0.4), pytest.approx(1.2), 4.0),
        ("shop/orders", "storage"): (8.0, 9.0, None),
        ("shop/small", "storage"): (8.0, 9.0, None),
    }


def test_a_week_is_asked_day_by_day_and_silence_gives_no_sample(source: Azure) -> None:
    machines = replace(source, services=("vm",))
    batches = list(machines.pull(Window(START - timedelta(days=3), START + timedelta(days=2))))
    assert len(batches) == 5
    assert [batch.samples.height for batch in batches] == [0, 0, 0, 4 * 288, 0]


def test_inventory(source: Azure) -> None:
    inventory = source.inventory()
    columns = ("resource", "kind", "service", "site", "instance_type")
    assert inventory.resources.select(columns).rows() == [
        ("web-1", "vm", "shop", "westeurope", "Standard_D4s_v5"),
        ("web-1-data", "volume", "shop", "westeurope", "Premium_LRS"),
        ("shop/orders", "database", None, "westeurope", "GP_Gen5"),
        ("shop/small", "database", None, "westeurope", "Basic"),
    ]
    assert inventory.capacities.rows() == [
        ("web-1", "cpu", 4.0),
        ("web-1", "memory", 16.0),
        ("web-1-data", "storage", 128.0),
        ("web-1-data", "network_in", 800.0),
        ("web-1-data", "network_out", 800.0),
        ("shop/orders", "storage", 32.0),
        ("shop/orders", "cpu", 4.0),
        ("shop/small", "storage", 32.0),
    ]


def test_memory_is_read_in_bytes_where_its_share_is_not_reported() -> None:
    def reply(asked: Asked) -> Reply:
        body = answer(asked).body
        if "getBatch" in asked.path and isinstance(body, dict):
            for values in body["values"]:
                for metric in values["value"]:
                    if metric["name"]["value"] == "Available Memory Percentage":
                        metric["timeseries"] = []
        return replace(answer(asked), body=body)

    with standing_in(reply) as (url, _):
        samples = taken_in(at(url, services=("vm",)), HOUR)
    assert amounts(samples, START)["web-1", "memory"] == (4.0, 6.0, 16.0)


def test_a_region_that_refuses_does_not_keep_the_others_from_being_read() -> None:
    """The first in the order of reading is the one without permission, and the last one is asked too much."""
    regions = {"a": 403, "westeurope": 200, "z": 429}
    machines = [machine(f"web-{region}", region=region) for region in regions]

    def reply(asked: Asked) -> Reply:
        for region, status in regions.items():
            if asked.path.startswith(f"/{region}/") and status != 200:
                error = {"error": {"code": "No", "message": "not here"}}
                return Reply(status, error, {"Retry-After": "3600"} if status == 429 else {})
        return answering(*machines)(replace(asked, path=asked.path.removeprefix("/westeurope")))

    with standing_in(reply) as (url, _):
        source = at(url, services=("vm",), timeout=0.2)
        source = replace(source, metrics_url=f"{url}/{{region}}")
        found = []
        with pytest.raises(SourceUnavailable, match=r"/a: answers 403 .*; .*/z: answers 429 "):
            for batch in source.pull(HOUR):
                found.append(batch.samples)
    assert set(pl.concat(found)["resource"]) == {"web-westeurope"}


def broken(status: int, body: Any) -> Callable[[Asked], Reply]:
    def reply(asked: Asked) -> Reply:
        return Reply(status, body, {"Retry-After": "0"}) if "getBatch" in asked.path else answer(asked)

    return reply


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": "BadRequest", "message": "no such metric"}}, SourceError),
        (503, {"error": {"code": "Busy", "message": "later"}}, SourceUnavailable),
        (200, "<html>", SourceError),
        (200, {"values": [{"value": [{"timeseries": 3}]}]}, SourceError),
        (200, {"values": 3}, SourceError),
    ],
)
def test_what_cannot_be_used(status: int, body: Any, kind: type[SourceError]) -> None:
    with standing_in(broken(status, body)) as (url, _), pytest.raises(SourceError) as caught:
        list(at(url).pull(HOUR))
    assert type(caught.value) is kind and "\n" not in str(caught.value)


def test_a_refused_token(source: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TEST_TOKEN", "another")
    with pytest.raises(SourceError, match="refused"):
        list(source.pull(HOUR))


def test_a_token_does_not_leave_the_machine_unencrypted() -> None:
    source = Azure((SUBSCRIPTION,), "AZURE_TEST_TOKEN", management_url="http://management.example")
    with pytest.raises(SourceError, match="non-https"):
        list(source.pull(HOUR))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"services": ("disk",)}, "did you mean 'disks'"),
        ({"step": "2m"}, "none of 1m"),
        ({"history_days": 0.0}, "not above 0"),
        ({"settle": "x"}, "settle"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        at("http://127.0.0.1:1", **settings)
