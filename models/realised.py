"""Realised: which accepted recommendations were carried out, and what they really did.

Nobody is asked: a change shows in the inventory's newer versions or in the capacity that was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import numpy as np

from data.choice import Choice, Verdict
from data.decision import Action
from data.panel import FloatArray, Panel
from models.estate import Resource
from models.usage import SATURATED

_SAME = 0.02
"""Amounts that differ by less are the same size: catalogs round memory."""


class Progress(StrEnum):
    """What became of an accepted recommendation."""

    PENDING = "pending"
    """Nothing has changed since it was accepted."""
    APPLIED = "applied"
    """Carried out as advised."""
    CHANGED = "changed"
    """Something else was done to the resource."""


@dataclass(frozen=True, slots=True)
class Realised:
    """One accepted recommendation and what it really did. Money per month."""

    choice: Choice
    progress: Progress
    since: datetime | None
    """When the change came into force."""
    cost_before: Decimal | None
    cost_after: Decimal | None
    """None = unknown."""
    breach_before: float | None
    breach_after: float | None
    """Share of the hours since the change whose peak reached the capacity; None = no hour yet."""

    @property
    def saving(self) -> Decimal | None:
        """What is really saved; 0 while nothing was done; None = a cost is not known."""
        if self.progress is Progress.PENDING:
            return Decimal(0)
        if self.cost_before is None or self.cost_after is None:
            return None
        return self.cost_before - self.cost_after


def realised(
    choices: Sequence[Choice],
    versions: Sequence[Resource],
    costs: Mapping[str, Decimal | None],
    hourly: Sequence[Panel],
) -> list[Realised]:
    """What became of the accepted ones among `choices`, by resource.

    Args:
        versions: every version of every resource of the inventory (models.estate.Estate.versions).
        costs: resource -> what it costs a month now; a resource that is gone costs nothing.
        hourly: hourly panels with demand and capacity of these resources from before the choices on.
    """
    by_name: dict[str, list[Resource]] = {}
    for version in versions:
        by_name.setdefault(version.name, []).append(version)
    rows: dict[str, list[tuple[Panel, int]]] = {}
    for panel in hourly:
        for row, key in enumerate(panel.keys):
            rows.setdefault(key.subject, []).append((panel, row))
    accepted = [choice for choice in choices if choice.verdict is Verdict.ACCEPT]
    return [
        _became(choice, by_name.get(choice.resource, []), costs, rows.get(choice.resource, []))
        for choice in sorted(accepted, key=lambda one: one.resource)
    ]


def _became(
    choice: Choice,
    versions: Sequence[Resource],
    costs: Mapping[str, Decimal | None],
    rows: Sequence[tuple[Panel, int]],
) -> Realised:
    gone = _gone(versions)
    typed = _typed(choice, versions)
    held = {str(panel.keys[row].metric): _change(panel, row, choice.at) for panel, row in rows}
    moved = [change for change in held.values() if change is not None]
    if gone is not None and gone > choice.at:
        progress = Progress.APPLIED if choice.action == Action.STOP else Progress.CHANGED
        return _measured(choice, progress, gone, Decimal(0), rows)
    if typed is not None:
        as_advised = choice.to_type is not None and typed[1] == choice.to_type
        progress = Progress.APPLIED if as_advised else Progress.CHANGED
        return _measured(choice, progress, typed[0], costs.get(choice.resource), rows)
    if moved:
        since = max(start for start, _ in moved)
        wanted = {m: amount for m, amount in choice.targets.items() if m in held}
        amounts = {m: change[1] for m, change in held.items() if change is not None}
        meant = {m for m in wanted if m in amounts}
        as_advised = bool(meant) and all(_same(amounts[m], wanted[m]) for m in meant)
        progress = Progress.APPLIED if as_advised else Progress.CHANGED
        return _measured(choice, progress, since, costs.get(choice.resource), rows)
    return Realised(
        choice, Progress.PENDING, None, choice.cost_now, costs.get(choice.resource), choice.breach_now, None
    )


def _measured(
    choice: Choice,
    progress: Progress,
    since: datetime,
    cost_after: Decimal | None,
    rows: Sequence[tuple[Panel, int]],
) -> Realised:
    shares = [share for panel, row in rows if (share := _breach(panel, row, since)) is not None]
    return Realised(
        choice, progress, since, choice.cost_now, cost_after, choice.breach_now, max(shares, default=None)
    )


def _gone(versions: Sequence[Resource]) -> datetime | None:
    """When the last version ended; None while one still holds, or where the inventory never knew it."""
    if not versions or any(version.valid_to is None for version in versions):
        return None
    return max(version.valid_to for version in versions if version.valid_to is not None)


def _typed(choice: Choice, versions: Sequence[Resource]) -> tuple[datetime, str | None] | None:
    """The newest version after the choice, if its type is another than when the choice was made."""
    later = [v for v in versions if v.valid_from is not None and v.valid_from > choice.at]
    if not later:
        return None
    newest = max(later, key=lambda v: v.valid_from or choice.at)
    if newest.instance_type == choice.from_type:
        return None
    return min(v.valid_from for v in later if v.valid_from is not None), newest.instance_type


def _change(panel: Panel, row: int, at: datetime) -> tuple[datetime, float] | None:
    """When the capacity held now came into force and what it is, if it came after `at` and is another one."""
    capacity = panel.capacity[row]
    slot = int(np.clip((at - panel.start) // panel.step, 0, panel.slots))
    before, after = _known(capacity[:slot]), _known(capacity[slot:])
    if not len(before) or not len(after) or _same(before[-1], after[-1]):
        return None
    places = np.flatnonzero(np.isfinite(capacity))
    same = np.array([_same(capacity[i], after[-1]) for i in places])
    first = places[np.flatnonzero(~same)[-1] + 1]
    return panel.start + int(first) * panel.step, float(after[-1])


def _breach(panel: Panel, row: int, since: datetime) -> float | None:
    slot = max(0, -((panel.start - since) // panel.step))
    peak, capacity = panel.peak[row, slot:], panel.capacity[row, slot:]
    counted = np.isfinite(peak) & np.isfinite(capacity) & (capacity > 0)
    if not counted.any():
        return None
    return float((peak[counted] >= SATURATED * capacity[counted]).mean())


def _known(row: FloatArray) -> FloatArray:
    known: FloatArray = row[np.isfinite(row)]
    return known


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME * max(abs(one), abs(other))
