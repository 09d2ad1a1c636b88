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
from data.money import ZERO, Exchange, amount
from data.panel import HOUR, Panel
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


def done_before(
    overtaken: Sequence[tuple[Choice, Choice]],
    versions: Sequence[Resource],
    hourly: Sequence[Panel],
    exchange: Exchange | None = None,
) -> list[Realised]:
    """What was done of what was accepted until something else was said, by resource and time.

    Each is measured until the next word, at what the resource cost then: later changes are not its own.

    Args:
        overtaken: what was accepted, and the next choice (`models.verdicts.Verdicts.overtaken`).
    """
    found = []
    for choice, next_one in sorted(overtaken, key=lambda pair: (pair[0].resource, pair[0].at)):
        name, until = choice.resource, next_one.at
        known = [
            replace(
                version, valid_to=None if version.valid_to and version.valid_to > until else version.valid_to
            )
            for version in versions
            if version.name == name and (version.valid_from is None or version.valid_from <= until)
        ]
        seen = [_until(panel, name, until) for panel in hourly]
        place = _Place.of(known, seen, {}, exchange)
        place.costs[name] = place.then(next_one.cost_now, next_one.currency)
        one = _became(choice, place)
        if one.progress is not Progress.PENDING:
            found.append(one)
    return found


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
    costs: dict[str, Decimal | None]
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
        return cls(by_name, rows, dict(costs), exchange)

    def then(self, value: Decimal | None, currency: str) -> Decimal | None:
        """What was noted in the currency of that day, in that of the costs; None where no rate is stated."""
        if value is None or self.exchange is None or currency in ("", self.exchange.currency):
            return value
        converted = self.exchange.convert(value, currency)
        return None if converted is None else amount(converted)

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
    moved = [change for panel, row in rows if (change := _change(panel, row, choice.at)) is not None]
    if gone is not None and gone > choice.at:
        ends = choice.action == Action.STOP or (
            choice.action == Action.REMOVE_MEMBERS and not any(choice.targets.values())
        )
        progress = Progress.APPLIED if ends else Progress.CHANGED
        # What moved away is paid under another name: what it costs there is not known.
        left = None if choice.action == Action.MIGRATE else ZERO
        return replace(_measured(choice, progress, gone, place), cost_after=left)
    if typed is not None:
        as_advised = choice.to_type is not None and typed[1] == choice.to_type.rpartition("/")[2]
        return _measured(choice, Progress.APPLIED if as_advised else Progress.CHANGED, typed[0], place)
    if moved:
        progress = Progress.APPLIED if _as_advised(choice, rows) else Progress.CHANGED
        return _measured(choice, progress, max(moved), place)
    cost = place.costs.get(choice.resource)
    now = place.then(choice.cost_now, choice.currency)
    return Realised(choice, Progress.PENDING, None, now, cost, choice.breach_now, None)


def _measured(choice: Choice, progress: Progress, since: datetime, place: _Place) -> Realised:
    """What it did since: breaches as measured, money at the prices of that time.

    Before: what the version that held until then states, else what it cost when it was advised. Since: what
    the version that holds from then on states; else, where it was done as advised, what the advice said; else
    what it costs now.
    """
    rows = place.rows.get(choice.resource, [])
    shares = [share for panel, row in rows if (share := _breach(panel, row, since)) is not None]
    old, new = _around(place.versions.get(choice.resource, []), since)
    before = place.price(old)
    before = place.then(choice.cost_now, choice.currency) if before is None else before
    if (stated := place.price(new)) is not None:
        after: Decimal | None = stated
    elif progress is Progress.APPLIED and choice.cost_then is not None:
        after = place.then(choice.cost_then, choice.currency)
    else:
        after = place.costs.get(choice.resource)
    return Realised(choice, progress, since, before, after, choice.breach_now, max(shares, default=None))


def _around(versions: Sequence[Resource], since: datetime) -> tuple[Resource | None, Resource | None]:
    """The versions that held just before and from a moment on.

    Capacity is measured by the hour: the version that came within the hour before is the one that changed it.
    A version far later than the change is another matter: what held before still held then.
    """
    begun = sorted((v.valid_from or EVER, i) for i, v in enumerate(versions))
    before = after = None
    for start, i in begun:
        if start <= since - HOUR or start == EVER:
            before = versions[i]
        elif start <= since:
            after = versions[i]
    return before, before if after is None else after


def _until(panel: Panel, subject: str, moment: datetime) -> Panel:
    """The series of a subject, up to a moment."""
    part = panel.take([row for row, key in enumerate(panel.keys) if key.subject == subject])
    return part.between(0, int(np.clip((moment - panel.start) // panel.step, 0, panel.slots)))


def _gone(versions: Sequence[Resource]) -> datetime | None:
    """When the last version ended; None while one still holds, or where the inventory never knew it."""
    if not versions or any(version.valid_to is None for version in versions):
        return None
    return max(version.valid_to for version in versions if version.valid_to is not None)


def _typed(choice: Choice, versions: Sequence[Resource]) -> tuple[datetime, str] | None:
    """Since when it is of another type than when the choice was made, and of which; None while it is not.

    A type that nobody had stated before, or that nobody states any more, is no other size.
    """
    begun = [v for v in versions if v.valid_from is not None and v.valid_from > choice.at]
    later = sorted(begun, key=lambda v: v.valid_from or EVER)
    kind = later[-1].instance_type if later else None
    if kind is None or kind == choice.from_type:
        return None
    if choice.from_type is None and (choice.to_type or "").rpartition("/")[2] != kind:
        return None
    since = later[-1].valid_from
    for version in reversed(later):  # other things may have changed before and after the type did
        if version.instance_type != kind:
            break
        since = version.valid_from
    return None if since is None else (since, kind)


def _change(panel: Panel, row: int, at: datetime) -> datetime | None:
    """When the capacity held now came into force, if it came after `at` and is another one."""
    before, after = _held(panel, row, at)
    if before is None or after is None or _same(before, after):
        return None
    capacity = panel.capacity[row]
    places = np.flatnonzero(np.isfinite(capacity))
    same = np.array([_same(capacity[i], after) for i in places])
    first = places[np.flatnonzero(~same)[-1] + 1]
    return panel.start + int(first) * panel.step


def _as_advised(choice: Choice, rows: Sequence[tuple[Panel, int]]) -> bool:
    """Whether all amounts the advice wanted to change are what it said: half of it is something else."""
    done = []
    for panel, row in rows:
        target = choice.targets.get(str(panel.keys[row].metric))
        before, after = _held(panel, row, choice.at)
        if target is not None and after is not None and (before is None or not _same(before, target)):
            done.append(_same(after, target))
    return bool(done) and all(done)


def _held(panel: Panel, row: int, at: datetime) -> tuple[float | None, float | None]:
    """Capacity before a moment and now; None = unknown."""
    capacity = panel.capacity[row]
    slot = int(np.clip((at - panel.start) // panel.step, 0, panel.slots))
    before, after = (part[np.isfinite(part)] for part in (capacity[:slot], capacity[slot:]))
    return (float(before[-1]) if len(before) else None, float(after[-1]) if len(after) else None)


def _breach(panel: Panel, row: int, since: datetime) -> float | None:
    slot = max(0, -((panel.start - since) // panel.step))
    peak, capacity = panel.peak[row, slot:], panel.capacity[row, slot:]
    counted = np.isfinite(peak) & np.isfinite(capacity) & (capacity > 0)
    if not counted.any():
        return None
    return float((peak[counted] >= SATURATED * capacity[counted]).mean())


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME * max(abs(one), abs(other))
