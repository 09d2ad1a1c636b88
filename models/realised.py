"""Realised: which recommendations were carried out, accepted or not, and what they really did.

Nobody is asked: a change shows in the inventory's newer versions or in the capacity that was measured.
Money is at the prices of its time: what the inventory's version before and the one since state, else what the
advice said then. A later change of prices is no saving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import numpy as np

from data.choice import Choice, Verdict
from data.decision import Action
from data.money import Exchange, amount
from data.panel import FloatArray, Panel
from models.estate import Resource
from models.usage import SATURATED

_SAME = 0.02
"""Amounts that differ by less are the same size: catalogs round memory."""
_FOLLOWED = timedelta(days=45)
"""A change that comes later after the advice was last given is taken as a coincidence."""
EVER = datetime.min.replace(tzinfo=UTC)


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
    accepted: bool = True
    """False where nobody gave a verdict: it was simply done."""

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
    exchange: Exchange | None = None,
) -> list[Realised]:
    """What became of the accepted ones among `choices`, by resource.

    Args:
        versions: every version of every resource of the inventory (models.estate.Estate.versions).
        costs: resource -> what it costs a month now; a resource that is gone costs nothing.
        hourly: hourly panels with demand and capacity of these resources from before the choices on.
        exchange: turns the inventory's prices into the currency of the costs; without it they are not read.
    """
    place = _Place.of(versions, hourly, costs, exchange)
    accepted = [choice for choice in choices if choice.verdict is Verdict.ACCEPT]
    return [_became(choice, place) for choice in sorted(accepted, key=lambda one: one.resource)]


def carried_out(
    advised: Sequence[tuple[Choice, datetime]],
    versions: Sequence[Resource],
    costs: Mapping[str, Decimal | None],
    hourly: Sequence[Panel],
    exchange: Exchange | None = None,
) -> list[Realised]:
    """What was done as advised though nobody gave a verdict, by resource; the newest advice that fits.

    Args:
        advised: what was advised, as a choice at its first time, and when it was advised last.
    """
    place = _Place.of(versions, hourly, costs, exchange)
    found: dict[str, Realised] = {}
    for choice, last in sorted(advised, key=lambda one: (one[0].resource, one[0].at)):
        one = _became(choice, place)
        if one.progress is Progress.APPLIED and one.since is not None and one.since <= last + _FOLLOWED:
            found[choice.resource] = replace(one, accepted=False)
    return [found[name] for name in sorted(found)]


@dataclass(frozen=True, slots=True)
class _Place:
    """What is known of every resource."""

    versions: Mapping[str, Sequence[Resource]]
    rows: Mapping[str, Sequence[tuple[Panel, int]]]
    costs: Mapping[str, Decimal | None]
    exchange: Exchange | None

    @classmethod
    def of(
        cls,
        versions: Sequence[Resource],
        hourly: Sequence[Panel],
        costs: Mapping[str, Decimal | None],
        exchange: Exchange | None,
    ) -> _Place:
        by_name: dict[str, list[Resource]] = {}
        for version in versions:
            by_name.setdefault(version.name, []).append(version)
        rows: dict[str, list[tuple[Panel, int]]] = {}
        for panel in hourly:
            for row, key in enumerate(panel.keys):
                rows.setdefault(key.subject, []).append((panel, row))
        return cls(by_name, rows, costs, exchange)

    def price(self, version: Resource | None) -> Decimal | None:
        """What the inventory says that version cost a month; None where it says nothing."""
        if version is None or version.monthly_price is None or self.exchange is None:
            return None
        month = self.exchange.convert(version.monthly_price, version.currency or self.exchange.currency)
        return None if month is None else amount(month)


def _became(choice: Choice, place: _Place) -> Realised:
    versions, rows = place.versions.get(choice.resource, []), place.rows.get(choice.resource, [])
    gone = _gone(versions)
    typed = _typed(choice, versions)
    held = {str(panel.keys[row].metric): _change(panel, row, choice.at) for panel, row in rows}
    moved = [change for change in held.values() if change is not None]
    if gone is not None and gone > choice.at:
        ends = choice.action == Action.STOP or (
            choice.action == Action.REMOVE_MEMBERS and not any(choice.targets.values())
        )
        progress = Progress.APPLIED if ends else Progress.CHANGED
        return _measured(choice, progress, gone, place, Decimal(0))
    if typed is not None:
        as_advised = choice.to_type is not None and typed[1] == choice.to_type.rpartition("/")[2]
        return _measured(choice, Progress.APPLIED if as_advised else Progress.CHANGED, typed[0], place)
    if moved:
        since = max(start for start, _ in moved)
        wanted = {m: target for m, target in choice.targets.items() if m in held}
        amounts = {m: change[1] for m, change in held.items() if change is not None}
        meant = {m for m in wanted if m in amounts}
        as_advised = bool(meant) and all(_same(amounts[m], wanted[m]) for m in meant)
        return _measured(choice, Progress.APPLIED if as_advised else Progress.CHANGED, since, place)
    cost = place.costs.get(choice.resource)
    return Realised(choice, Progress.PENDING, None, choice.cost_now, cost, choice.breach_now, None)


def _measured(
    choice: Choice, progress: Progress, since: datetime, place: _Place, ends_at: Decimal | None = None
) -> Realised:
    """What it did since: breaches as measured, money at the prices of that time.

    Before: what the version that held until then states, else what it cost when it was advised. Since: what
    the version that holds from then on states; else, where it was done as advised, what the advice said; else
    what it costs now.
    """
    rows = place.rows.get(choice.resource, [])
    shares = [share for panel, row in rows if (share := _breach(panel, row, since)) is not None]
    old, new = _around(place.versions.get(choice.resource, []), since)
    before = place.price(old)
    before = choice.cost_now if before is None else before
    if ends_at is not None:
        after: Decimal | None = ends_at
    elif (stated := place.price(new)) is not None:
        after = stated
    elif progress is Progress.APPLIED and choice.cost_then is not None:
        after = choice.cost_then
    else:
        after = place.costs.get(choice.resource)
    return Realised(choice, progress, since, before, after, choice.breach_now, max(shares, default=None))


def _around(versions: Sequence[Resource], since: datetime) -> tuple[Resource | None, Resource | None]:
    """The versions that held just before and from a moment on."""
    old = [v for v in versions if (v.valid_from is None or v.valid_from < since)]
    new = [v for v in versions if v.valid_from is not None and v.valid_from >= since]
    before = max(old, key=lambda v: v.valid_from or EVER, default=None)
    after = min(new, key=lambda v: v.valid_from or EVER, default=before)
    # A version far later than the change is another matter: what held before still held then.
    if after is not before and after is not None and after.valid_from != since:
        after = before
    return before, after


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
