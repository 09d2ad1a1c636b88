"""What to ask Prometheus for: demand, peak and capacity of each metric, for the exporters people run.

`$step` is the length of an interval, `$fine` the resolution at which a peak within it is looked for, `$where`
the selector of the settings, `$instance` the label that names a machine. Every query is evaluated at the end
of an interval and looks back over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from data.errors import ConfigError
from ingest.units import UnknownUnit, conversion


@dataclass(frozen=True, slots=True)
class Query:
    """One metric: a query per quantity, each giving one series per resource."""

    metric: str
    """cpu, memory, storage, network_in, network_out, requests, users."""
    unit: str
    """Of what the queries give."""
    demand: str
    """PromQL: the mean over the interval."""
    resource: str = "{instance}"
    """The resource's name, from labels of the demand, e.g. {namespace}/{workload}."""
    kind: str = "server"
    """server, vm, volume, link, workload, database, endpoint."""
    peak: str = ""
    """PromQL: the highest value within the interval; "" = unknown."""
    capacity: str = ""
    """PromQL with the same labels; "" = unknown."""
    provider: str = ""
    """Of the resource in the inventory, e.g. kubernetes; "" = not said."""

    def __post_init__(self) -> None:
        try:
            conversion(self.unit, self.metric)
        except UnknownUnit as error:
            raise ConfigError(f"query: {error}") from error
        if not self.demand.strip():
            raise ConfigError(f"query of {self.metric}: demand is empty")


_BUSY = 'rate(node_cpu_seconds_total{$where mode!~"idle|iowait"}[%s])'
_DISKS = (
    '{$where fstype!~"tmpfs|devtmpfs|overlay|squashfs|ramfs|iso9660|rootfs|nsfs|autofs",'
    ' mountpoint!~"/run.*|/snap.*"}'
)
_LINKS = '{$where device!~"lo|veth.*|docker.*|br-.*|virbr.*|ifb.*|cali.*|flannel.*|cni.*|tun.*|tap.*"}'


def _node_network(way: str) -> str:
    return f"sum by ($instance) (rate(node_network_{way}_bytes_total{_LINKS}[$step]))"


def _node_network_peak(way: str) -> str:
    rate = f"rate(node_network_{way}_bytes_total{_LINKS}[$fine])"
    return f"max_over_time((sum by ($instance) ({rate}))[$step:$fine])"


# Speeds are added up only where every interface states one: a part would pass for the whole.
_NODE_SPEED = (
    f"sum by ($instance) (node_network_speed_bytes{_LINKS} > 0) and on ($instance)"
    f" (count by ($instance) (node_network_speed_bytes{_LINKS} > 0)"
    f" == count by ($instance) (node_network_receive_bytes_total{_LINKS}))"
)

NODE_EXPORTER = (
    Query(
        metric="cpu",
        unit="cores",
        demand=f"sum by ($instance) ({_BUSY % '$step'})",
        peak=f"max_over_time((sum by ($instance) ({_BUSY % '$fine'}))[$step:$fine])",
        capacity='count by ($instance) (node_cpu_seconds_total{$where mode="idle"})',
    ),
    Query(
        metric="memory",
        unit="B",
        demand="max by ($instance) (avg_over_time(node_memory_MemTotal_bytes{$where}[$step])"
        " - avg_over_time(node_memory_MemAvailable_bytes{$where}[$step]))",
        peak="max by ($instance) (max_over_time(node_memory_MemTotal_bytes{$where}[$step])"
        " - min_over_time(node_memory_MemAvailable_bytes{$where}[$step]))",
        capacity="max by ($instance) (node_memory_MemTotal_bytes{$where})",
    ),
    Query(
        metric="storage",
        unit="B",
        resource="{instance}:{mountpoint}",
        kind="volume",
        demand=f"max by ($instance, mountpoint) (avg_over_time(node_filesystem_size_bytes{_DISKS}[$step])"
        f" - avg_over_time(node_filesystem_free_bytes{_DISKS}[$step]))",
        # What is reserved for the system cannot be used: df counts the same way.
        capacity=f"max by ($instance, mountpoint) (node_filesystem_size_bytes{_DISKS}"
        f" - node_filesystem_free_bytes{_DISKS} + node_filesystem_avail_bytes{_DISKS})",
    ),
    Query(
        metric="network_in",
        unit="B/s",
        demand=_node_network("receive"),
        peak=_node_network_peak("receive"),
        capacity=_NODE_SPEED,
    ),
    Query(
        metric="network_out",
        unit="B/s",
        demand=_node_network("transmit"),
        peak=_node_network_peak("transmit"),
        capacity=_NODE_SPEED,
    ),
)

_WINDOWS_MEMORY = "(windows_memory_physical_total_bytes{$where} or windows_cs_physical_memory_bytes{$where})"
_WINDOWS_FREE = "windows_memory_available_bytes{$where}"
# Time for interrupts and deferred procedure calls is part of privileged time.
_WINDOWS_BUSY = 'sum by ($instance) (rate(windows_cpu_time_total{$where mode=~"user|privileged"}[%s]))'
_VOLUMES = '{$where volume!~"HarddiskVolume.*"}'
_WINDOWS_SPEED = (
    "sum by ($instance) (windows_net_current_bandwidth_bytes{$where}"
    " or windows_net_current_bandwidth{$where} / 8) > 0"
)

WINDOWS_EXPORTER = (
    Query(
        metric="cpu",
        unit="cores",
        demand=_WINDOWS_BUSY % "$step",
        peak=f"max_over_time(({_WINDOWS_BUSY % '$fine'})[$step:$fine])",
        capacity='count by ($instance) (windows_cpu_time_total{$where mode="idle"})',
    ),
    Query(
        metric="memory",
        unit="B",
        demand=f"max by ($instance) ({_WINDOWS_MEMORY})"
        f" - max by ($instance) (avg_over_time({_WINDOWS_FREE}[$step]))",
        peak=f"max by ($instance) ({_WINDOWS_MEMORY})"
        f" - min by ($instance) (min_over_time({_WINDOWS_FREE}[$step]))",
        capacity=f"max by ($instance) ({_WINDOWS_MEMORY})",
    ),
    Query(
        metric="storage",
        unit="B",
        resource="{instance}:{volume}",
        kind="volume",
        demand=f"max by ($instance, volume) (avg_over_time(windows_logical_disk_size_bytes{_VOLUMES}[$step])"
        f" - avg_over_time(windows_logical_disk_free_bytes{_VOLUMES}[$step]))",
        capacity=f"max by ($instance, volume) (windows_logical_disk_size_bytes{_VOLUMES})",
    ),
    Query(
        metric="network_in",
        unit="B/s",
        demand="sum by ($instance) (rate(windows_net_bytes_received_total{$where}[$step]))",
        capacity=_WINDOWS_SPEED,
    ),
    Query(
        metric="network_out",
        unit="B/s",
        demand="sum by ($instance) (rate(windows_net_bytes_sent_total{$where}[$step]))",
        capacity=_WINDOWS_SPEED,
    ),
)

# Pods come and go; what is sized is their controller. A Deployment's pods belong to a ReplicaSet that is
# named after it, a CronJob's to a Job.
_OWNER = (
    "max by (namespace, pod, workload) ("
    'label_replace(kube_pod_owner{$where owner_kind=~"ReplicaSet|Job"},'
    ' "workload", "$1", "owner_name", "(.+)-[^-]+")'
    ' or label_replace(kube_pod_owner{$where owner_kind!~"ReplicaSet|Job|Node|<none>"},'
    ' "workload", "$1", "owner_name", "(.+)")'
    ' or label_replace(kube_pod_owner{$where owner_kind=~"Node|<none>"}, "workload", "$1", "pod", "(.+)"))'
)
_CONTAINERS = '{$where container!="", container!="POD"}'


def _workload(inner: str) -> str:
    return (
        f"sum by (namespace, workload) (sum by (namespace, pod) ({inner})"
        f" * on (namespace, pod) group_left (workload) {_OWNER})"
    )


def _set_aside(resource: str) -> str:
    # Pods that ended hold nothing, but stay listed until they are cleared away.
    return _workload(
        f'kube_pod_container_resource_requests{{$where resource="{resource}"}} unless on (namespace, pod)'
        ' (kube_pod_status_phase{$where phase=~"Succeeded|Failed"} == 1)'
    )


def _of_workload(metric: str, unit: str, demand: str, fine: str = "", capacity: str = "") -> Query:
    return Query(
        metric=metric,
        unit=unit,
        resource="{namespace}/{workload}",
        kind="workload",
        provider="kubernetes",
        demand=_workload(demand),
        peak=f"max_over_time(({_workload(fine)})[$step:$fine])" if fine else "",
        capacity=_set_aside(capacity) if capacity else "",
    )


KUBERNETES = (
    _of_workload(
        "cpu",
        "cores",
        f"rate(container_cpu_usage_seconds_total{_CONTAINERS}[$step])",
        f"rate(container_cpu_usage_seconds_total{_CONTAINERS}[$fine])",
        "cpu",
    ),
    _of_workload(
        "memory",
        "B",
        f"avg_over_time(container_memory_working_set_bytes{_CONTAINERS}[$step])",
        f"container_memory_working_set_bytes{_CONTAINERS}",
        "memory",
    ),
    _of_workload("network_in", "B/s", "rate(container_network_receive_bytes_total{$where}[$step])"),
    _of_workload("network_out", "B/s", "rate(container_network_transmit_bytes_total{$where}[$step])"),
    Query(
        metric="storage",
        unit="B",
        resource="{namespace}/{persistentvolumeclaim}",
        kind="volume",
        provider="kubernetes",
        demand="max by (namespace, persistentvolumeclaim)"
        " (avg_over_time(kubelet_volume_stats_used_bytes{$where}[$step]))",
        capacity="max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes{$where})",
    ),
)


def _link(metric: str, octets: str) -> Query:
    return Query(
        metric=metric,
        unit="B/s",
        resource="{instance}:{ifName}",
        kind="link",
        demand=f"max by ($instance, ifName) (rate({octets}{{$where}}[$step]))",
        capacity="max by ($instance, ifName) (ifHighSpeed{$where} > 0) * 1e6 / 8",
    )


_FIXED_DISKS = (
    '{$where hrStorageDescr!~"(Physical|Virtual|Swap|Cached|Shared|Available) memory.*|'
    'Physical Memory|Virtual Memory|Memory buffers|Swap space|/run.*|/dev.*|/sys.*"}'
)

SNMP_EXPORTER = (
    _link("network_in", "ifHCInOctets"),
    _link("network_out", "ifHCOutOctets"),
    Query(
        metric="storage",
        unit="B",
        resource="{instance}:{hrStorageDescr}",
        kind="volume",
        demand=f"max by ($instance, hrStorageDescr) (avg_over_time(hrStorageUsed{_FIXED_DISKS}[$step])"
        f" * on ($instance, hrStorageIndex) group_left hrStorageAllocationUnits{{$where}})",
        capacity=f"max by ($instance, hrStorageDescr) (hrStorageSize{_FIXED_DISKS}"
        f" * on ($instance, hrStorageIndex) group_left hrStorageAllocationUnits{{$where}})",
    ),
)

PRESETS: Mapping[str, tuple[Query, ...]] = MappingProxyType(
    {
        "node_exporter": NODE_EXPORTER,
        "windows_exporter": WINDOWS_EXPORTER,
        "kubernetes": KUBERNETES,
        "snmp_exporter": SNMP_EXPORTER,
    }
)
"""Every preset by its configured name."""
