"""Verdicts: what people decided that still counts, and about which advice it speaks.

A verdict is about one kind of change of one resource: an action, upwards or downwards. Who dismissed making a
machine smaller said nothing about making it larger, nor about moving it; so verdicts on other kinds stand
beside each other. Only one thing can be accepted for a resource, though: the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from data.choice import Choice, Verdict
from data.decision import Action
from data.recommendation import Recommendation

_SAME = 0.02
"""Amounts that differ by less are the same size: measured capacity moves a little."""
_UP = frozenset({Action.ADD_MEMBERS, Action.BUY})
_DOWN = frozenset({Action.STOP, Action.REMOVE_MEMBERS})

Advice = Recommendation | Choice | Mapping[str, Any]
"""What is advised: as it is, as somebody decided about it, or as a row of a table with the same names."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was decided and is in force."""

    of_resource: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    """Resource -> choices about different kinds of change, the oldest first."""
    overtaken: tuple[tuple[Choice, Choice], ...] = ()
    """What was accepted until something else was said, and what that was: it may have been done by then."""

    @classmethod
    def of(cls, history: Iterable[Choice]) -> Verdicts:
        """Those in force among all that were ever given, the oldest first."""
        kept: dict[str, list[Choice]] = {}
        overtaken: list[tuple[Choice, Choice]] = []
        for choice in history:
            known = kept.get(choice.resource, [])
            others = [one for one in known if _kind(one) != _kind(choice)]
            if choice.verdict is Verdict.ACCEPT:
                others = [one for one in others if one.verdict is not Verdict.ACCEPT]
            if choice.verdict is not Verdict.WITHDRAW:
                gone = [one for one in known if one.verdict is Verdict.ACCEPT and one not in others]
                overtaken += [(one, choice) for one in gone]
                others.append(choice)
            kept[choice.resource] = others
        found = {resource: tuple(choices) for resource, choices in kept.items() if choices}
        return cls(found, tuple(overtaken))

    def about(self, advice: Advice) -> Choice | None:
        """What was decided about that advice; None = nothing that still speaks of it.

        What was accepted and is done by now says nothing about the next step.
        """
        for choice in self.of_resource.get(str(_of(advice, "resource")), ()):
            if _kind(choice) == _kind(advice):
                accepted = choice.verdict is Verdict.ACCEPT
                return None if accepted and _is_done(choice, advice) else choice
        return None

    def is_accepted(self, advice: Advice) -> bool:
        choice = self.about(advice)
        return choice is not None and choice.verdict is Verdict.ACCEPT

    def last(self, resource: str) -> Choice | None:
        """The last one given about a resource that is in force."""
        found = self.of_resource.get(resource)
        return found[-1] if found else None

    def accepted(self) -> list[Choice]:
        """What was accepted last for each resource."""
        every = (choice for found in self.of_resource.values() for choice in found)
        return [choice for choice in every if choice.verdict is Verdict.ACCEPT]


def objection(choice: Choice | None, today: date) -> str | None:
    """Why people do not want now what the choice is about; None = nothing stands against it."""
    if choice is not None and choice.verdict is Verdict.DISMISS:
        return f"dismissed: {choice.reason}"
    if choice is None or choice.verdict is not Verdict.DEFER or choice.until is None or choice.until <= today:
        return None
    return f"deferred until {choice.until.isoformat()}" + (f": {choice.reason}" if choice.reason else "")


def is_upward(advice: Advice) -> bool:
    """Whether it asks for more: by action, else by sizes; by cost where those say both or neither."""
    action = _of(advice, "action")
    if action in _UP | _DOWN:
        return action in _UP
    now, then = amounts_in(_of(advice, "from_size")), amounts_in(_of(advice, "to_size"))
    shared = now.keys() & then.keys()
    more = any(then[unit] > now[unit] * (1 + _SAME) for unit in shared)
    less = any(then[unit] < now[unit] * (1 - _SAME) for unit in shared)
    if more != less:
        return more
    paid, pays = _of(advice, "cost_now"), _of(advice, "cost_then")
    return more if paid is None or pays is None else Decimal(str(pays)) > Decimal(str(paid))


def amounts_in(size: str | None) -> dict[str, float]:
    """Unit -> amount of a size as people say it: `2 × 8 cores, 32 GiB` holds 16 cores and 64 GiB."""
    found = {}
    times, _, one = (size or "").rpartition(" × ")
    for part in one.split(", "):
        number, _, unit = part.partition(" ")
        try:
            found[unit.removesuffix("s")] = float(number.replace(",", "")) * float(
                times.replace(",", "") or 1
            )
        except ValueError:
            continue  # `unknown`, `nothing`
    return found


def _kind(advice: Advice) -> tuple[str, bool]:
    return str(_of(advice, "action")), is_upward(advice)


def _is_done(choice: Choice, advice: Advice) -> bool:
    """Whether the resource is by now what was advised then."""
    kind = (choice.to_type or "").rpartition("/")[2]
    if kind and choice.from_type and kind != choice.from_type:
        return bool(_of(advice, "from_type") == kind)
    then, wanted = amounts_in(choice.from_size), amounts_in(choice.to_size)
    now = amounts_in(_of(advice, "from_size"))
    asked = [unit for unit in wanted.keys() & now.keys() if not _same(then.get(unit, 0.0), wanted[unit])]
    return bool(asked) and all(_same(now[unit], wanted[unit]) for unit in asked)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME * max(abs(one), abs(other))


def _of(advice: Advice, name: str) -> Any:
    return advice.get(name) if isinstance(advice, Mapping) else getattr(advice, name)
