"""Data health: is what everything else stands on complete and fresh?"""

from __future__ import annotations

from datetime import datetime

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.completeness import gaps, outcome, sources
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.view import View
from dashboard.widgets import (
    Children,
    Column,
    facts,
    files,
    link,
    more_link,
    nothing,
    page,
    section,
    table,
    told,
)

SILENT_HOURS = 24
"""A resource not heard of for longer is silent."""

SHOWN = 15
RUNS = 12


def layout(view: View, /, all: str = "", **_: str) -> Component:
    """Silent resources, rejected rows, runs."""
    # Drivers (requests, users) are reported under their service's name; only what has a capacity counts here.
    heard = view.estate.freshness.filter(pl.col("resource").is_in(view.resources["resource"].implode()))
    if view.place and view.resources.is_empty():
        return overview.empty(view)
    if heard.is_empty() and view.estate.runs.is_empty():
        return page(
            "Nothing was loaded yet.",
            nothing(
                "This page shows how fresh and complete the measurements are.",
                "It fills with the first load.",
                "headroom ingest",
            ),
        )
    by_resource = heard.group_by("resource").agg(
        pl.min("hours_silent"),
        pl.max("newest"),
        pl.min("first_day"),
        pl.max("days_reported"),
        pl.len().alias("metrics"),
    )
    silent = by_resource.filter(pl.col("hours_silent") > SILENT_HOURS).sort(
        "hours_silent", "resource", descending=[True, False]
    )
    unseen = view.resources.filter(~pl.col("resource").is_in(heard["resource"].unique().implode()))
    return page(
        answer(view, by_resource, silent, unseen),
        _facts(view, heard, by_resource),
        sources(view),
        _silent(view, silent, unseen, bool(all)),
        gaps(view),
        _rejected(view),
        _runs(view),
        aside=files(view, "health"),
    )


def answer(view: View, by_resource: pl.DataFrame, silent: pl.DataFrame, unseen: pl.DataFrame) -> str:
    """`824 of 830 resources reported in the last 24 hours; 6 are silent; 120 rows were rejected.`"""
    total = by_resource.height
    if silent.is_empty():
        all_of = "The only resource" if total == 1 else f"All {text.plural(total, 'resource')}"
        words = f"{all_of} reported in the last {SILENT_HOURS} hours"
    else:
        heard = f"{total - silent.height:,} of {text.plural(total, 'resource')}"
        words = f"{heard} reported in the last {SILENT_HOURS} hours"
        words += f", {silent.height:,} {_are(silent.height)} silent"
    if unseen.height:
        words += f"; {unseen.height:,} more {_are(unseen.height)} in the inventory but never reported"
    rejected = int(view.estate.rejected["row_count"].sum())
    words += (
        f"; {text.plural(rejected, 'row')} {'was' if rejected == 1 else 'were'} rejected"
        if rejected
        else "; no row was rejected"
    )
    return words + "."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _facts(view: View, heard: pl.DataFrame, by_resource: pl.DataFrame) -> Component:
    estate = view.estate
    first = heard["first_day"].min()
    days = by_resource["days_reported"].median() if by_resource.height else None
    return facts(
        ("Measured until", text.moment(estate.as_of)),
        ("Age", text.age(view.now - estate.as_of)),
        ("Series", f"{heard.height:,}"),
        ("Oldest day", text.day(first) if first else None),  # type: ignore[arg-type]
        ("History of half the resources", text.plural(int(days), "day") if days else None),  # type: ignore[arg-type]
        ("Published", text.moment(estate.snapshot.published_at)),
        ("Run", estate.snapshot.run_id),
    )


def _silent(view: View, silent: pl.DataFrame, unseen: pl.DataFrame, everything: bool) -> Component | None:
    if silent.is_empty() and unseen.is_empty():
        return None
    owner = dict(view.estate.resources.select("resource", "service").iter_rows())
    shown = silent if everything else silent.head(SHOWN)
    body: list[list[Children]] = [
        [
            link(row["resource"], view.link("/resource", name=row["resource"])),
            _service(view, owner.get(row["resource"])),
            text.moment(row["newest"]),
            _span(row["hours_silent"]),
        ]
        for row in shown.iter_rows(named=True)
    ]
    for row in (unseen if everything else unseen.head(max(0, SHOWN - shown.height))).iter_rows(named=True):
        body.append(
            [
                link(row["resource"], view.link("/resource", name=row["resource"])),
                _service(view, row["service"]),
                html.Span("never", className="quiet"),
                "",
            ]
        )
    rest = silent.height + unseen.height - len(body)
    return section(
        "Silent resources",
        table(
            [Column("Resource"), Column("Service"), Column("Last heard"), Column("Silent for", numeric=True)],
            body,
            "Silent resources",
        ),
        html.P(more_link(rest, "more resource", view.link("/health", all="1")), className="caption")
        if rest
        else None,
        note="nothing is concluded from silence: these are unknown, not idle",
    )


def _service(view: View, name: str | None) -> Children:
    return link(name, view.link("/service", name=name)) if name else html.Span("none", className="quiet")


def _span(hours: int) -> str:
    return f"{hours:,} h" if hours < 72 else text.plural(hours // 24, "day")


def _rejected(view: View) -> Component:
    rows = view.estate.rejected
    if rows.is_empty():
        return section(
            "Rejected rows", html.P("None: every row that came could be used.", className="caption")
        )
    body: list[list[Children]] = [
        [
            row["source"],
            row["reason"],
            f"{row['row_count']:,}",
            text.moment(row["newest"]),
            html.Code((row["example"] or "")[:80], title=row["example"] or ""),
        ]
        for row in rows.head(SHOWN).iter_rows(named=True)
    ]
    rest = rows.height - len(body)
    return section(
        "Rejected rows",
        table(
            [
                Column("Source"),
                Column("Reason"),
                Column("Rows", numeric=True),
                Column("Last", wide_only=True),
                Column("Example", wide_only=True),
            ],
            body,
            "Rejected rows",
        ),
        html.P(
            told(f"{text.plural(rest, 'more reason')}; `headroom status` lists them."), className="caption"
        )
        if rest > 0
        else None,
    )


def _runs(view: View) -> Component | None:
    rows = view.estate.runs.head(RUNS).with_columns(
        # What is published was copied while its own last step ran.
        outcome=pl.when(
            (pl.col("step") == "publish")
            & (pl.col("run_id") == view.estate.snapshot.run_id)
            & pl.col("finished_at").is_null()
        )
        .then(pl.lit("done"))
        .otherwise(pl.col("outcome"))
    )
    if rows.is_empty():
        return None
    body: list[list[Children]] = [
        [
            html.Span(text.moment(row["started_at"]), className="tight"),
            " ".join(part for part in (row["step"], row["source"]) if part),
            outcome(row["outcome"]),
            _took(row["started_at"], row["finished_at"], row["outcome"]),
            _count(row["rows_read"]),
            _count(row["rows_loaded"]),
            _count(row["rows_rejected"]),
            html.Span(row["message"] or "", className="range"),
        ]
        for row in rows.iter_rows(named=True)
    ]
    heads = [
        Column("Started"),
        Column("Step"),
        Column("Outcome"),
        Column("Took", numeric=True),
        Column("Rows read", numeric=True, wide_only=True),
        Column("Loaded", numeric=True, wide_only=True),
        Column("Rejected", numeric=True, wide_only=True),
        Column("Message", wide_only=True),
    ]
    return section("Latest steps", table(heads, body, "Latest steps of runs"))


def _count(value: int | None) -> str:
    return f"{value:,}" if value else text.NONE


def _took(start: datetime, end: datetime | None, outcome: str) -> str:
    if end is None:
        return text.NONE if outcome == "done" else "not ended"
    seconds = (end - start).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else text.age(end - start)


PAGE = Page(path="/health", title="Data health", layout=layout, icon="health")
