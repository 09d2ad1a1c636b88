"""Recommendations as a plan: what people decided counts, and no saving exceeds the cost."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.choice import Choice, Verdict
from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA
from data.plan import Plan
from models.decision_frames import FINDING_SCHEMA, RECOMMENDATION_SCHEMA, RESOURCE_COST_SCHEMA
from models.proposals import plan_of
from models.verdicts import Verdicts

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

# name, action, status, tier, cost, saving, breach now, breach then, window
ROWS = [
    ("big", "resize_type", "over_provisioned", 1, 300, 150, 0.0, 0.01, "Sunday"),
    ("idle", "stop", "idle", 3, 80, 80, 0.0, None, "Sunday"),
    ("full", "buy", "under_provisioned", 1, 500, -200, 0.2, 0.0, None),
    ("fine", "keep", "right_sized", 2, 100, 0, 0.0, 0.0, None),
]
Row = tuple[str, str, str, int, float, float | None, float | None, float | None, str | None]


def plan(
    rows: list[Row] = ROWS,  # type: ignore[assignment]
    choices: dict[str, Choice] | None = None,
    **limits: float | int,
) -> Plan:
    names = [row[0] for row in rows]
    frame = pl.DataFrame({"resource": names})
    advised = frame.with_columns(
        action=pl.Series([r[1] for r in rows], dtype=pl.String),
        saving=pl.Series(
            [None if r[5] is None else Decimal(str(r[5])) for r in rows], dtype=pl.Decimal(18, 2)
        ),
        breach_now=pl.Series([r[6] for r in rows], dtype=pl.Float64),
        breach_then=pl.Series([r[7] for r in rows], dtype=pl.Float64),
    )
    advised = advised.with_columns(
        pl.lit(None, kind).alias(name)
        for name, kind in RECOMMENDATION_SCHEMA.items()
        if name not in advised.columns
    )
    findings = frame.with_columns(status=pl.Series([r[2] for r in rows], dtype=pl.String))
    findings = findings.with_columns(
        pl.lit(None, kind).alias(name)
        for name, kind in FINDING_SCHEMA.items()
        if name not in findings.columns
    )
    costs = frame.with_columns(
        monthly_cost=pl.Series([Decimal(str(r[4])) for r in rows], dtype=RESOURCE_COST_SCHEMA["monthly_cost"])
    )
    resources = pl.DataFrame(
        [
            {
                "resource": r[0],
                "kind": "vm",
                "service": f"tier-{r[3]}",
                "labels": f'{{"change_window": "{r[8]}"}}' if r[8] else None,
                "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
            }
            for r in rows
        ],
        schema=RESOURCE_SCHEMA,
    )
    services = pl.DataFrame(
        [{"service": f"tier-{tier}", "tier": tier} for tier in (1, 2, 3)], schema=SERVICE_SCHEMA
    )
    verdicts = Verdicts.of((choices or {}).values())
    return plan_of(advised, findings, costs, resources, services, verdicts, TODAY, **limits)  # type: ignore[arg-type]


def choice(resource: str, verdict: Verdict, action: str, until: date | None = None) -> Choice:
    return Choice(resource, verdict, action, NOON, reason="licence", until=until)


def test_keeping_is_no_change_and_the_total_adds_up() -> None:
    made = plan()
    assert [one.name for one in made.chosen] == ["big: resize_type", "full: buy", "idle: stop"]
    assert made.cost == 980 and made.saving == 150 + 80 - 200 and made.cost_then == 950
    # An hour of tier 1 counts four times: 0.01 more and 0.2 fewer of 168 hours.
    assert made.risk == pytest.approx((0.01 - 0.2) * 168 * 4)
    assert [one.required for one in made.chosen] == [False, True, False]


def test_what_was_dismissed_or_deferred_is_left_out_with_its_reason() -> None:
    made = plan(
        choices={
            "big": choice("big", Verdict.DISMISS, "resize_type"),
            "idle": choice("idle", Verdict.DEFER, "stop", date(2026, 12, 1)),
        }
    )
    assert [one.name for one in made.chosen] == ["full: buy"]
    assert {one.proposal.name: one.because for one in made.left_out} == {
        "big: resize_type": "dismissed: licence",
        "idle: stop": "deferred until 2026-12-01: licence",
    }


def test_a_choice_about_other_advice_or_whose_day_has_come_does_not_count() -> None:
    made = plan(
        choices={
            "big": choice("big", Verdict.DISMISS, "stop"),
            "idle": choice("idle", Verdict.DEFER, "stop", TODAY),
            "full": choice("full", Verdict.ACCEPT, "buy"),
        }
    )
    assert len(made.chosen) == 3


def test_a_window_and_a_budget_limit_what_is_worth_it_but_no_repair() -> None:
    assert [one.name for one in plan(per_window=1).chosen] == ["big: resize_type", "full: buy"]
    risky: list[Row] = [
        ("a", "resize_type", "over_provisioned", 3, 100, 50, 0.0, 0.01, None),
        ("b", "resize_type", "over_provisioned", 3, 100, 40, 0.0, 0.001, None),
    ]
    assert [one.name for one in plan(risky, risk_budget=1.0).chosen] == ["b: resize_type"]
    assert [one.name for one in plan(risky, risk_budget=2.0).chosen] == ["a: resize_type", "b: resize_type"]


amounts = st.floats(0, 10_000).map(lambda x: round(x, 2))
shares = st.none() | st.floats(0, 1)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["keep", "stop", "resize_type", "buy"]),
            st.sampled_from(["idle", "over_provisioned", "at_risk", "right_sized"]),
            st.integers(1, 3),
            amounts,
            st.none() | st.floats(-5_000, 20_000).map(lambda x: round(x, 2)),
            shares,
            shares,
            st.sampled_from([None, "Sunday"]),
        ),
        max_size=12,
    ),
    st.floats(0, 500),
    st.none() | st.integers(1, 3),
)
def test_savings_never_exceed_the_cost(
    found: list[tuple[str, str, int, float, float | None, float | None, float | None, str | None]],
    budget: float,
    per_window: int | None,
) -> None:
    rows: list[Row] = [(f"r{i}", *row) for i, row in enumerate(found)]
    made = plan(rows, risk_budget=budget, per_window=per_window)  # type: ignore[arg-type]
    assert made.saving <= made.cost
    cost = {row[0]: Decimal(str(row[4])) for row in rows}
    for one in made.chosen:
        (name,) = one.resources
        assert one.saving is None or one.saving <= cost[name]
    assert made == plan(rows, risk_budget=budget, per_window=per_window)  # type: ignore[arg-type]
