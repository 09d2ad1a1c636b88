"""Overview: what runs out next, what is paid for nothing, and how each service stands."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.costs import future_cost, month_totals, total, unused_by_status
from dashboard.outlook import answered, axis_days, headline, row_whisker, subject_link, watched, when
from dashboard.page import Page
from dashboard.service_rows import service_rows, services_table
from dashboard.sums import adding_up
from dashboard.view import View
from dashboard.widgets import (
    Children,
    Column,
    columns,
    link,
    named,
    nothing,
    page,
    section,
    state,
    table,
    whisker_axis,
)

SERVICES_SHOWN = 12
OUT_SHOWN = 7
OUT_NOW_SHOWN = 2
"""Of those out of capacity now: the rest would hide what can still be prevented."""
AXES = (30, 90, 365)
"""Days of the axis to choose from: the dates shown decide."""


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
    owners = view.estate.resources.select("resource", "service")
    rows = view.exhaustion("resource").join(owners, left_on="subject", right_on="resource")
    first = headline(rows, view.estate.today, "resource", owner="service")
    first = first[0].upper() + first[1:]
    paid = total(view.resources["monthly_cost"])
    unused = total(view.resources["unused_cost"])
    if not paid:
        known = view.resources["monthly_cost"].count()
        return f"{first}; {'every known price is 0' if known else 'no prices are known yet'}."
    if unused <= 0:
        return (
            f"{first}; all of {text.money(paid, view.estate.currency)} a month is paid for capacity in use."
        )
    money = text.money(unused, view.estate.currency)
    return f"{first}; {money} of {text.money(paid, '').strip()} a month is paid for capacity nobody uses."


def _runs_out(view: View) -> Component:
    today = view.estate.today
    everything = watched(view.exhaustion("resource"))
    out = everything.filter(pl.col("state") == "exhausted_now")
    rows = pl.concat([out.head(OUT_NOW_SHOWN), everything.filter(pl.col("state") != "exhausted_now")]).head(
        OUT_SHOWN
    )
    if rows.is_empty():
        return section(
            "Runs out next",
            html.P("Nothing is expected to run out within a year.", className="caption")
            if answered(view.exhaustion("resource")).height
            else html.P("Not enough history for a date yet, or no known limit.", className="caption")
            if forecast_here(view)
            else nothing("Not forecast yet.", "Dates are made by the forecast job.", "headroom run"),
        )
    days = axis_days(rows, today, AXES)
    body: list[list[Children]] = [
        [
            subject_link(view, row),
            html.Span(text.metric(row["metric"]), className="tight"),
            row_whisker(row, today, days),
            html.Span(when(row, today), className="tight"),
        ]
        for row in rows.iter_rows(named=True)
    ]
    heads = [
        Column("Resource"),
        Column("Metric"),
        Column(whisker_axis(today, days), width="42%", wide_only=True),
        Column("When (8 of 10 outcomes)"),
    ]
    return section(
        "Runs out next",
        table(heads, body, "What runs out next"),
        note=link(
            f"{out.height - OUT_NOW_SHOWN} more are out now: the whole runway"
            if out.height > OUT_NOW_SHOWN
            else "the whole runway",
            view.link("/runway"),
        ),
    )


def forecast_here(view: View) -> bool:
    """True where anything was forecast here."""
    return not view.exhaustion("resource").is_empty()


def _money(view: View) -> Component:
    currency = view.estate.currency
    here = view.resources
    paid = total(here["monthly_cost"])
    unused = unused_by_status(here)
    ahead = future_cost(view, 12)
    rows: list[list[Children]] = [
        ["Paid now", link(text.money_bare(paid), view.link("/costs"), className="plain")]
    ]
    if ahead is not None:
        cost, low, high = ahead
        band = "" if low is None or high is None else f" ({text.money_bare(low)}–{text.money_bare(high)})"
        rows.append([html.Span(["In 12 months", html.Span(band, className="range")]), text.money_bare(cost)])
    *shown, all_unused = adding_up(list(unused.values()))
    rows.append(["Paid for unused capacity", html.Strong(all_unused)])
    for status, amount in zip(unused, shown, strict=True):
        rows.append(
            [
                html.Span(state(status), className="indent"),
                link(
                    amount,
                    view.link("/provisioning", tab=_TAB.get(status, "all")),
                    className="plain",
                ),
            ]
        )
    advised = here.filter(pl.col("action").is_not_null() & (pl.col("action") != "keep"))
    if advised["saving"].count():
        rows.append(
            [
                "If all that is advised were done",
                link(_signed(-total(advised["saving"])), view.link("/provisioning", tab="all"), "plain"),
            ]
        )
    months = month_totals(view)
    bars: Component | None = None
    if months.height > 1:
        top = months["cost"].max() or 1.0
        bars = html.Div(
            [
                html.Span(
                    className="ahead" if row["is_forecast"] else "",
                    style={"height": f"{row['cost'] / top * 100:.1f}%"},
                    title=f"{row['month']:%b %Y}: {text.money(row['cost'], currency)}",
                )
                for row in months.iter_rows(named=True)
            ],
            className="months",
            role="img",
            **named({"aria-label": "Cost by month"}),
        )
    return section(
        f"Money, {currency} a month",
        table([Column(""), Column(currency, numeric=True)], rows, "Money"),
        bars,
        note=link("costs", view.link("/costs")),
        className="money",
    )


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{text.money_bare(value)}"


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
    return section(
        f"{text.plural(view.resources.height, 'resource')} by state", html.Ul(entries, className="key legend")
    )


def empty(view: View) -> Component:
    """No resources: nothing is loaded, or the filter leaves nothing."""
    if view.estate.resources.is_empty():
        return page(
            "Nothing is measured yet.",
            nothing(
                "This page shows what runs out next and what is paid for nothing.",
                "Name your measurements in headroom.toml and load them, or look at the sample fleet.",
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
