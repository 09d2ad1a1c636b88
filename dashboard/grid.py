"""Large tables: AG Grid with the house's columns. Cells are drawn by `assets/grid.js` from plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.widgets import named

ROW = 30
"""Height of a row, px."""
HEAD = 34
SCROLLBAR = 12


def words(field: str, title: str, width: int = 130, **more: Any) -> dict[str, Any]:
    """A column of text."""
    return {"field": field, "headerName": title, "width": width, "tooltipField": field, **more}


def number(field: str, title: str, form: str = "plain", width: int = 100, **more: Any) -> dict[str, Any]:
    """A right-aligned column of numbers; `form` names a function of `assets/grid.js`: plain, money, share."""
    return {
        "field": field,
        "headerName": title,
        "width": width,
        "type": "rightAligned",
        "valueFormatter": {"function": f"{form}(params.value)"},
        "cellClass": "num",
        "headerClass": "ag-right-aligned-header",
        **more,
    }


def name(field: str, title: str, path: str, keep: str, width: int = 170, **more: Any) -> dict[str, Any]:
    """A column of names that lead to their page; `keep` is the place filter to carry along."""
    return {
        "field": field,
        "headerName": title,
        "width": width,
        "cellRenderer": "NameLink",
        "cellRendererParams": {"path": path, "keep": keep},
        **more,
    }


def status(field: str, title: str, width: int = 150, **more: Any) -> dict[str, Any]:
    """A column of states: mark and word, sorted by urgency."""
    return {
        "field": field,
        "headerName": title,
        "width": width,
        "cellRenderer": "StateMark",
        "comparator": {"function": "byUrgency"},
        "filterValueGetter": {"function": "stateWord(params.data)"},
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
) -> Component:
    """A grid of up to `most_rows` visible rows; more scroll inside it. `words` is what it is filtered by."""
    shown = min(max(rows.height, 1), most_rows)
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
                "rowHeight": ROW,
                "headerHeight": HEAD,
                "animateRows": False,
                "ensureDomOrder": True,
                "enableCellTextSelection": True,
                "suppressDragLeaveHidesColumns": True,
                "tooltipShowDelay": 400,
                "quickFilterText": words,
            },
            style={"height": f"{HEAD + shown * ROW + SCROLLBAR}px", "width": "100%"},
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
