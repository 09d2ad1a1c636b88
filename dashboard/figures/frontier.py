"""Frontier: what each sizing policy would have held on history, against how often that was too little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.base import blank
from dashboard.palette import Palette

OURS = "marginal"
"""The policy drawn as a line in the accent: its points are one curve, one per breach target."""


@dataclass(frozen=True, slots=True)
class Score:
    """One policy replayed on history with one setting."""

    policy: str
    allocated: float
    """What it held, relative to the mean of demand."""
    breached: float
    """Share of hours whose peak exceeded the size."""


def frontier_chart(scores: Sequence[Score], palette: Palette) -> go.Figure:
    """Lower left is better: less held, less often too little. Names stand beside their points."""
    figure = blank(palette, left=64, right=24, bottom=44)
    ours = sorted((s for s in scores if s.policy == OURS), key=lambda s: s.allocated)
    others = [s for s in scores if s.policy != OURS]
    for group, mode, colour in (
        (ours, "lines+markers", palette.accent),
        (others, "markers+text", palette.ink),
    ):
        if not group:
            continue
        figure.add_scatter(
            x=np.array([s.allocated for s in group], np.float32),
            y=np.array([s.breached * 100 for s in group], np.float32),
            text=[s.policy for s in group],
            mode=mode,
            textposition="middle right",
            textfont={"color": palette.muted, "size": 12},
            marker={"size": 8, "color": colour},
            line={"color": colour, "width": 1.6},
            hovertemplate="%{text}: holds %{x:.3~g}, too little %{y:.2~g} % of hours<extra></extra>",
            name=group[0].policy if group is ours else "other policies",
        )
    if ours:
        figure.add_annotation(
            text=OURS,
            x=ours[0].allocated,
            y=ours[0].breached * 100,
            xanchor="right",
            xshift=-8,
            showarrow=False,
            font={"color": palette.accent, "size": 12},
        )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(
        title={"text": "held, as a multiple of what was used", "font": {"size": 12, "color": palette.muted}}
    )
    figure.update_yaxes(title={"text": "hours too small, %", "font": {"size": 12, "color": palette.muted}})
    return figure
