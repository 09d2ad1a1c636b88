"""Kubernetes API objects as inventory: nodes are servers, controllers and bare pods are workloads.

Sizes of workloads are replicas times the sum over containers, because that is what the cluster sets aside.
Pods of a controller are not listed beside it: their controller is the thing one resizes. Labels say what a
patch and the advice must know: `workload_kind`, `replicas`, `containers`, `autoscaled` and `node_pool`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from data.frames import CAPACITY_SCHEMA, RESOURCE_SCHEMA, Inventory
from data.series import Metric
from ingest.pieces import rejections
from ingest.units import suffix_factor

CONTROLLERS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
)
_SCALER = "HorizontalPodAutoscaler"
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)")
_POD_HASH = re.compile(r"-[a-f0-9]{5,10}$")
_SERVICE_LABELS = ("app.kubernetes.io/part-of", "app.kubernetes.io/name", "app", "k8s-app")
_SITE_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_POOL_LABELS = (
    "eks.amazonaws.com/nodegroup",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "node_pool",
)
_TYPE_LABEL = "node.kubernetes.io/instance-type"


def quantity(text: object) -> float:
    """A resource quantity (`500m`, `2Gi`, `1e3`) as a number of its base unit.

    Raises:
        ValueError: if it is none.
    """
    found = _QUANTITY.fullmatch(str(text).strip())
    factor = None if found is None else suffix_factor(found[2], style="kubernetes")
    if found is None or factor is None:
        raise ValueError(f"{str(text)!r} is no quantity; write e.g. 500m, 2, 2Gi")
    return float(found[1]) * factor


def kubernetes_inventory(documents: Iterable[Any], origin: str, *, size: str = "requests") -> Inventory:
    """Resources and their capacities from dumped API objects.

    Args:
        documents: single objects or lists of them, as `kubectl get … -o json` or `-o yaml` prints.
        origin: the file, for what is rejected.
        size: `requests` or `limits`; the other one where it is not set.
    """
    resources: list[dict[str, object]] = []
    capacities: list[dict[str, object]] = []
    bad: list[tuple[int | None, str, str | None]] = []
    objects = list(_objects(documents))
    listed = {(one["kind"], _namespaced(one)) for one in objects if one.get("kind") in CONTROLLERS}
    scaled = {target for one in objects if one.get("kind") == _SCALER and (target := _scaled(one))}
    seen: set[str] = set()
    for number, one in enumerate(objects, start=1):
        kind = one.get("kind")
        try:
            if kind == "Node":
                row, amounts = _node(one)
            elif kind in CONTROLLERS or kind == "Pod":
                if _owned(one, listed):
                    continue
                row, amounts = _workload(one, size, (kind, _namespaced(one)) in scaled)
            elif kind == _SCALER:
                continue
            else:
                bad.append((number, f"kind {kind!r} is not read", None))
                continue
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            bad.append((number, f"{kind} cannot be read: {error}", json.dumps(one, default=str)[:1_000]))
            continue
        name = str(row["resource"])
        if name in seen:
            bad.append((number, f"{name} occurs twice; the first one counts", None))
            continue
        seen.add(name)
        resources.append(row)
        for metric, amount in amounts.items():
            capacities.append(
                {"resource": name, "metric": str(metric), "valid_from": None, "capacity": amount}
            )
        if not amounts:
            bad.append((number, f"{name} states no {size}; its capacity is unknown", None))
    return Inventory(
        resources=pl.DataFrame(resources, schema=RESOURCE_SCHEMA),
        capacities=pl.DataFrame(capacities, schema=CAPACITY_SCHEMA),
        rejected=rejections(origin, bad),
    )


def _objects(documents: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for one in documents:
        if isinstance(one, list):
            yield from _objects(one)
        elif isinstance(one, dict) and isinstance(one.get("items"), list):
            of_list = str(one.get("kind", "")).removesuffix("List")
            for item in one["items"]:
                if isinstance(item, dict):  # items of a NodeList do not repeat their kind
                    yield {"kind": of_list, **item}
        elif isinstance(one, dict):
            yield one


def _namespaced(one: dict[str, Any]) -> str:
    about = one.get("metadata") or {}
    return f"{about.get('namespace', 'default')}/{about['name']}"


def _owned(one: dict[str, Any], listed: set[tuple[str, str]]) -> bool:
    """Whether a listed controller stands for it; a ReplicaSet's name leads to its Deployment."""
    about = one.get("metadata") or {}
    namespace = about.get("namespace", "default")
    for owner in about.get("ownerReferences") or ():
        name = f"{namespace}/{owner.get('name')}"
        if (owner.get("kind"), name) in listed:
            return True
        if owner.get("kind") == "ReplicaSet" and ("Deployment", _POD_HASH.sub("", name)) in listed:
            return True
    return False


def _scaled(one: dict[str, Any]) -> tuple[str, str] | None:
    """Kind and name of what an autoscaler counts; None where it does not say."""
    target = (one.get("spec") or {}).get("scaleTargetRef") or {}
    namespace = (one.get("metadata") or {}).get("namespace", "default")
    return (str(target["kind"]), f"{namespace}/{target['name']}") if {"kind", "name"} <= set(target) else None


def _row(
    resource: str, kind: str, one: dict[str, Any], about: Mapping[str, str] | None = None
) -> dict[str, object]:
    """A row of the inventory; `about` are labels of our own, which win over the object's."""
    labels = {
        str(key): str(value) for key, value in ((one.get("metadata") or {}).get("labels") or {}).items()
    } | dict(about or {})
    if pool := next((labels[name] for name in _POOL_LABELS if name in labels), None):
        labels["node_pool"] = pool
    row: dict[str, object] = dict.fromkeys(RESOURCE_SCHEMA)
    row |= {
        "resource": resource,
        "kind": kind,
        "provider": "kubernetes",
        "service": next((labels[name] for name in _SERVICE_LABELS if name in labels), None),
        "site": next((labels[name] for name in _SITE_LABELS if name in labels), None),
        "instance_type": labels.get(_TYPE_LABEL),
        "labels": json.dumps(labels, sort_keys=True) if labels else None,
    }
    return row


def _node(one: dict[str, Any]) -> tuple[dict[str, object], dict[Metric, float]]:
    name = str(one["metadata"]["name"])
    status = one.get("status") or {}
    held = status.get("allocatable") or status.get("capacity") or {}
    row = _row(name, "server", one)
    provider = str((one.get("spec") or {}).get("providerID", "")).split(":", 1)[0]
    row["provider"] = {"aws": "aws", "azure": "azure", "gce": "gcp"}.get(provider, "kubernetes")
    return row, _amounts(held)


def _workload(
    one: dict[str, Any], size: str, autoscaled: bool
) -> tuple[dict[str, object], dict[Metric, float]]:
    """Its row, with what a patch needs to know as labels, and its capacities."""
    spec = one.get("spec") or {}
    if one.get("kind") == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    pod = spec if one.get("kind") == "Pod" else (spec.get("template") or {}).get("spec") or {}
    other = "limits" if size == "requests" else "requests"
    total: dict[Metric, float] = {}
    containers: dict[str, dict[str, float]] = {}
    for container in pod.get("containers") or ():
        stated = container.get("resources") or {}
        amounts = {**_amounts(stated.get(other) or {}), **_amounts(stated.get(size) or {})}
        for metric, amount in amounts.items():
            total[metric] = total.get(metric, 0.0) + amount
        if container.get("name"):
            containers[str(container["name"])] = {str(metric): amount for metric, amount in amounts.items()}
    replicas = _replicas(one, spec)
    about = {"workload_kind": str(one.get("kind")), "replicas": str(replicas)}
    if containers:
        about["containers"] = json.dumps(containers, sort_keys=True)
    if autoscaled:
        about["autoscaled"] = "yes"
    chosen = pod.get("nodeSelector") or {}
    if pool := next((str(chosen[name]) for name in _POOL_LABELS if name in chosen), None):
        about["node_pool"] = pool
    return _row(_namespaced(one), "workload", one, about), {
        metric: amount * replicas for metric, amount in total.items()
    }


def _replicas(one: dict[str, Any], spec: dict[str, Any]) -> int:
    if one.get("kind") == "DaemonSet":
        return int((one.get("status") or {}).get("desiredNumberScheduled", 1))
    if one.get("kind") in ("Job", "CronJob"):
        return int(spec.get("parallelism", 1))
    return int(spec.get("replicas", 1)) if one.get("kind") != "Pod" else 1


def _amounts(stated: dict[str, Any]) -> dict[Metric, float]:
    """Cores and GiB of a list of quantities."""
    amounts = {}
    if "cpu" in stated:
        amounts[Metric.CPU] = quantity(stated["cpu"])
    if "memory" in stated:
        amounts[Metric.MEMORY] = quantity(stated["memory"]) / 2**30
    return amounts
