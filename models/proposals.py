"""Proposals: recommendations as changes that a plan can choose from, minus what people decided against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

import polars as pl

from data.choice import Choice, Verdict
from data.decision import Action, Status
from data.money import ZERO
from data.plan import LeftOut, Plan, Proposal
from models.estate import Resource, read_estate
from models.plan import choose

TIER_WEIGHTS: Mapping[int, float] = {1: 4.0, 2: 2.0, 3: 1.0}
"""How much a breach counts by the tier of the service: an hour of tier 1 is worth four of tier 3."""

HOURS_A_WEEK = 168

WINDOW_LABEL = "change_window"
"""Label of the inventory that names when a resource may be changed, e.g. `Sunday 02:00`."""


def plan_of(
    recommendations: pl.DataFrame,
    findings: pl.DataFrame,
    costs: pl.DataFrame,
    resources: pl.DataFrame,
    services: pl.DataFrame,
    choices: Mapping[str, Choice],
    today: date,
    *,
    risk_budget: float = float("inf"),
    per_window: int | None = None,
) -> Plan:
    """The plan for the recommendations of a run: without conflicts, every saving counted once.

    What was dismissed, or deferred beyond `today`, is left out and named with its reason.

    Args:
        recommendations, findings, costs: rows of the tables `recommendations`, `findings`, `resource_costs`.
        resources, services: the inventory now.
        choices: resource -> what was decided about its recommendation last.
        risk_budget: expected breached hours the plan may add a week, weighted by tier.
        per_window: changes that fit into one change window.
    """
    status = dict(findings.select("resource", "status").iter_rows())
    known = {
        resource.name: resource
        for resource in read_estate(
            resources, services, _end_of(today), recommendations["resource"].to_list()
        ).current
    }
    monthly = {name: cost or ZERO for name, cost in costs.select("resource", "monthly_cost").iter_rows()}
    open_now: list[Proposal] = []
    against: list[LeftOut] = []
    for row in recommendations.sort("resource").iter_rows(named=True):
        if row["action"] == Action.KEEP:
            continue
        proposal = _proposal(row, known.get(row["resource"]), status.get(row["resource"], ""))
        choice = choices.get(row["resource"])
        because = objection(choice, row["action"], today)
        if because is None:
            open_now.append(proposal)
        else:
            against.append(LeftOut(proposal, because))
    plan = choose(open_now, monthly, risk_budget=risk_budget, per_window=per_window)
    left = sorted((*plan.left_out, *against), key=lambda one: one.proposal.name)
    return Plan(plan.chosen, tuple(left), plan.cost, plan.saving, plan.risk, plan.notes)


def objection(choice: Choice | None, action: str, today: date) -> str | None:
    """Why people do not want it now; None = nothing stands against it.

    A choice about another action (it was told to stop, now it is told to grow) no longer counts.
    """
    if choice is None or choice.action != action:
        return None
    if choice.verdict is Verdict.DISMISS:
        return f"dismissed: {choice.reason}"
    if choice.verdict is Verdict.DEFER and choice.until is not None and choice.until > today:
        return f"deferred until {choice.until.isoformat()}" + (f": {choice.reason}" if choice.reason else "")
    return None


def _proposal(row: Mapping[str, object], resource: Resource | None, status: str) -> Proposal:
    now, then = row["breach_now"], row["breach_then"]
    tier = resource.tier if resource else 3
    added = 0.0 if now is None or then is None else float(then) - float(now)  # type: ignore[arg-type]
    saving = row["saving"]
    window = str(resource.labels.get(WINDOW_LABEL) or "") if resource else ""
    return Proposal(
        name=f"{row['resource']}: {row['action']}",
        resources=frozenset({str(row["resource"])}),
        saving=None if saving is None else Decimal(saving),  # type: ignore[arg-type]
        risk=added * HOURS_A_WEEK * TIER_WEIGHTS.get(tier, 1.0),
        required=status in {Status.UNDER_PROVISIONED, Status.AT_RISK},
        window=window or None,
    )


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)
