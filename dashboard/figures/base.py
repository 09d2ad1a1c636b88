"""What all charts share: paper, ink, thin lines, no decoration."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from dashboard.palette import Palette

FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'


def blank(
    palette: Palette, *, left: int = 52, right: int = 122, top: int = 26, bottom: int = 30
) -> go.Figure:
    """An empty chart in the house's style."""
    axis: dict[str, Any] = {
        "gridcolor": palette.line,
        "gridwidth": 1,
        "linecolor": palette.line,
        "zeroline": False,
        "tickfont": {"size": 12, "color": palette.muted},
        "automargin": False,
        "fixedrange": False,
    }
    figure = go.Figure()
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": palette.ink},
        margin={"l": left, "r": right, "t": top, "b": bottom},
        showlegend=False,
        hovermode="x unified",
        hoverlabel={
            "bgcolor": palette.paper,
            "bordercolor": palette.line,
            "font": {"family": FONT, "size": 12, "color": palette.ink},
        },
        xaxis={**axis, "showgrid": False, "showline": True, "ticks": "outside", "ticklen": 4},
        yaxis={**axis, "rangemode": "tozero", "separatethousands": True},
        modebar={
            "bgcolor": "rgba(0,0,0,0)",
            "color": palette.muted,
            "activecolor": palette.accent,
            "orientation": "h",
        },
        dragmode="zoom",
    )
    figure.update_xaxes(tickcolor=palette.line)
    return figure


def unit_label(figure: go.Figure, unit: str, palette: Palette) -> None:
    """Names the unit above the axis, where it is read first."""
    figure.add_annotation(
        text=unit,
        xref="paper",
        yref="paper",
        x=0,
        y=1,
        xanchor="right",
        yanchor="bottom",
        xshift=-6,
        yshift=6,
        showarrow=False,
        font={"size": 12, "color": palette.muted},
    )
