"""Runway: what runs out, when, and how likely."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.outlook import decide_by, headline, row_whisker, runs_out, subject_link, use_now, watched, when
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.proof import pick
from dashboard.view import View
from dashboard.widgets import Child, Children, Column, more_link, nothing, page, table, tabs, whisker_axis

SCOPES = {"resource": "resources", "service": "services"}
AXIS = {"90": "90 days", "365": "a year"}
SHOWN = 40


def layout(
    view: View, /, scope: str = "resource", metric: str = "", axis: str = "365", all: str = "", **_: str
) -> Component:
    """Whiskers of what has a date or an earliest one, the most urgent first."""
    if view.resources.is_empty():
        return overview.empty(view)
    scope = pick(scope, list(SCOPES), "resource")
    axis = pick(axis, list(AXIS), "365")
    rows = view.exhaustion(scope)
    known = rows["metric"].unique().sort().to_list()
    metric = metric if metric in known else ""
    shown = rows.filter(pl.col("metric") == metric) if metric else rows
    today = view.estate.today

    def address(**change: str) -> str:
        asked = {"scope": scope, "metric": metric, "axis": axis} | change
        plain = {"scope": "resource", "metric": "", "axis": "365"}
        return view.link("/runway", **{key: value for key, value in asked.items() if value != plain.get(key)})

    watch = watched(shown)
    few = watch if all else watch.head(SHOWN)
    body: list[list[Children]] = [
        [
            subject_link(view, row),
            html.Span(text.metric(row["metric"]), className="tight"),
            html.Span(use_now(row), className="range tight"),
            row_whisker(row, today, int(axis)),
            html.Span(when(row, today)),
            text.probability(row["p28"]),
            text.probability(row["p90"]),
            text.probability(row["p365"]),
            _order(view, row),
        ]
        for row in few.iter_rows(named=True)
    ]
    heads = [
        Column("Resource" if scope == "resource" else "Service"),
        Column("Metric"),
        Column("Use now", numeric=True, wide_only=True, hint="Demand of capacity"),
        Column(whisker_axis(today, int(axis)), width="26%", wide_only=True),
        Column("Runs out (8 of 10 outcomes)"),
        Column(
            "28 days",
            numeric=True,
            wide_only=True,
            hint="Probability that usable capacity is reached within 28 days",
        ),
        Column("90 days", numeric=True, hint="Probability within 90 days"),
        Column("a year", numeric=True, wide_only=True, hint="Probability within 365 days"),
        Column("Decide by", wide_only=True),
    ]
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
        table(heads, body, "What runs out when")
        if body
        else nothing(
            "Nothing runs out within a year."
            if len(shown)
            else "Nothing is known about when things run out.",
            "Only what has at least an even chance gets a date."
            if len(shown)
            else "Dates are made by the forecast job.",
            None if len(shown) else "headroom run",
        ),
        _rest(view, shown, watch, few, address(all="1")),
    )


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


def _rest(view: View, shown: pl.DataFrame, watch: pl.DataFrame, few: pl.DataFrame, more: str) -> Component:
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
    if few.height < watch.height:
        words += [more_link(watch.height - few.height, "more row", more), ". "]
    if parts:
        words.append(f"Not drawn: {text.listing(parts, 4)}. ")
    words.append("A date is named where the chance to reach usable capacity is at least one half.")
    return html.P(words, className="caption")


PAGE = Page(path="/runway", title="Runway", layout=layout, icon="runway")
