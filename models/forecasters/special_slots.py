"""Special slots: what holidays and month ends do to a history and to the slots ahead, per series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.features.calendar import MONTH_ENDS, PUBLIC_HOLIDAY, SpecialDay, month_end_days
from models.features.special_days import (
    LEAST_MONTH_ENDS,
    Days,
    Habit,
    better,
    own_habit,
    sunday_habit,
    unusual,
)

_WORKING = 5
"""Weekdays below this are working days: holidays on them are compared with each other."""
_SUNDAY = 6


@dataclass(frozen=True, slots=True)
class SpecialSlots:
    """What the calendar changes, for n series."""

    left_out: NDArray[np.bool_]
    """(n, t) slots of past holidays that were not what their weekday is: they teach nothing."""
    undone: FloatArray
    """(n, t) what history is divided by, so that a month's end is not taken for a habit of its weekday."""
    factor: FloatArray
    """(n, horizon) what the slots ahead are multiplied by."""
    wider: FloatArray
    """(n, horizon) how many times wider than usual their bands are."""
    notes: tuple[tuple[int, str, int, int, str], ...]
    """(row, kind, first slot, slot after the last, sentence); slots count from the start of the history."""


def special_slots(
    demand: FloatArray,
    start: datetime,
    step: timedelta,
    horizon: int,
    holidays: tuple[SpecialDay, ...],
    *,
    month_ends: bool = True,
) -> SpecialSlots:
    """Learns from (n, t) demand, whose first slot begins at `start` in local time, what special days do.

    Args:
        holidays: those in the history and ahead, in local days.
    """
    n, t = demand.shape
    folded = _Folded.of(demand, start, step, horizon, holidays)
    left_out, undone = np.zeros((n, t), bool), np.ones((n, t))
    factor, wider = np.ones((n, horizon)), np.ones((n, horizon))
    notes: list[tuple[int, str, int, int, str]] = []
    out = SpecialSlots(left_out, undone, factor, wider, ())
    past = [d for d in folded.holidays if d < folded.whole]
    strange = unusual(folded.days, past)
    for i, day in enumerate(past):
        first, last = folded.slots(day, 0, t)
        left_out[strange[:, i], first:last] = True
        sentence = f"{folded.holidays[day]}: not like its weekday; left out"
        notes += [(int(row), "holiday", first, last, sentence) for row in np.flatnonzero(strange[:, i])]
    for day in (d for d in folded.holidays if d >= folded.first_ahead):
        habit = _of_holiday(folded, past, day)
        sentence = f"{folded.holidays[day]}: forecast from what such days were"
        notes += _applied(out, folded, day, habit, t, horizon, "holiday", sentence)
    if month_ends:
        _month_ends(out, folded, t, horizon, notes)
    return SpecialSlots(left_out, undone, factor, wider, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Folded:
    days: Days
    lead: int
    """Slots of the first local day that lie before the history."""
    per_day: int
    whole: int
    """Days of which all that matters is in the history."""
    first_ahead: int
    """First day with slots ahead."""
    holidays: Mapping[int, str]
    """Number of the day -> name, past and ahead."""
    month_ends: Mapping[int, str]
    dates: tuple[date, ...]

    @classmethod
    def of(
        cls,
        demand: FloatArray,
        start: datetime,
        step: timedelta,
        horizon: int,
        holidays: tuple[SpecialDay, ...],
    ) -> _Folded:
        n, t = demand.shape
        per_day = timedelta(days=1) // step
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        lead = (start - midnight) // step
        last = -(-(lead + t + horizon) // per_day)
        dates = tuple(midnight.date() + timedelta(days=k) for k in range(last))
        known = -(-(lead + t) // per_day)
        padded = np.full((n, known * per_day), np.nan)
        padded[:, lead : lead + t] = demand
        names = {special.day: special.name for special in holidays}
        found = {k: names[day] for k, day in enumerate(dates) if day in names}
        ends = month_end_days(dates)
        closing = {k: ends[day] for k, day in enumerate(dates) if day in ends and k not in found}
        weekday = np.array([day.weekday() for day in dates[:known]], np.intp)
        plain = np.array([k not in found and k not in closing for k in range(known)], bool)
        whole, first_ahead = (lead + t) // per_day, (lead + t) // per_day
        folded = Days(padded.reshape(n, known, per_day), weekday, plain)
        return cls(folded, lead, per_day, whole, first_ahead, found, closing, dates)

    def slots(self, day: int, low: int, high: int) -> tuple[int, int]:
        """First slot of a day and the one after its last, kept within low and high."""
        first = day * self.per_day - self.lead
        return max(low, min(high, first)), max(low, min(high, first + self.per_day))


def _of_holiday(folded: _Folded, past: list[int], day: int) -> Habit:
    """From holidays of the same name where two are known, else from all on working days, else a Sunday."""
    days, weekday = folded.days, folded.dates[day].weekday()
    working = [d for d in past if folded.dates[d].weekday() < _WORKING]
    name = folded.holidays[day]
    named = [d for d in past if folded.holidays[d] == name] if name != PUBLIC_HOLIDAY else []
    like = own_habit(days, working if weekday < _WORKING else [], least=2, by_slot=True)
    if weekday != _SUNDAY:
        like = better(like, sunday_habit(days, working, weekday))
    same = own_habit(days, named, least=2, by_slot=True)
    chosen = same[0].taken
    habit = like[0]
    return Habit(
        np.where(chosen[:, None], same[0].factor, habit.factor),
        chosen | habit.taken,
        np.where(chosen, same[0].wider, habit.wider),
    )


def _month_ends(
    out: SpecialSlots, folded: _Folded, t: int, horizon: int, notes: list[tuple[int, str, int, int, str]]
) -> None:
    """One ratio for all closing days or one for each of them, whichever was nearer; where three are known."""
    ahead = [d for d in folded.month_ends if d >= folded.first_ahead]
    past = [d for d in folded.month_ends if d < folded.whole]
    months = {(folded.dates[d] - timedelta(days=1)).strftime("%Y-%m") for d in past}
    if not ahead or len(months) < LEAST_MONTH_ENDS:
        return
    # Seven of three days a month lie in three months at least.
    every = own_habit(folded.days, past, least=len(MONTH_ENDS) * (LEAST_MONTH_ENDS - 1) + 1, by_slot=False)
    for place in MONTH_ENDS:
        of = [d for d in past if folded.month_ends[d] == place]
        habit, _ = better(every, own_habit(folded.days, of, least=LEAST_MONTH_ENDS, by_slot=False))
        for day in of:
            first, last = folded.slots(day, 0, t)
            begin = folded.lead + first - day * folded.per_day
            out.undone[:, first:last] = habit.factor[:, begin : begin + last - first]
            sentence = f"{place}: counted as what its weekday would have been"
            notes += [(int(row), "month_end", first, last, sentence) for row in np.flatnonzero(habit.taken)]
        for day in (d for d in ahead if folded.month_ends[d] == place):
            sentence = f"{place}: forecast from what it was before"
            notes += _applied(out, folded, day, habit, t, horizon, "month_end", sentence)


def _applied(
    out: SpecialSlots,
    folded: _Folded,
    day: int,
    habit: Habit,
    t: int,
    horizon: int,
    kind: str,
    sentence: str,
) -> list[tuple[int, str, int, int, str]]:
    first, last = folded.slots(day, t, t + horizon)
    begin = folded.lead + first - day * folded.per_day
    out.factor[:, first - t : last - t] = habit.factor[:, begin : begin + last - first]
    out.wider[:, first - t : last - t] = habit.wider[:, None]
    return [(int(row), kind, first, last, sentence) for row in np.flatnonzero(habit.taken)]
