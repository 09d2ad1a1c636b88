"""Plans: no conflicts, one total, never above the cost."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain, combinations

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from data.plan import Plan, Proposal
from models.plan import choose


def proposal(name: str, resources: str, saving: float | None, risk: float = 0, **more: object) -> Proposal:
    amount = None if saving is None else Decimal(str(saving))
    return Proposal(name, frozenset(resources.split()), amount, risk, **more)  # type: ignore[arg-type]


def costs(**amounts: float) -> dict[str, Decimal]:
    return {name: Decimal(str(amount)) for name, amount in amounts.items()}


def names(plan: Plan) -> list[str]:
    return [p.name for p in plan.chosen]


def reasons(plan: Plan) -> dict[str, str]:
    return {left.proposal.name: left.because for left in plan.left_out}


def test_one_change_per_resource_and_the_saving_is_counted_once() -> None:
    plan = choose(
        [proposal("shrink a", "a", 40), proposal("stop a", "a", 100), proposal("shrink b", "b", 10)],
        costs(a=100, b=50, c=7),
    )
    assert names(plan) == ["shrink b", "stop a"]
    assert (plan.saving, plan.cost, plan.cost_then) == (110, 157, 47)
    assert reasons(plan) == {"shrink a": "conflicts with stop a"}


def test_a_saving_above_the_cost_is_left_out() -> None:
    plan = choose([proposal("wonder", "a", 372)], costs(a=7))
    assert plan.saving == 0 and reasons(plan) == {"wonder": "it would save 372 of a cost of 7"}


def test_the_risk_budget_goes_to_what_saves_most_for_it() -> None:
    plan = choose(
        [proposal("bold", "a", 50, 2), proposal("fair", "b", 40, 1), proposal("free", "c", 5)],
        costs(a=99, b=99, c=99),
        risk_budget=1.5,
    )
    assert names(plan) == ["fair", "free"] and plan.risk == 1
    assert reasons(plan)["bold"] == "would add 2 breached hours a week, over the risk budget"


def test_repairs_come_first_cost_money_and_make_room_for_risk() -> None:
    repair = proposal("grow a", "a", -30, -3, required=True)
    plan = choose(
        [repair, proposal("save a", "a", 60), proposal("bold", "b", 50, 2)], costs(a=60, b=60), risk_budget=0
    )
    assert names(plan) == ["bold", "grow a"]
    assert plan.saving == 20 and plan.risk == -1


def test_a_small_efficient_saving_does_not_block_a_large_one() -> None:
    plan = choose(
        [proposal("small", "a", 2, 0.1), proposal("large", "b", 50, 3)], costs(a=9, b=99), risk_budget=3
    )
    assert names(plan) == ["large"]


def test_a_whole_pool_gives_way_to_its_members_where_they_save_more() -> None:
    members = [proposal("shrink a", "a", 30), proposal("shrink b", "b", 30)]
    small = choose([proposal("drop one", "a b", 50), *members], costs(a=60, b=60))
    assert names(small) == ["shrink a", "shrink b"]
    large = choose([proposal("drop one", "a b", 70), *members], costs(a=60, b=60))
    assert names(large) == ["drop one"]


def test_windows_hold_so_many_changes() -> None:
    wanted = [proposal(f"p{i}", f"r{i}", 10 + i, window="sunday") for i in range(3)]
    plan = choose(wanted, {f"r{i}": Decimal(20) for i in range(3)}, per_window=2)
    assert names(plan) == ["p1", "p2"]
    assert reasons(plan) == {"p0": "window sunday holds 2 changes already"}


def test_a_window_of_one_and_a_budget_of_nothing() -> None:
    two = [proposal(f"p{i}", f"r{i}", i + 1, window="sunday") for i in range(2)]
    assert reasons(choose(two, costs(r0=9, r1=9), per_window=1)) == {
        "p0": "window sunday holds 1 change already"
    }
    risky = [proposal("risky", "a", 9, 0.001), proposal("safe", "b", 1), proposal("safer", "c", 0, -1)]
    assert names(choose(risky[:2], costs(a=9, b=9), risk_budget=0)) == ["safe"]
    assert names(choose(risky, costs(a=9, b=9, c=9), risk_budget=0)) == ["risky", "safe", "safer"]


def test_unknown_savings_count_as_nothing_and_are_noted() -> None:
    plan = choose([proposal("repair", "a", None, -1, required=True), proposal("maybe", "b", None)], {})
    assert names(plan) == ["repair"] and plan.saving == 0
    assert plan.notes == ("1 of 1 changes have an unknown saving, counted as nothing",)
    assert reasons(plan) == {"maybe": "it saves nothing"}


def test_bad_input_is_said() -> None:
    with pytest.raises(ValueError, match="used twice: p"):
        choose([proposal("p", "a", 1), proposal("p", "b", 1)], costs(a=2, b=2))
    with pytest.raises(ValueError, match="costs below 0: a"):
        choose([], costs(a=-1))
    with pytest.raises(ValueError, match="at least one resource"):
        proposal("p", "", 1)
    with pytest.raises(ValueError, match="risk budget"):
        choose([], {}, risk_budget=-1)
    with pytest.raises(ValueError, match="risk budget"):
        choose([], {}, risk_budget=float("nan"))


resources = st.sampled_from([f"r{i}" for i in range(8)])
random_proposals = st.lists(
    st.builds(
        lambda who, saving, risk, required, window: (frozenset(who), saving, risk, required, window),
        st.lists(resources, min_size=1, max_size=3),
        st.one_of(st.none(), st.integers(-50, 300)),
        st.floats(-2, 5),
        st.booleans(),
        st.sampled_from([None, "a", "b"]),
    ),
    max_size=14,
)


@settings(max_examples=200, deadline=None)
@given(
    drawn=random_proposals,
    prices=st.lists(st.integers(0, 120), min_size=8, max_size=8),
    budget=st.floats(0, 8),
    per_window=st.one_of(st.none(), st.integers(0, 3)),
)
def test_savings_never_exceed_the_cost_and_nothing_conflicts(
    drawn: list[tuple[frozenset[str], int | None, float, bool, str | None]],
    prices: list[int],
    budget: float,
    per_window: int | None,
) -> None:
    proposals = [
        Proposal(f"p{i}", who, None if saving is None else Decimal(saving), risk, required, window)
        for i, (who, saving, risk, required, window) in enumerate(drawn)
    ]
    cost = {f"r{i}": Decimal(price) for i, price in enumerate(prices)}
    plan = choose(proposals, cost, risk_budget=budget, per_window=per_window)

    assert plan.saving <= plan.cost == sum(prices)
    assert plan.saving == sum((p.saving or Decimal(0)) for p in plan.chosen)
    touched = list(chain.from_iterable(p.resources for p in plan.chosen))
    assert len(touched) == len(set(touched))
    assert {p.name for p in plan.chosen} | {left.proposal.name for left in plan.left_out} == {
        p.name for p in proposals
    }
    if per_window is not None:
        for window in ("a", "b"):
            assert sum(p.window == window for p in plan.chosen) <= per_window
    if not any(p.required for p in proposals):
        assert plan.risk <= budget + 1e-9
    assert plan == choose(proposals[::-1], cost, risk_budget=budget, per_window=per_window)


@settings(max_examples=60, deadline=None)
@given(
    savings=st.lists(st.integers(1, 50), min_size=1, max_size=7),
    risks=st.lists(st.floats(0.1, 3), min_size=7, max_size=7),
    budget=st.floats(0, 6),
)
@example(savings=[1, 1], risks=[1.0, 0.8369112329473316, 1, 1, 1, 1, 1], budget=0.8369112329473316)
def test_the_plan_saves_at_least_half_of_the_best_possible(
    savings: list[int], risks: list[float], budget: float
) -> None:
    proposals = [Proposal(f"p{i}", frozenset([f"r{i}"]), Decimal(s), risks[i]) for i, s in enumerate(savings)]
    cost = {f"r{i}": Decimal(s) for i, s in enumerate(savings)}
    plan = choose(proposals, cost, risk_budget=budget)
    subsets = chain.from_iterable(combinations(proposals, k) for k in range(len(proposals) + 1))
    best = max(sum(int(p.saving or 0) for p in s) for s in subsets if sum(p.risk for p in s) <= budget)
    assert plan.saving * 2 >= best
