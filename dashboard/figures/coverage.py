"""Coverage: how often the bands held, against how often they promised to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.figures.base import blank
from dashboard.palette import Palette

PROMISES = (0.8, 0.9)


def coverage_chart(names: Sequence[str], measured: NDArray[np.float64], palette: Palette) -> go.Figure:
    """One line per metric, one dot per promise. `measured` is (names, promises)."""
    figure = blank(palette, left=128, right=24, top=24)
    for k, promise in enumerate(PROMISES):
        colour = palette.accent if k == 0 else palette.ink
        figure.add_shape(
            type="line",
            x0=promise * 100,
            x1=promise * 100,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": colour, "width": 1, "dash": "dot"},
        )
        figure.add_annotation(
            # Side by side on a phone too: the first stands left of its line.
            text=f"promised {promise * 100:.0f} %" if k == 0 else f"{promise * 100:.0f} %",
            x=promise * 100,
            y=1,
            xanchor="right" if k == 0 else "center",
            yref="paper",
            yanchor="bottom",
            showarrow=False,
            font={"size": 12, "color": colour},
        )
        figure.add_scatter(
            x=(measured[:, k] * 100).astype(np.float32),
            y=list(names),
            mode="markers",
            marker={"size": 9, "color": colour, "symbol": "circle" if k == 0 else "diamond"},
            hovertemplate=f"{promise * 100:.0f} % band of %{{y}}: held %{{x:.1f}} %<extra></extra>",
            name=f"{promise * 100:.0f} %",
        )
    lowest = float(np.nanmin(measured)) * 100 if np.isfinite(measured).any() else 60
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(range=[min(60, lowest - 3), 101], ticksuffix=" %", showgrid=True)
    figure.update_yaxes(autorange="reversed", rangemode="normal", showgrid=True)
    return figure
