"""One resource: its demand and forecast, why it has its state, its size now against the recommended one."""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.history import DEFAULT_SPAN, SPANS, exhaustion_of, metrics_of
from dashboard.outlook import decide_by, runs_out
from dashboard.page import Page
from dashboard.proof import chart, metric_tabs, pick
from dashboard.recommendation import target_of, verdict
from dashboard.view import View
from dashboard.widgets import Children, Column, link, nothing, page, section, state, table
from data.errors import UnknownName
from data.series import UNITS


def layout(view: View, /, name: str = "", metric: str = "", span: str = DEFAULT_SPAN, **_: str) -> Component:
    """The resource `name`, with the chart of `metric` looking `span` days ahead."""
    estate = view.estate
    if not name:
        return page(
            "Which resource?",
            nothing("No resource is named in the address.", link("All resources", "/resources")),
        )
    found = estate.resources.filter(pl.col("resource") == name)
    if found.is_empty():
        raise UnknownName("resource", name, estate.resources["resource"].to_list())
    row = found.row(0, named=True)
    findings = estate.metric_findings.filter(pl.col("resource") == name)
    states = dict(findings.select("metric", "status").iter_rows())
    metrics = metrics_of(estate, "resource", name)
    leading = [reason.partition(":")[0].strip() for reason in row["reasons"].split(",")]
    metric = pick(metric, metrics, next((m for m in leading if m in metrics), metrics[0] if metrics else ""))
    span = pick(span, list(SPANS), DEFAULT_SPAN)

    owner = row["service"]
    about: list[Any] = [
        state(row["status"]),
        " · ".join(
            part
            for part in (
                row["kind"],
                text.provider(row["provider"]) if row["provider"] else None,
                row["site"],
                row["instance_type"],
                f"team {row['team']}" if row["team"] else None,
            )
            if part
        ),
        link(f"service {owner}", view.link("/service", name=owner)) if owner else "no service owns it",
    ]
    line = [part for one in about for part in (" · ", one)][1:]
    proof = (
        chart(
            view,
            "resource",
            name,
            metric,
            span,
            "/resource",
            event_names=[part for part in (name, owner, row["site"]) if part],
            other=target_of(view, row, metric),
        )
        if metric
        else nothing(
            "Nothing was measured of it yet.", "It fills when a source reports it.", "headroom ingest"
        )
    )
    return page(
        answer(view, row, metric),
        html.P(line, className="byline"),
        html.Div([metric_tabs(view, "/resource", name, metrics, metric, span, states), proof]),
        _metrics(view, name, findings, metric, span),
        verdict(view, row),
    )


def answer(view: View, row: dict[str, Any], metric: str) -> str:
    """The finding's sentence, and the date where one is named."""
    words = row["because"]
    out = exhaustion_of(view.estate, "resource", row["resource"], metric) if metric else None
    if out is not None and (out["date_mid"] is not None or out["state"] == "exhausted_now"):
        by = decide_by(out, view.estate.today)
        words = f"{runs_out(out, view.estate.today)}{'; ' + by if by else ''}"
    return text.about(row["resource"], words)


def _metrics(view: View, name: str, findings: pl.DataFrame, chosen: str, span: str) -> Component | None:
    if findings.is_empty():
        return None
    order = list(UNITS)
    rows: list[list[Children]] = []
    for row in sorted(
        findings.iter_rows(named=True), key=lambda r: order.index(r["metric"]) if r["metric"] in order else 9
    ):
        unit = UNITS.get(row["metric"], "")
        size = text.plain(row["size_target"])
        band = (
            f" ({text.plain(row['size_lower'])}–{text.plain(row['size_upper'])})"
            if text.plain(row["size_lower"]) != text.plain(row["size_upper"])
            else ""
        )
        rows.append(
            [
                link(
                    text.metric(row["metric"]),
                    view.link("/resource", name=name, metric=row["metric"], span=span),
                    className="strong" if row["metric"] == chosen else "",
                ),
                state(row["status"]),
                text.plain(row["demand_mean"]),
                text.plain(row["demand_p95"]),
                text.plain(row["demand_peak"]),
                text.plain(row["capacity"]),
                html.Span([size, html.Span(band, className="range")])
                if row["size_target"] is not None
                else text.NONE,
                unit,
                html.Span(text.sentence(row["because"]), className="because"),
            ]
        )
    heads = [
        Column("Metric"),
        Column("State"),
        Column("Mean", numeric=True, wide_only=True),
        Column("p95", numeric=True),
        Column("Peak", numeric=True, wide_only=True),
        Column("Held", numeric=True),
        Column(
            "Would hold",
            numeric=True,
            hint="What the policy would hold, and the band in which it changes nothing",
        ),
        Column("Unit"),
        Column("Why", wide_only=True),
    ]
    return section("Why", table(heads, rows, "Findings by metric"))


PAGE = Page(path="/resource", title="Resources /", layout=layout, parent="/resources")
