"""Spend by month: what was paid, what is expected, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.figures.base import blank, unit_label
from dashboard.palette import Palette


def spend_chart(
    months: Sequence[date],
    cost: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    ahead: NDArray[np.bool_],
    currency: str,
    palette: Palette,
) -> go.Figure:
    """Bars by month; expected months in the accent, with their range. All arrays are (months,)."""
    figure = blank(palette, right=16, bottom=42)
    unit_label(figure, currency, palette)
    x = [f"{month:%Y-%m-01}" for month in months]
    figure.add_bar(
        x=x,
        y=cost.astype(np.float32),
        marker={
            "color": [palette.outer_band if one else palette.muted for one in ahead],
            "line": {"color": [palette.accent if one else palette.muted for one in ahead], "width": 1},
        },
        customdata=np.column_stack([low, high]).astype(np.float32),
        hovertemplate=[
            f"expected {currency} %{{y:,.0f}}"
            " (%{customdata[0]:,.0f}–%{customdata[1]:,.0f})<extra></extra>"
            if one
            else f"{currency} %{{y:,.0f}}<extra></extra>"
            for one in ahead
        ],
        name="cost",
    )
    if ahead.any():
        figure.add_scatter(
            x=[x[i] for i in np.flatnonzero(ahead)],
            y=cost[ahead].astype(np.float32),
            mode="markers",
            marker={"size": 1, "color": palette.accent},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": (high - cost)[ahead].astype(np.float32),
                "arrayminus": (cost - low)[ahead].astype(np.float32),
                "color": palette.accent,
                "thickness": 1.4,
                "width": 3,
            },
            hoverinfo="skip",
            name="range",
        )
    figure.update_layout(bargap=0.28)
    figure.update_xaxes(
        dtick="M1" if len(x) <= 14 else "M3", tickformat="%b\n%Y", hoverformat="%B %Y", tickangle=0
    )
    figure.update_yaxes(tickformat=",.3~s")
    return figure
