"""What counts as too small, at risk, idle and too big."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from data.series import Metric
from models.estate import Resource


@dataclass(frozen=True, slots=True)
class FindingOptions:
    """What counts as too small, at risk, idle and too big."""

    window_days: int = 28
    """Days of hours that count as lately: four of every weekday."""
    reserve: float = 0.1
    """Share of capacity kept free: usable capacity is capacity x (1 - reserve)."""
    reserves: Mapping[str, float] = field(default_factory=dict)
    """Metric -> its own reserve, where it differs."""
    silent_hours: float = 48.0
    """Without a sample for longer, nothing is said: two days let a weekend's agent outage pass."""
    min_history_days: float = 7.0
    """Less history than a week has not seen every weekday."""
    hot_days: int = 4
    """Days of the window at the limit, in at least two of its weeks, that make it a habit."""
    hot_days_last_week: int = 3
    """Days of the last seven at the limit that make it a new state."""
    endpoint_saturated_share: float = 0.05
    """Endpoints run flat out now and then by nature: share of saturated hours that is too much."""
    risk_days: int = 90
    """Running out within this many days, or within the lead time where that is longer, is a risk."""
    risk_chance: float = 0.5
    """Corrected probability from which it is one."""
    idle_days: int = 14
    quiet_share: float = 0.97
    """Share of hours that must be quiet; the rest allows for updates and backups."""
    quiet_cpu: float = 0.03
    """Share of the cores under which an hour is quiet."""
    quiet_network_mbps: float = 0.5
    """Mbit/s under which an hour is quiet: what monitoring and time-keeping make."""
    quiet_network: float = 0.005
    """The same as a share of the bandwidth; the larger of both counts."""
    quiet_storage: float = 0.01
    """Share of a volume under which it counts as empty."""
    idle_after_use_days: int = 60
    """A resource that was used within the year is idle only after this many days without use."""
    over_share: float = 0.5
    """A metric is too big when what it needs is at most this share of what is held: half a size would do."""
    min_saving: float = 0.2
    """Share of its price that a smaller size must save to be worth a finding."""
    min_over_days: float = 14.0
    """History needed before something is called too big."""
    unattached_days: int = 32
    """A volume is reported as attached to nothing only after so many days: it may be on its way."""
    snapshot_days: int = 90
    """A snapshot is stale when it is older; backups are usually turned over sooner."""
    lead_days: int = 30
    """Days from order to use on premises, where the inventory names none."""
    lead_days_cloud: int = 1
    """The same in a cloud or in Kubernetes."""
    target_breach: float = 0.005
    """Share of hours in which the members of a pool may be too few, one of them having failed."""
    spare_members: Mapping[int, int] = field(default_factory=lambda: {1: 1, 2: 1, 3: 0})
    """Tier -> members of a pool that may fail at once without a shortage."""
    migrate_to: tuple[str, ...] = ("family",)
    """Where machines may be advised to move: `family` (another one in the same region), `arm`, and places
    like `aws/eu-west-1`; empty = nowhere."""
    migration_saving: float = 0.15
    """Share of the cost that a migration must save beyond plain resizing."""
    endpoints_too_big: bool = False
    """Whether endpoints (laptops, workstations) are advised to be smaller or stopped."""

    def reserve_of(self, metric: str) -> float:
        return self.reserves.get(metric, self.reserve)

    def spare_of(self, tier: int) -> int:
        """Members of a pool of that tier that may fail; the least important tier's where none is stated."""
        return self.spare_members.get(tier, min(self.spare_members.values(), default=0))

    def lead_of(self, resource: Resource) -> int:
        if resource.lead_days is not None:
            return resource.lead_days
        return self.lead_days_cloud if resource.is_cloud or resource.kind == "workload" else self.lead_days

    def quiet_level(self, metric: str, capacity: float) -> float:
        """Mean demand under which an hour of that metric is quiet; NaN where it cannot be said."""
        match metric:
            case Metric.CPU:
                return self.quiet_cpu * capacity
            case Metric.NETWORK_IN | Metric.NETWORK_OUT:
                share = self.quiet_network * capacity
                return max(self.quiet_network_mbps, share if np.isfinite(share) else 0.0)
            case Metric.STORAGE:
                return self.quiet_storage * capacity
        return float("nan")
