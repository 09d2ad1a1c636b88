"""How advice is written: ratios to the list price, what goes, what is multiplied."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from data.decision import Action, Finding, Status
from data.prices import PriceCatalog
from models.adviser import Adviser
from models.case import Case
from models.estate import Resource
from models.finding_options import FindingOptions
from models.fitting import fit
from models.pricing import Pricer, in_proportion
from tests.fleets import MODEL

ADVISER = Adviser(Pricer(PriceCatalog.shipped(), MODEL), FindingOptions(), "peaks", date(2026, 3, 1))
HELD = {"cpu": 4.0, "memory": 16.0}
FOUND = Finding("web-1", Status.RIGHT_SIZED, 0, (), "as it should be", ())


def case_of(paid: str | None, **fields: object) -> Case:
    """Four cores and 16 GiB: 48 a month by the model."""
    price = None if paid is None else Decimal(paid)
    fields = {"kind": "vm", "provider": "on_premises", "currency": "USD", **fields}
    resource = Resource("web-1", monthly_price=price, **fields)  # type: ignore[arg-type]
    return Case(resource, {}, {}, {}, {}, ADVISER.pricer.current(resource, HELD), HELD)


@pytest.mark.parametrize(
    ("paid", "to", "of", "then"),
    [("60", "24", "48", "30"), (None, "24", "48", None), ("60", None, "48", None), ("60", "24", "0", None)],
)
def test_what_is_paid_follows_the_list_where_all_is_known(
    paid: str | None, to: str | None, of: str, then: str | None
) -> None:
    found = in_proportion(paid and Decimal(paid), to and Decimal(to), Decimal(of))  # type: ignore[arg-type]
    assert found == (None if then is None else Decimal(then))


def test_a_price_of_the_inventory_keeps_its_ratio_and_a_price_of_the_list_is_taken_as_it_is() -> None:
    for paid, then in (("96", "48"), (None, "24")):
        case = case_of(paid)
        half = fit(case.resource, HELD, {"cpu": 2.0, "memory": 8.0}, ADVISER.pricer)
        assert half is not None and half.price.month == 24
        assert ADVISER.price_of(case, half) == Decimal(then)


def test_what_goes_holds_and_costs_nothing() -> None:
    told = ADVISER.end(case_of("96"), FOUND, Action.REMOVE_MEMBERS, "others carry it")
    assert (told.to_size, told.to_type, told.targets) == ("nothing", None, {"cpu": 0.0, "memory": 0.0})
    assert (told.cost_now, told.cost_then, told.breach_then) == (Decimal("96.00"), Decimal("0.00"), None)
    assert (told.because, told.policy) == ("others carry it", "peaks")


def test_what_stays_holds_and_costs_the_same() -> None:
    told = ADVISER.keep(case_of("96"), FOUND, by=date(2026, 4, 1))
    assert (told.action, told.from_size, told.to_size) == (Action.KEEP, "4 cores, 16 GiB", "4 cores, 16 GiB")
    assert (told.targets, told.cost_then, told.because) == (HELD, Decimal("96.00"), FOUND.because)
    assert told.buy_by == date(2026, 4, 1)


def test_members_of_todays_size_cost_their_number() -> None:
    told = ADVISER.multiply(case_of("96"), FOUND, 3)
    assert (told.action, told.to_size) == (Action.ADD_MEMBERS, "3 × 4 cores, 16 GiB")
    assert (told.targets, told.cost_then) == ({"cpu": 12.0, "memory": 48.0}, Decimal("288.00"))


@pytest.mark.parametrize(("members", "action"), [(1, Action.REMOVE_MEMBERS), (6, Action.ADD_MEMBERS)])
def test_replicas_cost_their_share_of_what_is_paid(members: int, action: Action) -> None:
    case = case_of("96", kind="workload", labels={"replicas": "2"})
    told = ADVISER.replicate(case, FOUND, members, {"cpu": 2.0, "memory": 8.0})
    assert (told.action, told.to_size) == (action, f"{members} × 2 cores, 8 GiB")
    assert told.cost_then == 48 * members


def test_a_change_whose_price_is_unknown_says_why() -> None:
    told = ADVISER.end(case_of("96", currency="XXX"), FOUND, Action.STOP)
    assert (told.cost_now, told.cost_then, told.confidence) == (None, None, "low")
    assert told.because == "as it should be; cost unknown: priced in XXX, no exchange rate is set"
