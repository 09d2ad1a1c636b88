"""The savings ledger: list, effective, cashable, realised. What is cashable is never above what is effective,
and that never above what is paid; at list prices it may be either.

* list: what the changes would save at list prices;
* effective: at the prices really paid, where the inventory states them;
* cashable: what then leaves the bill. A smaller machine on servers of one's own frees room, not money, until
  a whole server is given back; requests of a workload free a node's room in the same way;
* realised: measured after the change was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from data.decision import Action
from data.money import ZERO
from models.changes import Change
from models.estate import CLOUDS
from models.pricing import Amounts, Pricer
from models.realised import Realised


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """Savings of some changes a month; nothing is below 0, cashable is at most effective."""

    changes: int
    listed: Decimal
    effective: Decimal
    cashable: Decimal
    unknown: int
    """Changes whose price is not known; counted as nothing."""


def savings_of(
    changes: Sequence[Change], held: Mapping[str, Amounts], pricer: Pricer, costs: Mapping[str, Decimal]
) -> LedgerRow:
    """Sums over the changes that save something; what must be bought is no saving.

    Args:
        held: resource -> metric -> capacity now.
        costs: resource -> what it costs a month; a saving above it counts as it.
    """
    listed = effective = cashable = ZERO
    counted = unknown = 0
    for change in changes:
        saving = change.advice.saving
        if saving is None:
            unknown += 1
            continue
        if saving <= 0:
            continue
        counted += 1
        saving = min(saving, costs.get(change.resource.name, saving))
        effective += saving
        listed += max(ZERO, _at_list(change, held.get(change.resource.name, {}), pricer, saving))
        if leaves_the_bill(change):
            cashable += saving
    return LedgerRow(counted, listed, effective, cashable, unknown)


def leaves_the_bill(change: Change) -> bool:
    """Whether what is saved stops being paid at once: what is rented by the hour."""
    resource = change.resource
    return resource.provider in CLOUDS and resource.kind != "workload"


def realised_saving(found: Sequence[Realised]) -> Decimal:
    """What accepted changes really save a month, as far as it is known."""
    return sum((one.saving for one in found if one.saving is not None), ZERO)


def _at_list(change: Change, held: Amounts, pricer: Pricer, effective: Decimal) -> Decimal:
    """The saving at list prices; the effective one where the list does not know the size."""
    resource, advice = change.resource, change.advice
    if resource.monthly_price is None:
        return effective
    now = pricer.listed(resource, held, resource.instance_type).month
    goes = advice.action is Action.REMOVE_MEMBERS and not any(advice.targets.values())
    if advice.action is Action.STOP or goes:
        return effective if now is None else now
    if advice.action is Action.MIGRATE and "/" in (advice.to_type or ""):
        return effective  # at the list prices of the other place already
    then = pricer.listed(resource, {**held, **advice.targets}, advice.to_type).month
    return effective if now is None or then is None else now - then
