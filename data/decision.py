"""What was decided: sizes, findings, recommendations."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """The finding on a resource, or on one of its metrics. Ordered from most to least urgent."""

    UNDER_PROVISIONED = "under_provisioned"
    AT_RISK = "at_risk"
    UNKNOWN = "unknown"
    RIGHT_SIZED = "right_sized"
    OVER_PROVISIONED = "over_provisioned"
    IDLE = "idle"


class Action(StrEnum):
    """What a recommendation asks for."""

    KEEP = "keep"
    RESIZE_TYPE = "resize_type"
    RESIZE_AMOUNT = "resize_amount"
    ADD_MEMBERS = "add_members"
    REMOVE_MEMBERS = "remove_members"
    MIGRATE = "migrate"
    STOP = "stop"
    BUY = "buy"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of one metric to hold for one resource, in the metric's unit. lower <= target <= upper."""

    lower: float
    """A size in force below this is too small."""
    target: float
    upper: float
    """A size in force above this is too large."""
    because: str
    """One sentence: the rule and the numbers it used, lower case, no full stop."""
    expected_breach: float | None = None
    """Expected share of hours whose peak exceeds the target, where the policy knows it."""

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.target <= self.upper:
            raise ValueError(f"0 <= {self.lower} <= {self.target} <= {self.upper} does not hold")


@dataclass(frozen=True, slots=True)
class MetricFinding:
    """The finding on one metric of one resource; demand and capacity in the metric's unit."""

    resource: str
    metric: str
    status: Status
    reason: str
    """Reason code, e.g. `peak_above_usable`, `p95_below_half`, `no_demand`, `silent`, `short_history`."""
    because: str
    """The sentence a planner reads."""
    capacity: float | None = None
    demand_mean: float | None = None
    demand_p95: float | None = None
    demand_peak: float | None = None
    saturated_share: float | None = None
    """Share of hours with utilization at or above 0.98: true demand is unknown and larger."""
    size: Size | None = None
    """What the policy would hold."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding on a resource: under-provisioning by any metric wins over saving on another."""

    resource: str
    status: Status
    severity: int
    """0 quiet … 3 act today; status weighted by the service's tier."""
    reasons: tuple[str, ...]
    """`metric:reason` codes that led to the status, most urgent first."""
    because: str
    metrics: tuple[MetricFinding, ...] = field(default_factory=tuple)
