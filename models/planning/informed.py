"""Informed planning: a daily history and its outlook, from everything known beside the measurements.

Labelled days teach nothing; what special days do is learned and taken out of the history; drivers move the
days ahead as far as that paid; announced events come last. `plan` and its like take both from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from data.panel import DAY, FloatArray, Panel
from data.series import STOCKS, Window
from models.features.calendar import SpecialDay
from models.features.known import PURGE, Expected, Known, slots_of
from models.planning.day_effects import DayEffects, Note
from models.planning.driven import DailyDrivers
from models.planning.outlook import Outlook
from models.planning.preparation import LEAST_REPORTED, SILENT_DAYS

_ANOMALY = "anomaly"
"""The one kind of event that spoils a day's peak however short it was."""
_MOSTLY = 0.5
"""Share of a day from which on other labelled stretches spoil it: peaks come in the hours that are left."""
_JUDGED_DAYS = 7
"""Days after an announced change from which on history says whether it came."""


@dataclass(frozen=True, slots=True)
class Informed:
    """What `plan` is to be given."""

    history: Panel
    """Without what labelled and special days did."""
    outlook: Outlook
    notes: tuple[Note, ...]
    """(row, kind, first day, day after the last, sentence), counted from the start of the history."""


def inform(
    history: Panel,
    horizon: int,
    known: Mapping[str, Known],
    drivers: DailyDrivers | None = None,
    *,
    month_ends: bool = True,
    seed: int = 1,
    stocks: frozenset[str] = STOCKS,
) -> Informed:
    """Puts together what is known of the days of a panel and of those ahead.

    Args:
        history: a daily panel; its days are UTC days, and holidays are the days of that date.
        known: subject -> what is known of it.
        drivers: of the same days and horizon.
        month_ends: whether closing days are looked at.

    Raises ValueError for a panel whose step is not a day, or drivers of other days.
    """
    if history.step != DAY:
        raise ValueError(f"planning needs a daily panel, not one of {history.step}")
    notes: list[Note] = []
    demand = history.demand.copy()
    for row, key in enumerate(history.keys):
        told = known.get(key.subject)
        if told is not None:
            _mask(demand[row], history, told, key.metric, row, notes)
            _settle(demand[row], history, told, key.metric, row, notes)
    outlook = _special_days(demand, history, horizon, known, month_ends, stocks, notes)
    cleaned = replace(history, demand=demand, peak=demand)
    if drivers is not None:
        driven, said = drivers.outlook(cleaned, horizon, seed=seed)
        outlook = outlook.then(driven)
        notes += said
    outlook = outlook.then(_announced(history, horizon, known, notes))
    return Informed(cleaned, outlook, tuple(notes))


def without_labelled(history: Panel, known: Mapping[str, Known]) -> Panel:
    """A daily panel with the days unreported that labels say were not normal."""
    demand = history.demand.copy()
    for row, key in enumerate(history.keys):
        if key.subject in known:
            _mask(demand[row], history, known[key.subject], key.metric, row, [])
    return replace(history, demand=demand, peak=np.where(np.isnan(demand), np.nan, history.peak))


def _special_days(
    demand: FloatArray,
    history: Panel,
    horizon: int,
    known: Mapping[str, Known],
    month_ends: bool,
    stocks: frozenset[str],
    notes: list[Note],
) -> Outlook:
    """Takes what special days did out of (n, t) demand, and says what they will do."""
    outlook = Outlook.plain(len(history), horizon)
    groups: dict[tuple[tuple[SpecialDay, ...], bool], list[int]] = {}
    for row, key in enumerate(history.keys):
        holidays = known[key.subject].holidays if key.subject in known else ()
        groups.setdefault((holidays, key.metric in stocks), []).append(row)
    for (holidays, stock), members in groups.items():
        rows = np.asarray(members, np.intp)
        found = DayEffects.learn(
            demand[rows], history.start.date(), horizon, holidays, month_ends=month_ends, by_factor=not stock
        )
        demand[rows] = found.plain
        outlook.factor[rows], outlook.amount[rows] = found.outlook.factor, found.outlook.amount
        outlook.scatter[rows] = found.outlook.scatter
        notes += [(int(rows[row]), kind, a, b, text) for row, kind, a, b, text in found.notes]
    return outlook


def _mask(demand: FloatArray, history: Panel, told: Known, metric: str, row: int, notes: list[Note]) -> None:
    """Takes labelled days out of one series, unless that leaves too little to plan from."""
    spoiled: list[tuple[int, str]] = []
    for stretch in told.masks:
        if not stretch.concerns(metric) or stretch.kind == PURGE:
            continue
        least = 0.0 if stretch.kind == _ANOMALY else _MOSTLY
        said = f"{stretch.kind}{f' ({stretch.description})' if stretch.description else ''}"
        spoiled += [(day, said) for day in _days(history, stretch.window, least)]
    for event in told.expected:
        if event.concerns(metric) and not event.lasts:
            days = _days(history, event.window, 0.0)
            spoiled += [(day, event.description or "a known event") for day in days]
    at = sorted({day for day, _ in spoiled if np.isfinite(demand[day])})
    if not at:
        return
    kept = np.isfinite(demand)
    since = len(kept) - int(kept.argmax())
    kept[at] = False
    if not kept[-SILENT_DAYS:].any() or kept.sum() < LEAST_REPORTED * since:
        return
    demand[at] = np.nan
    what = dict(reversed(spoiled))
    notes += [(row, "masked", day, day + 1, f"{what[day]}; left out") for day in at]


def _settle(
    demand: FloatArray, history: Panel, told: Known, metric: str, row: int, notes: list[Note]
) -> None:
    """Puts what was before a lasting change that has begun on the level after it.

    Where a week has passed, only if that brings both sides closer: not everything that is announced comes.
    """
    for event in told.expected:
        first, _ = slots_of(history, Window(event.window.start, event.window.start))
        if not event.lasts or not event.concerns(metric) or not 0 < first < history.slots:
            continue
        before, after = demand[max(0, first - 28) : first], demand[first + 1 : first + 29]
        before, after = before[np.isfinite(before)], after[np.isfinite(after)]
        if not len(before):
            continue
        if len(after) >= _JUDGED_DAYS:
            old, new = float(np.median(before)), float(np.median(after))
            if abs(new - (old * event.factor + event.amount)) >= abs(new - old):
                continue
        floor = 0.0 if np.nanmin(demand[:first]) >= 0 else -np.inf
        demand[:first] = np.maximum(demand[:first] * event.factor + event.amount, floor)
        sentence = f"{event.sentence}; what was before counts as if it had been so"
        notes.append((row, "expected", first, history.slots, sentence))


def _announced(history: Panel, horizon: int, known: Mapping[str, Known], notes: list[Note]) -> Outlook:
    outlook = Outlook.plain(len(history), horizon)
    t = history.slots
    for row, key in enumerate(history.keys):
        for event in known.get(key.subject, Known()).expected:
            if not event.concerns(key.metric):
                continue
            first, _ = slots_of(history, Window(event.window.start, event.window.start))
            if event.lasts and first < t:
                continue
            days = [day - t for day in _days(history, event.window, _least(event), t + horizon) if day >= t]
            if not days:
                continue
            outlook.factor[row, days] *= event.factor
            outlook.amount[row, days] = outlook.amount[row, days] * event.factor + event.amount
            notes.append((row, "expected", t + days[0], t + days[-1] + 1, event.sentence))
    return outlook


def _least(event: Expected) -> float:
    """Share of a day that an event must cover to count: more demand in an hour makes a higher peak, less in
    an hour does not make a lower one."""
    return 0.0 if event.factor >= 1 and event.amount >= 0 else 1.0


def _days(history: Panel, window: Window, least: float, until: int | None = None) -> list[int]:
    """Days, counted from the start of the history, of which a window covers at least such a share."""
    first, last = slots_of(history, window)
    found = []
    for day in range(max(first, 0), min(last, history.slots if until is None else until)):
        begin = history.start + day * DAY
        if (min(window.end, begin + DAY) - max(window.start, begin)) / DAY >= least:
            found.append(day)
    return found
