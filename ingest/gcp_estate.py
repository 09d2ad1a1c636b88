"""What there is in a Google Cloud project, and what its machines and disks are called here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data.names import Names
from data.series import Metric

Key = tuple[str, ...]
"""What the fields of a place say (`gcp_queries.PLACES`), e.g. zone and name."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A resource that metrics are about."""

    name: str
    kind: str
    site: str
    type: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, float] = field(default_factory=dict)
    """By metric, in our units, where no sample states them."""


def estate_of(
    project: str,
    instances: Sequence[Any],
    sizes: Mapping[tuple[str, str], Mapping[str, float]],
    names: Names,
    services: Collection[str],
) -> dict[str, dict[Key, Owner]]:
    """Machines by zone and name, and their disks by zone, machine and device, of the services asked for.

    Machines of other zones and projects may have the same name, disks are called as their machine as a rule.
    A disk that several machines share is one resource under several keys.

    Args:
        instances: as Compute Engine lists them, all of the project.
        sizes: by zone and type.
    """
    found: dict[str, dict[Key, Owner]] = {"compute": {}, "disks": {}}
    called: dict[str, str] = {}
    if "compute" in services:
        machines = {identity_of(project, one): (_end(one.zone), str(one.name)) for one in instances}
        called = names.called(
            "vm",
            {key: _names(project, zone, name) for key, (zone, name) in machines.items()},
            f"projects/{project}/",
        )
        for one in instances:
            zone, type_of = _end(one.zone), _end(one.machine_type)
            found["compute"][zone, one.name] = Owner(
                called[identity_of(project, one)], "vm", zone, type_of, dict(one.labels), sizes[zone, type_of]
            )
    if "disks" in services:
        found["disks"] = _disks(project, instances, names, called)
    return found


def _disks(
    project: str, instances: Sequence[Any], names: Names, machines: Mapping[str, str]
) -> dict[Key, Owner]:
    attached: dict[str, list[tuple[Any, Any]]] = {}
    listed: dict[str, tuple[str, ...]] = {}
    for machine in instances:
        own = identity_of(project, machine)
        for disk in machine.disks:
            if disk.source:
                # projects/…/zones/…/disks/…, without the address of the service
                identity = f"projects/{disk.source.partition('/projects/')[2]}"
                place = identity.split("/")[3] if identity.count("/") > 3 else _end(machine.zone)
                listed[identity] = _names(project, place, _end(disk.source))
            else:
                # One that lives and dies with its machine.
                identity = f"{own}/{disk.device_name}"
                name = f"{machines.get(own, machine.name)}:{disk.device_name}"
                listed[identity] = _names(project, _end(machine.zone), name)
            attached.setdefault(identity, []).append((machine, disk))
    # Those that are attached to nothing are not listed, so nothing says which are gone.
    called = names.called("volume", listed)
    found: dict[Key, Owner] = {}
    for identity, pairs in attached.items():
        first, disk = pairs[0]
        # What machines that share it do not agree on is not said of it.
        others = [dict(machine.labels) for machine, _ in pairs]
        labels = {
            name: text
            for name, text in dict(first.labels).items()
            if all(other.get(name) == text for other in others)
        }
        hosts = ", ".join(sorted(str(machine.name) for machine, _ in pairs))
        size = {str(Metric.STORAGE): float(disk.disk_size_gb)} if disk.disk_size_gb else {}
        owner = Owner(
            called[identity], "volume", _end(first.zone), None, {**labels, "attached_to": hosts}, size
        )
        for machine, one in pairs:
            found[_end(machine.zone), machine.name, one.device_name] = owner
    return found


def database_of(key: Key, names: Names) -> Owner:
    """A database by region and project:name."""
    project, _, name = key[1].rpartition(":")
    identity = f"projects/{project}/databases/{name}"
    called = names.called("database", {identity: (name, f"{project}/{name}")})
    return Owner(called[identity], "database", key[0])


def identity_of(project: str, instance: Any) -> str:
    """What a machine is told apart by."""
    return f"projects/{project}/zones/{_end(instance.zone)}/instances/{instance.name}"


def _names(project: str, place: str, name: str) -> tuple[str, ...]:
    return name, f"{place}/{name}", f"{project}/{place}/{name}"


def _end(url: str) -> str:
    return url.rsplit("/", 1)[-1]
