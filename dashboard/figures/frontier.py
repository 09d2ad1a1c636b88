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
    """What it held, as a share of what is provisioned."""
    breached: float
    """Share of hours whose peak exceeded the size."""


def frontier_chart(scores: Sequence[Score], palette: Palette, *, least: float | None = None) -> go.Figure:
    """Lower left is better: less held, less often too little. Names stand beside their points.

    With `least` the risk is on a logarithmic axis, and smaller shares than that are drawn there.
    """
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
            hovertemplate="%{text}: holds %{x:.0%}, too little %{y:.2~g} % of hours<extra></extra>",
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
    if least is not None:
        _logarithmic(figure, others, least, palette)
    figure.update_xaxes(
        title={
            "text": "held, as a share of what is provisioned",
            "font": {"size": 12, "color": palette.muted},
        },
        tickformat=".0%",
    )
    figure.update_yaxes(title={"text": "hours too small, %", "font": {"size": 12, "color": palette.muted}})
    return figure


def _logarithmic(figure: go.Figure, others: Sequence[Score], least: float, palette: Palette) -> None:
    """Policies that were never too small stand on the lowest line, their names slanted to stay apart."""
    lowest = least * 100
    for trace in figure.data:
        trace.y = np.maximum(trace.y, np.float32(lowest))
        if trace.name == "other policies":
            trace.mode = "markers"
    for score in others:
        floored = max(score.breached * 100, lowest)
        figure.add_annotation(
            text=score.policy,
            x=score.allocated,
            y=float(np.log10(floored)),
            textangle=-35,
            xanchor="left",
            yanchor="bottom",
            xshift=2,
            yshift=2,
            showarrow=False,
            font={"size": 12, "color": palette.muted},
        )
    for annotation in figure.layout.annotations:
        if annotation.text == OURS:
            annotation.y = float(np.log10(max(annotation.y, lowest)))
    ticks = [tick for tick in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0) if tick >= lowest * 0.999]
    figure.update_yaxes(
        type="log",
        tickvals=ticks,
        ticktext=[f"≤ {ticks[0]:g}", *(f"{tick:g}" for tick in ticks[1:])],
        range=[float(np.log10(lowest)) - 0.15, 1.6],
    )
