"""Costs: what is paid, by whom, what is expected, and what the recommended sizes would cost."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.costs import GROUPS, by_group, future_cost, ledger, month_totals, total
from dashboard.figures.spend import spend_chart
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.proof import pick
from dashboard.savings import savings
from dashboard.sums import adding_up, off, signed
from dashboard.view import View
from dashboard.widgets import (
    Children,
    Column,
    columns,
    files,
    graph,
    key,
    link,
    nothing,
    page,
    section,
    share_bar,
    state,
    table,
    tabs,
)

SHOWN = 150
"""More rows make a page slow to draw; the file has all of them."""


def layout(view: View, /, by: str = "service", **_: str) -> Component:
    """Months, the ledger, and the table by `by`."""
    if view.resources.is_empty():
        return overview.empty(view)
    by = pick(by, list(GROUPS), "service")
    return page(
        answer(view),
        columns(_months(view), _ledger(view)),
        savings(view),
        _groups(view, by),
        aside=files(view, "costs", by=by),
    )


def answer(view: View) -> str:
    """`EUR 212,300 a month is paid now, 241,000 (230,000–255,000) expected in a year; 18,400 of it …`"""
    currency = view.estate.currency
    here = view.resources
    paid = total(here["monthly_cost"])
    if not paid:
        known = here["monthly_cost"].count()
        return (
            f"Nothing is paid: every known price is {text.money(0, currency)}."
            if known
            else ("No prices are known yet.")
        )
    unused = total(here["unused_cost"])
    parts = [f"{text.money(paid, currency)} a month is paid now"]
    ahead = future_cost(view, 12)
    if ahead is not None:
        cost, low, high = ahead
        band = (
            f" ({text.money_bare(low)}–{text.money_bare(high)})"
            if low is not None and high is not None
            else ""
        )
        parts[0] += f", {text.money_bare(cost)}{band} expected in a year"
    if unused > 0:
        parts.append(
            f"{text.money_bare(unused)} of it is for capacity nobody uses ({text.percent(unused / paid)})"
        )
    return "; ".join(parts) + "."


def _months(view: View) -> Component:
    totals = month_totals(view)
    if totals.height < 2:
        return section(
            "By month",
            nothing("Not enough months for a chart.", "It fills as the inventory gets a history."),
        )
    ahead = totals["is_forecast"].to_numpy()
    figure = spend_chart(
        totals["month"].to_list(),
        totals["cost"].to_numpy(),
        totals["low"].to_numpy(),
        totals["high"].to_numpy(),
        ahead,
        view.estate.currency,
        view.palette,
    )
    swatches = [("past", "paid at the prices now")]
    if ahead.any():
        swatches.append(("ahead", "expected, with its range"))
    return section(
        _trend(totals), key(*swatches), graph(figure, "Cost by month", 270), note="by month, whole months"
    )


def _trend(totals: pl.DataFrame) -> str:
    """`Spend rose by 1 % in 11 months and is expected to rise by 13 % in 12`: what the chart shows."""
    past, ahead = totals.filter(~pl.col("is_forecast")), totals.filter(pl.col("is_forecast"))
    parts = []
    if past.height > 1 and past["cost"][0]:
        share = past["cost"][-1] / past["cost"][0] - 1
        parts.append(f"{_moved(share, 'rose', 'fell')} in {text.plural(past.height - 1, 'month')}")
    if ahead.height and past.height and past["cost"][-1]:
        share = ahead["cost"][-1] / past["cost"][-1] - 1
        verb = _moved(share, "rise", "fall")
        parts.append(f"is expected to {verb} in {text.plural(ahead.height, 'month')}")
    return f"Spend {' and '.join(parts)}" if parts else "Spend by month"


def _moved(share: float, up: str, down: str) -> str:
    if abs(share) < 0.005:
        return "stayed the same" if up == "rose" else "stay the same"
    return f"{up if share > 0 else down} by {text.percent(abs(share), 0)}"


def _ledger(view: View) -> Component:
    """From what is paid now to what the recommended sizes cost; adds up to the cent."""
    currency = view.estate.currency
    here = view.resources
    paid = total(here["monthly_cost"])
    found = ledger(here)
    # What is paid is in the first sentence too: the changes take what rounding leaves.
    before, *shown, after = adding_up([paid, *(change for *_, change in found)], fixed=1)
    rows: list[list[Children]] = [["Paid now", "", html.Strong(before)]]
    for (status, action, count, _), change in zip(found, shown, strict=True):
        tab = (
            "needed"
            if status in ("under_provisioned", "at_risk")
            else "idle"
            if status == "idle"
            else "worth"
        )
        rows.append(
            [
                html.Span(
                    [
                        state(status),
                        html.Span(f" · {text.ACTION_WORDS.get(action, action)}", className="range"),
                    ]
                ),
                link(f"{count:,}", view.link("/provisioning", tab=tab), className="plain"),
                signed(change),
            ]
        )
    rows.append([html.Strong("At the recommended sizes"), "", html.Strong(after)])
    unpriced = here["monthly_cost"].null_count()
    saved = sum(-change for *_, change in found if change < 0)
    unused = total(here["unused_cost"])
    notes = []
    if unused > saved + 0.5:
        notes.append(
            f"Of {text.money(unused, currency)} for unused capacity,"
            f" {text.money_bare(unused - saved)} cannot be saved by a recommended change."
        )
    if unpriced:
        notes.append(f"{text.plural(unpriced, 'resource')} without a known price, not counted.")
    return section(
        "From today's sizes to the recommended",
        table(
            [Column(""), Column("Resources", numeric=True), Column(f"{currency} a month", numeric=True)],
            rows,
            "From what is paid now to the recommended sizes",
        ),
        html.P(" ".join(notes), className="caption") if notes else None,
    )


def _groups(view: View, by: str) -> Component:
    currency = view.estate.currency
    rows = by_group(view.resources, by)
    paid = total(rows["cost"])
    top = rows["cost"][0]
    entries = [(group, view.link("/costs", by=group), group == by) for group in GROUPS]
    body: list[list[Children]] = []
    for row in rows.head(SHOWN).iter_rows(named=True):
        body.append(
            [
                _group_name(view, by, row["name"]),
                f"{row['resources']:,}",
                text.money_bare(row["cost"]),
                html.Span(
                    [
                        share_bar(row["cost"], top),
                        html.Span(f" {text.percent(row['cost'] / paid if paid else None)}", className="num"),
                    ],
                    className="use",
                ),
                text.money_bare(row["idle"]),
                text.money_bare(row["over"]),
                text.percent(row["unused"] / row["cost"], 0) if row["cost"] else text.NONE,
                f"{'+' if row['change'] > 0 else ''}{text.money_bare(row['change'])}",
            ]
        )
    sums = rows.select(pl.col("resources", "cost", "idle", "over", "unused", "change").sum()).row(
        0, named=True
    )
    words = (
        "All",
        f"{sums['resources']:,}",
        text.money_bare(sums["cost"]),
        "",
        text.money_bare(sums["idle"]),
        text.money_bare(sums["over"]),
        text.percent(sums["unused"] / sums["cost"], 0) if sums["cost"] else text.NONE,
        f"{'+' if sums['change'] > 0 else ''}{text.money_bare(sums['change'])}",
    )
    body.append([html.Strong(word) for word in words])
    heads = [
        Column(by.capitalize()),
        Column("Resources", numeric=True, wide_only=True),
        Column(f"{currency} a month", numeric=True),
        Column("Share", width="17%", wide_only=True),
        Column("Idle", numeric=True, hint="Paid for resources nobody uses"),
        Column("Too large", numeric=True, hint="Paid for capacity above the recommended size"),
        Column("Unused", numeric=True, wide_only=True),
        Column("If changed", numeric=True, hint="Change of the cost at the recommended sizes"),
    ]
    rest = rows.height - SHOWN
    notes = []
    if rest > 0:
        notes.append(f"The {SHOWN} dearest; {rest:,} more are in the sum and in the file.")
    elif any(off(rows[column].to_list()) for column in ("cost", "idle", "over", "change")):
        notes.append("Every figure is rounded on its own; the files have the cents, and they add up.")
    return section(
        "By owner",
        tabs("By", *entries),
        table(heads, body, f"Costs by {by}"),
        html.P(" ".join(notes), className="caption") if notes else None,
    )


def _group_name(view: View, by: str, name: str | None) -> Children:
    if name is None:
        return html.Span("not known", className="quiet")
    if by == "service":
        return link(name, view.link("/service", name=name))
    if by == "kind":
        return link(name, view.link("/resources", kind=name))
    narrowed = View(view.estate, {**view.place, by: (name,)}, view.now, view.palette)
    return link(text.provider(name) if by == "provider" else name, narrowed.link("/costs", by="service"))


PAGE = Page(path="/costs", title="Costs", layout=layout, icon="costs")
