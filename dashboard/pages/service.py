"""One service: when which of its metrics runs out, its resources, its cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.costs import total
from dashboard.estate import by_urgency
from dashboard.grid import TALL, because, grid, hidden, name, number, status
from dashboard.history import DEFAULT_SPAN, SPANS, metrics_of
from dashboard.outlook import SOON, axis_days, decide_by, row_whisker, runs_out, when
from dashboard.page import Page
from dashboard.proof import chart, metric_tabs, pick
from dashboard.view import View
from dashboard.widgets import (
    Children,
    Column,
    facts,
    link,
    nothing,
    page,
    section,
    state,
    table,
    tabs,
    whisker_axis,
)
from data.errors import UnknownName

AXES = (90, 365)
"""Days of the axis to choose from: the dates shown decide."""
OUTLOOK_SHOWN = 9
PARTS_SHOWN = 4
"""Resources that run out, offered beside the whole service."""


def layout(
    view: View, /, name: str = "", metric: str = "", span: str = DEFAULT_SPAN, of: str = "", **_: str
) -> Component:
    """The service `name`, with the chart of `metric` looking `span` days ahead.

    `of` names the resource the chart is of, or the service itself.
    """
    estate = view.estate
    everything = estate.resources.filter(pl.col("service").is_not_null())
    if not name:
        return page(
            "Which service?",
            nothing("No service is named in the address.", link("All services", "/services")),
        )
    mine = everything.filter(pl.col("service") == name)
    if mine.is_empty():
        raise UnknownName("service", name, everything["service"].unique().to_list())

    metrics = metrics_of(estate, "service", name)
    rows = _rows(view, name, mine)
    first_out = next(
        (row["metric"] for row in rows if row["metric"] in metrics), metrics[0] if metrics else ""
    )
    metric = pick(metric, metrics, first_out)
    span = pick(span, list(SPANS), DEFAULT_SPAN)
    states = {
        found: worst
        for found in metrics
        if (worst := _worst(estate.metric_findings.filter(pl.col("metric") == found), mine)) is not None
    }
    first = mine.row(0, named=True)
    sites = mine["site"].drop_nulls().unique().sort().to_list()
    line = [
        f"tier {first['tier']}" if first["tier"] else None,
        f"team {first['team']}" if first["team"] else None,
        f"owner {first['owner']}" if first["owner"] else None,
        text.listing(sites) or None,
        text.plural(mine.height, "resource"),
    ]
    parts = [row["subject"] for row in rows if row["scope"] == "resource" and row["metric"] == metric]
    parts = list(dict.fromkeys(parts))[:PARTS_SHOWN]
    # The chart proves the sentence: where that is about a resource, it shows the resource.
    leading = next((row for row in rows if row["metric"] == metric), None)
    urgent = leading is not None and leading["scope"] == "resource" and leading["rank"] == 0
    of = pick(of, [*parts, name], parts[0] if urgent else name)
    proof = (
        chart(
            view,
            "service" if of == name else "resource",
            of,
            metric,
            span,
            "/service",
            query={"name": name, "of": of},
            event_names=[name, *mine["resource"].to_list(), *sites] if of == name else [of, name, *sites],
        )
        if metric
        else nothing(
            "Nothing was measured of this service yet.",
            "It fills when a source reports its resources.",
            "headroom run",
        )
    )
    return page(
        answer(view, name, rows, metric),
        html.P(" · ".join(part for part in line if part), className="byline"),
        html.Div(
            [
                metric_tabs(view, "/service", name, metrics, metric, span, states),
                _parts(view, name, metric, span, parts, of),
                proof,
            ]
        ),
        _outlook(view, rows),
        _resources(view, mine),
        _cost(view, name, mine),
    )


def _parts(view: View, name: str, metric: str, span: str, parts: list[str], of: str) -> Component | None:
    """Whose demand the chart shows: the service's, or that of a resource that runs out."""
    if not parts:
        return None
    asked = {"name": name, "metric": metric, "span": span if span != DEFAULT_SPAN else None}
    return tabs(
        "Shown",
        *((part, view.link("/service", **asked, of=part), part == of) for part in parts),
        ("the whole service", view.link("/service", **asked, of=name), of == name),
    )


def answer(view: View, name: str, rows: list[dict[str, Any]], metric: str) -> str:
    """`orders-db: storage runs out on 12 Jan (3–30); buying takes 20 days, so decide by 14 Dec.`"""
    today = view.estate.today
    if not rows:
        return f"{name}: nothing is known yet about when it runs out."
    row = rows[0]
    whose = "" if row["scope"] == "service" else f" of {row['subject']}"
    clause = runs_out(row, today)
    if whose:
        head, _, rest = clause.partition(" ")
        word = text.metric(row["metric"])
        clause = (
            clause.replace(word, f"{word}{whose}", 1) if clause.startswith(word) else f"{head}{whose} {rest}"
        )
    if row["date_mid"] is None and row["state"] != "exhausted_now":
        if row["date_low"] is None and row["state"] == "not_within_horizon":
            return f"{name} has the capacity it needs for a year."
        return f"{name}: {clause}."
    by = decide_by(row, today)
    return f"{name}: {clause}{'; ' + by if by else ''}."


def _rows(view: View, name: str, mine: pl.DataFrame) -> list[dict[str, Any]]:
    """What is known about when it runs out: of the service, and of its resources where sooner."""
    own = view.estate.exhaustion.filter((pl.col("scope") == "service") & (pl.col("subject") == name))
    parts = view.estate.exhaustion.filter(
        (pl.col("scope") == "resource")
        & pl.col("subject").is_in(mine["resource"].implode())
        & (pl.col("date_mid").is_not_null() | (pl.col("state") == "exhausted_now"))
    )
    # Urgent ones first, then the service as a whole, then what its resources have later on.
    soon = (pl.col("state") == "exhausted_now") | (
        pl.col("date_mid") <= view.estate.today + timedelta(days=SOON)
    )
    rows = pl.concat([parts, own]).with_columns(
        rank=pl.when(soon).then(0).when(pl.col("scope") == "service").then(1).otherwise(2)
    )
    return rows.sort(
        "rank", pl.col("state") != "exhausted_now", "date_mid", pl.col("p365").neg(), nulls_last=True
    ).to_dicts()


def _worst(findings: pl.DataFrame, mine: pl.DataFrame) -> str | None:
    found = findings.filter(pl.col("resource").is_in(mine["resource"].implode()))["status"].to_list()
    return next((status for status in ("under_provisioned", "at_risk") if status in found), None)


def _outlook(view: View, rows: list[dict[str, Any]]) -> Component | None:
    if not rows:
        return None
    today = view.estate.today
    dates = pl.Series("date_mid", [row["date_mid"] for row in rows[:OUTLOOK_SHOWN]], pl.Date)
    days = axis_days(dates.to_frame(), today, AXES)
    body: list[list[Children]] = [
        [
            text.metric(row["metric"]),
            "the service"
            if row["scope"] == "service"
            else link(row["subject"], view.link("/resource", name=row["subject"], metric=row["metric"])),
            row_whisker(row, today, days),
            html.Span(when(row, today), className="tight"),
            text.probability(row["p28"]),
            text.probability(row["p90"]),
            text.probability(row["p365"]),
        ]
        for row in rows[:OUTLOOK_SHOWN]
    ]
    heads = [
        Column("Metric"),
        Column("Of"),
        Column(whisker_axis(today, days), width="34%", wide_only=True),
        Column("Runs out"),
        Column("Within 28 days", numeric=True, wide_only=True),
        Column("90 days", numeric=True),
        Column("a year", numeric=True, wide_only=True),
    ]
    return section(
        "When it runs out",
        table(heads, body, "When each metric runs out"),
        note=text.sentence(f"assuming {rows[0]['assumes']}") if rows[0]["assumes"] else None,
    )


def _resources(view: View, mine: pl.DataFrame) -> Component:
    keep = ""
    frame = by_urgency(mine).select(
        "resource",
        "kind",
        "provider",
        "site",
        "instance_type",
        "status",
        "because",
        "monthly_cost",
        "unused_cost",
        pl.concat_str(["kind", "site", "instance_type"], separator=" · ", ignore_nulls=True).alias("place"),
    )
    return section(
        text.plural(mine.height, "resource"),
        grid(
            "service-resources",
            [
                name("resource", "Resource", "/resource", keep, 260, below="place"),
                status("status", "State", 150),
                because("because", "Why"),
                number("monthly_cost", f"{view.estate.currency} a month", "money", 110),
                number("unused_cost", "Unused", "money", 90),
                *(hidden(field, field) for field in ("kind", "site", "instance_type")),
            ],
            frame,
            "Resources of the service",
            row_id="resource",
            most_rows=10,
            row=TALL,
        ),
        note=link("in the list of all", view.link("/resources", service=mine["service"][0])),
    )


def _cost(view: View, service: str, mine: pl.DataFrame) -> Component:
    currency = view.estate.currency
    months = view.estate.monthly_costs.filter(pl.col("service") == service)
    if view.estate.first_whole_month is not None:
        months = months.filter(pl.col("month") >= view.estate.first_whole_month)
    past = months.filter(~pl.col("is_forecast")).group_by("month").agg(pl.sum("cost")).sort("month")
    ahead = months.filter(pl.col("is_forecast")).group_by("month").agg(pl.sum("cost")).sort("month")
    cost, unused = total(mine["monthly_cost"]), total(mine["unused_cost"])
    paid = total(view.estate.resources["monthly_cost"])
    by_state = [
        html.Span([state(row[0]), f" {row[1]}"], className="cell")
        for row in mine.group_by("status").len().sort("len", descending=True).iter_rows()
    ]
    return section(
        "Cost",
        facts(
            ("Paid now", f"{text.money(cost, currency)} a month"),
            ("Of all that is paid", text.percent(cost / paid) if paid else None),
            ("For unused capacity", f"{text.money(unused, currency)} a month"),
            ("A year ago", f"{text.money(past['cost'][0], currency)} a month" if past.height > 11 else None),
            (
                f"Expected in {ahead['month'][-1]:%b %Y}" if ahead.height else "",
                f"{text.money(ahead['cost'][-1], currency)} a month" if ahead.height else None,
            ),
            ("Resources by state", html.Span(by_state, className="key")),
        ),
        note=link("what to change", view.link("/provisioning", service=service)),
    )


PAGE = Page(path="/service", title="Services /", layout=layout, parent="/services")
