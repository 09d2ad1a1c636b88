"""Services: every service with its state per metric, what runs out next, and what it costs."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.outlook import SOON, answered, as_known
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.proof import pick
from dashboard.service_rows import SORTS, service_rows, services_table
from dashboard.view import View
from dashboard.widgets import files, nothing, page, section

SHOWN = 200
"""More rows make a page slow to draw; the file has all of them."""


def layout(view: View, /, sort: str = "urgency", **_: str) -> Component:
    """The table, most urgent first unless asked otherwise."""
    if view.resources.is_empty():
        return overview.empty(view)
    rows = service_rows(view)
    if not rows:
        return page(
            "No resource here belongs to a service.",
            nothing(
                "Services are what the business calls its systems; they own resources.",
                "Add a `service` column to the inventory of resources and load it again.",
                "headroom ingest",
            ),
        )
    sort = pick(sort, list(SORTS), "urgency")
    today = view.estate.today
    now = [row.service for row in rows if row.next_out and row.next_out["state"] == "exhausted_now"]
    soon = [
        row.service
        for row in rows
        if row.next_out
        and row.next_out["date_mid"]
        and (row.next_out["date_mid"] - today).days <= SOON
        and row.service not in now
    ]
    told = pl.concat([view.exhaustion("resource"), view.exhaustion("service")])
    they = "the only service runs" if len(rows) == 1 else f"the {len(rows)} services run"
    of = f"of {text.plural(len(rows), 'service')}"
    if now:
        answer = (
            f"{len(now)} {of} {'has' if len(now) == 1 else 'have'} a resource that is out of capacity now"
        )
        answer += (
            f", {len(soon)} more {'runs' if len(soon) == 1 else 'run'} out of something within {SOON} days."
            if soon
            else f"; no other runs out of anything within {SOON} days."
        )
    elif answered(told).is_empty():
        how = "`headroom run` forecasts it" if told.is_empty() else "the history is too short"
        answer = f"Nothing is known yet about when {they} out of capacity; {how}."
    elif soon:
        runs = "runs" if len(soon) == 1 else "run"
        answer = f"{len(soon)} {of} {runs} out of something within {SOON} days: {text.listing(soon)}."
    else:
        all_have = "The only service has" if len(rows) == 1 else f"All {len(rows)} services have"
        answer = f"{all_have} the capacity needed for the next {SOON} days{as_known(told)}."
    return page(
        answer,
        section(
            text.plural(len(rows), "service"),
            services_table(view, sorted(rows, key=SORTS[sort])[:SHOWN], "/services"),
            html.P(
                f"The first {SHOWN} by {sort}; {len(rows) - SHOWN:,} more are in the file.",
                className="caption",
            )
            if len(rows) > SHOWN
            else None,
            note=f"p95 of demand as a share of capacity; by {sort}, click a header to sort",
        ),
        aside=files(view, "services", sort=sort),
    )


PAGE = Page(path="/services", title="Services", layout=layout, icon="services")
