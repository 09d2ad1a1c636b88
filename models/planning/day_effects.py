"""Day effects: what holidays and month ends do to each series' days, learned where its own past shows it.

A special day is compared with the usual one: the median of the same weekday up to four weeks before and
after, ordinary days only. What a kind of day does is the mean of that difference over its past days, as a
factor or as an amount, whichever foretold each of them better from the others (leave one out, Stone 1974).
It is used only where it beat "as usual" clearly, on days that were clearly unusual; else nothing is changed.
Holidays are taken together or, where that errs less, each by its own name, held back to all or to none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.features.calendar import MONTH_ENDS, SpecialDay, month_end_days
from models.planning.outlook import Outlook

PAYS = 0.75
"""An effect is used where its error on past days of the kind is at most this share of that without it."""
UNUSUAL = 1.5
"""And where the usual day's error on them is this many times that on ordinary days."""
CERTAIN = 3.0
"""And where the effect is this many of its own standard errors from none."""
LEAST_HOLIDAYS, LEAST_MONTH_ENDS = 6, 5
"""Past days of a kind without which nothing is learned."""
LEAST_NAMED = 4
"""Past holidays that came under the same name before, without which names are not looked at."""
_HELD_BACK = 1.0
"""Holidays of other names that count as much as one of the same."""
_WORKING = 5
_WEEKS = 4
_MOST, _LEAST = 20.0, 0.02
_CLEARLY = 0.95
"""Holidays by name replace holidays together where they err by so much less."""
_SIDE_BY_SIDE = 0.8
"""One effect for every closing day gives way to one for each of them where that errs by so much less."""

Note = tuple[int, str, int, int, str]
"""Row, kind, first day, day after the last (counted from the start of the history), sentence."""


@dataclass(frozen=True, slots=True)
class DayEffects:
    """What special days do to n series."""

    plain: FloatArray
    """(n, t) the history as it would have been without the effects that are used."""
    outlook: Outlook
    notes: tuple[Note, ...]

    @classmethod
    def learn(
        cls,
        demand: FloatArray,
        start: date,
        horizon: int,
        holidays: Sequence[SpecialDay],
        *,
        month_ends: bool = True,
        by_factor: bool = True,
    ) -> DayEffects:
        """Learns from (n, t) daily demand whose first day is `start`; NaN = unreported.

        Args:
            holidays: those of the history and of the days ahead.
            month_ends: whether closing days are looked at.
            by_factor: whether an effect may be a factor; False for what accumulates.
        """
        n, t = demand.shape
        dates = [start + timedelta(days=k) for k in range(t + horizon)]
        feasts = {special.day: special.name for special in holidays}
        closing = {day: name for day, name in month_end_days(dates).items() if day not in feasts}
        feast_days = [k for k, day in enumerate(dates) if day in feasts and day.weekday() < _WORKING]
        names = {k: feasts[dates[k]] for k in feast_days}
        kinds = {name: [k for k in feast_days if names[k] == name] for name in dict.fromkeys(names.values())}
        for name in MONTH_ENDS if month_ends else ():
            kinds[name] = [k for k, day in enumerate(dates) if closing.get(day) == name]
        plain, outlook, notes = demand.copy(), Outlook.plain(n, horizon), []
        if not any(day >= t for days in kinds.values() for day in days):
            return cls(plain, outlook, ())

        special = np.array([day in feasts or day in closing for day in dates[:t]])
        judge = _Judge.of(demand, special, np.array([day.weekday() for day in dates[:t]]), by_factor)
        told = {k: name for k, name in names.items() if k < t}
        habits = judge.feasts(told, list(dict.fromkeys(names.values())))
        ends = [k for name in MONTH_ENDS for k in kinds.get(name, ()) if k < t]
        every = judge.habit(ends, len(MONTH_ENDS) * LEAST_MONTH_ENDS)
        for name in MONTH_ENDS if month_ends else ():
            own = judge.habit([k for k in kinds[name] if k < t], LEAST_MONTH_ENDS)
            habits[name] = every.unless(own)
        for name, habit in habits.items():
            rows = np.flatnonzero(habit.used)
            past, ahead = (_split(kinds[name], t, half) for half in (0, 1))
            if not len(rows):
                continue
            factor, amount = habit.factor[rows, None], habit.amount[rows, None]
            plain[rows[:, None], past] = (plain[rows[:, None], past] - amount) / factor
            days = np.array(ahead, np.intp) - t
            outlook.factor[rows[:, None], days] = factor
            outlook.amount[rows[:, None], days] = amount
            outlook.scatter[rows[:, None], days] = habit.scatter[rows, None]
            kind = "month_end" if name in MONTH_ENDS else "holiday"
            notes += [
                (int(i), kind, day, day + 1, f"{name}: {habit.said(int(i))}, as before")
                for i in rows
                for day in ahead
            ]
        floor = np.nanmin(np.where(np.isfinite(demand), demand, np.inf), axis=1, initial=np.inf) >= 0
        plain[floor] = np.maximum(plain[floor], 0)
        return cls(plain, outlook, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Habit:
    """What one kind of day does to each of n series."""

    factor: FloatArray
    amount: FloatArray
    scatter: FloatArray
    """How much the factor differs from one day of the kind to the next, beyond what ordinary days do."""
    used: NDArray[np.bool_]
    error: FloatArray
    """On the kind's past days, each foretold from the others."""

    def unless(self, other: _Habit) -> _Habit:
        """This one, or the other where only that is used or where it errs clearly less."""
        swap = other.used & (~self.used | (other.error < _SIDE_BY_SIDE * self.error))
        return _Habit(
            np.where(swap, other.factor, self.factor),
            np.where(swap, other.amount, self.amount),
            np.where(swap, other.scatter, self.scatter),
            self.used | other.used,
            np.where(swap, other.error, self.error),
        )

    def where(self, rows: NDArray[np.bool_], factor: FloatArray, error: FloatArray) -> _Habit:
        """With other factors for some rows."""
        return _Habit(
            np.where(rows, factor, self.factor),
            np.where(rows, 0.0, self.amount),
            self.scatter,
            self.used | rows,
            np.where(rows, error, self.error),
        )

    def said(self, row: int) -> str:
        if self.amount[row]:
            return f"{self.amount[row]:+.3g}"
        return f"{self.factor[row]:.2f} times the usual day"


@dataclass(frozen=True, slots=True)
class _Judge:
    """Days and the usual ones beside them."""

    demand: FloatArray
    usual: FloatArray
    """(n, t)"""
    noise: FloatArray
    """(n,) mean absolute error of the usual day on ordinary working days."""
    spread: FloatArray
    """(n,) standard deviation of the logarithm of ordinary days over their usual one."""
    by_factor: NDArray[np.bool_]
    """(n,)"""

    @classmethod
    def of(
        cls, demand: FloatArray, special: NDArray[np.bool_], weekday: NDArray[np.int64], by_factor: bool
    ) -> _Judge:
        usual = _usual(np.where(special, np.nan, demand))
        ordinary = ~special & (weekday < _WORKING)
        miss = np.abs(demand - usual)[:, ordinary]
        positive: NDArray[np.bool_] = np.where(np.isfinite(demand), demand, 0.0).min(1, initial=0.0) >= 0
        spread = np.sqrt(_mean(_log_ratio(demand, usual)[:, ordinary] ** 2))
        return cls(demand, usual, _mean(miss), spread, positive & np.bool_(by_factor))

    def feasts(self, past: Mapping[int, str], names: Collection[str]) -> dict[str, _Habit]:
        """Name -> what its holiday does, from all past ones or from those of the same name."""
        kin = list(past)
        together = self.habit(kin, LEAST_HOLIDAYS)
        habits = dict.fromkeys(names, together)
        places = {name: [i for i, day in enumerate(kin) if past[day] == name] for name in set(past.values())}
        often = [i for found in places.values() if len(found) > 1 for i in found]
        if len(kin) < LEAST_HOLIDAYS or len(often) < LEAST_NAMED:
            return habits
        actual, usual = self.demand[:, kin], self.usual[:, kin]
        ratio = _log_ratio(actual, usual)
        without = _mean(np.abs(actual - usual))
        best, share = np.minimum(together.error, PAYS * without), together.used
        for all_of_them in (np.zeros_like(ratio), _left_out(ratio)):
            foretold = all_of_them.copy()
            for found in places.values():
                own = ratio[:, found]
                count = np.isfinite(own).sum(1, keepdims=True) - np.isfinite(own)
                held = all_of_them[:, found]
                foretold[:, found] += count / (count + _HELD_BACK) * (_left_out(own) - held)
            error = _mean(np.abs(actual - usual * np.exp(foretold)))
            with np.errstate(invalid="ignore"):
                better = self.by_factor & (without > UNUSUAL * self.noise) & (error < _CLEARLY * best)
            best, share = np.where(better, error, best), share | better
            for name in names:
                middle = np.zeros(len(ratio)) if not all_of_them.any() else _mean(ratio)
                found = places.get(name, [])
                if found:
                    count = np.isfinite(ratio[:, found]).sum(1)
                    middle = middle + count / (count + _HELD_BACK) * (
                        np.nan_to_num(_mean(ratio[:, found])) - middle
                    )
                habits[name] = habits[name].where(better, np.exp(np.nan_to_num(middle)), error)
        return habits

    def habit(self, kin: Sequence[int], least: int) -> _Habit:
        """Learned from past days of a kind."""
        n = len(self.demand)
        none = _Habit(np.ones(n), np.zeros(n), np.zeros(n), np.zeros(n, bool), np.full(n, np.inf))
        if len(kin) < least:
            return none
        actual, usual = self.demand[:, kin], self.usual[:, kin]
        known = np.isfinite(actual) & np.isfinite(usual)
        without = _mean(np.abs(actual - usual))
        ratio = _log_ratio(actual, usual)
        answers = []
        for values, usable in ((ratio, self.by_factor), (actual - usual, np.ones(n, bool))):
            count = np.isfinite(values).sum(1)
            effect, others = _mean(values), _left_out(values)
            foretold = usual * np.exp(others) if values is ratio else usual + others
            error = _mean(np.abs(actual - foretold))
            deviation = np.sqrt(_mean((values - effect[:, None]) ** 2) * count / np.maximum(count - 1, 1))
            sure = np.abs(effect) > CERTAIN * deviation / np.sqrt(np.maximum(count, 1))
            answers.append((effect, error, deviation, usable & sure & (count >= least)))
        (log_factor, error_f, deviation, ok_f), (amount, error_a, _, ok_a) = answers
        with np.errstate(invalid="ignore"):
            clear = (without > UNUSUAL * self.noise) & (known.sum(1) >= least)
            ok_f, ok_a = (
                ok_f & clear & (error_f <= PAYS * without),
                ok_a & clear & (error_a <= PAYS * without),
            )
            use_amount = ok_a & (~ok_f | (error_a < 0.9 * error_f))
        use_factor = ok_f & ~use_amount
        beyond = np.sqrt(np.maximum(deviation**2 - self.spread**2, 0.0))
        return _Habit(
            np.where(use_factor, np.exp(np.where(use_factor, log_factor, 0.0)), 1.0),
            np.where(use_amount, amount, 0.0),
            np.where(use_factor, np.minimum(np.nan_to_num(beyond), 1.0), 0.0),
            use_factor | use_amount,
            np.where(use_factor, error_f, np.where(use_amount, error_a, np.inf)),
        )


def _split(days: Iterable[int], t: int, half: int) -> list[int]:
    return [k for k in days if (k >= t) == bool(half)]


def _usual(ordinary: FloatArray) -> FloatArray:
    """(n, t) median of the same weekday within four weeks, the day itself left out; NaN from under two."""
    n, t = ordinary.shape
    reach = 7 * _WEEKS
    padded = np.full((n, t + 2 * reach), np.nan)
    padded[:, reach : reach + t] = ordinary
    near = [padded[:, reach + 7 * k : reach + 7 * k + t] for k in range(-_WEEKS, _WEEKS + 1) if k]
    ordered = np.sort(np.stack(near, 2), axis=2)
    count = np.isfinite(ordered).sum(2, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    middle = np.take_along_axis(ordered, low, 2) + np.take_along_axis(ordered, high, 2)
    return np.where(count[:, :, 0] >= 2, middle[:, :, 0] / 2, np.nan)


def _log_ratio(actual: FloatArray, usual: FloatArray) -> FloatArray:
    """Logarithm of actual over usual, within reason; NaN where either is unknown or nothing is usual."""
    known = np.isfinite(actual) & np.isfinite(usual) & (usual > 0)
    ratio = np.where(known, np.maximum(actual, 0.0), 1.0) / np.where(known, usual, 1.0)
    return np.where(known, np.log(np.clip(ratio, _LEAST, _MOST)), np.nan)


def _mean(values: FloatArray) -> FloatArray:
    """(n,) mean of the finite values of each row; NaN where there is none."""
    seen = np.isfinite(values)
    count = seen.sum(1)
    mean = np.where(seen, values, 0.0).sum(1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def _left_out(values: FloatArray) -> FloatArray:
    """(n, k) for each value the mean of the others of its row."""
    seen = np.isfinite(values)
    known = np.where(seen, values, 0.0)
    count = seen.sum(1, keepdims=True) - seen
    means: FloatArray = (known.sum(1, keepdims=True) - known) / np.maximum(count, 1)
    return means
