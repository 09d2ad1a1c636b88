"""Presets through a real Prometheus that scrapes exporters: documented series become amounts done by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from data.series import Window
from ingest.intake import intake
from ingest.prometheus import Prometheus
from tests.peers import exporters
from tests.peers.servers import prometheus, until

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.xdist_group("prometheus")]

Amounts = dict[tuple[str, str], tuple[Any, ...]]


def about(amount: float) -> Any:
    """Rates come out a little off: a scrape is not exactly when it was due."""
    return pytest.approx(amount, rel=0.05)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Window]]:
    """A server that has scraped every exporter for a while, and when."""
    folder = tmp_path_factory.mktemp("scraped")
    pages = {
        "windows": exporters.windows_exporter,
        "cadvisor": exporters.cadvisor,
        "state": exporters.kube_state_metrics,
    }
    with ExitStack() as stack:
        jobs = [
            f"  - {{job_name: {name}, honor_labels: true,"
            f" static_configs: [{{targets: ['{stack.enter_context(exporters.exporting(page))}']}}]}}"
            for name, page in pages.items()
        ]
        # The device is a parameter of the scrape, as snmp_exporter's documentation sets it up.
        address = stack.enter_context(exporters.exporting(exporters.snmp_exporter))
        jobs.append(
            f"""  - job_name: snmp
    static_configs: [{{targets: [sw-1]}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: '{address}'}}"""
        )
        config = "\n".join(["global: {scrape_interval: 1s}", "scrape_configs:", *jobs, ""])
        url, _ = stack.enter_context(prometheus(folder, config))
        began = datetime.now(UTC)

        def enough() -> bool:
            now = datetime.now(UTC)
            if now - began < timedelta(seconds=14):
                return False
            source = Prometheus(url, presets=("snmp_exporter",), step="4s", fine="2s", settle="1s")
            return sum(batch.samples.height for batch in source.pull(Window(began, now))) >= 6

        until(enough)
        yield url, Window(began + timedelta(seconds=5), datetime.now(UTC))


def amounts(scraped: tuple[str, Window], preset: str) -> Amounts:
    """Mean, peak and capacity of each series in our units, in its last interval."""
    url, window = scraped
    patience: dict[str, Any] = {"step": "4s", "fine": "2s", "settle": "1s", "requests_per_second": 1_000.0}
    source = Prometheus(url, presets=(preset,), **patience)
    batches = [intake(batch, now=datetime.now(UTC)) for batch in source.pull(window)]
    assert sum(batch.rejected.height for batch in batches) == 0
    samples = pl.concat(batch.samples for batch in batches).sort("ts")
    kinds = dict(source.inventory().resources.select("resource", "kind").iter_rows())
    assert set(samples["resource"]) <= set(kinds)
    return {
        (row["resource"], row["metric"]): (row["value"], row["value_max"], row["capacity"])
        for row in samples.iter_rows(named=True)
    }


def test_windows_exporter(scraped: tuple[str, Window]) -> None:
    """Interrupts and deferred procedure calls are part of privileged time: half of 4 cores are busy."""
    found = amounts(scraped, "windows_exporter")
    host = "127.0.0.1"
    assert found == {
        (host, "cpu"): (about(2.0), about(2.0), 4.0),
        (host, "memory"): (4.0, 4.0, 16.0),
        (f"{host}:C:", "storage"): (50.0, None, 200.0),
        (host, "network_in"): (about(1.0), None, 10_000.0),
        (host, "network_out"): (about(2.0), None, 10_000.0),
    }


def test_cadvisor_and_kube_state_metrics(scraped: tuple[str, Window]) -> None:
    """Two pods of a Deployment, one of a StatefulSet, one of a CronJob beside one that has ended."""
    found = amounts(scraped, "kubernetes")
    expected: Amounts = {}
    for workload, pods in (("api", 2), ("db", 1), ("report", 1)):
        name = f"shop/{workload}"
        expected |= {
            (name, "cpu"): (about(0.25 * pods), about(0.25 * pods), 0.5 * pods),
            (name, "memory"): (1.0 * pods, 1.0 * pods, 2.0 * pods),
            (name, "network_in"): (about(1.0 * pods), None, None),
            (name, "network_out"): (about(2.0 * pods), None, None),
        }
    expected["shop/data-db-0", "storage"] = (3.0, None, 10.0)
    assert found == expected


def test_snmp_exporter(scraped: tuple[str, Window]) -> None:
    assert amounts(scraped, "snmp_exporter") == {
        ("sw-1:Te1/1", "network_in"): (about(80.0), None, 10_000.0),
        ("sw-1:Te1/1", "network_out"): (about(8.0), None, 10_000.0),
        # A port that is down states no speed: its capacity is unknown, not 0.
        ("sw-1:Te1/2", "network_in"): (0.0, None, None),
        ("sw-1:Te1/2", "network_out"): (0.0, None, None),
        ("sw-1:flash", "storage"): (2.0, None, 4.0),
    }
