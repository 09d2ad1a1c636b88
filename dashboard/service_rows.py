"""Services as rows: state and use per metric, what runs out next, cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.outlook import when
from dashboard.view import View
from dashboard.widgets import Children, Column, link, mark, table

GROUPS = {
    "cpu": ("cpu",),
    "memory": ("memory",),
    "storage": ("storage",),
    "network": ("network_in", "network_out"),
}
"""Columns of the table -> the metrics they stand for; of several, the worse is shown."""

_URGENT = ("under_provisioned", "at_risk")


class Cell(NamedTuple):
    """How a service stands in one column."""

    state: str
    use: float | None
    """p95 of demand as a share of capacity, of the resources whose demand and capacity are both known."""
    resources: int
    """How many are in that state."""
    metric: str
    """The metric that is shown: of several the worse."""


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service in this place."""

    service: str
    team: str | None
    tier: int | None
    resources: int
    cells: dict[str, Cell]
    """Column -> how the service stands there."""
    next_out: dict[str, Any] | None
    """Its most urgent row of `exhaustion`, of the service or of one of its resources."""
    cost: float
    unused: float

    @property
    def urgency(self) -> tuple[int, date, float]:
        """Sorts the most urgent first: states, then dates, then money."""
        states = [cell.state for cell in self.cells.values()]
        rank = 0 if "under_provisioned" in states else 1 if "at_risk" in states else 2
        dated = self.next_out["date_mid"] if self.next_out and self.next_out["date_mid"] else date.max
        if self.next_out and self.next_out["state"] == "exhausted_now":
            dated = date.min
        return rank, dated, -self.cost


SORTS = {
    "urgency": lambda row: (row.urgency, row.service),
    "service": lambda row: row.service,
    "tier": lambda row: (row.tier or 9, row.urgency),
    "cost": lambda row: -row.cost,
    "unused": lambda row: -row.unused,
}


def service_rows(view: View) -> list[ServiceRow]:
    """Every service with a resource in this place, the most urgent first."""
    here = view.resources.filter(pl.col("service").is_not_null())
    if here.is_empty():
        return []
    owner = here.select("resource", "service")
    totals = here.group_by("service").agg(
        pl.first("team", "tier"),
        pl.len().alias("resources"),
        pl.col("monthly_cost").fill_null(0).sum().alias("cost"),
        pl.col("unused_cost").fill_null(0).sum().alias("unused"),
    )
    cells = _cells(view, owner)
    outs: dict[str, dict[str, Any]] = {}
    rows = pl.concat(
        [
            view.exhaustion("resource").join(owner, left_on="subject", right_on="resource"),
            view.exhaustion("service").with_columns(service=pl.col("subject")),
        ]
    ).filter(pl.col("date_mid").is_not_null() | (pl.col("state") == "exhausted_now"))
    for row in rows.sort(pl.col("state") != "exhausted_now", "date_mid", nulls_last=True).iter_rows(
        named=True
    ):
        outs.setdefault(row["service"], row)
    made = [
        ServiceRow(
            row["service"],
            row["team"],
            row["tier"],
            row["resources"],
            cells.get(row["service"], {}),
            outs.get(row["service"]),
            row["cost"],
            row["unused"],
        )
        for row in totals.iter_rows(named=True)
    ]
    return sorted(made, key=SORTS["urgency"])


def _cells(view: View, owner: pl.DataFrame) -> dict[str, dict[str, Cell]]:
    """Service -> column -> cell. Urgent states win; else the most common one."""
    column_of = {metric: column for column, metrics in GROUPS.items() for metric in metrics}
    both = pl.col("demand_p95").is_finite() & pl.col("capacity").is_finite()
    counts = (
        view.estate.metric_findings.join(owner, on="resource")
        .filter(pl.col("metric").is_in(list(column_of)))
        .group_by("service", "metric", "status")
        .agg(
            pl.len().alias("count"),
            # Demand without a capacity, or a capacity without demand, would bend the share.
            *(pl.when(both).then(pl.col(name)).sum().alias(name) for name in ("demand_p95", "capacity")),
        )
    )
    states: dict[tuple[str, str], dict[str, int]] = {}
    sums: dict[tuple[str, str], list[float]] = {}
    for row in counts.iter_rows(named=True):
        place = (row["service"], row["metric"])
        states.setdefault(place, {})[row["status"]] = row["count"]
        total = sums.setdefault(place, [0.0, 0.0])
        total[0] += row["demand_p95"] or 0.0
        total[1] += row["capacity"] or 0.0
    made: dict[str, dict[str, Cell]] = {}
    for (service, metric), found in states.items():
        urgent = [state for state in _URGENT if state in found]
        state = urgent[0] if urgent else max(sorted(found), key=lambda name: found[name])
        demand, capacity = sums[service, metric]
        use = demand / capacity if capacity > 0 else None
        column = column_of[metric]
        before = made.setdefault(service, {}).get(column)
        if before is None or (state in _URGENT, use or 0) > (before.state in _URGENT, before.use or 0):
            made[service][column] = Cell(state, use, found[state], metric)
    return made


def services_table(view: View, rows: Sequence[ServiceRow], sort_path: str | None = None) -> Component:
    """The table of services; with `sort_path`, its headers sort by link."""

    def head(words: str, sort: str) -> Any:
        return words if sort_path is None else link(words, view.link(sort_path, sort=sort))

    headers = [
        Column(head("Service", "service")),
        Column(head("Tier", "tier"), numeric=True, wide_only=True),
        Column("Team", wide_only=True),
        *(
            Column(text.metric(name), numeric=True, hint="p95 of demand as a share of capacity")
            for name in GROUPS
        ),
        Column("Runs out next"),
        Column(head(f"{view.estate.currency} a month", "cost"), numeric=True),
        Column(head("Unused", "unused"), numeric=True),
    ]
    return table(headers, [_cells_of(view, row) for row in rows], "Services and their metrics")


def _cells_of(view: View, row: ServiceRow) -> list[Children]:
    use: list[Children] = []
    for column in GROUPS:
        if column not in row.cells:
            use.append(html.Span(text.NONE, className="quiet"))
            continue
        state, share, count, metric = row.cells[column]
        if state == "unknown" and share is None:
            use.append(html.Span(text.NONE, className="quiet", title="measured without a known capacity"))
            continue
        words = f"{text.plural(count, 'resource')} {text.STATUS_WORDS.get(state, state)}"
        use.append(
            link(
                html.Span([mark(state), text.percent(share, 0)], className="cell"),
                view.link("/service", name=row.service, metric=metric),
                className="plain",
                title=words,
            )
        )
    out: Children = html.Span("nothing within a year", className="range")
    if row.next_out is not None:
        date_words = when(row.next_out, view.estate.today)
        what = "" if row.next_out["scope"] == "service" else f"{row.next_out['subject']} "
        out = html.Span(
            [date_words, html.Span(f" {what}{text.metric(row.next_out['metric'])}", className="range")],
            className="out",
        )
    return [
        link(row.service, view.link("/service", name=row.service)),
        str(row.tier or text.NONE),
        row.team or text.NONE,
        *use,
        out,
        link(text.money_bare(row.cost), view.link("/resources", service=row.service), className="plain"),
        link(text.money_bare(row.unused), view.link("/provisioning", service=row.service), className="plain"),
    ]
