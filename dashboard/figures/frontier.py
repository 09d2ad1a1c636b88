"""Frontier: what each sizing policy would have held on history, against how often that was too little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from dashboard import text
from dashboard.figures.base import blank
from dashboard.figures.labels import beside
from dashboard.palette import Palette

OURS = "marginal"
"""The policy drawn as a line in the accent: its points are one curve, one per breach target."""

AREAS = ((540.0, 290.0), (270.0, 290.0))
"""Sizes of the chart's area that names are placed for, px: on a desk and on a phone."""

DENSE = 1 / 60
"""Distance of points along the rules' line that no name may cover, as a share of the chart's area."""

RULES_WORD = "best rule in hindsight"


@dataclass(frozen=True, slots=True)
class Score:
    """One policy replayed on history with one setting."""

    policy: str
    allocated: float
    """What it held, as a share of what is provisioned."""
    breached: float
    """Share of hours whose peak exceeded the size."""
    target: float | None = None
    """The breach target it was given; None = it knows none."""


def frontier_chart(
    scores: Sequence[Score],
    palette: Palette,
    *,
    least: float | None = None,
    rules: Sequence[tuple[float, float]] = (),
) -> go.Figure:
    """Lower left is better: less held, less often too little. Names stand beside their points.

    Args:
        least: draws the risk on a logarithmic axis, and smaller shares than this there; None = a linear axis.
        rules: (allocated, breached) of the rules no one could have known to be the best, drawn as a line.
    """
    figure = blank(palette, left=64, right=24, top=12, bottom=44)
    ours = sorted((s for s in scores if s.policy == OURS), key=lambda s: s.allocated)
    others = [s for s in scores if s.policy != OURS]
    lowest = None if least is None else least * 100
    edge = _edge(rules, lowest)
    if edge:
        figure.add_scatter(
            x=np.array([held * 100 for held, _ in edge], np.float32),
            y=np.array([breached for _, breached in edge], np.float32),
            mode="lines",
            line={"color": palette.muted, "width": 1.2, "dash": "dash"},
            hovertemplate=f"{RULES_WORD}: holds %{{x:.0f}} %, too little %{{y:.2~f}} % of hours"
            "<extra></extra>",
            name=RULES_WORD,
        )
    for group, mode, colour in ((ours, "lines+markers", palette.accent), (others, "markers", palette.ink)):
        if not group:
            continue
        figure.add_scatter(
            x=np.array([s.allocated * 100 for s in group], np.float32),
            y=np.array([_risk(s.breached, lowest) for s in group], np.float32),
            text=[s.policy for s in group],
            customdata=[_hover(s) for s in group],
            mode=mode,
            marker={"size": 8, "color": colour},
            line={"color": colour, "width": 1.6},
            hovertemplate="%{customdata}<extra></extra>",
            name=group[0].policy if group is ours else "other policies",
        )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(
        title={
            "text": "held, as a share of what is provisioned",
            "font": {"size": 12, "color": palette.muted},
            "standoff": 8,
        },
        ticksuffix=" %",
    )
    figure.update_yaxes(title={"text": "hours too small, %", "font": {"size": 12, "color": palette.muted}})
    if scores:
        _ranges(figure, scores, lowest)
        _names(figure, ours, others, edge, lowest, palette)
    return figure


def _risk(breached: float, lowest: float | None) -> float:
    return breached * 100 if lowest is None else max(breached * 100, lowest)


def _hover(score: Score) -> str:
    asked = f" at a target of {text.percent(score.target)}" if score.target is not None else ""
    return (
        f"{text.policy(score.policy)}{asked}: holds {text.percent(score.allocated)},"
        f" too little {text.percent(score.breached, 2)} of hours"
    )


def _edge(rules: Sequence[tuple[float, float]], lowest: float | None) -> list[tuple[float, float]]:
    """The rules' line, fewest breached hours first; of those below the axis only the leanest."""
    edge: list[tuple[float, float]] = []
    for held, breached in sorted(rules, key=lambda rule: (rule[1], rule[0])):
        risk = _risk(breached, lowest)
        if edge and edge[-1][1] == risk:
            edge[-1] = (min(edge[-1][0], held), risk)
        else:
            edge.append((held, risk))
    return edge


def _ranges(figure: go.Figure, scores: Sequence[Score], lowest: float | None) -> None:
    """Axes that hold every policy; the rules' line may leave them."""
    held = [s.allocated for s in scores]
    pad = max(0.06 * (max(held) - min(held)), 0.02)
    figure.update_xaxes(range=[100 * (min(held) - pad), 100 * (max(held) + pad)])
    highest = max(_risk(s.breached, lowest) for s in scores)
    if lowest is None:
        figure.update_yaxes(range=[0, max(highest * 1.12, 1e-6)])
        return
    ticks = [tick for tick in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0) if tick >= lowest * 0.999]
    top = max(float(np.log10(highest)), float(np.log10(lowest)) + 1)
    figure.update_yaxes(
        type="log",
        tickvals=ticks,
        ticktext=[f"≤ {ticks[0]:g}", *(f"{tick:g}" for tick in ticks[1:])],
        range=[float(np.log10(lowest)) - 0.15, top + 0.25],
    )


def _names(
    figure: go.Figure,
    ours: Sequence[Score],
    others: Sequence[Score],
    edge: Sequence[tuple[float, float]],
    lowest: float | None,
    palette: Palette,
) -> None:
    """Every policy's name beside its point, ours beside its highest."""
    left, right = (edge_of / 100 for edge_of in figure.layout.xaxis.range)
    bottom, top = figure.layout.yaxis.range

    def scaled(risk: float) -> float:
        return risk if lowest is None else float(np.log10(risk))

    def at(held: float, risk: float) -> tuple[float, float]:
        return (held - left) / (right - left), (scaled(risk) - bottom) / (top - bottom)

    named = [*others, *ours[:1]]
    labels: list[tuple[float, float, str, str]] = [
        (
            s.allocated,
            _risk(s.breached, lowest),
            text.policy(s.policy),
            palette.accent if s.policy == OURS else palette.ink,
        )
        for s in named
    ]
    inside = [(held, risk) for held, risk in edge if left <= held <= right and bottom <= scaled(risk) <= top]
    if inside:
        labels.append((*inside[len(inside) // 2], RULES_WORD, palette.muted))
    curve = [at(s.allocated, _risk(s.breached, lowest)) for s in ours]
    lines = _along(curve) + _along([at(*one) for one in edge])
    spots = beside(
        [at(x, y) for x, y, _, _ in labels], [name for *_, name, _ in labels], AREAS, curve[1:], lines
    )
    for (x, y, name, colour), spot in zip(labels, spots, strict=True):
        figure.add_annotation(
            text=name,
            x=x * 100,
            y=scaled(y),
            xanchor=spot.xanchor,
            yanchor=spot.yanchor,
            xshift=spot.xshift,
            yshift=spot.yshift,
            showarrow=False,
            font={"size": 12, "color": colour},
        )


def _along(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points on a line between its corners, close enough that no name fits between two; its first is not one,
    where its own name may stand."""
    points: list[tuple[float, float]] = []
    for (x, y), (further_x, further_y) in pairwise(corners):
        steps = max(1, round(max(abs(further_x - x), abs(further_y - y)) / DENSE))
        shares = [step / steps for step in range(1, steps + 1)]
        points += [(x + (further_x - x) * share, y + (further_y - y) * share) for share in shares]
    return [(x, y) for x, y in points if 0 <= x <= 1 and 0 <= y <= 1]
