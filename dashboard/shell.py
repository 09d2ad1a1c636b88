"""The frame around every page: rail, top bar, search. Pages go into `main`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dash_mantine_components as dmc
import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import text
from dashboard.page import Page
from dashboard.view import NOBODY, PLACE, View
from dashboard.widgets import named

STALE = timedelta(hours=36)
"""Measurements older than this are marked: nightly runs should never leave them older."""

_PLACE_WORDS = {"provider": "Provider", "site": "Site", "team": "Team"}


def frame() -> Component:
    """The parts that stay while pages come and go; the page callback fills them."""
    shell: Component = dmc.MantineProvider(
        [
            dcc.Location(id="location", refresh=False),
            dcc.Store(id="theme"),
            dcc.Store(id="written"),  # changes when something was decided or saved: the page is made anew
            html.A("Skip to the page", href="#page", className="skip"),
            html.Div(
                "The server does not answer. What is shown still holds for its run; try again in a moment,"
                " and if it stays, see whether `headroom serve` still runs.",
                className="unanswered",
                role="alert",
            ),
            html.Div(
                [
                    html.Nav(id="rail", className="rail", **named({"aria-label": "Pages"})),
                    html.Header(id="topbar", className="topbar"),
                    html.Main(skeleton(), id="page", tabIndex=-1),
                ],
                className="frame",
            ),
            _search(),
        ]
    )
    return shell


def skeleton() -> Component:
    """What stands there until the first page arrives: the layout, without the words."""
    return html.Div(
        [
            html.Div(className="bone answer-bone"),
            html.Div(className="bone chart-bone"),
            *(html.Div(className="bone row-bone") for _ in range(8)),
        ],
        className="page skeleton",
        **named({"aria-busy": "true", "aria-label": "Loading"}),
    )


def rail(pages: Sequence[Page], current: Page | None, view: View | None) -> list[Component]:
    """Links to the pages, the open one marked; place filters travel along."""
    marked = None if current is None else current.parent or current.path
    entries = [
        html.A(
            [
                html.Span(className=f"icon icon-{page.icon}", **named({"aria-hidden": "true"})),
                html.Span(page.title),
            ],
            href=page.path if view is None else view.link(page.path),
            title=page.title,
            className="rail-link",
            **named({"aria-current": "page"} if page.path == marked else {}),
        )
        for page in pages
        if page.icon is not None
    ]
    return [
        html.A("Headroom", href="/" if view is None else view.link("/"), className="brand"),
        html.Div(entries, className="rail-links"),
        html.Button(
            [html.Span(className="icon icon-fold", **named({"aria-hidden": "true"})), html.Span("Fold")],
            className="rail-link fold",
            type="button",
            title="Fold or unfold the rail",
            **named({"data-action": "fold"}),
        ),
    ]


def topbar(title: str, path: str, view: View | None, query: dict[str, str]) -> list[Component | None]:
    """Title, place filters, age of the run, search and theme."""
    return [
        html.Button(
            html.Span(className="icon icon-menu", **named({"aria-hidden": "true"})),
            className="tool menu-button",
            type="button",
            **named({"data-action": "menu", "aria-label": "Pages"}),
        ),
        html.Div(title, className="crumb"),
        html.Div([_filter(view, path, query, column) for column in PLACE], className="place")
        if view
        else None,
        html.Div(className="spring"),
        _age(view) if view else None,
        html.Button(
            [
                html.Span(className="icon icon-search", **named({"aria-hidden": "true"})),
                html.Span("Search", className="tool-word"),
                html.Kbd("Ctrl K"),
            ],
            className="tool search-button",
            type="button",
            **named({"data-action": "search", "aria-label": "Search services, resources and pages"}),
        ),
        html.Button(
            html.Span(className="icon icon-theme", **named({"aria-hidden": "true"})),
            className="tool",
            type="button",
            title="Light or dark",
            **named({"data-action": "theme", "aria-label": "Switch between light and dark"}),
        ),
    ]


def _filter(view: View, path: str, query: dict[str, str], column: str) -> Component:
    """A menu of the values of one filter; choosing one adds it, choosing it again takes it away."""
    chosen = view.place.get(column, ())
    counts = (
        view.estate.resources.group_by(pl.col(column).fill_null(NOBODY).alias("value"))
        .len()
        .sort("value")
        .iter_rows()
    )

    def address(values: tuple[str, ...]) -> str:
        others = {key: value for key, value in query.items() if key not in PLACE}
        place: Any = {key: value for key, value in view.place.items() if key != column}
        if values:
            place[column] = values
        return View(view.estate, place, view.now).link(path, **others)

    items = [
        dmc.MenuItem(
            [
                html.Span("✓" if value in chosen else "", className="tick", **named({"aria-hidden": "true"})),
                _word(column, value),
                html.Span(f"{count:,}", className="count"),
            ],
            href=address(tuple(v for v in chosen if v != value) if value in chosen else (*chosen, value)),
        )
        for value, count in counts
    ]
    if chosen:
        items.insert(0, dmc.MenuItem("All", href=address(())))
    words = text.listing([_word(column, value) for value in chosen], 2) if chosen else "all"
    menu: Component = dmc.Menu(
        [
            dmc.MenuTarget(
                html.Button(
                    [html.Span(f"{_PLACE_WORDS[column]} ", className="filter-name"), html.Span(words)],
                    className="tool filter chosen" if chosen else "tool filter",
                    type="button",
                )
            ),
            dmc.MenuDropdown(items or [dmc.MenuItem("Nothing to choose from", disabled=True)]),
        ],
        position="bottom-start",
        transitionProps={"duration": 0},
        shadow=None,
    )
    return menu


def _word(column: str, value: str) -> str:
    if value == NOBODY:
        return "not known"
    return text.provider(value) if column == "provider" else value


def _age(view: View) -> Component:
    """The run the page shows, and how old its newest measurement is."""
    as_of = view.estate.as_of
    old = view.now - as_of
    exact = (
        f"Run {view.estate.snapshot.run_id}; measured until {text.moment(as_of)};"
        f" published {text.moment(view.estate.snapshot.published_at)}"
    )
    return html.Div(
        [
            html.Span(className="mark at_risk", role="img", **named({"aria-label": "old"}))
            if old > STALE
            else None,
            html.Span("as of", className="wide-only"),
            html.Time(text.moment(as_of).removesuffix(" UTC"), dateTime=as_of.isoformat()),
            html.Span(f"· {text.age(old)} old", className="wide-only"),
        ],
        className="as-of",
        title=exact,
    )


def _search() -> Component:
    """The search dialog; `assets/search.js` fills it from `/search.json`."""
    return html.Dialog(
        [
            dcc.Input(
                id="search-words",
                type="search",
                placeholder="Service, resource or page",
                autoComplete="off",
                debounce=False,
                className="search-words",
            ),
            html.Div(id="search-found", className="search-found", role="listbox"),
            html.P(
                [
                    html.Kbd("↑"),
                    html.Kbd("↓"),
                    " choose  ",
                    html.Kbd("Enter"),
                    " open  ",
                    html.Kbd("Esc"),
                    " close",
                ],
                className="search-help",
            ),
        ],
        id="search",
        className="search",
        **named({"aria-label": "Search"}),
    )
