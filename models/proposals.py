"""Proposals: recommendations as changes that a plan can choose from, minus what people decided against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal

import polars as pl

from data.decision import Action, Status
from data.money import ZERO
from data.plan import LeftOut, Plan, Proposal
from models.estate import Resource, read_estate
from models.plan import choose
from models.verdicts import Verdicts, objection

TIER_WEIGHTS: Mapping[int, float] = {1: 4.0, 2: 2.0, 3: 1.0}
"""How much a breach counts by the tier of the service: an hour of tier 1 is worth four of tier 3."""

HOURS_A_WEEK = 168

_SHORT = frozenset({Status.UNDER_PROVISIONED, Status.AT_RISK})

WINDOW_LABEL = "change_window"
"""Label of the inventory that names when a resource may be changed, e.g. `Sunday 02:00`."""


def plan_of(
    recommendations: pl.DataFrame,
    findings: pl.DataFrame,
    costs: pl.DataFrame,
    resources: pl.DataFrame,
    services: pl.DataFrame,
    verdicts: Verdicts,
    today: date,
    *,
    alternatives: pl.DataFrame | None = None,
    risk_budget: float = float("inf"),
    per_window: int | None = None,
) -> Plan:
    """The plan for the recommendations of a run: without conflicts, every saving counted once.

    Advice for several resources together excludes the advice for each of them: the better total wins.

    What was dismissed, or deferred beyond `today`, is left out and named with its reason.

    Args:
        recommendations, findings, costs: rows of the tables `recommendations`, `findings`, `resource_costs`.
        resources, services: the inventory now.
        verdicts: what people decided.
        alternatives: rows of the table `alternatives`.
        risk_budget: expected breached hours the plan may add a week, weighted by tier.
        per_window: changes that fit into one change window.
    """
    status = dict(findings.select("resource", "status").iter_rows())
    together = {} if alternatives is None else _together(alternatives)
    names = {*recommendations["resource"], *(row["resource"] for rows in together.values() for row in rows)}
    known = {
        resource.name: resource
        for resource in read_estate(resources, services, _end_of(today), names).current
    }
    monthly = {name: cost or ZERO for name, cost in costs.select("resource", "monthly_cost").iter_rows()}
    open_now: list[Proposal] = []
    against: list[LeftOut] = []
    accepted: list[tuple[int, Proposal]] = []
    """Proposals all of whose changes were accepted, and how many those are."""
    own = [
        (f"{row['resource']}: {row['action']}", [row])
        for row in recommendations.sort("resource").iter_rows(named=True)
    ]
    for name, rows in (*own, *together.items()):
        changed = [row for row in rows if row["action"] != Action.KEEP]
        if not changed:
            continue
        proposal = _proposal(name, rows, known, status)
        because = next(filter(None, (objection(verdicts.about(row), today) for row in changed)), None)
        if because is None:
            open_now.append(proposal)
        else:
            against.append(LeftOut(proposal, because))
        if all(verdicts.is_accepted(row) for row in changed):
            accepted.append((len(changed), proposal))
    settled: dict[str, str] = {}
    """Resource -> name of the proposal about it that people accepted: the largest, which holds the others."""
    for _, proposal in sorted(accepted, key=lambda one: (one[0], one[1].name)):
        settled |= dict.fromkeys(proposal.resources, proposal.name)
    for proposal in tuple(open_now):
        rivals = {settled[name] for name in proposal.resources if name in settled} - {proposal.name}
        if rivals:
            open_now.remove(proposal)
            against.append(LeftOut(proposal, f"{min(rivals)} was accepted"))
    for proposal in _dearer(open_now, status):
        if proposal.name not in settled.values():
            open_now.remove(proposal)
            against.append(LeftOut(proposal, "each for itself costs less"))
    plan = choose(open_now, monthly, risk_budget=risk_budget, per_window=per_window)
    left = sorted((*plan.left_out, *against), key=lambda one: one.proposal.name)
    return Plan(plan.chosen, tuple(left), plan.cost, plan.saving, plan.risk, plan.notes)


def _dearer(proposals: Sequence[Proposal], status: Mapping[str, str]) -> list[Proposal]:
    """Repairs of several resources that cost more than repairing what is short, each for itself.

    Repairs never give way to each other once they are chosen, so this is settled before.
    """
    alone = {name: one.saving for one in proposals if len(one.resources) == 1 for name in one.resources}
    found = []
    for one in proposals:
        if len(one.resources) == 1 or not one.required or one.saving is None:
            continue
        short = [name for name in one.resources if status.get(name) in _SHORT]
        each = [alone.get(name) for name in short]
        known = [saving for saving in each if saving is not None]
        if len(known) == len(short) and sum(known, ZERO) > one.saving:
            found.append(one)
    return found


def _together(alternatives: pl.DataFrame) -> dict[str, list[dict[str, object]]]:
    """Alternative -> its rows by resource, in order of their names."""
    rows: dict[str, list[dict[str, object]]] = {}
    for row in alternatives.sort("alternative", "resource").iter_rows(named=True):
        rows.setdefault(row["alternative"], []).append(row)
    return rows


def _proposal(
    name: str,
    rows: Sequence[Mapping[str, object]],
    known: Mapping[str, Resource],
    status: Mapping[str, str],
) -> Proposal:
    saving: Decimal | None = ZERO
    risk = 0.0
    windows = set()
    for row in rows:
        resource = known.get(str(row["resource"]))
        saved = row["saving"]
        saving = None if saved is None or saving is None else saving + Decimal(str(saved))
        risk += _added(row) * HOURS_A_WEEK * TIER_WEIGHTS.get(resource.tier if resource else 3, 1.0)
        if resource and row["action"] != Action.KEEP:
            windows.add(" ".join(str(resource.labels.get(WINDOW_LABEL) or "").split()))
    return Proposal(
        name=name,
        resources=frozenset(str(row["resource"]) for row in rows),
        saving=saving,
        risk=risk,
        required=any(status.get(str(row["resource"]), "") in _SHORT for row in rows),
        # One change counts in one window: the first of several by name.
        window=min(windows - {""}, default=None),
        because=str(rows[0].get("why") or ""),
    )


def _added(row: Mapping[str, object]) -> float:
    """Share of hours in which the change makes it too small, less today's; nothing where it is not known."""
    now, then = row["breach_now"], row["breach_then"]
    if now is None or then is None:
        return 0.0
    return float(then) - float(now)  # type: ignore[arg-type]


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)
