"""Runway: what runs out, when, and how likely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.outlook import (
    answered,
    axis_days,
    decide_by,
    headline,
    row_whisker,
    runs_out,
    subject_link,
    use_now,
    watched,
    when,
)
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.proof import pick
from dashboard.recommendation import change_of
from dashboard.view import View
from dashboard.widgets import (
    Child,
    Children,
    Column,
    files,
    link,
    more_link,
    nothing,
    page,
    section,
    table,
    tabs,
    whisker_axis,
)
from data.series import UNITS

SCOPES = {"resource": "resources", "service": "services"}
AXIS = {"90": "90 days", "365": "a year"}
SHOWN = 40
MOST = 400
"""Of all that are asked for: more rows make a page slow to draw; the file has them."""
OUT_SHOWN = 6
"""Of those out of capacity now: what can still be prevented stays in sight."""


def layout(
    view: View, /, scope: str = "resource", metric: str = "", axis: str = "", all: str = "", **_: str
) -> Component:
    """What is out now with what is advised, then whiskers of what has a date or an earliest one."""
    if view.resources.is_empty():
        return overview.empty(view)
    scope = pick(scope, list(SCOPES), "resource")
    rows = view.exhaustion(scope)
    known = rows["metric"].unique().sort().to_list()
    metric = metric if metric in known else ""
    shown = rows.filter(pl.col("metric") == metric) if metric else rows
    today = view.estate.today
    out = shown.filter(pl.col("state") == "exhausted_now")
    ahead = watched(shown).filter(pl.col("state") != "exhausted_now")
    few = ahead.head(MOST if all else SHOWN)
    usual = str(axis_days(few, today, tuple(map(int, AXIS))))
    axis = pick(axis, list(AXIS), usual)

    def address(**change: str) -> str:
        asked = {"scope": scope, "metric": metric, "axis": axis} | change
        plain = {"scope": "resource", "metric": "", "axis": usual}
        return view.link("/runway", **{key: value for key, value in asked.items() if value != plain.get(key)})

    more = address(all="1")
    return page(
        answer(view, scope, rows),
        html.Div(
            [
                tabs("Scope", *((words, address(scope=key), key == scope) for key, words in SCOPES.items())),
                tabs(
                    "Metric",
                    ("every metric", address(metric=""), not metric),
                    *((text.metric(one), address(metric=one), one == metric) for one in known),
                ),
                tabs("Axis", *((words, address(axis=key), key == axis) for key, words in AXIS.items())),
            ],
            className="choice-line",
        ),
        _out(view, scope, out.head(MOST if all else OUT_SHOWN), out.height, more) if out.height else None,
        section(_count(ahead), _ahead(view, scope, few, int(axis)))
        if few.height
        else nothing(
            ("Nothing else" if out.height else "Nothing") + " runs out within a year."
            if answered(shown).height
            else "Nothing is known about when things run out.",
            "Only what has at least an even chance gets a date."
            if answered(shown).height
            else "The history is too short yet, or no limit is known."
            if len(shown)
            else "Dates are made by the forecast job.",
            None if len(shown) else "headroom run",
        ),
        _rest(shown, ahead, few, more),
        aside=files(view, "runway", scope=scope, metric=metric),
    )


def _count(rows: pl.DataFrame) -> str:
    """`Runs out within a year: 18; not before a date: 1,209`."""
    dated = rows["date_mid"].count()
    later = rows.height - dated
    parts = ([f"Runs out within a year: {dated:,}"] if dated else []) + (
        [f"{'not' if dated else 'Not'} before a date: {later:,}"] if later else []
    )
    return "; ".join(parts)


def _out(view: View, scope: str, rows: pl.DataFrame, count: int, more: str) -> Component:
    """What has no usable capacity left, what that shows in, and what is advised."""
    findings = {
        (row["resource"], row["metric"]): row for row in view.estate.metric_findings.iter_rows(named=True)
    }
    advised = {row["resource"]: row for row in view.resources.iter_rows(named=True) if row["action"]}
    body: list[list[Children]] = []
    for row in rows.iter_rows(named=True):
        found = findings.get((row["subject"], row["metric"])) if scope == "resource" else None
        advice = advised.get(row["subject"]) if scope == "resource" else None
        changed = advice is not None and advice["action"] != "keep"
        body.append(
            [
                subject_link(view, row),
                html.Span(text.metric(row["metric"]), className="tight"),
                html.Span(p95(row, found), className="tight"),
                html.Span(text.sentence(found["because"]) if found else "", className="range"),
                link(change_of(advice)[0], view.link("/provisioning", tab="needed", open=row["subject"]))
                if advice and changed
                else html.Span(text.NONE, className="quiet"),
                _bare_change(-advice["saving"])
                if advice and changed and advice["saving"] is not None
                else text.NONE,
            ]
        )
    heads = [
        Column("Resource" if scope == "resource" else "Service"),
        Column("Metric"),
        Column("p95 of demand", numeric=True, hint="Of what is held"),
        Column("Why", wide_only=True),
        Column("Advised"),
        Column(f"{view.estate.currency} a month", numeric=True, wide_only=True),
    ]
    if scope == "service":  # sizes are advised for resources
        heads, body = heads[:3], [line[:3] for line in body]
    return section(
        f"Out of usable capacity now: {count:,}",
        table(heads, body, "What is out of capacity now"),
        note=more_link(count - rows.height, "more row", more) if count > rows.height else None,
    )


def p95(row: Mapping[str, Any], found: Mapping[str, Any] | None) -> str:
    """`62 of 64 GiB`: the 95th percentile where it is known, else the demand of now."""
    demand = found["demand_p95"] if found else row["demand_now"]
    return text.of(demand, row["capacity"], UNITS.get(row["metric"], ""))


def _bare_change(value: float) -> str:
    return f"{'+' if value > 0 else ''}{text.money_bare(value)}"


def _ahead(view: View, scope: str, rows: pl.DataFrame, days: int) -> Component:
    today = view.estate.today
    body: list[list[Children]] = [
        [
            subject_link(view, row),
            html.Span(text.metric(row["metric"]), className="tight"),
            html.Span(use_now(row), className="range tight"),
            row_whisker(row, today, days),
            html.Span(when(row, today), className="tight"),
            text.probability(row["p28"]),
            text.probability(row["p90"]),
            text.probability(row["p365"]),
            _order(view, row),
        ]
        for row in rows.iter_rows(named=True)
    ]
    heads = [
        Column("Resource" if scope == "resource" else "Service"),
        Column("Metric"),
        Column("Use now", numeric=True, wide_only=True, hint="Demand of capacity"),
        Column(whisker_axis(today, days), width="30%", wide_only=True),
        Column("Runs out (8 of 10 outcomes)"),
        Column(
            "28 days",
            numeric=True,
            wide_only=True,
            hint="Probability that usable capacity is reached within 28 days",
        ),
        Column("90 days", numeric=True, hint="Probability within 90 days"),
        Column("a year", numeric=True, wide_only=True, hint="Probability within 365 days"),
        Column("Decide by", wide_only=True, hint="So that more is there in time"),
    ]
    return table(heads, body, "What runs out when")


def answer(view: View, scope: str, rows: pl.DataFrame) -> str:
    """How many run out soon, and the next of them with its date and lead time."""
    today = view.estate.today
    if rows.is_empty():
        return "Nothing is known yet about when capacity runs out."
    noun = SCOPES[scope].removesuffix("s")
    first = headline(rows, today, noun)
    first = first[0].upper() + first[1:]
    dated = rows.filter(pl.col("date_mid").is_not_null() & (pl.col("state") != "exhausted_now"))
    if dated.is_empty():
        return f"{first}."
    row = dated.row(0, named=True)
    by = decide_by(row, today)
    return f"{first}; next is {row['subject']}, where {runs_out(row, today)}{'; ' + by if by else ''}."


def _order(view: View, row: dict[str, object]) -> Children:
    by = row["order_by"]
    if by is None:
        return text.NONE
    today = view.estate.today
    if by <= today:  # type: ignore[operator]
        return html.Strong("today", title=f"{text.day(by)} has passed")  # type: ignore[arg-type]
    return html.Span(text.day_near(by, today), title=f"lead time {row['lead_days']} days")  # type: ignore[arg-type]


def _rest(shown: pl.DataFrame, watch: pl.DataFrame, few: pl.DataFrame, more: str) -> Component:
    """What is not drawn, and why: nothing is left out silently."""
    counts = dict(shown.group_by("state").len().iter_rows())
    parts = [
        f"{counts[state]:,} {words}"
        for state, words in (
            ("not_within_horizon", "not within a year"),
            ("not_enough_history", "with not enough history"),
            ("no_limit", "without a known limit"),
        )
        if counts.get(state)
    ]
    words: list[Child] = []
    rest = watch.height - few.height
    if rest and few.height < MOST:
        words += [more_link(rest, "more row", more), ". "]
    elif rest:
        words.append(f"{text.plural(rest, 'more row')}: the file has them. ")
    if parts:
        words.append(f"Not drawn: {text.listing(parts, 4)}. ")
    words.append("A date is named where the chance to reach usable capacity is at least one half.")
    return html.P(words, className="caption")


PAGE = Page(path="/runway", title="Runway", layout=layout, icon="runway")
