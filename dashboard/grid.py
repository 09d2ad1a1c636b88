"""Large tables: AG Grid with the house's columns. Cells are drawn by `assets/grid.js` from plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import text
from dashboard.widgets import named

ROW = 30
"""Height of a row, px."""
TALL = 46
"""Height of a row of two lines, px."""
HEAD = 34
SCROLLBAR = 12


def words(field: str, title: str, width: int = 130, **more: Any) -> dict[str, Any]:
    """A column of text."""
    return {"field": field, "headerName": title, "width": width, "tooltipField": field, **more}


def because(field: str, title: str, least: int = 220, **more: Any) -> dict[str, Any]:
    """A column of sentences that takes the room the others leave; two lines of it are seen, all on hover."""
    told = {"function": "sentence(params.value)"}
    return words(
        field, title, least, flex=1, minWidth=least, cellClass="sentence", valueFormatter=told, **more
    )


def hidden(field: str, title: str) -> dict[str, Any]:
    """A column that is not shown but found by the words typed into the filter."""
    return {"field": field, "headerName": title, "hide": True}


WORDS = {"status": text.STATUS_WORDS, "provider": text.PROVIDER_WORDS}
"""Columns whose values stand in a grid as words."""


def with_words(frame: pl.DataFrame, typed: str, columns: Sequence[str]) -> pl.DataFrame:
    """The rows that are left when these words are typed into the filter of a grid with these columns.

    The browser does the same: every word must be found somewhere in the texts of a row, numbers left out.
    """
    asked = typed.lower().split()
    if not asked:
        return frame
    told = pl.concat_str(
        [pl.col(name).cast(pl.String).replace(WORDS.get(name, {})).fill_null("") for name in columns],
        separator="\n",
    ).str.to_lowercase()
    return frame.filter(pl.all_horizontal(told.str.contains(word, literal=True) for word in asked))


def number(field: str, title: str, form: str = "plain", width: int = 100, **more: Any) -> dict[str, Any]:
    """A right-aligned column of numbers; `form` names a function of `assets/grid.js`: plain, money, share."""
    return {
        "field": field,
        "headerName": title,
        "width": width,
        "type": "rightAligned",
        "valueFormatter": {"function": f"{form}(params.value)"},
        # Digits behind a rounded number would be found where nobody sees them.
        "getQuickFilterText": {"function": "nothing()"},
        "cellClass": "num",
        "headerClass": "ag-right-aligned-header",
        **more,
    }


def name(
    field: str, title: str, path: str, keep: str, width: int = 170, below: str | None = None, **more: Any
) -> dict[str, Any]:
    """A column of names that lead to their page; `keep` is the place filter to carry along.

    `below` names a field whose words stand under the name.
    """
    return {
        "field": field,
        "headerName": title,
        "width": width,
        "cellRenderer": "NameLink",
        "cellRendererParams": {"path": path, "keep": keep, "below": below},
        "cellClass": "two" if below else "",
        **more,
    }


def status(field: str, title: str, width: int = 150, below: str | None = None, **more: Any) -> dict[str, Any]:
    """A column of states: mark and word, sorted by urgency; `below` as in `name`."""
    return {
        "field": field,
        "headerName": title,
        "width": width,
        "cellRenderer": "StateMark",
        "cellRendererParams": {"below": below},
        "cellClass": "two" if below else "",
        "minWidth": 44,
        "comparator": {"function": "byUrgency"},
        "filterValueGetter": {"function": "stateWord(params.data)"},
        "getQuickFilterText": {"function": "stateWord(params.data)"},
        **more,
    }


def grid(
    grid_id: str,
    columns: Sequence[dict[str, Any]],
    rows: pl.DataFrame,
    label: str,
    *,
    row_id: str,
    most_rows: int = 20,
    words: str = "",
    row: int = ROW,
) -> Component:
    """A grid of up to `most_rows` visible rows of a height; more scroll inside it. `words` filter it."""
    shown = min(max(rows.height, 1), most_rows)
    # Where all rows fit, a bar for scrolling sideways must not take the place of one.
    spare = SCROLLBAR if rows.height <= most_rows else 1
    return html.Div(
        dag.AgGrid(
            id=grid_id,
            columnDefs=list(columns),
            rowData=rows.to_dicts(),
            defaultColDef={
                "sortable": True,
                "resizable": True,
                "filter": True,
                "minWidth": 70,
                "suppressHeaderMenuButton": True,
            },
            getRowId=f"params.data[{row_id!r}]",
            dashGridOptions={
                "rowHeight": row,
                "headerHeight": HEAD,
                "animateRows": False,
                "ensureDomOrder": True,
                "enableCellTextSelection": True,
                "suppressDragLeaveHidesColumns": True,
                "tooltipShowDelay": 400,
                "quickFilterText": words,
                "includeHiddenColumnsInQuickFilter": True,
            },
            style={"height": f"{HEAD + shown * row + spare}px", "width": "100%"},
        ),
        className="grid",
        role="region",
        **named({"aria-label": label}),
    )


def word_filter(grid_id: str, typed: str) -> Component:
    """A box that filters a grid while one types; `assets/shell.js` keeps the words in the address."""
    return html.Label(
        [
            html.Span("Filter", className="sr-only"),
            dcc.Input(
                id=f"{grid_id}-words",
                type="search",
                value=typed,
                placeholder="Filter by any word",
                className="words",
                autoComplete="off",
            ),
        ],
        **named({"data-filters": grid_id}),
    )
