"""When things run out, in words and rows; shared by the overview, the runway and the pages of one subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.view import View
from dashboard.widgets import Child, link, whisker
from data.series import UNITS

SOON = 90
"""Days ahead that count as soon: a quarter, the usual time between asking for hardware and having it."""

UNKNOWN = "nothing is known yet about when capacity runs out"
"""Said where nothing was forecast: silence is no promise."""

Row = Mapping[str, Any]


def runs_out_within(rows: pl.DataFrame, today: date, days: int) -> pl.DataFrame:
    """Rows out of capacity now, or with a date at 0.5 within `days`."""
    until = today + timedelta(days=days)
    return rows.filter((pl.col("state") == "exhausted_now") | (pl.col("date_mid") <= until))


def watched(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with something to watch: out now, dated, or with an earliest date."""
    return rows.filter(pl.col("state").is_in(["exhausted_now", "dated", "not_before"]))


def answered(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that say whether it runs out: too short a history or an unknown limit says nothing."""
    return rows.filter(~pl.col("state").is_in(["not_enough_history", "no_limit"]))


def as_known(rows: pl.DataFrame) -> str:
    """` as far as is known` where some subject is too young for any answer, else nothing."""
    young = rows.filter(pl.col("state") == "not_enough_history")
    return " as far as is known" if set(young["subject"]) - set(answered(rows)["subject"]) else ""


def when(row: Row, today: date) -> Child:
    """`12 Jan (3–30 Jan)`, `now`, `not before 4 Mar`, or why there is no date."""
    if row["state"] == "exhausted_now":
        return html.Strong("now")
    if row["date_mid"] is not None:
        words = text.date_range(row["date_low"], row["date_mid"], row["date_high"], today)
        middle, _, rest = words.partition(" (")
        return (
            html.Span([middle, html.Span(f" ({rest}", className="range")], className="tight")
            if rest
            else middle
        )
    if row["date_low"] is not None:
        return html.Span(f"not before {text.day_near(row['date_low'], today)}", className="range")
    return html.Span(text.EXHAUSTION_WORDS.get(row["state"], row["state"]), className="range")


def runs_out(row: Row, today: date) -> str:
    """A clause: `storage runs out on 12 Jan (3–30 Jan), in 53 days`."""
    name = text.metric(row["metric"])
    if row["state"] == "exhausted_now":
        return f"{name} is out of usable capacity now"
    if row["date_mid"] is not None:
        dates = text.date_range(row["date_low"], row["date_mid"], row["date_high"], today)
        return f"{name} runs out on {dates}, in {text.plural((row['date_mid'] - today).days, 'day')}"
    if row["date_low"] is not None:
        return f"{name} does not run out before {text.day_near(row['date_low'], today)}"
    if row["state"] == "not_enough_history":
        return f"{name} has not enough history for a date"
    if row["state"] == "no_limit":
        return f"{name} has no known limit"
    return f"{name} does not run out within a year"


def decide_by(row: Row, today: date) -> str | None:
    """A clause on what to do until when: `getting more takes 20 days, so decide by 14 Dec`."""
    if row["order_by"] is None or row["date_mid"] is None:
        return None
    by = "today" if row["order_by"] <= today else f"by {text.day_near(row['order_by'], today)}"
    if row["lead_days"] is None:
        return f"decide {by}"
    return f"getting more takes {text.plural(row['lead_days'], 'day')}, so decide {by}"


def headline(rows: pl.DataFrame, today: date, noun: str, owner: str | None = None) -> str:
    """A clause: `20 resources of 16 services are out of capacity now and 1 more runs out before 20 Feb`.

    Args:
        rows: of exhaustion; a subject is a `noun`.
        owner: column with the service of each subject, to count those too.
    """
    if answered(rows).is_empty():
        return UNKNOWN
    until = text.day_near(today + timedelta(days=SOON), today)
    due = runs_out_within(rows, today, SOON)
    out = due.filter(pl.col("state") == "exhausted_now")
    now = set(out["subject"])
    later = set(due["subject"]) - now

    def counted(names: set[str], of: pl.DataFrame) -> str:
        words = text.plural(len(names), noun)
        services = of[owner].drop_nulls().n_unique() if owner else 0
        return f"{words} of {text.plural(services, 'service')}" if services else words

    runs = "runs" if len(later) == 1 else "run"
    if now:
        more = (
            f"{len(later):,} more {runs} out before {until}" if later else f"no other runs out before {until}"
        )
        return f"{counted(now, out)} {'is' if len(now) == 1 else 'are'} out of capacity now and {more}"
    if later:
        return f"{counted(later, due)} {runs} out of capacity before {until}"
    return f"no {noun} runs out of capacity before {until}{as_known(rows)}"


def subject_link(view: View, row: Row, **query: str | None) -> Component:
    """The subject of a row, leading to its page with this metric open."""
    path = "/service" if row["scope"] == "service" else "/resource"
    return link(row["subject"], view.link(path, name=row["subject"], metric=row["metric"], **query))


def axis_days(rows: pl.DataFrame, today: date, choices: Sequence[int]) -> int:
    """The shortest axis that shows where at least half of the dated rows lie; the longest without any."""
    ahead = (rows["date_mid"].drop_nulls() - today).dt.total_days()
    for days in sorted(choices):
        if ahead.len() and (ahead <= 0.9 * days).sum() * 2 >= ahead.len():
            return days
    return max(choices)


def row_whisker(row: Row, today: date, days: int) -> Component:
    return whisker(
        row["date_low"], row["date_mid"], row["date_high"], today, days, now=row["state"] == "exhausted_now"
    )


def use_now(row: Row) -> str:
    """`1,797 of 2,000 GiB`."""
    return text.of(row["demand_now"], row["capacity"], UNITS.get(row["metric"], ""))
