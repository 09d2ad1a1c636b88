"""Which metrics of Google Cloud Monitoring say how much is used of machines, their disks and Cloud SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from data.series import Metric


@dataclass(frozen=True, slots=True)
class Query:
    """A metric of Cloud Monitoring, and how it becomes one of ours."""

    metric: str
    unit: str
    type: str
    """Its name in Cloud Monitoring."""
    rate: bool = False
    """Whether it counts: its increase per second is taken."""
    factor: float = 1.0
    peaks: bool = False
    """Whether a second request asks for the highest value within an interval."""
    filter: str = ""
    """Further condition."""
    capacity: str = ""
    """Name of the metric that says of how much, in the same unit; of a share it is its whole."""


@dataclass(frozen=True, slots=True)
class Place:
    """How a kind of resource is told apart in Cloud Monitoring."""

    resource_type: str
    fields: tuple[str, ...]
    """That series are grouped by."""


_MACHINE = ("resource.labels.zone", "metadata.system_labels.name")
PLACES: Mapping[str, Place] = MappingProxyType(
    {
        "compute": Place("gce_instance", _MACHINE),
        "disks": Place("gce_instance", (*_MACHINE, "metric.labels.device_name")),
        "sql": Place("cloudsql_database", ("resource.labels.region", "resource.labels.database_id")),
    }
)

_COMPUTE, _SQL = "compute.googleapis.com/instance", "cloudsql.googleapis.com/database"
_GIB, _MBIT = 2.0**-30, 8 / 1e6
REPORTED = f"{_SQL}/disk/bytes_used"
"""What every database reports, whatever it is."""

QUERIES: Mapping[str, tuple[Query, ...]] = MappingProxyType(
    {
        "compute": (
            # The inventory knows of how many cores at that time.
            Query(Metric.CPU, "fraction", f"{_COMPUTE}/cpu/utilization", peaks=True),
            # Only machines with the Ops Agent report memory from within; all others not at all, apart from
            # type E2.
            Query(
                Metric.MEMORY, "GiB", "agent.googleapis.com/memory/bytes_used", factor=_GIB, peaks=True,
                filter='metric.labels.state = "used"',
            ),
            Query(Metric.NETWORK_IN, "Mbit/s", f"{_COMPUTE}/network/received_bytes_count", True, _MBIT),
            Query(Metric.NETWORK_OUT, "Mbit/s", f"{_COMPUTE}/network/sent_bytes_count", True, _MBIT),
        ),
        # What is written goes in, what is read comes out; how full a disk is only its machine knows.
        "disks": (
            Query(Metric.NETWORK_IN, "Mbit/s", f"{_COMPUTE}/disk/write_bytes_count", True, _MBIT),
            Query(Metric.NETWORK_OUT, "Mbit/s", f"{_COMPUTE}/disk/read_bytes_count", True, _MBIT),
        ),
        "sql": (
            Query(
                Metric.CPU, "cores", f"{_SQL}/cpu/utilization", peaks=True,
                capacity=f"{_SQL}/cpu/reserved_cores",
            ),
            # Without buffers and caches.
            Query(
                Metric.MEMORY, "GiB", f"{_SQL}/memory/usage", factor=_GIB, peaks=True,
                capacity=f"{_SQL}/memory/quota",
            ),
            Query(
                Metric.STORAGE, "GiB", REPORTED, factor=_GIB, capacity=f"{_SQL}/disk/quota"
            ),
            Query(Metric.NETWORK_IN, "Mbit/s", f"{_SQL}/network/received_bytes_count", True, _MBIT),
            Query(Metric.NETWORK_OUT, "Mbit/s", f"{_SQL}/network/sent_bytes_count", True, _MBIT),
        ),
    }
)  # fmt: skip
"""By service of the settings."""
