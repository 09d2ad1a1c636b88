"""Verdicts: each speaks of one kind of change, and of nothing else, for as long as it is not done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from data.alternative import AlternativeKind
from data.choice import Choice, Verdict
from data.decision import Action
from models.decide import decide
from models.proposals import plan_of
from models.verdicts import Verdicts, amounts_in, is_upward, objection
from tests.fleets import CLOUD, END, listed, webs, with_catalog

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = date(2026, 11, 20)

SMALLER = {
    "resource": "web-1", "action": "resize_type", "from_type": "m6i.2xlarge", "to_type": "m6i.xlarge",
    "from_size": "8 cores, 32 GiB", "to_size": "4 cores, 16 GiB", "cost_now": 312, "cost_then": 156,
}  # fmt: skip
LARGER = SMALLER | {"to_type": "m6i.4xlarge", "to_size": "16 cores, 64 GiB", "cost_then": 624}
MIGRATE = SMALLER | {"action": "migrate", "to_type": "m7a.2xlarge", "to_size": "8 cores, 32 GiB"}


def told(verdict: Verdict, advice: dict[str, object], hours: int = 0, **more: object) -> Choice:
    return Choice(verdict=verdict, at=NOON + timedelta(hours=hours), reason="licence",
                  until=date(2027, 1, 1) if verdict is Verdict.DEFER else None, **(advice | more))  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "amounts"),
    [
        ("8 cores, 32 GiB", {"core": 8, "GiB": 32}),
        ("1 core, 1,024 GiB, 100 GiB disk", {"core": 1, "GiB": 1024, "GiB disk": 100}),
        ("3 × 4 cores, 16 GiB", {"core": 12, "GiB": 48}),
        ("nothing", {}),
        ("unknown", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_sizes_are_read_as_they_are_written(size: str | None, amounts: dict[str, float]) -> None:
    assert amounts_in(size) == amounts


def test_up_or_down_is_said_by_action_size_and_cost() -> None:
    assert not is_upward(SMALLER) and is_upward(LARGER)
    assert is_upward(SMALLER | {"action": "buy"}) and not is_upward(LARGER | {"action": "stop"})
    other = SMALLER | {"to_size": "4 cores, 64 GiB"}  # less of one, more of another
    assert is_upward(other | {"cost_then": 400}) and not is_upward(other | {"cost_then": Decimal("300.00")})
    assert is_upward(other | {"cost_then": None}), "what it costs is not known"


def test_a_dismissed_saving_never_hides_that_more_is_needed() -> None:
    verdicts = Verdicts.of([told(Verdict.DISMISS, SMALLER)])
    assert objection(verdicts.about(SMALLER), TODAY) == "dismissed: licence"
    assert verdicts.about(SMALLER | {"to_size": "6 cores, 24 GiB", "cost_then": 234}) is not None
    assert verdicts.about(LARGER) is None and verdicts.about(MIGRATE) is None
    assert verdicts.about(SMALLER | {"resource": "web-2"}) is None


def test_a_verdict_on_one_kind_of_change_leaves_those_on_others() -> None:
    yes, no, later = (
        told(Verdict.ACCEPT, SMALLER),
        told(Verdict.DISMISS, MIGRATE),
        told(Verdict.DEFER, LARGER),
    )
    verdicts = Verdicts.of([yes, no, later])
    assert [verdicts.about(advice) for advice in (SMALLER, MIGRATE, LARGER)] == [yes, no, later]
    assert verdicts.accepted() == [yes] and verdicts.last("web-1") == later
    back = Verdicts.of([yes, no, later, told(Verdict.WITHDRAW, MIGRATE)])
    assert back.about(MIGRATE) is None and back.is_accepted(SMALLER)
    changed = Verdicts.of([yes, told(Verdict.DISMISS, SMALLER, 1)])
    assert changed.accepted() == [] and objection(changed.about(SMALLER), TODAY) is not None


def test_only_the_last_that_was_accepted_for_a_resource_is_in_force() -> None:
    one, other = told(Verdict.ACCEPT, SMALLER), told(Verdict.ACCEPT, MIGRATE, 1)
    verdicts = Verdicts.of([one, other])
    assert verdicts.accepted() == [other] and not verdicts.is_accepted(SMALLER)


def test_what_was_accepted_and_is_done_says_nothing_of_the_next_step() -> None:
    verdicts = Verdicts.of([told(Verdict.ACCEPT, SMALLER)])
    next_step = SMALLER | {
        "from_type": "m6i.xlarge", "to_type": "m6i.large", "from_size": "4 cores, 16 GiB",
        "to_size": "2 cores, 8 GiB", "cost_now": 156, "cost_then": 78,
    }  # fmt: skip
    assert verdicts.is_accepted(SMALLER) and not verdicts.is_accepted(next_step)
    amounts = {"action": "resize_amount", "from_type": None, "to_type": None}
    verdicts = Verdicts.of([told(Verdict.ACCEPT, SMALLER | amounts)])
    assert verdicts.is_accepted(SMALLER | amounts | {"from_size": "8 cores, 31.5 GiB"}), "as measured today"
    assert not verdicts.is_accepted(next_step | amounts)


def test_what_was_accepted_until_something_else_was_said_is_remembered() -> None:
    yes = told(Verdict.ACCEPT, SMALLER)
    again, enough = told(Verdict.ACCEPT, MIGRATE, 1), told(Verdict.DISMISS, SMALLER, 1)
    assert Verdicts.of([yes, again]).overtaken == ((yes, again),)
    assert Verdicts.of([yes, enough]).overtaken == ((yes, enough),)
    assert Verdicts.of([yes, told(Verdict.WITHDRAW, SMALLER)]).overtaken == (), "it was taken back"
    assert Verdicts.of([yes, told(Verdict.DISMISS, MIGRATE)]).overtaken == (), "it still counts"


def test_a_deferral_ends_on_its_day() -> None:
    choice = told(Verdict.DEFER, SMALLER)
    assert objection(choice, date(2026, 12, 31)) == "deferred until 2027-01-01: licence"
    assert objection(choice, date(2027, 1, 1)) is None


def test_of_two_that_were_accepted_together_the_one_that_holds_the_other_stays() -> None:
    """Fewer of 18 is named before all of them become larger, and its changes are among the others'."""
    types = listed(("m6i.xlarge", "m6i", 4, 16, "0.20"), ("m6i.4xlarge", "m6i", 16, 64, "0.20"))
    inputs = with_catalog(webs(18, instance_type="m6i.xlarge", **CLOUD), *types)  # type: ignore[arg-type]
    decisions = decide(inputs)
    by_kind = {one.kind: one for one in decisions.alternatives}
    fewer, larger = by_kind[AlternativeKind.MEMBERS], by_kind[AlternativeKind.CONSOLIDATION]
    gone = {
        kind.name: {row.resource for row in kind.advice if row.action is Action.REMOVE_MEMBERS}
        for kind in (fewer, larger)
    }
    assert gone[fewer.name] < gone[larger.name]
    yes = [
        Choice(row.resource, Verdict.ACCEPT, row.action, END, from_type=row.from_type, to_type=row.to_type,
               from_size=row.from_size, to_size=row.to_size)
        for row in larger.advice
        if row.action is not Action.KEEP
    ]  # fmt: skip
    frames = decisions.frames()
    for names in ((fewer.name, larger.name), (f"z{fewer.name}", f"a{larger.name}")):
        renamed = frames["alternatives"].with_columns(
            alternative=frames["alternatives"]["alternative"].replace([fewer.name, larger.name], list(names))
        )
        plan = plan_of(
            frames["recommendations"], frames["findings"], frames["resource_costs"], inputs.resources,
            inputs.services, Verdicts.of(yes), TODAY, alternatives=renamed,
        )  # fmt: skip
        assert [one.name for one in plan.chosen] == [names[1]]


def test_the_order_of_history_is_what_counts_not_the_clock() -> None:
    late = told(Verdict.DISMISS, SMALLER, hours=-5)
    assert Verdicts.of([told(Verdict.ACCEPT, SMALLER), late]).about(SMALLER) == late
    assert Verdicts.of([]).about(SMALLER) is None
    assert replace(late, resource="web-9").resource not in Verdicts.of([late]).of_resource
