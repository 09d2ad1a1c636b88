"""Google's own clients against stand-ins on loopback that reply in the documented form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

pytest.importorskip("google.cloud.monitoring_v3", reason="needs the extra `gcp`")

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.series import Window
from headroom.jobs.pulling import stated_capacities
from ingest.gcp import Gcp
from ingest.intake import intake
from tests.standin import Reply, standing_in
from tests.unit.ingest.gcp_replies import START, ZONE, cloud, time_series

HOUR = Window(START, START + timedelta(hours=1))


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCP_TEST_TOKEN", "the-token")


@pytest.fixture
def source() -> Iterator[Gcp]:
    with cloud() as settings:
        yield Gcp(**settings)


def test_amounts_peaks_and_capacities(source: Gcp) -> None:
    sizes = stated_capacities(source.inventory().capacities)
    batches = [intake(one, now=datetime.now(UTC), capacities=sizes) for one in source.pull(HOUR)]
    assert sum(batch.rejected.height for batch in batches) == 0
    samples = pl.concat(batch.samples for batch in batches)
    assert samples.height == 4 * 12
    assert (samples["ts"].min(), samples["ts"].max()) == (START, START + timedelta(minutes=55))
    found = {
        row["metric"]: (row["value"], row["value_max"], row["capacity"])
        for row in samples.filter(pl.col("ts") == START).iter_rows(named=True)
    }
    assert found == {
        "cpu": (1.0, 2.0, 4.0),
        "memory": (4.0, 6.0, 16.0),
        "network_in": (pytest.approx(1.0), None, None),
        "network_out": (pytest.approx(2.0), None, None),
    }


def test_inventory(source: Gcp) -> None:
    inventory = source.inventory()
    (row,) = inventory.resources.iter_rows(named=True)
    assert (row["resource"], row["kind"], row["service"], row["site"], row["instance_type"]) == (
        "web-1", "vm", "shop", ZONE, "e2-standard-4",
    )  # fmt: skip
    assert inventory.capacities.rows() == [("web-1", "cpu", 4.0), ("web-1", "memory", 16.0)]


def test_a_machine_that_is_gone_is_rejected_not_dropped() -> None:
    with cloud(lambda request: time_series(request, "deleted")) as settings:
        batches = list(Gcp(**settings).pull(HOUR))
    assert sum(batch.samples.height for batch in batches) == 0
    assert batches[0].rejected["raw"].to_list() == [
        f"compute.googleapis.com/instance/cpu/utilization {ZONE}/deleted: 12 points"
    ]


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
    ):
        with pytest.raises(ConfigError, match=message):
            Gcp(**settings)  # type: ignore[arg-type]
