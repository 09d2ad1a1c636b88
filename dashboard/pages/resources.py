"""Resources: all of them in one grid, by state, kind, service and any word."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.estate import by_urgency
from dashboard.grid import TALL, because, grid, hidden, name, number, status, word_filter
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.view import View
from dashboard.widgets import Children, files, link, nothing, page, section, state, tabs

METRICS = ("cpu", "memory", "storage", "network")
"""What the grid shows the use of; of network the busier direction."""


HIDDEN = ("kind", "service", "team", "provider", "site", "instance_type")
SEARCHED = ("resource", "status", "because", *HIDDEN)
"""Columns of the grid that its filter looks into."""


def layout(
    view: View, /, status: str = "", kind: str = "", service: str = "", words: str = "", **_: str
) -> Component:
    """The grid, limited to a state, a kind, a service; `words` is typed into the quick filter."""
    here = view.resources
    if here.is_empty():
        return overview.empty(view)
    asked = {"kind": kind, "service": service}
    frame = shown(view, kind=kind, service=service)
    counts = dict(frame.group_by("status").len().iter_rows())
    rows = frame.filter(pl.col("status") == status) if status else frame

    keep = {"kind": kind, "service": service, "words": words}
    entries: list[tuple[Children, str, bool]] = [
        ([f"all {frame.height:,}"], view.link("/resources", **keep), not status)
    ]
    entries += [
        (
            [state(found), html.Span(f"{counts[found]:,}", className="count")],
            view.link("/resources", status=found, **keep),
            status == found,
        )
        for found in text.STATUS_WORDS
        if found in counts
    ]
    limits = [
        html.Span(
            [
                f"{column} {value} ",
                link(
                    "×",
                    view.link("/resources", **({"status": status} | asked | {column: None})),
                    title=f"Show every {column}",
                ),
            ],
            className="limit",
        )
        for column, value in asked.items()
        if value
    ]
    return page(
        answer(view, frame, asked),
        html.Div(
            [
                tabs("States", *entries),
                html.Div(
                    [
                        *limits,
                        word_filter("resources-grid", words),
                    ],
                    className="filters",
                ),
            ],
            className="choice-line",
        ),
        _grid(view, rows, words)
        if rows.height
        else nothing("No resource fits.", link("Show all resources", view.link("/resources"))),
        _kinds(view, here, kind, status),
        aside=files(view, "resources", status=status, kind=kind, service=service, words=words),
    )


def answer(view: View, frame: pl.DataFrame, asked: dict[str, str]) -> str:
    """How many need something, how many could give something back."""
    if frame.is_empty():
        of = f" of {asked['service']}" if asked["service"] else ""
        return f"There is no {asked['kind'] or 'resource'}{of} here."
    counts = dict(frame.group_by("status").len().iter_rows())
    short = counts.get("under_provisioned", 0)
    risky = counts.get("at_risk", 0)
    spare = counts.get("over_provisioned", 0) + counts.get("idle", 0)
    of = f"Of {text.plural(frame.height, asked['kind'] or 'resource')}"
    if asked["service"]:
        of += f" of {asked['service']}"
    parts = []
    if short:
        parts.append(f"{short:,} {'is' if short == 1 else 'are'} too small now")
    if risky:
        parts.append(f"{risky:,} {'is' if risky == 1 else 'are'} at risk")
    if spare:
        parts.append(
            f"{spare:,} {'holds' if spare == 1 else 'hold'} more than they need"
            if spare != 1
            else "1 holds more than it needs"
        )
    unknown = counts.get("unknown", 0)
    if unknown and unknown == frame.height:
        return f"{of} nothing is known yet."
    if unknown:
        parts.append(f"{unknown:,} {'is' if unknown == 1 else 'are'} unknown")
    if not (short or risky or spare):
        return f"{of} none needs a change{f'; {parts[0]}' if parts else ''}."
    return f"{of}, {text.listing(parts, 4)}."


def shown(view: View, status: str = "", kind: str = "", service: str = "") -> pl.DataFrame:
    """The resources of a state, kind and service with their use per metric, the most urgent first."""
    frame = view.resources
    for column, value in (("status", status), ("kind", kind), ("service", service)):
        if value:
            frame = frame.filter(pl.col(column) == value)
    findings = view.estate.metric_findings.filter(
        (pl.col("capacity") > 0) & pl.col("demand_p95").is_not_null()
    ).with_columns(use=pl.col("demand_p95") / pl.col("capacity"))
    use = findings.group_by("resource").agg(
        *(
            pl.col("use").filter(pl.col("metric") == metric).first().alias(metric)
            for metric in ("cpu", "memory", "storage")
        ),
        pl.col("use").filter(pl.col("metric").str.starts_with("network")).max().alias("network"),
    )
    return (
        by_urgency(frame)
        .join(use, on="resource", how="left", maintain_order="left")
        .with_columns(pl.col(*METRICS).round(4))
    )


def _grid(view: View, rows: pl.DataFrame, typed: str) -> Component:
    frame = rows.select(
        "resource",
        "kind",
        "service",
        "team",
        pl.col("provider").replace(text.PROVIDER_WORDS),
        "site",
        "instance_type",
        "status",
        *METRICS,
        "because",
        "monthly_cost",
        "unused_cost",
    ).with_columns(
        place=pl.concat_str(["kind", "service", "site"], separator=" · ", ignore_nulls=True),
    )
    keep = view.link("").removeprefix("?")
    share = {"cellRenderer": "UseBar", "cellClass": ""}
    return grid(
        "resources-grid",
        [
            name("resource", "Resource", "/resource", keep, 214, below="place"),
            status("status", "State", 146),
            because("because", "Why"),
            *(
                number(metric, f"{text.metric(metric)} p95", "share", 94, **share)
                for metric in METRICS
                if frame[metric].null_count() < frame.height
            ),
            number("monthly_cost", f"{view.estate.currency} a month", "money", 98),
            number("unused_cost", "Unused", "money", 76),
            *(hidden(field, field) for field in HIDDEN),
        ],
        frame,
        "Resources",
        row_id="resource",
        most_rows=15,
        words=typed,
        row=TALL,
    )


def _kinds(view: View, here: pl.DataFrame, kind: str, status: str) -> Component:
    counts = here.group_by("kind").len().sort("len", descending=True)
    return section(
        "By kind",
        html.Ul(
            [
                html.Li(
                    link(
                        f"{row[0]} {row[1]:,}",
                        view.link("/resources", status=status, kind=None if row[0] == kind else row[0]),
                        className="strong" if row[0] == kind else "",
                    )
                )
                for row in counts.iter_rows()
            ],
            className="key",
        ),
    )


PAGE = Page(path="/resources", title="Resources", layout=layout, icon="resources")
