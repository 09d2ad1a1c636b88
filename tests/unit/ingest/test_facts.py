"""What pushed metrics say of resources: labels and attributes by hand."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.frames import Inventory
from data.store import Store
from headroom.jobs.ingest import ingest
from headroom.jobs.run import Run
from headroom.settings import load
from ingest.landing import Kind, Landing
from ingest.pushed import Pushed
from tests.unit.ingest.payloads import STALE, START, node_series, write_request
from tests.unit.ingest.test_otlp import Request

NOW = START + timedelta(hours=1)
AT = [(0.0, 1.0)]


def told(folder: Path, *payloads: tuple[Kind, bytes]) -> Inventory:
    with Landing(folder / "landing", 2**30) as landing:
        for kind, payload in payloads:
            landing.append(kind, payload, NOW)
    (batch,) = Pushed(str(folder / "landing")).pull(None)
    assert batch.inventory is not None
    return batch.inventory


def rows(inventory: Inventory) -> dict[str, dict[str, Any]]:
    return {row["resource"]: row for row in inventory.resources.iter_rows(named=True)}


def cells(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("kind", "provider", "service", "site", "instance_type"))


def test_a_machine_says_what_it_runs(tmp_path: Path) -> None:
    uname = {"instance": "web-1:9100", "nodename": "web-1.example", "release": "6.1", "sysname": "Linux"}
    disk = {"instance": "web-1:9100", "mountpoint": "/srv", "fstype": "ext4", "datacenter": "fra"}
    found = rows(
        told(
            tmp_path,
            (
                Kind.REMOTE_WRITE,
                write_request(
                    ("node_uname_info", {**uname, "datacenter": "fra"}, AT),
                    ("node_filesystem_size_bytes", disk, [(0.0, 1e9)]),
                    *node_series([0.0, 60.0]),
                ),
            ),
        )
    )
    assert cells(found["web-1"]) == ("server", None, None, "fra", None)
    labels = json.loads(found["web-1"]["labels"])
    assert labels["nodename"] == "web-1.example" and labels["release"] == "6.1"
    assert "cpu" not in labels and "mode" not in labels
    assert cells(found["web-1:/srv"]) == ("volume", None, None, "fra", None)


def test_a_cluster_says_its_nodes_types_sizes_and_owners(tmp_path: Path) -> None:
    info = {"node": "n1", "provider_id": "aws:///eu-west-1a/i-0abc", "kubelet_version": "v1.31"}
    of_node = {
        "node": "n1",
        "label_topology_kubernetes_io_zone": "eu-west-1a",
        "label_node_kubernetes_io_instance_type": "m5.large",
    }
    owner = {"namespace": "shop", "deployment": "api", "label_app_kubernetes_io_part_of": "checkout"}
    gone = {"namespace": "shop", "deployment": "old", "label_app": "old"}
    inventory = told(
        tmp_path,
        (
            Kind.REMOTE_WRITE,
            write_request(
                ("kube_node_info", info, AT),
                ("kube_node_labels", of_node, AT),
                (
                    "kube_node_status_allocatable",
                    {"node": "n1", "resource": "cpu"},
                    [(0.0, 1.0), (9.0, 1.93)],
                ),
                ("kube_node_status_allocatable", {"node": "n1", "resource": "memory"}, [(0.0, 7 * 2.0**30)]),
                ("kube_node_status_allocatable", {"node": "n1", "resource": "pods"}, [(0.0, 29.0)]),
                ("kube_deployment_labels", owner, AT),
                ("kube_deployment_labels", gone, [(0.0, 0.0)]),
            ),
        ),
    )
    found = rows(inventory)
    assert cells(found["n1"]) == ("vm", "aws", None, "eu-west-1a", "m5.large")
    assert cells(found["shop/api"]) == ("workload", "kubernetes", "checkout", None, None)
    assert "shop/old" not in found
    sizes = inventory.capacities.select("resource", "metric", "capacity").rows()
    assert sorted(sizes) == [("n1", "cpu", 1.93), ("n1", "memory", 7.0)]
    assert inventory.services["service"].to_list() == ["checkout"]


def test_opentelemetry_says_it_with_attributes(tmp_path: Path) -> None:
    about = {
        "host_name": "web-1", "host_type": "m5.large", "cloud_provider": "aws", "cloud_region": "eu-west-1",
        "cloud_availability_zone": "x", "service_name": "shop", "os_type": "linux",
    }  # fmt: skip
    machine = Request(**about).gauge("system.memory.usage", [(0, 2.0**31)], state="used")
    for group in machine.message.resource_metrics:
        for one in group.resource.attributes:
            if one.key == "cloud.availability.zone":  # the helper writes dots for all underscores
                one.key, one.value.string_value = "cloud.availability_zone", "eu-west-1b"
    pod = Request(k8s_namespace_name="shop", k8s_pod_name="api-7d9f8b6c5d-aaaaa", service_name="api")
    pod.gauge("k8s.pod.memory.usage", [(0, 2.0**30)])
    found = rows(
        told(
            tmp_path,
            (Kind.OTLP, machine.message.SerializeToString()),
            (Kind.OTLP, pod.message.SerializeToString()),
        )
    )
    assert cells(found["web-1"]) == ("vm", "aws", "shop", "eu-west-1b", "m5.large")
    assert json.loads(found["web-1"]["labels"]) == {"os.type": "linux"}
    assert cells(found["shop/api"]) == ("workload", "kubernetes", "api", None, None)


def test_what_contradicts_itself_or_says_nothing_does_not_count(tmp_path: Path) -> None:
    payloads = [
        Request(host_name="web-1", service_name=name).gauge("system.memory.usage", [(0, 1.0)], state="used")
        for name in ("shop", "search", "unknown_service:java", "otelcol-contrib")
    ]
    inventory = told(tmp_path, *((Kind.OTLP, one.message.SerializeToString()) for one in payloads))
    assert cells(rows(inventory)["web-1"]) == ("server", None, None, None, None)
    assert inventory.services.is_empty()


def test_of_a_series_that_ended_the_last_amount_counts(tmp_path: Path) -> None:
    """Prometheus marks the end of a series with a NaN; a label that is no longer so has the value 0."""
    cpu = {"node": "n1", "resource": "cpu"}
    inventory = told(
        tmp_path,
        (
            Kind.REMOTE_WRITE,
            write_request(
                ("kube_node_status_allocatable", cpu, [(0.0, 4.0), (60.0, STALE)]),
                ("kube_node_status_allocatable", {**cpu, "node": "n2"}, [(0.0, 8.0), (60.0, math.inf)]),
                ("kube_node_status_allocatable", {**cpu, "node": "n3"}, [(60.0, STALE)]),
                (
                    "kube_node_status_allocatable",
                    {**cpu, "node": "n4"},
                    [(0.0, 2.0), (60.0, 0.0), (61.0, STALE)],
                ),
                ("kube_node_info", {"node": "n1", "os_image": "Debian 12"}, [(0.0, 1.0), (60.0, STALE)]),
                ("kube_node_info", {"node": "n3", "os_image": "Debian 11"}, [(60.0, STALE)]),
                ("kube_node_info", {"node": "n4", "os_image": "Debian 11"}, [(0.0, 1.0), (60.0, 0.0)]),
            ),
        ),
    )
    sizes = inventory.capacities.select("resource", "metric", "capacity").rows()
    assert sorted(sizes) == [("n1", "cpu", 4.0), ("n2", "cpu", 8.0)]
    assert set(rows(inventory)) == {"n1"}


def test_of_labels_that_contradict_each_other_none_counts(tmp_path: Path) -> None:
    """A machine that was updated in between says two releases; what agrees is kept."""
    uname = {"instance": "web-1:9100", "sysname": "Linux", "release": "6.1"}
    payloads = [
        write_request(("node_uname_info", {**uname, **more}, AT))
        for more in ({}, {"release": "6.2"}, {"machine": "x86_64"})
    ]
    inventory = told(tmp_path, *((Kind.REMOTE_WRITE, one) for one in payloads))
    assert json.loads(rows(inventory)["web-1"]["labels"]) == {"machine": "x86_64", "sysname": "Linux"}
    alone = tmp_path / "alone"
    both = [
        write_request(("node_uname_info", {"instance": "a", "release": one}, AT)) for one in ("6.1", "6.2")
    ]
    inventory = told(alone, *((Kind.REMOTE_WRITE, one) for one in both))
    assert rows(inventory)["a"]["labels"] is None, "nothing is left to say"


def test_who_sent_nothing_since_keeps_what_it_said_and_what_is_said_now_wins(tmp_path: Path) -> None:
    """A pushed batch tells only of who sent something since the last one, and only what it sent."""
    (tmp_path / "headroom.toml").write_text("")
    chosen = load(tmp_path / "headroom.toml", {})
    said: list[dict[str, dict[str, str]]] = [
        {
            "web-1": {"service_name": "shop", "cloud_region": "eu-west-1"},
            "web-2": {"service_name": "shop", "cloud_region": "eu-west-1"},
        },
        {"web-2": {"cloud_region": "eu-west-2"}},
        {"web-3": {"service_name": "search"}},
    ]
    with Store.open(chosen.store_path) as store:
        for number, machines in enumerate(said):
            with Landing(tmp_path / "var" / "landing", 2**30) as landing:
                for host, about in machines.items():
                    request = Request(host_name=host, **about)
                    request.gauge("system.memory.usage", [(600.0 * number, 2.0**30)], state="used")
                    landing.append(Kind.OTLP, request.message.SerializeToString(), NOW)
            (summary,) = ingest(Run(chosen, store, NOW + timedelta(minutes=number), f"{number}"))
            assert summary.error is None
        now = store.frame("resources_now").select("resource", "service", "site").rows()
    assert sorted(now) == [
        ("web-1", "shop", "eu-west-1"),
        ("web-2", "shop", "eu-west-2"),
        ("web-3", "search", None),
    ]


def test_what_is_taken_away_in_a_file_does_not_come_back_from_what_the_store_held(tmp_path: Path) -> None:
    """A machine that pushes, and one that only the file knows: its service goes with the cell."""
    (tmp_path / "services.csv").write_text("service,team\nshop,blue\n")
    (tmp_path / "headroom.toml").write_text(
        '[inventory]\nresources = ["resources.csv"]\nservices = ["services.csv"]\n'
    )
    chosen = load(tmp_path / "headroom.toml", {})
    tables = ("resource,kind,service,site\nweb-1,server,shop,\nold-1,server,shop,attic\n",) * 2
    tables += ("resource,kind,service,site\nweb-1,server,,\nold-1,server,,\n",) * 2
    sends = (True, False, True, False)
    with Store.open(chosen.store_path) as store:
        for number, (table, sent) in enumerate(zip(tables, sends, strict=True)):
            (tmp_path / "resources.csv").write_text(table)
            if sent:
                with Landing(tmp_path / "var" / "landing", 2**30) as landing:
                    request = Request(host_name="web-1" if number == 0 else "web-2", cloud_region="eu-west-1")
                    request.gauge("system.memory.usage", [(600.0 * number, 2.0**30)], state="used")
                    landing.append(Kind.OTLP, request.message.SerializeToString(), NOW)
            (summary,) = ingest(Run(chosen, store, NOW + timedelta(minutes=number), f"{number}"))
            assert summary.error is None
            now = store.frame("resources_now").select("resource", "service", "site").rows()
            service, site = ("shop", "attic") if number < 2 else (None, None)
            assert ("old-1", service, site) in now
            assert ("web-1", service, "eu-west-1") in now, "it is silent, and what it said still holds"


def test_of_several_batches_of_one_run_the_last_word_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.pushed.READINGS_AT_ONCE", 1)
    (tmp_path / "headroom.toml").write_text("")
    chosen = load(tmp_path / "headroom.toml", {})
    for number, region in enumerate(("eu-west-1", "eu-west-2", "eu-west-3")):
        with Landing(tmp_path / "var" / "landing", 2**30) as landing:
            request = Request(host_name="web-1", cloud_region=region)
            request.gauge("system.memory.usage", [(600.0 * number, 2.0**30)], state="used")
            landing.append(Kind.OTLP, request.message.SerializeToString(), NOW)
    with Store.open(chosen.store_path) as store:
        for number in range(2):
            ingest(Run(chosen, store, NOW + timedelta(minutes=number), f"{number}"))
            assert store.frame("resources_now")["site"].to_list() == ["eu-west-3"]


def test_kept_facts_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "headroom.toml").write_text("")
    chosen = load(tmp_path / "headroom.toml", {})
    folder = tmp_path / "var" / "landing"
    folder.mkdir(parents=True)
    (folder / "facts.parquet").write_bytes(b"PAR1 nonsense")
    with Store.open(chosen.store_path) as store:
        (summary,) = ingest(Run(chosen, store, NOW, "0"))
    assert summary.error is not None and "facts.parquet: cannot be read" in summary.error
    assert "remove it" in summary.error


def test_it_reaches_the_store_and_what_people_wrote_down_wins(tmp_path: Path) -> None:
    (tmp_path / "resources.csv").write_text("resource,kind,service\nweb-1,server,checkout\n")
    (tmp_path / "services.csv").write_text("service,team\ncheckout,blue\n")
    (tmp_path / "headroom.toml").write_text(
        '[inventory]\nresources = ["resources.csv"]\nservices = ["services.csv"]\n'
    )
    chosen = load(tmp_path / "headroom.toml", {})
    versions = []
    with Store.open(chosen.store_path) as store:
        for number in range(3):
            with Landing(tmp_path / "var" / "landing", 2**30) as landing:
                for host, service in (("web-1", "shop"), ("web-2", "shop")):
                    request = Request(host_name=host, service_name=service, cloud_region="eu-west-1")
                    points = [(600.0 * number + at, 2.0**30) for at in (0, 60, 120, 180)]
                    request.gauge("system.memory.usage", points, state="used")
                    landing.append(Kind.OTLP, request.message.SerializeToString(), NOW)
            (summary,) = ingest(Run(chosen, store, NOW + timedelta(minutes=number), f"{number}"))
            assert summary.error is None
            versions.append(store.frame("resource_versions").height)
            now = store.frame("resources_now").select("resource", "service", "site").rows()
            assert sorted(now) == [("web-1", "checkout", "eu-west-1"), ("web-2", "shop", "eu-west-1")]
        services = dict(store.frame("services_now").select("service", "team").rows())
    assert services == {"checkout": "blue", "shop": None}
    assert versions[1:] == versions[:-1], "saying the same again makes no version"


def test_sizes_that_were_pushed_turn_shares_into_amounts(tmp_path: Path) -> None:
    """An agent that reports the share of a machine, and a cluster that says how large it is."""
    (tmp_path / "headroom.toml").write_text("")
    chosen = load(tmp_path / "headroom.toml", {})
    share = Request(host_name="n1")
    share.gauge("system.cpu.utilization", [(at, 0.25) for at in (0.0, 60.0, 120.0, 180.0)], state="user")
    size = write_request(("kube_node_status_allocatable", {"node": "n1", "resource": "cpu"}, [(0.0, 4.0)]))
    with Landing(tmp_path / "var" / "landing", 2**30) as landing:
        landing.append(Kind.OTLP, share.message.SerializeToString(), NOW)
        landing.append(Kind.REMOTE_WRITE, size, NOW)
    with Store.open(chosen.store_path) as store:
        (looked,) = ingest(Run(chosen, store, NOW, "0"), dry_run=True)
        (summary,) = ingest(Run(chosen, store, NOW, "1"))
        cpu = store.frame("samples_of", resource="n1", metric="cpu")
    assert looked.loaded.new == summary.loaded.new == cpu.height > 0
    assert cpu.select("value", "capacity").unique().rows() == [(1.0, 4.0)]
    assert cpu["ts"].is_sorted() and pl.Series(cpu["value"]).null_count() == 0
