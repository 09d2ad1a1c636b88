"""Prometheus: histories made by rule, loaded into a real server, come back as amounts known beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import SourceError, SourceUnavailable
from data.series import Window
from ingest.http import Http
from ingest.intake import intake
from ingest.prometheus import POINTS_LIMIT, Prometheus
from ingest.prometheus_presets import Query
from tests.peers.openmetrics import START, cluster, history, node, switch, windows
from tests.peers.servers import answers, backfill, free_port, program, prometheus, running, until

pytestmark = [pytest.mark.peer, pytest.mark.xdist_group("prometheus")]

HOURS = 3
WHOLE = Window(START, START + timedelta(hours=HOURS))
RESET = 3_600 + 45


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that holds three hours of every kind of exporter; one machine restarts in between."""
    folder = tmp_path_factory.mktemp("prometheus")
    lines = node() + node("web-2:9100", reset_at=RESET) + windows() + cluster() + switch()
    backfill(folder, history(lines, HOURS))
    with prometheus(folder, "scrape_configs: []\n") as (address, _):
        yield address


def amounts(url: str, window: Window = WHOLE, **settings: Any) -> dict[tuple[str, str], tuple[float, ...]]:
    """Mean, peak and capacity of each series, in our units, of an interval in the middle."""
    source = Prometheus(url, requests_per_second=1_000.0, **settings)
    batches = [intake(batch, now=datetime.now(UTC)) for batch in source.pull(window)]
    assert sum(batch.rejected.height for batch in batches) == 0
    samples = pl.concat(batch.samples for batch in batches)
    middle = samples.filter(pl.col("ts") == START + timedelta(hours=2))
    return {
        (row["resource"], row["metric"]): (row["value"], row["value_max"], row["capacity"])
        for row in middle.iter_rows(named=True)
    }


def test_node_exporter(url: str) -> None:
    found = amounts(url, selector='instance="web-1:9100"')
    assert found == {
        ("web-1", "cpu"): (pytest.approx(0.5), pytest.approx(0.5), 2.0),
        ("web-1", "memory"): (2.0, 2.0, 8.0),
        ("web-1:/srv", "storage"): (40.0, None, 90.0),
        ("web-1", "network_in"): (pytest.approx(10.0), pytest.approx(10.0), 1_000.0),
        ("web-1", "network_out"): (pytest.approx(1.0), pytest.approx(1.0), 1_000.0),
    }


def test_windows_exporter(url: str) -> None:
    assert amounts(url, presets=("windows_exporter",)) == {
        ("win-1", "cpu"): (pytest.approx(1.0), pytest.approx(1.0), 4.0),
        ("win-1", "memory"): (4.0, 4.0, 16.0),
        ("win-1:C:", "storage"): (50.0, None, 200.0),
        ("win-1", "network_in"): (pytest.approx(1.0), None, 10_000.0),
        ("win-1", "network_out"): (pytest.approx(2.0), None, 10_000.0),
    }


def test_kubernetes(url: str) -> None:
    assert amounts(url, presets=("kubernetes",)) == {
        ("shop/api", "cpu"): (pytest.approx(0.5), pytest.approx(0.5), 1.0),
        ("shop/db", "cpu"): (pytest.approx(0.25), pytest.approx(0.25), 0.5),
        ("shop/api", "memory"): (2.0, 2.0, 4.0),
        ("shop/db", "memory"): (1.0, 1.0, 2.0),
        ("shop/api", "network_in"): (pytest.approx(2.0), None, None),
        ("shop/db", "network_in"): (pytest.approx(1.0), None, None),
        ("shop/data-db-0", "storage"): (3.0, None, 10.0),
    }


def test_snmp_exporter(url: str) -> None:
    assert amounts(url, presets=("snmp_exporter",)) == {
        ("sw-1:Te1/1", "network_in"): (pytest.approx(80.0), None, 10_000.0),
        ("sw-1:Te1/1", "network_out"): (pytest.approx(8.0), None, 10_000.0),
        ("sw-1:flash", "storage"): (2.0, None, 4.0),
    }


@pytest.mark.parametrize(
    ("presets", "names"),
    [
        (("node_exporter",), {"web-2"}),
        (("node_exporter",), {"web-1:/srv"}),
        (("windows_exporter",), {"win-1:C:", "win-1"}),
        (("kubernetes",), {"shop/api"}),
        (("snmp_exporter", "node_exporter"), {"sw-1:Te1/1", "web-1"}),
    ],
)
def test_asking_for_some_resources_gives_all_of_theirs(
    url: str, presets: tuple[str, ...], names: set[str]
) -> None:
    whole = Prometheus(url, presets=presets, requests_per_second=1_000.0)
    order = ["resource", "metric", "ts"]

    def samples(source: Prometheus) -> pl.DataFrame:
        return pl.concat(batch.samples for batch in source.pull(WHOLE)).sort(order)

    everything, some = samples(whole), samples(whole.narrowed(names))
    wanted = pl.col("resource").is_in(list(names))
    assert some.filter(wanted).equals(everything.filter(wanted)) and some.filter(wanted).height > 0
    if "node_exporter" in presets:
        assert some.height < everything.height


def test_a_restarted_machine_has_no_rate_above_its_own(url: str) -> None:
    source = Prometheus(url, selector='instance="web-2:9100"', requests_per_second=1_000.0)
    samples = pl.concat(batch.samples for batch in source.pull(WHOLE)).filter(pl.col("metric") == "cpu")
    assert samples.height == HOURS * 12
    assert samples["value"].max() == pytest.approx(0.5, rel=0.01)


def test_a_long_range_is_asked_in_chunks_and_nothing_is_lost(url: str) -> None:
    query = Query("memory", "B", "node_memory_MemTotal_bytes")
    source = Prometheus(
        url, presets=(), queries=(query,), step="1s", requests_per_second=1_000.0, settle="1s", keep_port=True
    )
    batches = list(source.pull(Window(START - timedelta(days=1), START + timedelta(hours=HOURS))))
    assert len(batches) > 2
    samples = pl.concat(batch.samples for batch in batches)
    counts = samples.group_by("resource").len()["len"].to_list()
    # one interval ends at each second from the first sample to the last, both included
    assert counts == [HOURS * 3_600 + 1] * 2
    assert samples.select("resource", "ts").is_duplicated().sum() == 0
    with Http(source) as http, pytest.raises(SourceError, match="11,000 points"):
        form = {"query": "up", "start": "0", "end": str(POINTS_LIMIT + 1), "step": "1"}
        http.json("/api/v1/query_range", form)


def test_a_query_that_is_wrong_is_one_line_that_names_the_fault(url: str) -> None:
    query = Query("cpu", "cores", "sum by (instance) (")
    with pytest.raises(SourceError, match=r"query_range: answers 400 .*parse error") as caught:
        list(Prometheus(url, presets=(), queries=(query,)).pull(WHOLE))
    assert not isinstance(caught.value, SourceUnavailable) and "\n" not in str(caught.value)


def test_series_that_cannot_be_told_apart_are_rejected(url: str) -> None:
    query = Query("cpu", "cores", "rate(node_cpu_seconds_total[$step])")
    source = Prometheus(url, presets=(), queries=(query,), requests_per_second=1_000.0)
    batches = list(source.pull(WHOLE))
    assert sum(batch.samples.height for batch in batches) == 0
    assert "several series have this name" in batches[0].rejected["reason"][0]


def test_a_server_that_is_down_may_be_tried_again() -> None:
    source = Prometheus(f"http://127.0.0.1:{free_port()}", attempts=1)
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        list(source.pull(WHOLE))


@pytest.mark.slow
def test_this_machine_through_node_exporter(tmp_path: Path) -> None:
    """A real exporter, scraped by a real server: memory and cores agree with the kernel."""
    import psutil

    port = free_port()
    arguments = [program("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    config = (
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    with (
        running(arguments, tmp_path / "exporter.log", answers(f"http://127.0.0.1:{port}/metrics")),
        prometheus(tmp_path, config) as (address, _),
    ):
        source = Prometheus(address, step="4s", fine="2s", settle="1s", requests_per_second=1_000.0)
        began = datetime.now(UTC)

        def pulled() -> pl.DataFrame:
            return (
                pl.concat(batch.samples for batch in source.pull(Window(began, datetime.now(UTC))))
                if datetime.now(UTC) - began > timedelta(seconds=10)
                else pl.DataFrame()
            )

        def complete() -> bool:
            found = pulled()
            return found.height > 0 and {"cpu", "memory", "storage"} <= set(found["metric"])

        until(complete)
        samples = pulled()
        resources = source.inventory().resources
    rows = {row["metric"]: row for row in samples.iter_rows(named=True)}
    assert rows["cpu"]["capacity"] == psutil.cpu_count()
    assert rows["memory"]["capacity"] == psutil.virtual_memory().total
    assert 0 < rows["memory"]["value"] < rows["memory"]["capacity"]
    assert 0 <= rows["cpu"]["value"] <= rows["cpu"]["capacity"] * 1.1
    assert {"cpu", "memory", "storage"} <= set(rows)
    assert set(samples["resource"]) <= set(resources["resource"])
