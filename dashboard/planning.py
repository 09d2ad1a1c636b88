"""Plans, changes and what became of them, of one published run and of what people decided."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from dashboard.estate import Estate
from data.choice import Choice, Verdict
from data.decision import Action
from data.errors import UnknownName
from data.panel import HOUR
from data.plan import Plan
from data.series import Metric, Window
from models.changes import Change, changes_of
from models.estate import read_estate
from models.ledger import LedgerRow, savings_of
from models.pricing import Pricer
from models.proposals import objection, plan_of
from models.realised import Realised, realised

_TARGETS: Mapping[str, tuple[str, ...]] = {
    "target_cpu": (Metric.CPU,),
    "target_memory": (Metric.MEMORY,),
    "target_storage": (Metric.STORAGE,),
    "target_network": (Metric.NETWORK_IN, Metric.NETWORK_OUT),
}


def plan_for(
    estate: Estate,
    choices: Mapping[str, Choice],
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
        choices,
        estate.today,
        alternatives=together,
        risk_budget=hours or float("inf"),
        per_window=changes or None,
    )


def changes_for(
    estate: Estate, choices: Mapping[str, Choice], resources: Collection[str] | None = None
) -> list[Change]:
    """The changes to carry out: of the named resources, or of all but those decided against.

    Where the plan prefers what is advised for several resources together, its changes take the place of those
    of each. An alternative may be named, too. Raises UnknownName for a resource without a recommendation.
    """
    advised = estate.recommendations
    together = estate.snapshot.table("alternatives")
    if resources is None:
        chosen = [one.name for one in plan_for(estate, choices).chosen]
        advised = with_alternatives(advised, together.filter(pl.col("alternative").is_in(chosen)))
        wanted = [
            row["resource"]
            for row in advised.iter_rows(named=True)
            if objection(choices.get(row["resource"]), row["action"], estate.today) is None
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
) -> list[Choice]:
    """A verdict on what is recommended for a resource, or on every change of an alternative by its name.

    Raises as `choice_about`.
    """
    together = estate.snapshot.table("alternatives").filter(pl.col("alternative") == name)
    if together.is_empty():
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
        for column, metrics in _TARGETS.items()
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


def progress_for(estate: Estate, choices: Mapping[str, Choice]) -> list[Realised]:
    """What became of the accepted recommendations, as far as this run can see."""
    accepted = [choice for choice in choices.values() if choice.verdict is Verdict.ACCEPT]
    if not accepted:
        return []
    snapshot = estate.snapshot
    names = [choice.resource for choice in accepted]
    start = min(choice.at for choice in accepted) - timedelta(days=2)
    start = min(start, estate.as_of - timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    hourly = snapshot.panel("hour", subjects=names, window=Window(start, estate.as_of + HOUR))
    known = pl.col("valid_from").is_null() | (pl.col("valid_from") <= estate.as_of)
    over = pl.col("valid_to") <= estate.as_of
    versions = read_estate(
        snapshot.frame("resource_versions")
        .filter(pl.col("resource").is_in(names) & known)
        # What ends after the last hour measured was still in force then, and so was its price.
        .with_columns(pl.when(over).then("valid_to").alias("valid_to")),
        snapshot.frame("services_now"),
        estate.as_of,
    ).versions
    costs: dict[str, Decimal | None] = dict(
        snapshot.table("resource_costs").select("resource", "monthly_cost").iter_rows()
    )
    return realised(accepted, versions, costs, [hourly])


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
