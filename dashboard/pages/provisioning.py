"""Provisioning: what to change, why, and what it saves or costs."""

from __future__ import annotations

from datetime import date

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.costs import total
from dashboard.grid import TALL, because, grid, hidden, name, number, status, word_filter, words
from dashboard.history import DEFAULT_SPAN, SPANS, metrics_of
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.plan_line import decided, plan_line
from dashboard.proof import chart, pick
from dashboard.recommendation import change_of, target_of, verdict
from dashboard.together import alternatives, together
from dashboard.verdicts import verdicts_of, with_verdicts
from dashboard.view import View
from dashboard.widgets import Children, files, link, named, nothing, page, state, tabs
from models.verdicts import Verdicts

CHANGES = pl.col("action").is_not_null() & (pl.col("action") != "keep")
OPEN = CHANGES & ~pl.col("against")
"""Changes that nobody dismissed or deferred."""
TABS = {
    "needed": OPEN & pl.col("status").is_in(["under_provisioned", "at_risk"]),
    "worth": OPEN & ~pl.col("status").is_in(["under_provisioned", "at_risk", "idle"]),
    "idle": OPEN & (pl.col("status") == "idle"),
    "all": CHANGES,
    "decided": CHANGES & pl.col("verdict").is_not_null(),
}
"""Tab -> which recommendations it holds; the first three share nothing."""

SEARCHED = ("resource", "status", "change_words", "why", "service", "team", "said", "change_below")
"""Columns of the grid that its filter looks into."""

TOGETHER = "together"
"""The tab of what is advised for several resources at once; no row of the others."""

TAB_WORDS = {
    "needed": "needed",
    "worth": "worth it",
    "idle": "idle",
    TOGETHER: "together",
    "all": "all changes",
    "decided": "decided",
}


def layout(
    view: View,
    /,
    tab: str = "",
    service: str = "",
    words: str = "",
    open: str = "",
    span: str = DEFAULT_SPAN,
    metric: str = "",
    **_: str,
) -> Component:
    """The changes of one tab; `open` names the resource whose proof is shown."""
    if view.resources.is_empty():
        return overview.empty(view)
    here = view.resources.filter(pl.col("service") == service) if service else view.resources
    verdicts = verdicts_of(view)
    here = with_verdicts(here, verdicts, view.estate.today)
    counts = {key: here.filter(chosen).height for key, chosen in TABS.items()}
    joint = alternatives(view, here)["alternative"].len()
    counts[TOGETHER] = joint
    first = next((key for key in ("needed", "worth", "idle") if counts[key]), "all")
    tab = pick(tab, list(counts), first)
    rows = changes(view, here, tab) if tab in TABS else here.clear()
    entries: list[tuple[Children, str, bool]] = [
        (
            [TAB_WORDS[key], html.Span(f"{counts[key]:,}", className="count")],
            view.link("/provisioning", tab=key, service=service),
            key == tab,
        )
        for key in TAB_WORDS
        if key not in ("decided", TOGETHER) or counts[key]
    ]
    limit = (
        [
            html.Span(
                [
                    f"service {service} ",
                    link("×", view.link("/provisioning", tab=tab), title="Show every service"),
                ],
                className="limit",
            )
        ]
        if service
        else []
    )
    return page(
        answer(view, here),
        html.Div(
            [
                tabs("Changes", *entries),
                html.Div(
                    [*limit, word_filter("provisioning-grid", words) if tab in TABS else None],
                    className="filters",
                ),
            ],
            className="choice-line",
        ),
        *(
            together(view, here, verdicts, open)
            if tab == TOGETHER
            else [
                _detail(view, here, open, tab, service, span, metric, verdicts),
                _grid(view, rows, words)
                if rows.height
                else nothing(
                    f"Nothing is {TAB_WORDS[tab]}." if tab != "all" else "Nothing needs a change.",
                    "Resources that keep their size are not listed here.",
                ),
            ]
        ),
        plan_line(view, here, verdicts, service),
        aside=files(view, "provisioning", tab=tab, service=service, words=words),
    )


def answer(view: View, here: pl.DataFrame) -> str:
    """`63 changes would save EUR 14,100 a month; 5 are needed to stay safe.`"""
    saving = here.filter(TABS["worth"] | TABS["idle"])
    needed = here.filter(TABS["needed"])
    if not here["action"].count():
        return "No resource here was sized yet; `headroom run` does it."
    if not saving.height and not needed.height:
        return "No change is needed, and none would pay."
    amount = total(saving["saving"])
    parts = []
    if saving.height:
        what = f"{text.plural(saving.height, 'change')} would"
        money = text.money(amount, view.estate.currency)
        parts.append(
            f"{what} save {money} a month" if amount > 0 else f"{what} give back capacity without a price"
        )
    if needed.height:
        cost = -total(needed["saving"])
        verb = "is" if needed.height == 1 else "are"
        what = (
            f"{text.plural(needed.height, 'change')} {verb}"
            if not saving.height
            else f"{needed.height:,} {verb}"
        )
        more = f", for {text.money(cost, view.estate.currency)} a month more" if cost > 0 else ""
        parts.append(f"{what} needed to stay safe{more}")
    return "; ".join(parts) + "."


def changes(view: View, here: pl.DataFrame, tab: str) -> pl.DataFrame:
    """The rows of a tab of resources with verdicts: what is needed by urgency, what is worth it by money."""
    rows = here.filter(TABS[tab])
    if tab == "needed":
        rows = rows.sort("severity", "saving", "resource", descending=[True, False, False])
    else:
        rows = rows.sort("saving", "resource", descending=[True, False], nulls_last=True)
    told = [change_of(row) for row in rows.iter_rows(named=True)]
    today = view.estate.today
    return rows.select(
        "resource",
        "service",
        "team",
        "status",
        pl.Series("change_words", [first for first, _ in told], pl.String),
        pl.Series("change_below", [below for _, below in told], pl.String),
        (-pl.col("saving")).alias("change"),
        pl.coalesce("advice", "because").alias("why"),
        "breach_now",
        "breach_then",
        "confidence",
        "buy_by",
        pl.Series("due", [_due(day, today) for day in rows["buy_by"]], pl.String),
        "verdict",
        pl.coalesce("verdict", pl.col("confidence") + " confidence").alias("said"),
    )


def _due(day: date | None, today: date) -> str | None:
    if day is None:
        return None
    return "now" if day <= today else text.day_near(day, today)


def _grid(view: View, frame: pl.DataFrame, typed: str) -> Component:
    keep = view.link("").removeprefix("?")
    columns = [
        name("resource", "Resource", "/resource", keep, 182, below="service"),
        status("status", "State", 146, below="said", headerTooltip="And what was decided, or how sure it is"),
        {
            **words("change_words", "Change", 250),
            "cellRenderer": "OpenLink",
            "cellRendererParams": {"key_field": "resource", "below": "change_below"},
            "cellClass": "two",
        },
        number(
            "change",
            f"{view.estate.currency} a month",
            "change",
            100,
            headerTooltip="Change of the cost; now and then in the proof",
        ),
        because("why", "Why"),
        number(
            "breach_now",
            "Hours too small",
            width=116,
            valueFormatter={"function": "breach(params.data)"},
            headerTooltip="Expected share of hours whose peak exceeds the size, now and then",
        ),
        *(
            [
                number(
                    "buy_by",
                    "Buy by",
                    width=84,
                    valueFormatter={"function": "due(params.data)"},
                    headerTooltip="The last day to order, so that it is there in time",
                )
            ]
            if frame["buy_by"].null_count() < frame.height
            else []
        ),
        *(
            hidden(field, title)
            for field, title in (
                ("service", "Service"), ("team", "Team"), ("said", "Decided"), ("change_below", "Size"),
            )
        ),
    ]  # fmt: skip
    return html.Div(
        grid(
            "provisioning-grid",
            columns,
            frame,
            "Recommended changes",
            row_id="resource",
            most_rows=12,
            words=typed,
            row=TALL,
        ),
        **named({"data-opens": "row"}),
    )


def _detail(
    view: View,
    here: pl.DataFrame,
    open: str,
    tab: str,
    service: str,
    span: str,
    metric: str,
    verdicts: Verdicts,
) -> Component | None:
    """The proof of one recommendation: past demand against both sizes, and the verdict."""
    found = here.filter(pl.col("resource") == open)
    if found.is_empty():
        return None
    row = found.row(0, named=True)
    metrics = metrics_of(view.estate, "resource", open)
    leading = [reason.partition(":")[0].strip() for reason in row["reasons"].split(",")]
    metric = pick(metric, metrics, next((m for m in leading if m in metrics), metrics[0] if metrics else ""))
    span = pick(span, list(SPANS), DEFAULT_SPAN)
    query = {"tab": tab, "service": service, "open": open}
    entries = [
        (text.metric(one), view.link("/provisioning", **query, metric=one, span=span), one == metric)
        for one in metrics
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.H2(link(open, view.link("/resource", name=open))),
                    state(row["status"]),
                    link("Close", view.link("/provisioning", tab=tab, service=service), className="close"),
                ],
                className="detail-head",
            ),
            tabs("Metrics", *entries),
            chart(
                view,
                "resource",
                open,
                metric,
                span,
                "/provisioning",
                query=query,
                other=target_of(view, row, metric),
                height=260,
            )
            if metric
            else None,
            verdict(view, row),
            decided(view, row, verdicts),
        ],
        className="detail",
        id="detail",
        **named({"aria-label": f"Proof for {open}"}),
    )


PAGE = Page(path="/provisioning", title="Provisioning", layout=layout, icon="provisioning")
