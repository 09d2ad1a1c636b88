"""Resources: all of them in one grid, by state, kind, service and any word."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.estate import by_urgency
from dashboard.grid import grid, name, number, status, word_filter, words
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.view import View
from dashboard.widgets import Children, link, nothing, page, section, state, tabs


def layout(
    view: View, /, status: str = "", kind: str = "", service: str = "", words: str = "", **_: str
) -> Component:
    """The grid, limited to a state, a kind, a service; `words` is typed into the quick filter."""
    here = view.resources
    if here.is_empty():
        return overview.empty(view)
    asked = {"kind": kind, "service": service}
    frame = here
    for column, value in asked.items():
        if value:
            frame = frame.filter(pl.col(column) == value)
    counts = dict(frame.group_by("status").len().iter_rows())
    shown = frame.filter(pl.col("status") == status) if status else frame

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
        _grid(view, shown, words)
        if shown.height
        else nothing("No resource fits.", link("Show all resources", view.link("/resources"))),
        _kinds(view, here, kind, status),
    )


def answer(view: View, frame: pl.DataFrame, asked: dict[str, str]) -> str:
    """How many need something, how many could give something back."""
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
    if not parts:
        return f"{of} none needs a change."
    return f"{of}, {text.listing(parts)}."


def _grid(view: View, shown: pl.DataFrame, typed: str) -> Component:
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
    frame = (
        by_urgency(shown)
        .join(use, on="resource", how="left")
        .select(
            "resource",
            "kind",
            "service",
            "team",
            "provider",
            "site",
            "instance_type",
            "status",
            "cpu",
            "memory",
            "storage",
            "network",
            "because",
            "monthly_cost",
            "unused_cost",
        )
        .with_columns(
            pl.col("cpu", "memory", "storage", "network").round(4),
            pl.col("provider").replace(text.PROVIDER_WORDS),
        )
    )
    keep = view.link("").removeprefix("?")
    share = {"cellRenderer": "UseBar", "cellClass": ""}
    return grid(
        "resources-grid",
        [
            name("resource", "Resource", "/resource", keep, 180, pinned="left"),
            status("status", "State", 155),
            words("because", "Why", 300, flex=1, minWidth=220),
            *(
                number(metric, f"{text.metric(metric)} p95", "share", 108, **share)
                for metric in ("cpu", "memory", "storage", "network")
            ),
            number("monthly_cost", f"{view.estate.currency} a month", "money", 105),
            number("unused_cost", "Unused", "money", 85),
            name("service", "Service", "/service", keep, 130),
            words("kind", "Kind", 100),
            words("team", "Team", 110),
            words("provider", "Provider", 120),
            words("site", "Site", 120),
            words("instance_type", "Type", 120),
        ],
        frame,
        "Resources",
        row_id="resource",
        most_rows=22,
        words=typed,
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
