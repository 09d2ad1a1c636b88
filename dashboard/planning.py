"""Plans, changes and what became of them, of one published run and of what people decided."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from dashboard.estate import Estate
from data.choice import Choice, Verdict
from data.decision import Action
from data.errors import UnknownName
from data.money import Exchange
from data.panel import HOUR, Panel
from data.plan import Plan
from data.series import Window
from models.advice_history import TARGETS, as_choices
from models.changes import Change, changes_of
from models.counted_hours import OFFICE, counted_slots, only_counted
from models.estate import Resource, read_estate
from models.ledger import LedgerRow, savings_of
from models.pricing import Pricer
from models.proposals import plan_of
from models.realised import Realised, carried_out, done_before, realised
from models.verdicts import Verdicts, objection


def plan_for(
    estate: Estate,
    verdicts: Verdicts,
    resources: Collection[str] | None = None,
    *,
    risk_hours: float | None = None,
    per_window: int | None = None,
) -> Plan:
    """The plan of a run, of all or of some resources, within the limits of the settings unless others are
    given; 0 = no limit."""
    snapshot = estate.snapshot
    settings = json.loads(snapshot.settings).get("decide", {})
    hours = settings.get("plan_risk_hours", 0.0) if risk_hours is None else risk_hours
    changes = settings.get("changes_per_window", 0) if per_window is None else per_window
    advised, costs = estate.recommendations, snapshot.table("resource_costs")
    together = snapshot.table("alternatives")
    if resources is not None:
        names = list(resources)
        advised = advised.filter(pl.col("resource").is_in(names))
        costs = costs.filter(pl.col("resource").is_in(names))
        together = together.filter(pl.col("resource").is_in(names).all().over("alternative"))
    return plan_of(
        advised,
        snapshot.table("findings"),
        costs,
        snapshot.frame("resources_now"),
        snapshot.frame("services_now"),
        verdicts,
        estate.today,
        alternatives=together,
        risk_budget=hours or float("inf"),
        per_window=changes or None,
    )


def changes_for(estate: Estate, verdicts: Verdicts, resources: Collection[str] | None = None) -> list[Change]:
    """The changes to carry out: of the named resources, or of all but those decided against.

    Where the plan prefers what is advised for several resources together, its changes take the place of those
    of each. An alternative may be named, too. Raises UnknownName for a resource without a recommendation.
    """
    advised = estate.recommendations
    together = estate.snapshot.table("alternatives")
    if resources is None:
        chosen = [one.name for one in plan_for(estate, verdicts).chosen]
        advised = with_alternatives(advised, together.filter(pl.col("alternative").is_in(chosen)))
        wanted = [
            row["resource"]
            for row in advised.iter_rows(named=True)
            if objection(verdicts.about(row), estate.today) is None
        ]
    else:
        known = advised["resource"].to_list()
        groups = together["alternative"].unique().to_list()
        for name in resources:
            if name not in known and name not in groups:
                raise UnknownName("resource with a recommendation", name, [*known, *groups])
        named = together.filter(pl.col("alternative").is_in(list(resources)))
        advised = with_alternatives(advised, named)
        wanted = [*resources, *named["resource"]]
    snapshot = estate.snapshot
    return changes_of(
        advised.filter(pl.col("resource").is_in(wanted)),
        snapshot.frame("resources_now"),
        snapshot.frame("services_now"),
    )


def with_alternatives(advised: pl.DataFrame, together: pl.DataFrame) -> pl.DataFrame:
    """Recommendations in which the rows of some alternatives take the place of those of their resources."""
    rows = together.unique("resource", keep="first", maintain_order=True).select(advised.columns)
    return pl.concat([advised.join(rows.select("resource"), on="resource", how="anti"), rows])


def choices_about(
    estate: Estate,
    name: str,
    verdict: Verdict,
    at: datetime,
    *,
    reason: str = "",
    until: str | None = None,
    by: str = "",
    known: Verdicts | None = None,
) -> list[Choice]:
    """A verdict on what is recommended for a resource, or on every change of an alternative by its name.

    What is withdrawn is the verdict on what is recommended today; where there is none, the last of those
    that are `known`.

    Raises as `choice_about`.
    """
    together = estate.snapshot.table("alternatives").filter(pl.col("alternative") == name)
    if together.is_empty():
        last = known.last(name) if known is not None and verdict is Verdict.WITHDRAW else None
        row = next(estate.recommendations.filter(pl.col("resource") == name).iter_rows(named=True), None)
        if known is not None and last is not None and (row is None or known.about(row) is None):
            return [replace(last, verdict=verdict, at=at, by=by, reason=reason.strip(), until=None)]
        return [choice_about(estate, name, verdict, at, reason=reason, until=until, by=by)]
    changed = together.filter(pl.col("action") != str(Action.KEEP)).sort("resource")
    return [_choice(estate, row, verdict, at, reason, until, by) for row in changed.iter_rows(named=True)]


def choice_about(
    estate: Estate,
    resource: str,
    verdict: Verdict,
    at: datetime,
    *,
    reason: str = "",
    until: str | None = None,
    by: str = "",
) -> Choice:
    """A verdict on today's recommendation for a resource, with what it says.

    Raises:
        UnknownName: nothing is recommended for it.
        ValueError: a dismissal without a reason, a deferral without a day, or something that is no day.
    """
    rows = estate.recommendations.filter(
        (pl.col("resource") == resource) & (pl.col("action") != str(Action.KEEP))
    )
    if rows.is_empty():
        known = estate.recommendations.filter(pl.col("action") != str(Action.KEEP))["resource"].to_list()
        known += estate.snapshot.table("alternatives")["alternative"].unique().to_list()
        raise UnknownName("resource with a change", resource, known)
    return _choice(estate, rows.row(0, named=True), verdict, at, reason, until, by)


def _choice(
    estate: Estate,
    row: Mapping[str, Any],
    verdict: Verdict,
    at: datetime,
    reason: str,
    until: str | None,
    by: str,
) -> Choice:
    if until and datetime.fromisoformat(until).date() <= estate.today:
        raise ValueError(f"{until} is over already: defer to a later day")
    targets = {
        str(metric): row[column]
        for column, metrics in TARGETS.items()
        for metric in metrics
        if row[column] is not None
    }
    return Choice(
        resource=row["resource"],
        verdict=verdict,
        action=row["action"],
        at=at,
        by=by,
        reason=reason.strip(),
        until=datetime.fromisoformat(until).date() if until else None,
        run_id=estate.snapshot.run_id,
        targets=targets,
        **{
            name: row[name]
            for name in (
                "from_type", "to_type", "from_size", "to_size", "cost_now", "cost_then", "currency",
                "breach_now", "breach_then",
            )
        },
    )  # fmt: skip


def progress_for(
    estate: Estate, verdicts: Verdicts, resources: Collection[str] | None = None
) -> list[Realised]:
    """What became of the accepted recommendations, and what was done as advised without a verdict.

    As far as this run can see; of all or of some resources.
    """
    snapshot = estate.snapshot
    accepted, earlier = verdicts.accepted(), verdicts.overtaken
    settled = {choice.resource for choice in accepted}
    told = as_choices(snapshot.table("advised").filter(~pl.col("resource").is_in(sorted(settled))))
    if resources is not None:
        accepted = [choice for choice in accepted if choice.resource in resources]
        earlier = tuple(pair for pair in earlier if pair[0].resource in resources)
        told = [one for one in told if one[0].resource in resources]
    if not (accepted or earlier or told):
        return []
    known = pl.col("valid_from").is_null() | (pl.col("valid_from") <= estate.as_of)
    over = pl.col("valid_to") <= estate.as_of
    versions = (
        snapshot.frame("resource_versions")
        .filter(known)
        # What ends after the last hour measured was still in force then, and so was its price.
        .with_columns(pl.when(over).then("valid_to").alias("valid_to"))
    )
    told = _perhaps_done(estate, told, versions)
    every = [*accepted, *(one for one, _ in (*earlier, *told))]
    names = sorted({choice.resource for choice in every})
    if not names:
        return []
    start = min(estate.as_of, *(choice.at for choice in every)) - timedelta(days=2)
    start = start.replace(minute=0, second=0, microsecond=0)
    theirs = read_estate(
        versions.filter(pl.col("resource").is_in(names)), snapshot.frame("services_now"), estate.as_of
    )
    of_these = theirs.versions
    hourly = snapshot.panel("hour", subjects=names, window=Window(start, estate.as_of + HOUR))
    hourly = _counted(estate, theirs.current, hourly)
    costs: dict[str, Decimal | None] = dict(
        snapshot.table("resource_costs").select("resource", "monthly_cost").iter_rows()
    )
    exchange = exchange_of(estate)
    before = done_before(earlier, of_these, [hourly], exchange)
    told = [one for one in told if one[0].resource not in {done.choice.resource for done in before}]
    found = [
        *realised(accepted, of_these, costs, [hourly], exchange),
        *before,
        *carried_out(told, of_these, costs, [hourly], exchange),
    ]
    return sorted(found, key=lambda one: (one.choice.resource, one.choice.at))


def _counted(estate: Estate, resources: Sequence[Resource], hourly: Panel) -> Panel:
    """The hours that count, as for the advice: what is outside of them was not too small before either."""
    settings = json.loads(estate.snapshot.settings)
    business = settings.get("decide", {}).get("business_hours", OFFICE)
    counted, _ = counted_slots(resources, hourly, business, settings.get("forecast", {}).get("zones", {}))
    return only_counted(hourly, counted)


def _perhaps_done(
    estate: Estate, told: list[tuple[Choice, datetime]], versions: pl.DataFrame
) -> list[tuple[Choice, datetime]]:
    """Advice whose resource changed since it was first given: a new version, an end, or another capacity."""
    changed: dict[str, datetime] = {}
    moments = [
        *versions.select("resource", "valid_from").drop_nulls().iter_rows(),
        *versions.select("resource", "valid_to").drop_nulls().iter_rows(),
        *estate.snapshot.frame("capacities_of").select("resource", "valid_from").drop_nulls().iter_rows(),
    ]
    for resource, moment in moments:
        at = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        changed[resource] = max(at, changed.get(resource, at))
    return [one for one in told if one[0].resource in changed and changed[one[0].resource] > one[0].at]


def exchange_of(estate: Estate) -> Exchange:
    """Currency and rates that the run was made with."""
    rates = json.loads(estate.snapshot.settings).get("prices", {}).get("rates", {})
    return Exchange(estate.currency, {code: Decimal(str(rate)) for code, rate in rates.items()})


def savings_for(estate: Estate, changes: list[Change], pricer: Pricer) -> LedgerRow:
    """List, effective and cashable savings of some changes."""
    held: dict[str, dict[str, float]] = {}
    rows = estate.metric_findings.filter(pl.col("capacity").is_not_null())
    for name, metric, capacity in rows.select("resource", "metric", "capacity").iter_rows():
        held.setdefault(name, {})[metric] = capacity
    costs = {
        name: cost
        for name, cost in estate.snapshot.table("resource_costs")
        .select("resource", "monthly_cost")
        .iter_rows()
        if cost is not None
    }
    return savings_of(changes, held, pricer, costs)


def ledger_for(
    estate: Estate, verdicts: Verdicts, pricer: Pricer, resources: Collection[str] | None = None
) -> tuple[LedgerRow, LedgerRow]:
    """Savings of all changes to carry out, of all or of some resources; and of those that were accepted."""
    changes = changes_for(estate, verdicts)
    if resources is not None:
        changes = [one for one in changes if one.resource.name in resources]
    agreed = [one for one in changes if verdicts.is_accepted(one.advice)]
    return savings_for(estate, changes, pricer), savings_for(estate, agreed, pricer)
