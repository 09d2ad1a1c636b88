"""Informed: any forecaster, told what is known beside the measurements.

Labelled stretches teach nothing, unusual holidays neither; holidays and month ends ahead are forecast from
what such days were to the series before, where that pays on its own past; announced events have their
factor; and where the clock of a place is set, history is read on that clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.outcome import Forecast
from data.panel import DAY, FloatArray, Panel
from models.evaluation.scores import SCORE_SCHEMA
from models.features.calendar import SpecialDay, utc_offsets
from models.features.known import Known, mask_windows, slots_of
from models.features.local_time import aligned, follows_local_time, moved_slots
from models.features.masks import masked
from models.forecaster import Forecaster
from models.forecasters.diagnostics import DIAGNOSTIC_SCHEMA, gap_rows
from models.forecasters.prophet_model import Prophet
from models.forecasters.special_slots import special_slots

_LEAST_PER_DAY = 4
"""Slots a day; on coarser grids neither holidays nor clocks are looked at."""
Note = tuple[int, str, int, int, str]
"""Row, kind, first slot, slot after the last, sentence."""


@dataclass(frozen=True, slots=True)
class Informed:
    """A forecaster that knows of incidents, holidays, month ends, announced events and the local clock."""

    inner: Forecaster
    known: Mapping[str, Known] = field(default_factory=dict)
    """Subject -> what is known of it."""
    month_ends: bool = True
    """Whether month ends are looked at."""

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        return self._forecast(history, horizon, levels, scored=False)[0]

    def forecast_scored(
        self, history: Panel, horizon: int, levels: tuple[float, ...]
    ) -> tuple[Forecast, pl.DataFrame, pl.DataFrame]:
        """As `Fleet.forecast_scored`; what was changed here is noted. Models without scores have none."""
        return self._forecast(history, horizon, levels, scored=True)

    def _forecast(
        self, history: Panel, horizon: int, levels: tuple[float, ...], *, scored: bool
    ) -> tuple[Forecast, pl.DataFrame, pl.DataFrame]:
        changes = _Changes.none(history, horizon)
        panel = masked(history, mask_windows(history, self.known))
        _note_masks(changes, history, self.known)
        if DAY % history.step == timedelta(0) and DAY // history.step >= _LEAST_PER_DAY and history.slots:
            panel = self._on_calendar(panel, horizon, changes)
        _expect(changes, history, horizon, self.known)
        inner, longer = self._inner(), int(changes.read.max(initial=horizon - 1)) + 1
        score = getattr(inner, "forecast_scored", None)
        if scored and score is not None:
            made, scores, notes = score(panel, longer, levels)
        else:
            made = inner.forecast(panel, longer, levels)
            scores, notes = pl.DataFrame(schema=SCORE_SCHEMA), pl.DataFrame(schema=DIAGNOSTIC_SCHEMA)
        if scored:
            notes = _noted(notes, changes, history, panel)
        return replace(made, quantiles=_adjusted(made, changes, history), paths=None), scores, notes

    def _inner(self) -> Forecaster:
        if isinstance(self.inner, Prophet):
            # It has its own way with holidays.
            days = {name: told.holidays for name, told in self.known.items() if told.holidays}
            return replace(self.inner, holidays=days)
        return self.inner

    def _on_calendar(self, panel: Panel, horizon: int, changes: _Changes) -> Panel:
        demand, peak, capacity = panel.demand.copy(), panel.peak.copy(), panel.capacity.copy()
        # A nameless subject has no calendar but month ends.
        groups: dict[tuple[tuple[SpecialDay, ...], str | None], list[int]] = {}
        for row, key in enumerate(panel.keys):
            told = self.known.get(key.subject, Known())
            groups.setdefault((told.holidays, told.zone), []).append(row)
        for (holidays, zone), members in groups.items():
            rows = np.asarray(members, np.intp)
            offsets = utc_offsets(zone, panel.start, panel.step, panel.slots + horizon)
            moved = moved_slots(offsets, panel.slots - 1, np.timedelta64(panel.step))
            if moved.any():
                follows = follows_local_time(demand[rows], moved, DAY // panel.step)
                moving = rows[follows]
                if moved[: panel.slots].any():
                    for values in (demand, peak, capacity):
                        values[moving] = aligned(values[moving], moved)
                changes.read[moving] = np.maximum(np.arange(horizon) + moved[panel.slots :], 0)
                changed = int(np.flatnonzero(np.diff(moved))[-1]) + 1
                sentence = f"the clock of {zone} was or will be changed; demand moves with it"
                changes.notes.extend((int(r), "clock", changed, changed + 1, sentence) for r in moving)
            local = panel.start + timedelta(seconds=int(offsets[panel.slots - 1].astype(int)))
            if isinstance(self.inner, Prophet):
                holidays = ()
            if holidays or (self.month_ends and _closes(local, panel, horizon)):
                found = special_slots(
                    demand[rows], local, panel.step, horizon, holidays, month_ends=self.month_ends
                )
                divided = np.where(found.left_out, np.nan, 1 / found.undone)
                demand[rows] *= divided
                peak[rows] *= divided
                changes.factor[rows] *= found.factor
                changes.wider[rows] = found.wider
                changes.notes.extend((int(rows[r]), kind, a, b, text) for r, kind, a, b, text in found.notes)
        return replace(panel, demand=demand, peak=peak, capacity=capacity)


@dataclass(frozen=True, slots=True)
class _Changes:
    """What is done to the slots ahead."""

    read: NDArray[np.intp]
    """(n, horizon) which slot ahead of the inner forecast is shown."""
    factor: FloatArray
    """(n, horizon)"""
    wider: FloatArray
    """(n, horizon)"""
    amount: FloatArray
    """(n, horizon) added after all else."""
    notes: list[Note]

    @classmethod
    def none(cls, history: Panel, horizon: int) -> _Changes:
        shape = (len(history), horizon)
        return cls(
            np.tile(np.arange(horizon), (len(history), 1)),
            np.ones(shape),
            np.ones(shape),
            np.zeros(shape),
            [],
        )


def _closes(local: datetime, panel: Panel, horizon: int) -> bool:
    """Whether a month ends ahead."""
    end = local + panel.slots * panel.step
    return (end + horizon * panel.step + timedelta(days=2)).month != (end - timedelta(days=1)).month


def _expect(changes: _Changes, history: Panel, horizon: int, known: Mapping[str, Known]) -> None:
    for row, key in enumerate(history.keys):
        for event in known.get(key.subject, Known()).expected:
            first, last = slots_of(history, event.window)
            # One that lasts and has begun is in the history.
            over = event.lasts and first < history.slots
            if last <= history.slots or first >= history.slots + horizon or over:
                continue
            if not event.concerns(key.metric):
                continue
            ahead = slice(max(0, first - history.slots), last - history.slots)
            changes.factor[row, ahead] *= event.factor
            changes.amount[row, ahead] *= event.factor
            changes.amount[row, ahead] += event.amount
            changes.notes.append((row, "expected", first, min(last, history.slots + horizon), event.sentence))


def _note_masks(changes: _Changes, history: Panel, known: Mapping[str, Known]) -> None:
    for row, key in enumerate(history.keys):
        for stretch in known.get(key.subject, Known()).masks:
            first, last = slots_of(history, stretch.window)
            first, last = max(first, 0), min(last, history.slots)
            if first >= last or not stretch.concerns(key.metric):
                continue
            if np.isfinite(history.demand[row, first:last]).any():
                what = f" ({stretch.description})" if stretch.description else ""
                changes.notes.append((row, "masked", first, last, f"{stretch.kind}{what}; left out"))


def _adjusted(made: Forecast, changes: _Changes, history: Panel) -> FloatArray:
    """(n, horizon, levels) the inner quantiles on the clock of the place, with the factors of the slots."""
    quantiles = np.take_along_axis(made.quantiles, changes.read[:, :, None], axis=1)
    changed = (changes.factor != 1) | (changes.wider != 1) | (changes.amount != 0)
    touched = np.flatnonzero(changed.any(1))
    if touched.size:
        own = quantiles[touched]
        middle = _middle(own, made.levels)
        spread = (own - middle) * changes.wider[touched][:, :, None]
        moved = (middle + spread) * changes.factor[touched][:, :, None] + changes.amount[touched][:, :, None]
        reported = np.where(np.isfinite(history.demand[touched]), history.demand[touched], 0.0)
        floor = np.where(reported.min(1, initial=0.0) < 0, -np.inf, 0.0)
        quantiles[touched] = np.maximum(moved, floor[:, None, None])
    return quantiles


def _middle(quantiles: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """(n, horizon, 1) the median, or the level next to it."""
    nearest = int(np.argmin(np.abs(np.asarray(levels) - 0.5)))
    return quantiles[:, :, nearest : nearest + 1]


def _noted(notes: pl.DataFrame, changes: _Changes, history: Panel, panel: Panel) -> pl.DataFrame:
    """The inner notes and ours; what was left out here on purpose is no gap."""
    ours = pl.DataFrame(
        [
            (
                *history.keys[row],
                kind,
                history.start + a * history.step,
                history.start + b * history.step,
                b - a,
                text,
            )
            for row, kind, a, b, text in changes.notes
        ],
        schema=DIAGNOSTIC_SCHEMA,
        orient="row",
    )
    touched = np.flatnonzero((np.isfinite(history.demand) != np.isfinite(panel.demand)).any(1))
    if touched.size:
        keys = [history.keys[i] for i in touched]
        names = pl.DataFrame(keys, schema=["subject", "metric"], orient="row")
        of_ours = notes.join(names, on=["subject", "metric"], how="semi").filter(pl.col("kind") == "gap")
        notes = notes.join(of_ours, on=notes.columns, how="anti", maintain_order="left")
        real = gap_rows(keys, ~np.isfinite(history.demand[touched]), history.end, history.step)
        notes = pl.concat([notes, real])
    return pl.concat([notes, ours])
