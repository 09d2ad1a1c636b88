"""Choosing a plan: which proposals to carry out together.

Proposals that touch the same resource exclude each other, so a saving is counted once; one that claims to
save more than its resources cost is left out. So the plan's saving cannot exceed the cost, whatever is
proposed.

Repairs of shortages come first. Of the rest, the plan looks for the largest saving whose added risk stays
within a budget: a multiple-choice knapsack, solved greedily by saving per risk and then improved by
exchanging proposals until no exchange saves more. This is not always the optimum, but never breaks a
constraint, and the same input gives the same plan.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from data.plan import LeftOut, Plan, Proposal

ZERO = Decimal(0)

_TRILLION = 10**12
_SLACK = 1e-9
"""Hours by which a risk may exceed the budget: the last digits of a sum of fractions."""
_ROUNDS = 20
"""Rounds of exchanges at most; fleets settle within three."""


def choose(
    proposals: Sequence[Proposal],
    costs: Mapping[str, Decimal],
    *,
    risk_budget: float = float("inf"),
    per_window: int | None = None,
) -> Plan:
    """Chooses proposals without conflicts.

    Args:
        proposals: in any order; names are unique.
        costs: resource -> what it costs a month; resources nothing is proposed for count towards the total.
        risk_budget: expected breached hours the plan may add a week. Repairs lower the risk and so make room.
        per_window: changes that fit into one change window; proposals without a window are not limited.

    Raises ValueError for a name used twice, a cost below 0 or a budget below 0.
    """
    _check(proposals, costs, risk_budget)
    left: dict[str, str] = {}
    possible: list[Proposal] = []
    for proposal in sorted(proposals, key=lambda p: p.name):
        known = sum((costs.get(resource, ZERO) for resource in proposal.resources), ZERO)
        if proposal.saving is not None and proposal.saving > known:
            left[proposal.name] = f"it would save {proposal.saving} of a cost of {known}"
        elif (
            not proposal.required and (proposal.saving is None or proposal.saving <= 0) and proposal.risk >= 0
        ):
            left[proposal.name] = "it saves nothing"
        else:
            possible.append(proposal)
    chosen = _Choice(risk_budget, per_window)
    for proposal in sorted(possible, key=_urgency):
        chosen.add(proposal)
    for _ in range(_ROUNDS):
        exchanged = [chosen.exchange(proposal) for proposal in possible]
        added = [chosen.add(proposal) for proposal in possible if proposal.name not in chosen.taken]
        if not any(exchanged + added):
            break
    for proposal in possible:
        if proposal.name not in chosen.taken:
            left[proposal.name] = chosen.obstacle(proposal) or "others save more for the same risk"
    taken = tuple(sorted(chosen.taken.values(), key=lambda p: p.name))
    by_name = {proposal.name: proposal for proposal in proposals}
    unknown = sum(proposal.saving is None for proposal in taken)
    return Plan(
        taken,
        tuple(LeftOut(by_name[name], left[name]) for name in sorted(left)),
        sum(costs.values(), ZERO),
        sum((_saving(proposal) for proposal in taken), ZERO),
        sum(proposal.risk for proposal in taken),
        (f"{unknown} of {len(taken)} changes have an unknown saving, counted as nothing",) if unknown else (),
    )


class _Choice:
    """What has been chosen so far and what it uses up."""

    def __init__(self, risk_budget: float, per_window: int | None) -> None:
        self.taken: dict[str, Proposal] = {}
        self._holder: dict[str, str] = {}
        """Resource -> name of the proposal that changes it."""
        self._budget, self._per_window = risk_budget, per_window
        self._risk = 0
        """Of what is taken, in trillionths: whole numbers add up the same in any order."""
        self._in_window: Counter[str] = Counter()
        self._by_saving: list[tuple[Decimal, str]] = []
        """Saving and name of what is taken, the smallest first."""

    def add(self, proposal: Proposal) -> bool:
        """Takes a proposal if nothing stands against it."""
        if self.obstacle(proposal) is not None:
            return False
        self._take(proposal)
        return True

    def exchange(self, proposal: Proposal) -> bool:
        """Takes a proposal in place of those that stand against it, where that saves more.

        Gives way: what it conflicts with, then the smallest savings until the risk and the window have room.
        Repairs never give way.
        """
        if proposal.name in self.taken:
            return False
        giving = [self.taken[name] for name in sorted(self._rivals(proposal))]
        worth = _saving(proposal)
        lost = sum((_saving(rival) for rival in giving), ZERO)
        if lost >= worth or any(rival.required for rival in giving):
            return False
        for rival in giving:
            self._drop(rival)
        for rival in self._smallest(proposal):
            lost += _saving(rival)
            if lost >= worth:
                break  # what is still larger would give way for less
            self._drop(rival)
            giving.append(rival)
            if self.obstacle(proposal) is None:
                break
        if lost < worth and self.add(proposal):
            return True
        for rival in giving:
            self._take(rival)
        return False

    def _smallest(self, proposal: Proposal) -> list[Proposal]:
        """What may give way for room in the risk or the window, the smallest savings first; only until they
        are worth as much as the proposal. Nothing where there is room."""
        if self.obstacle(proposal) is None:
            return []
        found: list[Proposal] = []
        worth, lost = _saving(proposal), ZERO
        for saving, name in self._by_saving:
            rival = self.taken[name]
            same_window = proposal.window is not None and rival.window == proposal.window
            if rival.required or not (rival.risk > 0 or same_window):
                continue
            lost += saving
            if lost >= worth:
                break
            found.append(rival)
        return found

    def obstacle(self, proposal: Proposal) -> str | None:
        """Why a proposal cannot be added now; None = it can."""
        if rivals := self._rivals(proposal):
            return f"conflicts with {', '.join(sorted(rivals))}"
        full = self._per_window is not None and self._in_window[proposal.window or ""] >= self._per_window
        if proposal.window is not None and full:
            held = f"{self._per_window} {'change' if self._per_window == 1 else 'changes'}"
            return f"window {proposal.window} holds {held} already"
        risk = (self._risk + _trillionths(proposal)) / _TRILLION
        if proposal.risk > 0 and not proposal.required and risk > self._budget + _SLACK:
            return f"would add {proposal.risk:.3g} breached hours a week, over the risk budget"
        return None

    def _rivals(self, proposal: Proposal) -> set[str]:
        return {self._holder[resource] for resource in proposal.resources if resource in self._holder}

    def _take(self, proposal: Proposal) -> None:
        self.taken[proposal.name] = proposal
        self._holder.update(dict.fromkeys(proposal.resources, proposal.name))
        self._risk += _trillionths(proposal)
        insort(self._by_saving, (_saving(proposal), proposal.name))
        if proposal.window is not None:
            self._in_window[proposal.window] += 1

    def _drop(self, proposal: Proposal) -> None:
        del self.taken[proposal.name]
        self._risk -= _trillionths(proposal)
        del self._by_saving[bisect_left(self._by_saving, (_saving(proposal), proposal.name))]
        if proposal.window is not None:
            self._in_window[proposal.window] -= 1
        for resource in proposal.resources:
            del self._holder[resource]


def _trillionths(proposal: Proposal) -> int:
    return round(proposal.risk * _TRILLION)


def _saving(proposal: Proposal) -> Decimal:
    return ZERO if proposal.saving is None else proposal.saving


def _urgency(proposal: Proposal) -> tuple[bool, bool, float, Decimal, str]:
    """Repairs first, then what adds no risk, then the most saved per risk added; a pool's saving is shared
    among its members, so that it is compared with theirs."""
    saving = _saving(proposal)
    per_risk = 0.0 if proposal.risk <= 0 else -float(saving) / proposal.risk
    each = saving / len(proposal.resources)
    return not proposal.required, proposal.risk > 0, per_risk, -each, proposal.name


def _check(proposals: Iterable[Proposal], costs: Mapping[str, Decimal], risk_budget: float) -> None:
    twice = [name for name, count in Counter(p.name for p in proposals).items() if count > 1]
    if twice:
        raise ValueError(f"proposals need names of their own; used twice: {', '.join(sorted(twice))}")
    negative = sorted(resource for resource, cost in costs.items() if cost < 0)
    if negative:
        raise ValueError(f"costs below 0: {', '.join(negative)}")
    if not risk_budget >= 0:  # NaN is no budget either
        raise ValueError(f"a risk budget is at least 0, not {risk_budget:g}")
