"""Histories by rule, as OpenMetrics text for Prometheus to load: every number can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

START = datetime(2024, 5, 1, tzinfo=UTC)
SCRAPE = 30
"""Seconds between samples."""

Line = tuple[str, str, Callable[[float], float]]
"""Metric, labels, and its value so many seconds after START."""


def history(lines: list[Line], hours: float) -> str:
    """OpenMetrics text of the lines over the hours, one sample per SCRAPE."""
    named: dict[str, list[Line]] = {}
    for line in lines:
        named.setdefault(line[0], []).append(line)
    out = []
    for metric, members in named.items():
        out.append(
            f"# TYPE {metric.removesuffix('_total')} {'counter' if metric.endswith('_total') else 'gauge'}"
        )
        for _, labels, value in members:
            for at in range(0, round(hours * 3600) + 1, SCRAPE):
                out.append(f"{metric}{{{labels}}} {value(at)!r} {START.timestamp() + at:.0f}")
    return "\n".join([*out, "# EOF", ""])


def constant(amount: float) -> Callable[[float], float]:
    return lambda _: amount


def counter(per_second: float, reset_at: float | None = None) -> Callable[[float], float]:
    """Counts from 0; starts again from 0 at `reset_at`."""
    return lambda at: per_second * (at if reset_at is None or at < reset_at else at - reset_at)


def node(instance: str = "web-1:9100", reset_at: float | None = None) -> list[Line]:
    """2 cores (0.5 busy), 8 GiB (2 used), a volume of 100 GiB (40 used, 10 reserved), 1 Gbit/s."""
    gib = 2.0**30
    busy = [
        (
            "node_cpu_seconds_total",
            f'instance="{instance}",cpu="{cpu}",mode="{mode}"',
            counter(rate, reset_at),
        )
        for cpu in (0, 1)
        for mode, rate in (("user", 0.2), ("system", 0.05), ("iowait", 0.1), ("idle", 0.65))
    ]
    volume = f'instance="{instance}",device="/dev/sda1",fstype="ext4",mountpoint="/srv"'
    tmpfs = f'instance="{instance}",device="tmpfs",fstype="tmpfs",mountpoint="/run"'
    link = f'instance="{instance}",device="eth0"'
    loop = f'instance="{instance}",device="lo"'
    return [
        *busy,
        ("node_memory_MemTotal_bytes", f'instance="{instance}"', constant(8 * gib)),
        ("node_memory_MemAvailable_bytes", f'instance="{instance}"', constant(6 * gib)),
        ("node_filesystem_size_bytes", volume, constant(100 * gib)),
        ("node_filesystem_free_bytes", volume, constant(60 * gib)),
        ("node_filesystem_avail_bytes", volume, constant(50 * gib)),
        ("node_filesystem_size_bytes", tmpfs, constant(gib)),
        ("node_filesystem_free_bytes", tmpfs, constant(gib)),
        ("node_filesystem_avail_bytes", tmpfs, constant(gib)),
        ("node_network_receive_bytes_total", link, counter(1_250_000.0, reset_at)),
        ("node_network_transmit_bytes_total", link, counter(125_000.0, reset_at)),
        ("node_network_receive_bytes_total", loop, counter(9e9)),
        ("node_network_speed_bytes", link, constant(125e6)),
    ]


def windows(instance: str = "win-1:9182") -> list[Line]:
    """4 cores (1 busy), 16 GiB (4 used), C: of 200 GiB (50 used), 10 Gbit/s."""
    gib = 2.0**30
    cpu = [
        ("windows_cpu_time_total", f'instance="{instance}",core="0,{core}",mode="{mode}"', counter(rate))
        for core in range(4)
        for mode, rate in (("user", 0.25), ("idle", 0.75))
    ]
    volume, link = f'instance="{instance}",volume="C:"', f'instance="{instance}",nic="Ethernet"'
    return [
        *cpu,
        ("windows_cs_physical_memory_bytes", f'instance="{instance}"', constant(16 * gib)),
        ("windows_memory_available_bytes", f'instance="{instance}"', constant(12 * gib)),
        ("windows_logical_disk_size_bytes", volume, constant(200 * gib)),
        ("windows_logical_disk_free_bytes", volume, constant(150 * gib)),
        ("windows_net_bytes_received_total", link, counter(125_000.0)),
        ("windows_net_bytes_sent_total", link, counter(250_000.0)),
        ("windows_net_current_bandwidth_bytes", link, constant(1.25e9)),
    ]


def cluster() -> list[Line]:
    """A Deployment of two pods and a StatefulSet of one, with requests and a volume."""
    gib = 2.0**30
    lines: list[Line] = []
    for pod, owner, kind in (
        ("api-7d9f8b6c5d-aaaaa", "api-7d9f8b6c5d", "ReplicaSet"),
        ("api-7d9f8b6c5d-bbbbb", "api-7d9f8b6c5d", "ReplicaSet"),
        ("db-0", "db", "StatefulSet"),
    ):
        of_pod = f'namespace="shop",pod="{pod}"'
        container = f'{of_pod},container="main"'
        lines += [
            ("kube_pod_owner", f'{of_pod},owner_kind="{kind}",owner_name="{owner}"', constant(1.0)),
            ("container_cpu_usage_seconds_total", container, counter(0.25)),
            # the pod's own cgroup repeats its containers
            ("container_cpu_usage_seconds_total", f'{of_pod},container=""', counter(0.25)),
            ("container_memory_working_set_bytes", container, constant(gib)),
            ("kube_pod_container_resource_requests", f'{container},resource="cpu"', constant(0.5)),
            ("kube_pod_container_resource_requests", f'{container},resource="memory"', constant(2 * gib)),
            ("container_network_receive_bytes_total", f'{of_pod},interface="eth0"', counter(125_000.0)),
        ]
    claim = 'namespace="shop",persistentvolumeclaim="data-db-0"'
    return [
        *lines,
        ("kubelet_volume_stats_used_bytes", claim, constant(3 * gib)),
        ("kubelet_volume_stats_capacity_bytes", claim, constant(10 * gib)),
    ]


def switch(instance: str = "sw-1") -> list[Line]:
    """A port of 10 Gbit/s with 80 Mbit/s in and 8 Mbit/s out, and a flash of 4 GiB, half full."""
    port = f'instance="{instance}",ifIndex="1",ifName="Te1/1"'
    flash = f'instance="{instance}",hrStorageIndex="7",hrStorageDescr="flash"'
    return [
        ("ifHCInOctets", port, counter(1e7)),
        ("ifHCOutOctets", port, counter(1e6)),
        ("ifHighSpeed", port, constant(10_000.0)),
        ("hrStorageUsed", flash, constant(2.0**19)),
        ("hrStorageSize", flash, constant(2.0**20)),
        ("hrStorageAllocationUnits", f'instance="{instance}",hrStorageIndex="7"', constant(4096.0)),
    ]
