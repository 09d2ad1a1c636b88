"""Page: one view of the dashboard. Adding one is a file in `pages/` and a line in `PAGES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dash.development.base_component import Component

Layout = Callable[..., Component]


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page is, and how it is made from a published snapshot."""

    path: str
    """Path in the address, e.g. `/runway`."""
    title: str
    """Name in the rail and in the browser's tab."""
    layout: Layout
    """`layout(view, **query)`: the page for a view of a snapshot and the address's query string.

    Accepts any query, ignores what it does not know, and works on an empty store."""
    icon: str | None = None
    """Name of a file in `assets/icons`; None keeps the page out of the rail."""
    parent: str | None = None
    """Path of the page that is marked in the rail while this one is open."""
