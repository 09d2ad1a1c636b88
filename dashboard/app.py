"""create_app: the dashboard over whatever snapshot is published."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dash import Dash, Input, Output, html, no_update
from dash.development.base_component import Component
from flask import Flask, request

from dashboard import shell
from dashboard.downloads import add_downloads
from dashboard.headers import add_headers
from dashboard.methods import method
from dashboard.page import Page
from dashboard.pages import PAGES
from dashboard.palette import LIGHT, PALETTES
from dashboard.published import Published
from dashboard.texts import add_texts
from dashboard.view import PLACE, View, place_of
from dashboard.widgets import link, named, nothing, page
from dashboard.writing import add_writing
from data.app_state import AppState
from data.errors import HeadroomError, StoreUnavailable, UnknownName
from data.snapshot import Snapshot
from models.pricing import Pricer

log = logging.getLogger(__name__)

ASSETS = Path(__file__).parent / "assets"


def create_app(
    open_snapshot: Callable[[], Snapshot],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    state: AppState | None = None,
    pricer: Callable[[], Pricer] | None = None,
) -> Dash:
    """Builds the app; `app.server` is the Flask application.

    Args:
        open_snapshot: gives the newest published snapshot, the same object as long as it is the newest.
            Asked once per request. StoreUnavailable is shown as an empty state.
        clock: for the age of the run, and the time of what is decided.
        state: where decisions and scenarios are kept; without it nothing can be decided or saved.
        pricer: prices for what-if; without it those that travel with the run.
    """
    published = Published(open_snapshot, state, pricer)
    server = Flask(__name__)
    app = Dash(
        __name__,
        server=server,  # type: ignore[arg-type]
        pages_folder="",
        use_pages=False,
        assets_folder=str(ASSETS),
        assets_ignore=r"theme\.js",
        title="Headroom",
        update_title="",
        suppress_callback_exceptions=True,
        serve_locally=True,
        compress=False,
        enable_mcp=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    # The theme is set before the first paint, so the script cannot wait with the others at the end.
    app.index_string = _INDEX.replace("{version}", str(int((ASSETS / "early" / "theme.js").stat().st_mtime)))
    app.layout = shell.frame()
    add_headers(app)
    add_downloads(server, published)
    add_texts(server, published)
    add_writing(app, published, clock)

    @app.callback(
        Output("page", "children"),
        Output("rail", "children"),
        Output("topbar", "children"),
        Input("location", "href"),
        Input("theme", "data"),
        Input("written", "data"),
    )
    def show(href: str | None, theme: str | None, _: object) -> tuple[Any, ...]:
        """The page for an address; every state of the dashboard is in the address."""
        if not href:
            return no_update, no_update, no_update
        theme = theme or request.cookies.get("theme", LIGHT.name)
        return render(published, href, theme, clock())

    return app


def render(published: Published, href: str, theme: str, now: datetime) -> tuple[Component, Any, Any]:
    """Page, rail and top bar for an address. Never raises: what goes wrong is a page that says so."""
    address = urlsplit(href)
    path = address.path.rstrip("/") or "/"
    query = dict(parse_qsl(address.query))
    known = {page.path: page for page in PAGES}
    chosen = known.get(path)
    view, whole = None, False
    try:
        palette = PALETTES.get(theme, LIGHT)
        view = View(published.estate(), place_of(query), now, palette, published.state, published.pricer)
        if chosen is None:
            raise UnknownName("page", path, known)
        own = {key: value for key, value in query.items() if key not in PLACE}
        body = chosen.layout(view, **own)
        whole = not view.resources.is_empty()
    except StoreUnavailable as error:
        body = unpublished(error)
    except UnknownName as error:
        body = unknown(error, view)
    except HeadroomError as error:
        body = failed(str(error))
    except Exception:
        # The one place that catches everything: a fault in one page must not take the frame away.
        log.exception("page %s failed", href)
        body = failed("a fault in the program; the server's log has the details")
    title = _title(chosen, query)
    how = method(path, view) if chosen is not None and view is not None and whole else None
    body = html.Div([body, how], className="titled", **named({"data-title": f"{title} · Headroom"}))
    return (
        body,
        shell.rail(PAGES, chosen, view),
        shell.topbar(title, path, view, query),
    )


def _title(chosen: Page | None, query: dict[str, str]) -> str:
    if chosen is None:
        return "Not found"
    name = query.get("name", "") if chosen.parent else ""
    return f"{chosen.title} {name}".strip()


def unpublished(error: StoreUnavailable) -> Component:
    """Nothing is published yet."""
    return page(
        "Nothing is published yet.",
        nothing(
            "The dashboard shows the newest published run, and there is none.",
            [
                "Load, forecast and publish with one command; this page fills when it is done. (",
                str(error),
                ")",
            ],
            "headroom run",
        ),
    )


def unknown(error: UnknownName, view: View | None) -> Component:
    """The address names something that is not there."""
    near = str(error).partition("; ")[2]
    return page(
        f"There is no {error.kind} {error.name or 'without a name'}.",
        nothing(
            "It may have been renamed or removed, or the address was mistyped.",
            [f"{near[:1].upper()}{near[1:]} " if near else "", link("Search with Ctrl K", "#search"), "."],
        ),
        link("Back to the overview", view.link("/") if view else "/"),
    )


def failed(cause: str) -> Component:
    """The page could not be made; the others still can."""
    return page(
        "This page could not be made.",
        nothing(
            f"What happened: {cause}.",
            "The published run is untouched and the other pages still hold. Reload to try again;"
            " if it stays, pass the time and the address on to whoever runs Headroom.",
        ),
    )


_INDEX = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        <link rel="icon" type="image/svg+xml" href="/assets/icons/headroom.svg">
        <script src="/assets/early/theme.js?v={version}"></script>
        {%css%}
    </head>
    <body>
        {%app_entry%}
        <footer>
            {%config%}
            {%scripts%}
            {%renderer%}
        </footer>
        <noscript>
            Headroom's dashboard needs JavaScript; `headroom export` writes the same tables as files.
        </noscript>
    </body>
</html>"""
