"""What people decided about a recommendation: accepted, dismissed with a reason, deferred until a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class Verdict(StrEnum):
    """What was decided."""

    ACCEPT = "accept"
    DISMISS = "dismiss"
    DEFER = "defer"
    WITHDRAW = "withdraw"
    """Takes the verdict before it back: nothing is decided."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One verdict on the recommendation for one resource, with what was advised when it was given.

    Raises ValueError for a dismissal without a reason and a deferral without a day.
    """

    resource: str
    verdict: Verdict
    action: str
    """What was advised: a data.decision.Action."""
    at: datetime
    """When it was decided, with a time zone."""
    by: str = ""
    """Who decided; empty where nobody is signed in."""
    reason: str = ""
    until: date | None = None
    """Deferred until that day."""
    run_id: str = ""
    """The published run that advised it."""
    from_type: str | None = None
    to_type: str | None = None
    from_size: str = ""
    to_size: str = ""
    targets: Mapping[str, float] = field(default_factory=dict)
    """Metric -> amount advised, in the metric's unit."""
    cost_now: Decimal | None = None
    """Cost a month when it was decided."""
    cost_then: Decimal | None = None
    currency: str = ""
    breach_now: float | None = None
    """Share of hours too small when it was decided."""
    breach_then: float | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("the time of a choice needs a time zone")
        if self.verdict is Verdict.DISMISS and not self.reason.strip():
            raise ValueError(f"{self.resource}: dismissing needs a reason")
        if self.verdict is Verdict.DEFER and self.until is None:
            raise ValueError(f"{self.resource}: deferring needs a day to come back to it")
