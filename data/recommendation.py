"""What is advised for a resource, what it costs, and where a cost comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from data.decision import Action


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do with one resource, and what that does to cost and breaches. Money per month."""

    resource: str
    action: Action
    from_size: str
    """As people say it: '8 cores, 32 GiB'."""
    to_size: str
    confidence: str
    """high, medium or low; `models.confidence.confidence` states the rule."""
    policy: str
    """Name of the sizing policy whose targets were read."""
    because: str
    currency: str
    from_type: str | None = None
    to_type: str | None = None
    targets: Mapping[str, float] = field(default_factory=dict)
    """Metric -> amount to hold, in the metric's unit."""
    cost_now: Decimal | None = None
    cost_then: Decimal | None = None
    """None = unknown; `because` says so."""
    breach_now: float | None = None
    """Share of the recent hours whose peak reached the capacity of some metric."""
    breach_then: float | None = None
    """The same hours against the advised size; a lower bound where demand was cut off."""
    buy_by: date | None = None

    @property
    def saving(self) -> Decimal | None:
        """Per month; below 0 where money must be spent. Never above the cost."""
        if self.cost_now is None or self.cost_then is None:
            return None
        return self.cost_now - self.cost_then


@dataclass(frozen=True, slots=True)
class ResourceCost:
    """What a resource costs a month at today's size, and the part of it nobody uses."""

    resource: str
    monthly_cost: Decimal | None
    currency: str
    basis: str
    """inventory, catalog, on_premises or unknown."""
    unused_cost: Decimal | None
    """Part of the cost above the recommended size; between 0 and monthly_cost."""
    note: str = ""
