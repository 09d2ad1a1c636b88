"""Reliability: how often stated chances came true, against how often they should have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.base import blank
from dashboard.palette import Palette

SMALL, LARGE = 7.0, 22.0
"""Diameters of points of one answer and of the most, px."""


@dataclass(frozen=True, slots=True)
class Stated:
    """All answers about one horizon in one bin of chances."""

    days: int
    stated: float
    """Their mean chance."""
    happened: float
    """Share of them that came true."""
    count: int


def reliability_chart(answers: Sequence[Stated], palette: Palette) -> go.Figure:
    """A point per bin and horizon, larger for more answers; on the diagonal what was said came true."""
    figure = blank(palette, left=64, right=24, top=12, bottom=46)
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", hoverinfo="skip", name="exact", showlegend=False,
        line={"color": palette.muted, "width": 1, "dash": "dash"},
    )  # fmt: skip
    most = max((one.count for one in answers), default=1)
    colours = (palette.ink, palette.accent, palette.status["at_risk"])
    symbols = ("circle", "diamond", "square")
    for k, days in enumerate(sorted({one.days for one in answers})):
        mine = sorted((one for one in answers if one.days == days), key=lambda one: one.stated)
        figure.add_scatter(
            x=np.array([one.stated * 100 for one in mine], np.float32),
            y=np.array([one.happened * 100 for one in mine], np.float32),
            mode="markers",
            marker={
                "size": [SMALL + (LARGE - SMALL) * float(np.sqrt(one.count / most)) for one in mine],
                "color": colours[k % 3],
                "symbol": symbols[k % 3],
                "opacity": 0.85,
                "line": {"color": palette.paper, "width": 1},
            },
            customdata=[f"{round(one.happened * one.count):,} of {one.count:,} came true" for one in mine],
            hovertemplate=f"said %{{x:.0f}} % within {days} days: %{{customdata}}<extra></extra>",
            name=f"{days} days",
            cliponaxis=False,  # points at 0 and 100 % are whole
        )
    figure.update_layout(
        hovermode="closest",
        showlegend=True,
        legend={
            "x": 0.02, "y": 0.98, "xanchor": "left", "yanchor": "top", "bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12, "color": palette.ink}, "itemsizing": "constant",
        },
    )  # fmt: skip
    title = {"size": 12, "color": palette.muted}
    figure.update_xaxes(range=[-3, 103], title={"text": "chance stated, %", "font": title}, showgrid=True)
    figure.update_yaxes(range=[-3, 103], title={"text": "came true, %", "font": title}, rangemode="normal")
    return figure
