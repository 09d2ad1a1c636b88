"""Kubernetes objects as inventory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from data.frames import Inventory
from ingest.inventory_files import InventoryFiles
from ingest.kubernetes_objects import kubernetes_inventory, quantity


def pod_spec(*requests: dict[str, str], limits: dict[str, str] | None = None) -> dict[str, Any]:
    return {"containers": [{"resources": {"requests": one, "limits": limits or {}}} for one in requests]}


def deployment(name: str, replicas: int, spec: dict[str, Any], **labels: str) -> dict[str, Any]:
    about = {"name": name, "namespace": "shop", "labels": labels}
    return {
        "kind": "Deployment",
        "metadata": about,
        "spec": {"replicas": replicas, "template": {"spec": spec}},
    }


def sizes(found: Inventory) -> dict[tuple[str, str], float]:
    return {(resource, metric): amount for resource, metric, _, amount in found.capacities.rows()}


@pytest.mark.parametrize(
    ("text", "amount"),
    [("500m", 0.5), ("2", 2), ("1.5", 1.5), ("2Gi", 2 * 2**30), ("128M", 128e6), ("1e3", 1000)],
)
def test_quantities(text: str, amount: float) -> None:
    assert quantity(text) == amount


@pytest.mark.parametrize("text", ["", "many", "5Furlong", "Gi", "1.2.3"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError):
        quantity(text)


def test_nodes_hold_what_pods_may_use() -> None:
    node = {
        "kind": "Node",
        "metadata": {
            "name": "n1",
            "labels": {
                "topology.kubernetes.io/zone": "eu-1a",
                "node.kubernetes.io/instance-type": "m6i.large",
            },
        },
        "spec": {"providerID": "aws:///eu-1a/i-1"},
        "status": {
            "capacity": {"cpu": "2", "memory": "8Gi"},
            "allocatable": {"cpu": "1930m", "memory": "7Gi"},
        },
    }
    found = kubernetes_inventory([{"kind": "List", "items": [node]}], "dump")
    row = found.resources.row(0, named=True)
    assert (row["resource"], row["kind"], row["provider"], row["site"], row["instance_type"]) == (
        "n1", "server", "aws", "eu-1a", "m6i.large",
    )  # fmt: skip
    assert sizes(found) == {("n1", "cpu"): 1.93, ("n1", "memory"): 7.0}


def test_workloads_are_replicas_times_containers_and_their_pods_are_not_counted_again() -> None:
    web = deployment("web", 3, pod_spec({"cpu": "250m", "memory": "512Mi"}, {"cpu": "50m"}), app="shop-web")
    replica_set = {"kind": "ReplicaSet", "name": "web-6d4cf56db6"}
    pods = [
        {
            "kind": "Pod",
            "metadata": {"name": f"web-{i}", "namespace": "shop", "ownerReferences": [replica_set]},
        }
        for i in range(3)
    ]
    bare = {"kind": "Pod", "metadata": {"name": "once", "namespace": "shop"}, "spec": pod_spec({"cpu": "1"})}
    found = kubernetes_inventory([{"kind": "List", "items": [*pods, web, bare]}], "dump")
    assert found.resources["resource"].to_list() == ["shop/web", "shop/once"]
    assert found.resources["service"].to_list() == ["shop-web", None]
    assert sizes(found) == {
        ("shop/web", "cpu"): pytest.approx(0.9),
        ("shop/web", "memory"): 1.5,
        ("shop/once", "cpu"): 1.0,
    }


def test_limits_in_place_of_requests_and_each_for_the_other() -> None:
    spec = pod_spec({"cpu": "250m"}, limits={"cpu": "1", "memory": "1Gi"})
    by_limit = kubernetes_inventory([deployment("web", 2, spec)], "dump", size="limits")
    assert sizes(by_limit) == {("shop/web", "cpu"): 2.0, ("shop/web", "memory"): 2.0}
    by_request = kubernetes_inventory([deployment("web", 2, spec)], "dump")
    assert sizes(by_request) == {("shop/web", "cpu"): 0.5, ("shop/web", "memory"): 2.0}


def test_labels_say_what_a_patch_must_know() -> None:
    spec = pod_spec({"cpu": "250m", "memory": "512Mi"}, {"cpu": "50m"})
    spec["containers"][0]["name"], spec["containers"][1]["name"] = "app", "proxy"
    spec["nodeSelector"] = {"cloud.google.com/gke-nodepool": "large"}
    scaler = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
    }
    node = {"kind": "Node", "metadata": {"name": "n1", "labels": {"eks.amazonaws.com/nodegroup": "large"}}}
    found = kubernetes_inventory([deployment("web", 3, spec), deployment("b", 1, spec), scaler, node], "dump")
    web, other, one = (json.loads(text) for text in found.resources["labels"])
    assert {name: web[name] for name in ("workload_kind", "replicas", "autoscaled", "node_pool")} == {
        "workload_kind": "Deployment", "replicas": "3", "autoscaled": "yes", "node_pool": "large",
    }  # fmt: skip
    assert json.loads(web["containers"]) == {"app": {"cpu": 0.25, "memory": 0.5}, "proxy": {"cpu": 0.05}}
    assert "autoscaled" not in other and one["node_pool"] == "large"
    assert "n1 states no requests" in found.rejected["reason"].to_list()[0] and found.rejected.height == 1


def test_what_cannot_be_read_is_reported() -> None:
    objects = [
        {"kind": "ConfigMap", "metadata": {"name": "x"}},
        deployment("a", 1, pod_spec({"cpu": "lots"})),
        deployment("b", 1, pod_spec({})),
        deployment("c", 1, pod_spec({"cpu": "1"})),
        deployment("c", 1, pod_spec({"cpu": "1"})),
        {"kind": "Node"},
    ]
    found = kubernetes_inventory([objects], "dump")
    assert found.resources["resource"].to_list() == ["shop/b", "shop/c"]
    told = dict(found.rejected.select("line", "reason").iter_rows())
    assert told[1] == "kind 'ConfigMap' is not read"
    assert "'lots' is no quantity" in told[2]
    assert told[3] == "shop/b states no requests; its capacity is unknown"
    assert told[5] == "shop/c occurs twice; the first one counts"
    assert told[6].startswith("Node cannot be read")


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_dumps_are_read_from_files(tmp_path: Path, ending: str) -> None:
    web = deployment("web", 1, pod_spec({"cpu": "1"}))
    path = tmp_path / f"dump.{ending}"
    path.write_text(
        json.dumps(web) if ending == "json" else yaml.safe_dump_all([web, deployment("b", 1, {})])
    )
    found = InventoryFiles.from_table({"kubernetes": path.name}, tmp_path).inventory()
    assert "shop/web" in found.resources["resource"].to_list()
