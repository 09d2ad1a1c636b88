"""Exhaustion from reach: how likely demand is to reach usable capacity, and by when.

Rules the measurements support (planning page, section 3): no date beyond the horizon; a date only where the
corrected probability is at least one half, else the earliest plausible day; nothing under 48 days of history;
demand that is at the limit already is `exhausted_now`, not a forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.exhaustion import Exhaustion, ExhaustionState
from data.panel import FloatArray, Panel
from data.reach import Reach
from data.series import STOCKS
from models.planning import cleaned_series, growing_series
from models.planning.preparation import SILENT_DAYS

LOW, MID, HIGH = 0.1, 0.5, 0.9
_CLIP = 0.005
_FULL_DAYS = 3
_NOW_DAYS = 28
"""What was reported longer ago says nothing about now."""
_PURGE_DAYS = 120
_PURGE_SHARE = 0.03
"""A fall of this share of the usual level within a day counts as a clean-up."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Logistic correction of stated probabilities, logit P' = a + b logit P, per day ahead.

    Between the days it was learned for, a and b are linear in the logarithm of the day.
    """

    days: tuple[int, ...] = (28, 90, 365)
    intercepts: tuple[float, ...] = (0.0, 0.2, 0.55)
    slopes: tuple[float, ...] = (0.8, 1.0, 0.49)
    """Measured on the planning sets with these paths (`benchmarks/planning.py`). At 28 days much less is to
    be corrected than the page found: most of it was demand at a ceiling, whose paths now know of it."""

    @classmethod
    def none(cls) -> Self:
        """Leaves every probability as it is stated."""
        return cls((28,), (0.0,), (1.0,))

    def at(self, day: int) -> tuple[float, float]:
        """Intercept and slope for one day ahead."""
        place, nodes = np.log(day), np.log(self.days)
        return float(np.interp(place, nodes, self.intercepts)), float(np.interp(place, nodes, self.slopes))

    def apply(self, chances: FloatArray, days: NDArray[np.int64]) -> FloatArray:
        """(n, len(days)) corrected probabilities, never falling along days; NaN stays NaN.

        0 and 1 stay what they are: no path, or every path, says the same.
        """
        at = np.log(np.asarray(days, float))
        a = np.interp(at, np.log(self.days), self.intercepts)
        b = np.interp(at, np.log(self.days), self.slopes)
        stated = np.clip(chances, _CLIP, 1 - _CLIP)
        corrected = 1 / (1 + np.exp(-(a + b * np.log(stated / (1 - stated)))))
        corrected = np.where(chances <= 0, 0.0, np.where(chances >= 1, 1.0, corrected))
        lowest: FloatArray = np.maximum.accumulate(np.where(np.isnan(chances), np.nan, corrected), axis=1)
        return lowest


def exhaustions(
    history: Panel,
    reach: Reach,
    *,
    capacity: FloatArray | None = None,
    reserve: float | FloatArray = 0.1,
    lead_days: int | NDArray[np.int64] = 0,
    corrections: Correction | Mapping[str, Correction] | None = None,
    growing: NDArray[np.bool_] | None = None,
    stocks: frozenset[str] = STOCKS,
) -> list[Exhaustion]:
    """Says for every series when it runs out.

    Args:
        history: the daily panel that was forecast; capacity is its last known one unless given.
        reach: of the same series in the same order.
        capacity: (n,) what is held; NaN or 0 = unknown.
        reserve: share of capacity that is kept free, per series or one for all.
        lead_days: days between ordering and delivery.
        corrections: learned from past cutoffs, one for all or by metric (`""` for the rest); the measured
            default otherwise.
        growing: (n,) series whose steady trend paid in their own past: their probabilities stand as stated,
            as do those of storage that is cleaned up regularly. Found from the history unless given.
        stocks: metrics that accumulate: they are exhausted by their last value, flows by their last weeks.

    Raises ValueError when history and reach are not of the same series.
    """
    if history.keys != reach.keys:
        raise ValueError("history and reach are not of the same series")
    n = len(history)
    held = last_capacity(history) if capacity is None else np.asarray(capacity, float)
    held = np.where(held > 0, held, np.nan)
    limits = held * (1 - np.broadcast_to(np.asarray(reserve, float), (n,)))
    leads = np.broadcast_to(np.asarray(lead_days), (n,))
    steady = (growing_series(history, stocks) if growing is None else growing) | cleaned_series(
        history, stocks
    )
    days = np.array(reach.days)
    stated = reach.probability(limits)
    chances = np.where(steady[:, None], stated, _corrected(history, stated, days, corrections))
    dated = np.fmin(chances, stated)
    return [
        _one(
            history,
            i,
            held[i],
            limits[i],
            chances[i],
            dated[i],
            days,
            int(leads[i]),
            history.keys[i].metric in stocks,
        )
        for i in range(n)
    ]


def _corrected(
    history: Panel,
    stated: FloatArray,
    days: NDArray[np.int64],
    corrections: Correction | Mapping[str, Correction] | None,
) -> FloatArray:
    if corrections is None or isinstance(corrections, Correction):
        return (corrections or Correction()).apply(stated, days)
    metrics = np.array([key.metric for key in history.keys])
    chances = stated.copy()
    for metric in np.unique(metrics):
        rows = metrics == metric
        correction = corrections.get(str(metric)) or corrections.get("") or Correction()
        chances[rows] = correction.apply(stated[rows], days)
    return chances


def last_capacity(history: Panel) -> FloatArray:
    """(n,) the last known capacity of each series; NaN where none was ever known."""
    held = np.full(len(history), np.nan)
    for i, row in enumerate(history.capacity):
        known = np.flatnonzero(np.isfinite(row))
        if len(known):
            held[i] = row[known[-1]]
    return held


def held_now(history: Panel, hours: Panel) -> FloatArray:
    """(n,) what each series of the daily history holds by now: as of its newest hour, where that is known.

    The last whole day may be from before a resize. What is switched off keeps the size of that day.
    """
    newest = dict(zip(hours.keys, last_capacity(hours), strict=True))
    lately = np.array([newest.get(key, np.nan) for key in history.keys])
    return np.where(lately > 0, lately, last_capacity(history))


def first_day(chances: FloatArray, days: NDArray[np.int64], level: float) -> int | None:
    """First day by which the probability reaches `level`, linear between the days that are kept."""
    hit = np.flatnonzero(chances >= level)
    if not len(hit):
        return None
    j = int(hit[0])
    if j == 0:
        return int(days[0])
    share = (level - chances[j - 1]) / (chances[j] - chances[j - 1])
    return int(np.ceil(days[j - 1] + share * (days[j] - days[j - 1])))


def purges(demand: FloatArray) -> int:
    """Number of falls by 3 % or more of the usual level within a day, in the last 120 reported days."""
    recent = demand[-_PURGE_DAYS:]
    recent = recent[np.isfinite(recent)]
    if len(recent) < 2:
        return 0
    return int((np.diff(recent) < -_PURGE_SHARE * np.median(np.abs(recent))).sum())


def _one(
    history: Panel,
    i: int,
    capacity: float,
    limit: float,
    chances: FloatArray,
    dated: FloatArray,
    days: NDArray[np.int64],
    lead: int,
    stock: bool,
) -> Exhaustion:
    """`dated` is the lower of the stated and the corrected probability: a correction that lifts chances makes
    them honest over many series, but names no date that the series' own paths do not bear."""
    demand = history.demand[i]
    seen = demand[np.isfinite(demand)]
    now = float(np.median(seen[-7:])) if len(seen) else None
    horizon = int(days[-1])
    cleaned = purges(demand) if stock else 0
    assumes = f"clean-up goes on as in the past {_PURGE_DAYS} days" if cleaned >= 2 else ""
    low = mid = high = order = None
    p28, p90, p365 = (_at(chances, days, d) for d in (28, 90, 365))
    if np.isnan(limit):
        state, because = ExhaustionState.NO_LIMIT, "no capacity is known"
        p28 = p90 = p365 = None
    elif _is_exhausted(demand, limit, stock):
        state = ExhaustionState.EXHAUSTED_NOW
        p28 = p90 = p365 = None  # Not a forecast: it has happened.
        because = f"demand of {now:.4g} is at or above the usable {limit:.4g} already"
    elif np.isnan(chances[-1]):
        state, because = ExhaustionState.NOT_ENOUGH_HISTORY, _no_answer(demand)
    else:
        low = first_day(chances, days, LOW)
        if dated[-1] >= MID:
            state = ExhaustionState.DATED
            mid, high = first_day(dated, days, MID), first_day(dated, days, HIGH)
            order = None if low is None else low - lead
            until = f"day {high}" if high is not None else f"beyond day {horizon}"
            because = (
                f"{chances[-1]:.0%} likely to reach {limit:.4g} within {horizon} days,"
                f" most likely by day {mid} (day {low} to {until})"
            )
        elif low is not None:
            state = ExhaustionState.NOT_BEFORE
            because = (
                f"{chances[-1]:.0%} likely to reach {limit:.4g} within {horizon} days, not before day {low}"
            )
        else:
            state = ExhaustionState.NOT_WITHIN_HORIZON
            because = f"{chances[-1]:.0%} likely to reach {limit:.4g} within {horizon} days"
        if assumes:
            because += f"; assumes {assumes}"
    return Exhaustion(
        history.keys[i],
        _known(limit),
        _known(capacity),
        now,
        p28,
        p90,
        p365,
        low,
        mid,
        high,
        state,
        order,
        because,
        assumes,
    )


def _is_exhausted(demand: FloatArray, limit: float, stock: bool) -> bool:
    """By its last 28 days: a stock by its last value, a flow by three of them. One burst exhausts nothing.

    Whatever reported nothing in that time may be gone by now.
    """
    seen = demand[-_NOW_DAYS:]
    seen = seen[np.isfinite(seen)]
    if stock:
        return bool(len(seen) and seen[-1] >= limit)
    return bool((seen >= limit).sum() >= _FULL_DAYS)


def _no_answer(demand: FloatArray) -> str:
    """Why there is no planning forecast of a series."""
    reported = np.flatnonzero(np.isfinite(demand))
    silent = len(demand) - 1 - int(reported[-1]) if len(reported) else 0
    if silent >= SILENT_DAYS:
        return f"silent for the last {silent} days"
    return "not enough history for a planning forecast"


def _at(chances: FloatArray, days: NDArray[np.int64], day: int) -> float | None:
    j = int(np.searchsorted(days, day))
    return _known(chances[j]) if j < len(days) and days[j] == day else None


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
