"""How complete the measurements are: each source's last pull, and the series with the most missing."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.view import View
from dashboard.widgets import Children, Column, link, named, section, table, told

COMPLETE = 0.95
"""A series with less of its last 28 days reported is told of."""
SHOWN = 10
OUTCOME_MARKS = {"done": "right_sized", "partly": "at_risk", "failed": "under_provisioned"}


def outcome(word: str | None) -> Component:
    """The mark of how a step ended, with its word."""
    return html.Span(
        [
            html.Span(
                className=f"mark {OUTCOME_MARKS.get(word or '', 'unknown')}", **named({"aria-hidden": "true"})
            ),
            word or "never ran",
        ],
        className="state",
    )


def sources(view: View) -> Component | None:
    """Every source: where it got to, how its last pull ended, what of it could not be used."""
    rows = view.estate.sources
    if rows.is_empty():
        return None
    failed = rows.filter(pl.col("last_outcome") == "failed").height
    body: list[list[Children]] = [
        [
            row["source"],
            outcome(row["last_outcome"]),
            text.moment(row["last_started_at"]),
            text.moment(row["watermark"]),
            f"{row['rows_loaded']:,}" if row["rows_loaded"] else text.NONE,
            f"{row['rows_rejected']:,}" if row["rows_rejected"] else text.NONE,
            f"{row['failed_runs']:,} of {row['runs']:,}",
            html.Span(row["last_message"] or "", className="range"),
        ]
        for row in rows.iter_rows(named=True)
    ]
    heads = [
        Column("Source"),
        Column("Last pull"),
        Column("When", wide_only=True),
        Column("Measured until", hint="Newest measurement it gave"),
        Column("Rows loaded", numeric=True, wide_only=True),
        Column("Rejected", numeric=True),
        Column("Failed", numeric=True, wide_only=True, hint="Of all its pulls that are remembered"),
        Column("Message", wide_only=True),
    ]
    words = f"{failed} of {text.plural(rows.height, 'source')} failed" if failed else "Every source answered"
    return section(words, table(heads, body, "Sources"))


def gaps(view: View) -> Component | None:
    """The series of which most of the last 28 days is missing, of resources here."""
    names = view.resources["resource"].implode()
    rows = view.estate.coverage.filter(pl.col("resource").is_in(names))
    if rows.is_empty():
        return None
    short = rows.filter(pl.col("coverage") < COMPLETE).sort("coverage", "resource", "metric")
    of = text.plural(rows.height, "series", "series")
    if short.is_empty():
        words = f"All {of} are at least {text.percent(COMPLETE)} complete over 28 days"
        return section(words if rows.height > 1 else words.replace("All 1", "The only").replace("are", "is"))
    body: list[list[Children]] = [
        [
            link(row["resource"], view.link("/resource", name=row["resource"], metric=row["metric"])),
            text.metric(row["metric"]),
            text.percent(row["coverage"]),
            f"{row['reported']:,} of {row['expected']:,}",
        ]
        for row in short.head(SHOWN).iter_rows(named=True)
    ]
    heads = [
        Column("Resource"),
        Column("Metric"),
        Column("Reported", numeric=True, hint="Of the last 28 days, or since its first measurement"),
        Column("Hours, or days of a daily series", numeric=True),
    ]
    have = "has" if short.height == 1 else "have"
    rest = short.height - SHOWN
    return section(
        f"{short.height:,} of {of} {have} gaps: less than {text.percent(COMPLETE)} of the last 28 days",
        table(heads, body, "Series with gaps"),
        html.P(told(f"{rest:,} more; `headroom health --all` lists them."), className="caption")
        if rest > 0
        else None,
    )
