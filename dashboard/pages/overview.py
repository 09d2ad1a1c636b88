"""Overview: what runs out next, what is paid for nothing, and how each service stands."""

from __future__ import annotations

from datetime import date

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.costs import future_cost, month_totals, unused_by_status
from dashboard.outlook import SOON, row_whisker, subject_link, use_now, watched, when
from dashboard.page import Page
from dashboard.service_rows import due, service_rows, services_table
from dashboard.view import View
from dashboard.widgets import Children, Column, columns, link, nothing, page, section, state, table, whisker_axis

SERVICES_SHOWN = 12
OUT_SHOWN = 6
AXIS_DAYS = 365


def layout(view: View, /, **_: str) -> Component:
    """The estate on one page."""
    if view.resources.is_empty():
        return empty(view)
    rows = service_rows(view)
    more = len(rows) - SERVICES_SHOWN
    note = link(f"all {len(rows)} services", view.link("/services")) if more > 0 else None
    services = (
        services_table(view, rows[:SERVICES_SHOWN])
        if rows
        else nothing("No resource here belongs to a service.", "The inventory says which service owns what.")
    )
    return page(
        answer(view),
        columns(_runs_out(view), _money(view)),
        section("Services", services, note=note),
        _states(view),
    )


def answer(view: View) -> str:
    """What a reader in a hurry needs to know."""
    out, services = due(view, SOON)
    today = view.estate.today
    until = text.day_near(date.fromordinal(today.toordinal() + SOON), today)
    now = out.filter(pl.col("state") == "exhausted_now").height
    if out.is_empty():
        first = f"Nothing runs out before {until}"
    else:
        names = text.plural(services, "service") if services else text.plural(out["subject"].n_unique(), "resource")
        verb = "runs" if (services or out["subject"].n_unique()) == 1 else "run"
        first = f"{names} {verb} out of capacity before {until}"
        if now:
            first += f", {text.plural(now, 'limit')} reached already"
    total = view.resources["monthly_cost"].sum() or 0.0
    unused = view.resources["unused_cost"].sum() or 0.0
    if not total:
        return f"{first}; no prices are known yet."
    if unused <= 0:
        return f"{first}; of {text.money(total, view.estate.currency)} a month nothing is paid for unused capacity."
    money = text.money(unused, view.estate.currency)
    return f"{first}; {money} of {text.money(total, '').strip()} a month is paid for capacity nobody uses."


def _runs_out(view: View) -> Component:
    today = view.estate.today
    rows = watched(view.exhaustion("resource")).head(OUT_SHOWN)
    if rows.is_empty():
        return section(
            "Runs out next", html.P("Nothing is expected to run out within a year.", className="caption")
        )
    body: list[list[Children]] = [
        [
            subject_link(view, row),
            text.metric(row["metric"]),
            html.Span(use_now(row), className="range"),
            row_whisker(row, today, AXIS_DAYS),
            html.Span(when(row, today)),
        ]
        for row in rows.iter_rows(named=True)
    ]
    heads = [
        Column("Resource"),
        Column("Metric"),
        Column("Use now", numeric=True, wide_only=True),
        Column(whisker_axis(today, AXIS_DAYS), width="34%"),
        Column("When (8 of 10 outcomes)"),
    ]
    return section(
        "Runs out next",
        table(heads, body, "What runs out next"),
        note=link("the whole runway", view.link("/runway")),
    )


def _money(view: View) -> Component:
    currency = view.estate.currency
    here = view.resources
    total = here["monthly_cost"].sum() or 0.0
    unused = unused_by_status(here)
    ahead = future_cost(view, 12)
    rows: list[list[Children]] = [["Paid now", link(text.money_bare(total), view.link("/costs"), className="plain")]]
    if ahead is not None:
        cost, low, high = ahead
        band = "" if low is None or high is None else f" ({text.money_bare(low)}–{text.money_bare(high)})"
        rows.append([html.Span(["In 12 months", html.Span(band, className="range")]), text.money_bare(cost)])
    rows.append(["Paid for unused capacity", html.Strong(text.money_bare(sum(unused.values())))])
    for status, amount in unused.items():
        rows.append([html.Span(state(status), className="indent"),
                     link(text.money_bare(amount), view.link("/provisioning", tab=_TAB.get(status, "all")), className="plain")])  # fmt: skip
    months = month_totals(view)
    bars: Component | None = None
    if months.height > 1:
        top = months["cost"].max() or 1.0
        bars = html.Div(
            [
                html.Span(
                    className="ahead" if row["is_forecast"] else "",
                    style={"height": f"{row['cost'] / top * 100:.1f}%"},  # type: ignore[operator]
                    title=f"{row['month']:%b %Y}: {text.money(row['cost'], currency)}",
                )
                for row in months.iter_rows(named=True)
            ],
            className="months",
            role="img",
            **{"aria-label": "Cost by month"},
        )
    return section(
        f"Money, {currency} a month",
        table([Column(""), Column(currency, numeric=True)], rows, "Money"),
        bars,
        note=link("costs", view.link("/costs")),
        className="money",
    )


_TAB = {"idle": "idle", "over_provisioned": "worth"}


def _states(view: View) -> Component:
    """How many resources are in each state; each count leads to them."""
    counts = dict(view.resources.group_by("status").len().iter_rows())
    entries = [
        html.Li(
            link(
                [state(status), html.Span(f" {counts[status]:,}", className="num")],
                view.link("/resources", status=status),
                className="plain",
            )
        )
        for status in text.STATUS_WORDS
        if status in counts
    ]
    return section(f"{text.plural(view.resources.height, 'resource')} by state", html.Ul(entries, className="key legend"))


def empty(view: View) -> Component:
    """No resources: nothing is loaded, or the filter leaves nothing."""
    if view.estate.resources.is_empty():
        return page(
            "Nothing is measured yet.",
            nothing(
                "This page shows what runs out next and what is paid for nothing.",
                "Point a source in headroom.toml at your measurements and load them; or look at the sample fleet.",
                "headroom run\nmake demo",
            ),
        )
    return page(
        "Nothing in this place.",
        nothing(
            "No resource has this provider, site and team together.",
            link("Show the whole estate", "/"),
        ),
    )


PAGE = Page(path="/", title="Overview", layout=layout, icon="overview")
