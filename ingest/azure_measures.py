"""Which metrics of Azure Monitor say how much is used of machines, disks and SQL databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from data.series import Metric


class Reading(StrEnum):
    """What a metric's values are."""

    SHARE = "share"
    """Percent of a size; the inventory knows of which one at that time."""
    FREE = "free"
    """Bytes that are left of a size."""
    FREE_SHARE = "free_share"
    """Percent that are left of a size, whatever the size was at that time."""
    USED = "used"
    """Bytes in use."""
    TOTAL = "total"
    """Bytes counted in the interval."""
    RATE = "rate"
    """Bytes per second."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of Azure Monitor."""

    name: str
    metric: str
    reading: Reading
    sized: bool = False
    """Whether it says nothing of a resource whose size is unknown."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resources and what is measured of them."""

    namespace: str
    kind: str
    """Of the inventory."""
    measures: tuple[Measure, ...]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "vm": Kind(
            "Microsoft.Compute/virtualMachines",
            "vm",
            (
                Measure("Percentage CPU", Metric.CPU, Reading.SHARE),
                Measure("Available Memory Percentage", Metric.MEMORY, Reading.FREE_SHARE, sized=True),
                # Where the share is not reported.
                Measure("Available Memory Bytes", Metric.MEMORY, Reading.FREE, sized=True),
                Measure("Network In Total", Metric.NETWORK_IN, Reading.TOTAL),
                Measure("Network Out Total", Metric.NETWORK_OUT, Reading.TOTAL),
            ),
        ),
        # What is written goes in, what is read comes out; how full a disk is only its machine knows.
        "disks": Kind(
            "Microsoft.Compute/disks",
            "volume",
            (
                Measure("Composite Disk Write Bytes/sec", Metric.NETWORK_IN, Reading.RATE),
                Measure("Composite Disk Read Bytes/sec", Metric.NETWORK_OUT, Reading.RATE),
            ),
        ),
        "sql": Kind(
            "Microsoft.Sql/servers/databases",
            "database",
            (
                # Databases sold by DTU have no number of cores.
                Measure("cpu_percent", Metric.CPU, Reading.SHARE, sized=True),
                Measure("storage", Metric.STORAGE, Reading.USED),
            ),
        ),
    }
)
"""By service of the settings."""
