"""What exporters print, in the form their documentation gives: every number can be checked by hand.

Counters grow with the seconds since a start, so that a real Prometheus that scrapes them sees known rates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.standin import Asked, Reply, standing_in

GIB = 2**30
Page = Callable[[float], list[str]]
"""The lines after so many seconds."""


@contextmanager
def exporting(page: Page) -> Iterator[str]:
    """An exporter on loopback; gives host:port."""
    began = time.time()

    def answer(asked: Asked) -> Reply:
        if not asked.path.endswith("/metrics"):
            return Reply(404)
        text = "\n".join([*page(time.time() - began), ""])
        return Reply(200, text, {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    with standing_in(answer) as (url, _):
        yield url.removeprefix("http://")


def _metric(name: str, kind: str, *samples: tuple[dict[str, str], float]) -> list[str]:
    lines = [f"# HELP {name} {name} as its exporter explains it", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        told = ",".join(f'{label}="{text}"' for label, text in labels.items())
        lines.append(f"{name}{{{told}}} {value!r}" if told else f"{name} {value!r}")
    return lines


def windows_exporter(at: float) -> list[str]:
    """4 cores: 0.2 user and 0.3 privileged each, of which 0.05 are interrupts and 0.05 DPCs; 16 GiB, 4 used;
    C: of 200 GiB, 50 used; 1 and 2 Mbit/s on a link of 10 Gbit/s."""
    rates = {"user": 0.2, "privileged": 0.3, "interrupt": 0.05, "dpc": 0.05, "idle": 0.5}
    cpu = [
        ({"core": f"0,{core}", "mode": mode}, 1e4 + rate * at)
        for core in range(4)
        for mode, rate in rates.items()
    ]
    nic, volume = {"nic": "Intel_R__Ethernet_Connection"}, {"volume": "C:"}
    recovery = {"volume": "HarddiskVolume4"}
    return [
        *_metric("windows_cpu_time_total", "counter", *cpu),
        *_metric("windows_cpu_logical_processor", "gauge", ({}, 4.0)),
        *_metric("windows_memory_physical_total_bytes", "gauge", ({}, 16.0 * GIB)),
        *_metric("windows_memory_available_bytes", "gauge", ({}, 12.0 * GIB)),
        *_metric("windows_logical_disk_size_bytes", "gauge", (volume, 200.0 * GIB), (recovery, 0.5 * GIB)),
        *_metric("windows_logical_disk_free_bytes", "gauge", (volume, 150.0 * GIB), (recovery, 0.1 * GIB)),
        *_metric("windows_net_bytes_received_total", "counter", (nic, 125_000.0 * at)),
        *_metric("windows_net_bytes_sent_total", "counter", (nic, 250_000.0 * at)),
        *_metric("windows_net_current_bandwidth_bytes", "gauge", (nic, 1.25e9)),
        *_metric(
            "windows_os_info",
            "gauge",
            (
                {"product": "Microsoft Windows Server 2022", "major_version": "10", "build_number": "20348"},
                1.0,
            ),
        ),
    ]


PODS = {
    "api-7d9f8b6c5d-aaaaa": ("ReplicaSet", "api-7d9f8b6c5d", "Running"),
    "api-7d9f8b6c5d-bbbbb": ("ReplicaSet", "api-7d9f8b6c5d", "Running"),
    "db-0": ("StatefulSet", "db", "Running"),
    "report-29000000-x2x2x": ("Job", "report-29000000", "Running"),
    "report-28990000-y3y3y": ("Job", "report-28990000", "Succeeded"),
}
"""Pod: kind and name of its owner, and its phase."""


def cadvisor(at: float) -> list[str]:
    """As the kubelet prints it: 0.25 cores and 1 GiB a container, again for the pod's own cgroup, and a pause
    container; 1 Mbit/s in and 2 out a pod. Nothing of a pod that has ended."""
    cpu, memory, received, sent = [], [], [], []
    for pod, (_, _, phase) in PODS.items():
        if phase != "Running":
            continue
        of_pod = {"namespace": "shop", "pod": pod}
        for container, image, share in (
            ("main", "shop/main:1", 1.0),
            ("", "", 1.01),
            ("POD", "pause:3.9", 0.01),
        ):
            about = {
                "container": container,
                "id": f"/kubepods/{pod}/{container}",
                "image": image,
                "name": container,
                **of_pod,
            }
            cpu.append(({**about, "cpu": "total"}, 0.25 * share * at))
            memory.append((about, share * GIB))
        sandbox = {"container": "", "id": f"/kubepods/{pod}", "image": "pause:3.9", "name": "", **of_pod}
        received.append(({**sandbox, "interface": "eth0"}, 125_000.0 * at))
        sent.append(({**sandbox, "interface": "eth0"}, 250_000.0 * at))
    machine = {"container": "", "id": "/", "image": "", "name": "", "namespace": "", "pod": ""}
    cpu.append(({**machine, "cpu": "total"}, 3.0 * at))
    claim = {"namespace": "shop", "persistentvolumeclaim": "data-db-0"}
    return [
        *_metric("container_cpu_usage_seconds_total", "counter", *cpu),
        *_metric("container_memory_working_set_bytes", "gauge", *memory),
        *_metric("container_network_receive_bytes_total", "counter", *received),
        *_metric("container_network_transmit_bytes_total", "counter", *sent),
        *_metric("kubelet_volume_stats_used_bytes", "gauge", (claim, 3.0 * GIB)),
        *_metric("kubelet_volume_stats_capacity_bytes", "gauge", (claim, 10.0 * GIB)),
    ]


def kube_state_metrics(_: float) -> list[str]:
    """Requests of 0.5 cores and 2 GiB a container, of pods that have ended too."""
    owners, requests, phases = [], [], []
    for number, (pod, (kind, owner, phase)) in enumerate(PODS.items()):
        of_pod = {"namespace": "shop", "pod": pod, "uid": f"uid-{number}"}
        owners.append(
            ({**of_pod, "owner_kind": kind, "owner_name": owner, "owner_is_controller": "true"}, 1.0)
        )
        for resource, unit, amount in (("cpu", "core", 0.5), ("memory", "byte", 2.0 * GIB)):
            about = {**of_pod, "container": "main", "node": "n1", "resource": resource, "unit": unit}
            requests.append((about, amount))
        for one in ("Pending", "Succeeded", "Failed", "Unknown", "Running"):
            phases.append(({**of_pod, "phase": one}, float(one == phase)))
    return [
        *_metric("kube_pod_owner", "gauge", *owners),
        *_metric("kube_pod_container_resource_requests", "gauge", *requests),
        *_metric("kube_pod_status_phase", "gauge", *phases),
    ]


def snmp_exporter(at: float) -> list[str]:
    """A port of 10 Gbit/s with 80 Mbit/s in and 8 out, one that is down, and a flash of 4 GiB, half full."""

    def port(index: str, name: str) -> dict[str, str]:
        return {"ifAlias": "uplink", "ifDescr": f"TenGigE{index}", "ifIndex": index, "ifName": name}

    up, down = port("1", "Te1/1"), port("2", "Te1/2")
    flash = {"hrStorageDescr": "flash", "hrStorageIndex": "7"}
    memory = {"hrStorageDescr": "Physical memory", "hrStorageIndex": "1"}
    return [
        *_metric("ifHCInOctets", "counter", (up, 2.0**40 + 1e7 * at), (down, 0.0)),
        *_metric("ifHCOutOctets", "counter", (up, 2.0**40 + 1e6 * at), (down, 0.0)),
        *_metric("ifHighSpeed", "gauge", (up, 10_000.0), (down, 0.0)),
        *_metric("ifOperStatus", "gauge", (up, 1.0), (down, 2.0)),
        *_metric("hrStorageUsed", "gauge", (flash, 2.0**19), (memory, 2.0**18)),
        *_metric("hrStorageSize", "gauge", (flash, 2.0**20), (memory, 2.0**19)),
        *_metric("hrStorageAllocationUnits", "gauge", (flash, 4096.0), (memory, 4096.0)),
    ]
