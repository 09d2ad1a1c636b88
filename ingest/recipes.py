"""What pushed metrics mean: which of them, added up how, are demand and capacity of which resource.

Names are those of the exporters of Prometheus and of OpenTelemetry's semantic conventions. What no recipe
uses is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

_ANY: Mapping[str, str] = MappingProxyType({})


class Role(StrEnum):
    """What a term adds to."""

    DEMAND = "demand"
    CAPACITY = "capacity"
    FALLBACK = "fallback"
    """Capacity, where no term of CAPACITY was reported."""


@dataclass(frozen=True, slots=True)
class Term:
    """One metric as sent; all its series that match are added up."""

    name: str
    """Its name."""
    role: Role = Role.DEMAND
    factor: float = 1.0
    """Multiplies its values; -1 takes them away."""
    where: Mapping[str, str] = field(default_factory=lambda: _ANY)
    """Regular expressions that labels must match as a whole; a missing label is empty."""
    unless: Mapping[str, str] = field(default_factory=lambda: _ANY)
    """Regular expressions that labels must not match as a whole."""
    counter: bool = False
    """Whether Prometheus' values are a counter; OpenTelemetry says so itself."""
    amount: float | None = None
    """Stands in for each series' value: 1 counts series."""

    def takes(self, labels: Mapping[str, str]) -> bool:
        return all(re.fullmatch(rule, labels.get(name, "")) for name, rule in self.where.items()) and not any(
            re.fullmatch(rule, labels.get(name, "")) for name, rule in self.unless.items()
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one metric of ours is made. Of two that give the same, the earlier one in RECIPES counts."""

    metric: str
    unit: str
    """Of the sum of the terms."""
    resource: str
    """Name of the resource from labels, e.g. {host}:{mountpoint}; all of them must be there."""
    terms: tuple[Term, ...]
    """A slot counts only if every term of demand was reported."""


_DISK = {
    "fstype": "tmpfs|devtmpfs|overlay|squashfs|ramfs|iso9660|rootfs|nsfs|autofs",
    "mountpoint": "/run.*|/snap.*",
}
_INSIDE = "lo|veth.*|docker.*|br-.*|virbr.*|ifb.*|cali.*|flannel.*|cni.*|tun.*|tap.*"
_IDLE = "idle|iowait|wait"


def _network(metric: str, way: str) -> Recipe:
    name = f"node_network_{way}_bytes_total"
    return Recipe(metric, "B/s", "{host}", (Term(name, unless={"device": _INSIDE}, counter=True),))


_NODE_EXPORTER = (
    Recipe(
        "cpu",
        "cores",
        "{host}",
        (
            Term("node_cpu_seconds_total", unless={"mode": _IDLE}, counter=True),
            Term("node_cpu_seconds_total", Role.CAPACITY, where={"mode": "idle"}, amount=1.0),
        ),
    ),
    Recipe(
        "memory",
        "B",
        "{host}",
        (
            Term("node_memory_MemTotal_bytes"),
            Term("node_memory_MemAvailable_bytes", factor=-1.0),
            Term("node_memory_MemTotal_bytes", Role.CAPACITY),
        ),
    ),
    Recipe(
        "storage",
        "B",
        "{host}:{mountpoint}",
        (
            Term("node_filesystem_size_bytes", unless=_DISK),
            Term("node_filesystem_free_bytes", factor=-1.0, unless=_DISK),
            # What is reserved for the system cannot be used: size - free + available.
            Term("node_filesystem_size_bytes", Role.CAPACITY, unless=_DISK),
            Term("node_filesystem_free_bytes", Role.CAPACITY, factor=-1.0, unless=_DISK),
            Term("node_filesystem_avail_bytes", Role.CAPACITY, unless=_DISK),
        ),
    ),
    _network("network_in", "receive"),
    _network("network_out", "transmit"),
)

_WINDOWS_TOTAL = ("windows_memory_physical_total_bytes", "windows_cs_physical_memory_bytes")
_WINDOWS_VOLUME = {"volume": "HarddiskVolume.*"}
_WINDOWS_EXPORTER = (
    Recipe(
        "cpu",
        "cores",
        "{host}",
        (
            # Time for interrupts and deferred procedure calls is part of privileged time.
            Term("windows_cpu_time_total", where={"mode": "user|privileged"}, counter=True),
            Term("windows_cpu_time_total", Role.CAPACITY, where={"mode": "idle"}, amount=1.0),
        ),
    ),
    # The name of the total changed between versions.
    *(
        Recipe(
            "memory",
            "B",
            "{host}",
            (
                Term(total),
                Term("windows_memory_available_bytes", factor=-1.0),
                Term(total, Role.CAPACITY),
            ),
        )
        for total in _WINDOWS_TOTAL
    ),
    Recipe(
        "storage",
        "B",
        "{host}:{volume}",
        (
            Term("windows_logical_disk_size_bytes", unless=_WINDOWS_VOLUME),
            Term("windows_logical_disk_free_bytes", factor=-1.0, unless=_WINDOWS_VOLUME),
            Term("windows_logical_disk_size_bytes", Role.CAPACITY, unless=_WINDOWS_VOLUME),
        ),
    ),
    Recipe("network_in", "B/s", "{host}", (Term("windows_net_bytes_received_total", counter=True),)),
    Recipe("network_out", "B/s", "{host}", (Term("windows_net_bytes_sent_total", counter=True),)),
)

_CONTAINER = {"container": "|POD"}


def _asked_for(resource: str) -> Term:
    return Term("kube_pod_container_resource_requests", Role.CAPACITY, where={"resource": resource})


_KUBERNETES = (
    Recipe(
        "cpu",
        "cores",
        "{namespace}/{workload}",
        (Term("container_cpu_usage_seconds_total", unless=_CONTAINER, counter=True), _asked_for("cpu")),
    ),
    Recipe(
        "memory",
        "B",
        "{namespace}/{workload}",
        (Term("container_memory_working_set_bytes", unless=_CONTAINER), _asked_for("memory")),
    ),
    Recipe(
        "network_in",
        "B/s",
        "{namespace}/{workload}",
        (Term("container_network_receive_bytes_total", counter=True),),
    ),
    Recipe(
        "network_out",
        "B/s",
        "{namespace}/{workload}",
        (Term("container_network_transmit_bytes_total", counter=True),),
    ),
    Recipe(
        "storage",
        "B",
        "{namespace}/{persistentvolumeclaim}",
        (
            Term("kubelet_volume_stats_used_bytes"),
            Term("kubelet_volume_stats_capacity_bytes", Role.CAPACITY),
        ),
    ),
)

_SNMP_EXPORTER = tuple(
    Recipe(
        metric,
        "B/s",
        "{host}:{ifName}",
        (Term(name, counter=True), Term("ifHighSpeed", Role.CAPACITY, factor=1e6 / 8)),
    )
    for metric, name in (("network_in", "ifHCInOctets"), ("network_out", "ifHCOutOctets"))
)


def _otel_network(metric: str, way: str) -> Recipe:
    term = Term("system.network.io", where={"direction": way}, unless={"device": _INSIDE})
    return Recipe(metric, "B/s", "{host}", (term,))


_SYSTEM = (
    Recipe(
        "cpu",
        "cores",
        "{host}",
        (
            Term("system.cpu.time", unless={"state": _IDLE}),
            Term("system.cpu.logical.count", Role.CAPACITY),
            Term("system.cpu.time", Role.FALLBACK, where={"state": "idle", "cpu": ".+"}, amount=1.0),
        ),
    ),
    # Shares of single cores add up to cores; shares of the machine need its size from elsewhere.
    Recipe(
        "cpu",
        "cores",
        "{host}",
        (
            Term("system.cpu.utilization", where={"cpu": ".+"}, unless={"state": _IDLE}),
            Term("system.cpu.logical.count", Role.CAPACITY),
            Term("system.cpu.utilization", Role.FALLBACK, where={"state": "idle", "cpu": ".+"}, amount=1.0),
        ),
    ),
    Recipe(
        "cpu",
        "fraction",
        "{host}",
        (Term("system.cpu.utilization", where={"cpu": ""}, unless={"state": _IDLE}),),
    ),
    Recipe(
        "memory",
        "B",
        "{host}",
        (
            Term("system.memory.usage", where={"state": "used"}),
            Term("system.memory.limit", Role.CAPACITY),
            Term("system.memory.usage", Role.FALLBACK, where={"state": "used|free|cached|buffered|buffers"}),
        ),
    ),
    Recipe(
        "storage",
        "B",
        "{host}:{mountpoint}",
        (
            Term("system.filesystem.usage", where={"state": "used"}),
            Term("system.filesystem.usage", Role.CAPACITY, where={"state": "used|free"}),
        ),
    ),
    _otel_network("network_in", "receive"),
    _otel_network("network_out", "transmit"),
)


def _otel_workload(metric: str, unit: str, demand: str, capacity: str = "") -> Recipe:
    terms: tuple[Term, ...] = (Term(demand),)
    if capacity:
        terms += (Term(capacity, Role.CAPACITY),)
    return Recipe(metric, unit, "{namespace}/{workload}", terms)


_OTEL_KUBERNETES = (
    _otel_workload("cpu", "cores", "k8s.pod.cpu.usage", "k8s.container.cpu_request"),
    _otel_workload("cpu", "cores", "k8s.pod.cpu.time", "k8s.container.cpu_request"),
    _otel_workload("memory", "B", "k8s.pod.memory.working_set", "k8s.container.memory_request"),
    _otel_workload("memory", "B", "k8s.pod.memory.usage", "k8s.container.memory_request"),
    Recipe(
        "network_in",
        "B/s",
        "{namespace}/{workload}",
        (Term("k8s.pod.network.io", where={"direction": "receive"}),),
    ),
    Recipe(
        "network_out",
        "B/s",
        "{namespace}/{workload}",
        (Term("k8s.pod.network.io", where={"direction": "transmit"}),),
    ),
    Recipe(
        "cpu",
        "cores",
        "{node}",
        (Term("k8s.node.cpu.usage"), Term("k8s.node.allocatable_cpu", Role.CAPACITY)),
    ),
    Recipe(
        "memory",
        "B",
        "{node}",
        (Term("k8s.node.memory.working_set"), Term("k8s.node.allocatable_memory", Role.CAPACITY)),
    ),
    Recipe(
        "storage",
        "B",
        "{namespace}/{persistentvolumeclaim}",
        (
            Term("k8s.volume.capacity"),
            Term("k8s.volume.available", factor=-1.0),
            Term("k8s.volume.capacity", Role.CAPACITY),
        ),
    ),
)

_OTEL_CONTAINERS = (
    Recipe("cpu", "cores", "{container.name}", (Term("container.cpu.time"),)),
    Recipe("cpu", "cores", "{container.name}", (Term("container.cpu.usage"),)),
    Recipe(
        "memory",
        "B",
        "{container.name}",
        (
            Term("container.memory.usage"),
            Term("container.memory.usage.limit", Role.CAPACITY),
        ),
    ),
    Recipe(
        "network_in",
        "B/s",
        "{container.name}",
        (Term("container.network.io", where={"direction": "receive"}),),
    ),
    Recipe(
        "network_out",
        "B/s",
        "{container.name}",
        (Term("container.network.io", where={"direction": "transmit"}),),
    ),
)

RECIPES: tuple[Recipe, ...] = (
    *_NODE_EXPORTER,
    *_WINDOWS_EXPORTER,
    *_KUBERNETES,
    *_SNMP_EXPORTER,
    *_SYSTEM,
    *_OTEL_KUBERNETES,
    *_OTEL_CONTAINERS,
)
"""Every recipe; adding one is one entry."""

_SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "host": ("host.name", "instance"),
        "state": ("cpu.mode", "system.cpu.state", "system.memory.state", "system.filesystem.state"),
        "cpu": ("cpu.logical_number", "system.cpu.logical_number"),
        "direction": ("network.io.direction", "system.network.direction"),
        "device": ("network.interface.name", "system.device"),
        "mountpoint": ("system.filesystem.mountpoint",),
        "namespace": ("k8s.namespace.name",),
        "pod": ("k8s.pod.name",),
        "node": ("k8s.node.name",),
        "persistentvolumeclaim": ("k8s.persistentvolumeclaim.name",),
    }
)
"""Label names of the recipes, and what senders call them, in the order in which they count."""
_CONTROLLERS = (
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
)
_PORT = re.compile(r":\d+$")
_OF_DEPLOYMENT = re.compile(r"-[a-f0-9]{8,10}-[a-z0-9]{5}$")
_OF_SET = re.compile(r"-([a-z0-9]{5}|\d+)$")


def plain_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels with the recipes' names for them, and `workload`: the controller that a pod belongs to.

    A pod without a stated controller is assigned by its name, as Kubernetes builds it.
    """
    found = dict(labels)
    for name, others in _SYNONYMS.items():
        if not found.get(name):
            text = next((labels[other] for other in others if labels.get(other)), "")
            if text:
                found[name] = _PORT.sub("", text) if name == "host" else text
    if found.get("pod") and not found.get("workload"):
        stated = next((labels[name] for name in _CONTROLLERS if labels.get(name)), "")
        found["workload"] = stated or _controller(found["pod"])
    return found


def _controller(pod: str) -> str:
    of_deployment = _OF_DEPLOYMENT.sub("", pod)
    return of_deployment if of_deployment != pod else _OF_SET.sub("", pod)
