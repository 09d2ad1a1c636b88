"""Exhaustion: when demand reaches usable capacity, as a distribution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from data.series import SeriesKey


class ExhaustionState(StrEnum):
    """What can honestly be said. A date is named only in `DATED`."""

    EXHAUSTED_NOW = "exhausted_now"
    """Demand is at or above the limit already: not a forecast."""
    DATED = "dated"
    """The corrected probability within the horizon is at least one half."""
    NOT_BEFORE = "not_before"
    """Less likely than not, but more than one in ten: only the early end of the interval is known."""
    NOT_WITHIN_HORIZON = "not_within_horizon"
    """At most one in ten within the horizon."""
    NOT_ENOUGH_HISTORY = "not_enough_history"
    NO_LIMIT = "no_limit"
    """No capacity is known for the series."""


def day_of(first: date, days: int) -> date:
    """The day that `days` names, where the forecast starts on `first`: 1 is that day itself."""
    return first + timedelta(days=days - 1)


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """When one metric of one resource or service runs out.

    Probabilities are corrected for how often the same words came true before; None where there is no
    answer or the horizon is shorter. Days count from the first day of the forecast (1 = that day).
    """

    key: SeriesKey
    limit: float | None
    """Usable capacity: capacity x (1 - reserve), in the metric's unit."""
    capacity: float | None
    demand_now: float | None
    """Median of the last seven reported days."""
    p28: float | None
    p90: float | None
    p365: float | None
    days_low: int | None
    """First day by which the probability is 0.1; None = not within the horizon."""
    days_mid: int | None
    """The date: first day by which the probability is 0.5; only in state `dated`."""
    days_high: int | None
    """First day by which the probability is 0.9; None = may stay out of reach for the whole horizon."""
    state: ExhaustionState
    order_by_days: int | None
    """Last day to order so that the risk of running out before delivery stays under one in ten:
    `days_low` less the lead time. Zero or less: order now. Only where `dated`."""
    because: str
    """One sentence, lower case, no full stop."""
    assumes: str
    """What must go on for this to hold; empty where nothing special."""
