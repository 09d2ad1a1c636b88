"""How advice is written: what a case holds and pays now, what it holds and pays then, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from data.decision import Action, Finding
from data.exhaustion import day_of
from data.money import amount
from data.recommendation import Recommendation
from models.case import Case
from models.confidence import confidence
from models.estate import replicas_of
from models.finding_options import FindingOptions
from models.fitting import Fit, describe
from models.pricing import Amounts, Basis, Pricer, in_proportion
from models.usage import SATURATED, Usage


@dataclass(frozen=True, slots=True)
class Adviser:
    """Advises on one case after the other; what is the same for all advice of a run is said once."""

    pricer: Pricer
    """What sizes cost."""
    options: FindingOptions
    """What the findings were made with."""
    policy: str
    """Name of the policy that made the sizes."""
    as_of: date
    """Today: nothing is to be ordered before."""
    ahead_from: date | None = None
    """First day of the forecast, from which days ahead are counted; None = today. A forecast may be of
    yesterday: its dates stay what they were."""

    def day(self, ahead: int) -> date:
        """The day that so many days ahead name."""
        return day_of(self.as_of if self.ahead_from is None else self.ahead_from, ahead)

    def order_by(self, ahead: int) -> date:
        """The day to order by; today where it has passed."""
        return max(self.as_of, self.day(ahead))

    def advise(
        self,
        case: Case,
        finding: Finding,
        action: Action,
        to_type: str | None,
        to_size: str,
        amounts: Amounts,
        then: Decimal | None,
        by: date | None = None,
        because: str | None = None,
        breach_then: float | None = None,
    ) -> Recommendation:
        """The recommendation of a case: what is held and paid now, what then.

        Args:
            amounts: metric -> what is held then; nothing where the resource goes.
            then: what that costs a month; None = unknown.
            because: why, where it is not the finding that says so.
            breach_then: expected breaches, where they are not those of today's hours at the new size.
        """
        held = case.held
        now = None if case.price.month is None else amount(case.price.month)
        cost_then = None if then is None else amount(then)
        ends = action is Action.STOP or (action is Action.REMOVE_MEMBERS and not amounts)
        targets = dict.fromkeys(held, 0.0) if ends else dict(amounts)
        why = finding.because if because is None else because
        if action is not Action.KEEP and (now is None or cost_then is None):
            why += f"; cost unknown: {case.price.note or 'the new size has no price'}"
        after = breach_then
        if after is None and not ends:
            after = _breach(case.used, amounts)
        return Recommendation(
            case.resource.name,
            action,
            describe(held),
            to_size,
            confidence(case, finding, self.options),
            self.policy,
            why,
            self.pricer.currency,
            case.resource.instance_type,
            to_type,
            targets,
            now,
            cost_then,
            _breach(case.used, held),
            after,
            by,
        )

    def keep(
        self,
        case: Case,
        finding: Finding,
        by: date | None = None,
        because: str | None = None,
        breach_then: float | None = None,
    ) -> Recommendation:
        """It stays as it is."""
        kind, held = case.resource.instance_type, case.held
        month = case.price.month
        return self.advise(
            case, finding, Action.KEEP, kind, describe(held), held, month, by, because, breach_then
        )

    def end(self, case: Case, finding: Finding, action: Action, because: str | None = None) -> Recommendation:
        """It goes: stopped, or removed as a member others stand in for."""
        then = None if case.price.month is None else Decimal(0)
        return self.advise(case, finding, action, None, "nothing", {}, then, because=because)

    def multiply(
        self,
        case: Case,
        finding: Finding,
        members: int,
        by: date | None = None,
        because: str | None = None,
        breach_then: float | None = None,
    ) -> Recommendation:
        """So many of today's size take its place."""
        kind, held, month = case.resource.instance_type, case.held, case.price.month
        return self.advise(
            case,
            finding,
            Action.ADD_MEMBERS,
            kind,
            f"{members} × {describe(held)}",
            {m: v * members for m, v in held.items()},
            None if month is None else month * members,
            by,
            because,
            breach_then,
        )

    def replicate(
        self,
        case: Case,
        finding: Finding,
        members: int,
        unit: Amounts,
        by: date | None = None,
        because: str | None = None,
        breach_then: float | None = None,
    ) -> Recommendation:
        """A workload gets another number of replicas, each of the size `unit`."""
        kind = case.resource.instance_type
        amounts = {**case.held, **{m: v * members for m, v in unit.items()}}
        return self.advise(
            case,
            finding,
            Action.REMOVE_MEMBERS if members < replicas_of(case.resource) else Action.ADD_MEMBERS,
            kind,
            f"{members} × {describe(unit)}",
            amounts,
            self.kept_ratio(case, self.pricer.listed(case.resource, amounts, kind).month),
            by,
            because,
            breach_then,
        )

    def price_of(self, case: Case, size: Fit) -> Decimal | None:
        """Price of a new size; where the inventory states today's, its ratio to the list price is kept."""
        if case.price.basis is Basis.INVENTORY:
            return self.kept_ratio(case, size.price.month)
        return size.price.month if case.price.month is not None else None

    def kept_ratio(self, case: Case, listed: Decimal | None) -> Decimal | None:
        """What a size of that list price costs where today's price keeps its ratio to the list."""
        today = self.pricer.listed(case.resource, case.held, case.resource.instance_type).month
        return in_proportion(case.price.month, listed, today)


def _breach(used: Mapping[str, Usage], amounts: Amounts) -> float | None:
    """Largest share, over the metrics, of recent hours whose peak reached the amount; None = no metric."""
    shares = [
        float((used[m].hours >= SATURATED * held).mean())
        for m, held in amounts.items()
        if m in used and held > 0 and len(used[m].hours)
    ]
    return max(shares, default=None)
