"""Facts: what pushed metrics say of resources besides amounts: kind, provider, site, type, service. Pure.

They come as labels of the series themselves (OpenTelemetry's resource attributes, labels added by Prometheus)
and as series whose only purpose is their labels, such as kube_node_labels.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

from data.frames import CAPACITY_SCHEMA, RESOURCE_SCHEMA, SERVICE_SCHEMA, Inventory
from data.series import Metric
from ingest.recipes import plain_labels

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "{host}": "server",
        "{node}": "server",
        "{host}:{mountpoint}": "volume",
        "{host}:{volume}": "volume",
        "{host}:{ifName}": "link",
        "{namespace}/{workload}": "workload",
        "{namespace}/{persistentvolumeclaim}": "volume",
        "{container.name}": "workload",
    }
)
"""Kind of the resources by how their recipe names them."""
_MACHINES = ("{host}", "{node}")

_CONTROLLERS = {
    "kube_deployment_labels": "deployment",
    "kube_statefulset_labels": "statefulset",
    "kube_daemonset_labels": "daemonset",
}
_HELD = {
    "kube_node_status_allocatable": "",
    "machine_cpu_cores": "cpu",
    "machine_memory_bytes": "memory",
}
_ABOUT_HOSTS = ("node_uname_info", "windows_os_info", "windows_cs_hostname")
NAMES = frozenset(
    (*_CONTROLLERS, *_HELD, *_ABOUT_HOSTS, "kube_node_info", "kube_node_labels", "kube_node_role")
)
"""Metrics whose labels are read, although no recipe uses their values."""

_SITES = (
    "site", "datacenter", "dc", "cloud.availability_zone", "cloud.region", "zone", "region",
    "label_topology_kubernetes_io_zone", "label_topology_kubernetes_io_region",
)  # fmt: skip
_TYPES = ("host.type", "label_node_kubernetes_io_instance_type", "label_beta_kubernetes_io_instance_type")
_SERVICES = ("label_app_kubernetes_io_part_of", "label_app_kubernetes_io_name", "label_app", "label_k8s_app")
_PROVIDERS = {"aws": "aws", "azure": "azure", "gcp": "gcp", "gce": "gcp"}
_KEPT = re.compile(
    r"(job|cluster|env|environment|nodename|release|machine|sysname|domainname|product|hostname|fqdn|role"
    r"|kubelet_version|os_image|host\.(id|arch)|os\..*|cloud\.(account\.id|platform)|k8s\.cluster\.name"
    r"|deployment\.environment(\.name)?|service\.(namespace|version)|label_.+)"
)
"""Labels that say what something is; others tell series apart."""
_NO_SERVICE = re.compile(r"unknown_service.*|otelcol.*|.*[ /]otelcol.*")
"""What programs call themselves that were not told whose they are, and what only passes on."""


@dataclass(slots=True)
class _Resource:
    kind: str
    provider: set[str] = field(default_factory=set)
    site: set[str] = field(default_factory=set)
    instance_type: set[str] = field(default_factory=set)
    service: set[str] = field(default_factory=set)
    labels: dict[str, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Facts:
    """Collects them; of contradicting ones none counts, because a resource has one site and one owner."""

    _resources: dict[str, _Resource] = field(default_factory=dict)
    _sizes: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    """By resource and metric: when it was said last, and the amount."""

    def of_series(self, named: str, resource: str, labels: Mapping[str, str]) -> None:
        """Notes what the labels of a series say of its resource.

        Args:
            named: how the recipe names resources, e.g. {host}:{mountpoint}.
            labels: plain labels (`recipes.plain_labels`).
        """
        found = self._note(resource, KINDS.get(named, "server"), labels, machine=named in _MACHINES)
        service = labels.get("service.name", "")
        if service and not _NO_SERVICE.fullmatch(service):
            found.service.add(service)
        if found.kind == "workload" or "{namespace}" in named or named == "{node}":
            found.provider = found.provider or {"kubernetes"}

    def of_info(self, name: str, labels: Mapping[str, str], points: list[tuple[int, float]]) -> None:
        """Notes what a series says that is there for its labels, or states a size.

        Args:
            name: one of NAMES.
            points: its values by time; where a label is no longer so, the value is 0. NaN says nothing:
                a series that ends is marked with it.
        """
        last = next((point for point in reversed(points) if math.isfinite(point[1])), None)
        if last is None or last[1] <= 0:
            return
        plain = plain_labels(labels)
        if kind := _CONTROLLERS.get(name):
            if plain.get("namespace") and labels.get(kind):
                found = self._note(f"{plain['namespace']}/{labels[kind]}", "workload", labels, machine=False)
                found.provider = {"kubernetes"}
                found.service |= {next((labels[one] for one in _SERVICES if labels.get(one)), "")} - {""}
            return
        resource = plain.get("node" if name.startswith("kube_") or plain.get("node") else "host")
        if not resource:
            return
        if name in _HELD:
            self._size(resource, _HELD[name] or labels.get("resource", ""), last)
            return
        found = self._note(resource, "server", labels, machine=True)
        if name.startswith("kube_"):
            cloud = _PROVIDERS.get(labels.get("provider_id", "").partition(":")[0])
            found.provider = {cloud} if cloud else found.provider or {"kubernetes"}

    def inventory(self) -> Inventory | None:
        """What was collected; None if nothing was."""
        if not self._resources and not self._sizes:
            return None
        rows = [
            {
                "resource": name,
                "kind": "vm" if one.kind == "server" and _one(one.provider) in _PROVIDERS else one.kind,
                "service": _one(one.service),
                "provider": _one(one.provider),
                "site": _one(one.site),
                "instance_type": _one(one.instance_type),
                "labels": _as_json(one.labels),
            }
            for name, one in self._resources.items()
        ]
        services = sorted({str(row["service"]) for row in rows if row["service"]})
        sizes = [
            {"resource": resource, "metric": metric, "capacity": amount}
            for (resource, metric), (_, amount) in self._sizes.items()
        ]
        return Inventory(
            resources=pl.DataFrame(rows, schema=RESOURCE_SCHEMA),
            services=pl.DataFrame([{"service": name} for name in services], schema=SERVICE_SCHEMA),
            capacities=pl.DataFrame(sizes, schema=CAPACITY_SCHEMA),
        )

    def _note(self, resource: str, kind: str, labels: Mapping[str, str], *, machine: bool) -> _Resource:
        found = self._resources.setdefault(resource, _Resource(kind))
        if cloud := _PROVIDERS.get(labels.get("cloud.provider", "")):
            found.provider.add(cloud)
        if site := next((labels[name] for name in _SITES if labels.get(name)), ""):
            found.site.add(site)
        if machine and (of_type := next((labels[name] for name in _TYPES if labels.get(name)), "")):
            found.instance_type.add(of_type)
        for name, text in labels.items():
            if text and _KEPT.fullmatch(name):
                found.labels.setdefault(name.removeprefix("label_"), set()).add(text)
        return found

    def _size(self, resource: str, of: str, point: tuple[int, float]) -> None:
        at, amount = point
        metric = {"cpu": Metric.CPU, "memory": Metric.MEMORY}.get(of)
        if metric is None:
            return
        amount = amount if metric == Metric.CPU else amount / 2**30
        before, _ = self._sizes.get((resource, str(metric)), (-1, 0.0))
        if at >= before:
            self._sizes[resource, str(metric)] = at, amount


def _as_json(labels: Mapping[str, set[str]]) -> str | None:
    """The labels that have one text only."""
    agreed = {name: text for name, texts in labels.items() if (text := _one(texts)) is not None}
    return json.dumps(agreed, sort_keys=True) if agreed else None


def _one(found: set[str]) -> str | None:
    """The only one of them."""
    return next(iter(found)) if len(found) == 1 else None
