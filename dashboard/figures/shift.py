"""Shift: demand now and then as shares of capacity, one line per series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.base import blank
from dashboard.palette import Palette

ROW = 26
"""Height of a line, px."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One series; all as shares of its capacity."""

    name: str
    now: float
    low: float
    then: float
    high: float


def shift_chart(shifts: Sequence[Shift], usable: float, palette: Palette) -> go.Figure:
    """A dot for now, a dot for then with its range; what lies right of the line does not fit any more."""
    figure = blank(palette, left=190, right=28, top=22, bottom=46)
    place = np.arange(len(shifts), dtype=np.float32)[::-1]
    now, low, then, high = (
        np.array([getattr(s, part) for s in shifts], np.float32) * 100
        for part in ("now", "low", "then", "high")
    )
    for i, y in enumerate(place):
        figure.add_scatter(
            x=[now[i], then[i]], y=[y, y], mode="lines", line={"color": palette.line, "width": 1.5},
            hoverinfo="skip", name="change",
        )  # fmt: skip
    figure.add_scatter(
        x=now, y=place, mode="markers", name="now", text=[s.name for s in shifts],
        marker={"size": 8, "color": palette.paper, "line": {"color": palette.ink, "width": 1.6}},
        hovertemplate="%{text}: %{x:.0f} % now<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=then, y=place, mode="markers", name="then", text=[s.name for s in shifts],
        marker={"size": 9, "color": palette.accent},
        error_x={
            "type": "data", "symmetric": False, "array": high - then, "arrayminus": then - low,
            "color": palette.accent, "thickness": 1.4, "width": 3,
        },
        hovertemplate="%{text}: %{x:.0f} % then<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=100, line={"color": palette.ink, "width": 1.4})
    figure.add_vline(x=usable * 100, line={"color": palette.muted, "width": 1, "dash": "dash"})
    figure.add_annotation(
        text="capacity", x=100, y=1, xref="x", yref="paper", yanchor="bottom", showarrow=False,
        font={"size": 12, "color": palette.muted},
    )  # fmt: skip
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(
        tickvals=place, ticktext=[s.name for s in shifts], showgrid=False, range=[-0.7, len(shifts) - 0.3],
        tickfont={"size": 12, "color": palette.ink},
    )  # fmt: skip
    figure.update_xaxes(
        title={"text": "demand, % of capacity", "font": {"size": 12, "color": palette.muted}},
        showgrid=True,
        rangemode="tozero",
    )
    return figure
