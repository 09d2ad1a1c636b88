"""Fan chart: what demand was, what it will be, what is held, and when the two meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard import text
from dashboard.figures.base import blank, unit_label
from dashboard.palette import Palette

LABEL = 17.0
"""Height of a label at the end of a line, px."""
MARGINS = 68
"""Above and below the chart's area, px."""

Times = NDArray[np.datetime64]
Amounts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fan:
    """One metric of one resource or service, ready to be drawn. Amounts are in `unit`; NaN is unreported."""

    unit: str
    grain: str
    """`hour` or `day`."""
    ts: Times
    """(t,) starts of the measured slots."""
    line: Amounts
    """(t,) what the forecast continues: hourly means, or daily peaks."""
    low: Amounts
    """(t,) lower edge of the soft band: the slot's mean."""
    high: Amounts
    """(t,) upper edge of the soft band: the slot's peak."""
    capacity: Amounts
    """(t,) what was held."""
    today: datetime
    ahead: Times
    """(h,) starts of the forecast slots; empty where there is no forecast."""
    quantiles: dict[str, Amounts] = field(default_factory=dict)
    """`q05`, `q25`, `q50`, `q75`, `q95` -> (h,)."""
    usable: float | None = None
    """Capacity after reserve."""
    dates: tuple[date | None, date | None, date | None] = (None, None, None)
    """Exhaustion at 0.1, 0.5 and 0.9."""
    events: Sequence[tuple[datetime, str]] = ()
    """(when, what happened)."""
    other: float | None = None
    """A recommended size to compare with, drawn as a second capacity."""

    @property
    def end(self) -> np.datetime64 | None:
        """Where the chart ends: after the last forecast slot, or the last measured one."""
        step = np.timedelta64(1, "h" if self.grain == "hour" else "D")
        for ts in (self.ahead, self.ts):
            if ts.size:
                last: np.datetime64 = ts[-1] + step
                return last
        return None

    @property
    def exhaustion_in_view(self) -> bool:
        """True when the whisker begins before the chart ends."""
        low = self.dates[0]
        return low is not None and self.end is not None and bool(np.datetime64(low) <= self.end)

    @property
    def has_band(self) -> bool:
        """True where mean and peak differ: a daily series may know its peaks only."""
        return bool(np.any(self.high - self.low > 1e-9))

    @property
    def capacity_now(self) -> float | None:
        """The last known capacity."""
        known = self.capacity[np.isfinite(self.capacity)]
        return float(known[-1]) if known.size else None


def fan_chart(fan: Fan, palette: Palette, height: int = 400) -> go.Figure:
    """Draws the chart; amounts are scaled to the unit people use for their size.

    `height` is what it will be shown in, px: labels at the end stay a line apart.
    """
    highest = np.nanmax(
        np.concatenate([fan.high, fan.capacity, fan.quantiles.get("q95", np.empty(0)), [0.0]]), initial=0.0
    )
    unit, size = text.scale(fan.unit, float(highest))
    figure = blank(palette, bottom=42)
    unit_label(figure, unit, palette)

    last = fan.end

    _band(figure, fan.ts, fan.low / size, fan.high / size, palette.ink_band)
    word = "hourly mean" if fan.grain == "hour" else "daily peak"
    figure.add_scatter(
        x=fan.ts,
        y=(fan.line / size).astype(np.float32),
        mode="lines",
        line={"color": palette.ink, "width": 1.3},
        customdata=np.column_stack([fan.low / size, fan.high / size]).astype(np.float32),
        hovertemplate=f"{word} %{{y:.3~g}} {unit}; mean %{{customdata[0]:.3~g}},"
        f" peak %{{customdata[1]:.3~g}}<extra></extra>",
        name="measured",
    )
    if fan.quantiles:
        _forecast(figure, fan, size, unit, palette)
    _limits(figure, fan, size, unit, last, palette, height)
    _exhaustion(figure, fan, size, last, palette)
    _time(figure, fan, last, palette)
    return figure


def _band(figure: go.Figure, ts: Times, low: Amounts, high: Amounts, colour: str) -> None:
    """Fills between two lines, each stretch without gaps as its own polygon."""
    known = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    xs: list[Times] = []
    ys: list[Amounts] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        xs += [ts[start:end], ts[start:end][::-1], ts[end - 1 : end]]
        ys += [high[start:end], low[start:end][::-1], np.array([np.nan])]
    if not xs:
        return
    figure.add_scatter(
        x=np.concatenate(xs),
        y=np.concatenate(ys).astype(np.float32),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=colour,
        hoverinfo="skip",
        name="band",
    )


def _forecast(figure: go.Figure, fan: Fan, size: float, unit: str, palette: Palette) -> None:
    paths = {name: path / size for name, path in fan.quantiles.items()}
    _band(figure, fan.ahead, paths["q05"], paths["q95"], palette.outer_band)
    _band(figure, fan.ahead, paths["q25"], paths["q75"], palette.inner_band)
    figure.add_scatter(
        x=fan.ahead,
        y=paths["q50"].astype(np.float32),
        mode="lines",
        line={"color": palette.accent, "width": 1.8},
        customdata=np.column_stack([paths["q05"], paths["q95"]]).astype(np.float32),
        hovertemplate=f"forecast %{{y:.3~g}} {unit} (%{{customdata[0]:.3~g}}–%{{customdata[1]:.3~g}})"
        "<extra></extra>",
        name="forecast",
    )


def _limits(
    figure: go.Figure,
    fan: Fan,
    size: float,
    unit: str,
    last: np.datetime64 | None,
    palette: Palette,
    height: int,
) -> None:
    """Capacity as a step line with its history, usable capacity dashed from today on, labels at the end."""
    held = fan.capacity_now
    if last is None:
        return
    ends: list[tuple[float, str, str]] = []
    if held is not None:
        figure.add_scatter(
            x=np.append(fan.ts, last),
            y=np.append(fan.capacity, held).astype(np.float32) / np.float32(size),
            mode="lines",
            line={"color": palette.ink, "width": 1.6, "shape": "hv"},
            hovertemplate=f"capacity %{{y:.3~g}} {unit}<extra></extra>",
            name="capacity",
        )
        ends.append((held / size, f"capacity {text.plain(held / size)}", palette.ink))
    for amount, word, colour in (
        (fan.usable, "usable", palette.muted),
        (fan.other, "recommended", palette.accent),
    ):
        if amount is None or not np.isfinite(amount) or (held is not None and abs(amount - held) < 1e-9):
            continue
        figure.add_scatter(
            x=[np.datetime64(fan.today.replace(tzinfo=None)) if word == "usable" else fan.ts[0], last],
            y=[amount / size] * 2,
            mode="lines",
            line={"color": colour, "width": 1.2, "dash": "dash"},
            hoverinfo="skip",
            name=word,
        )
        ends.append((amount / size, f"{word} {text.plain(amount / size)}", colour))
    if fan.quantiles and np.isfinite(fan.quantiles["q50"][-1]):
        # The last week's (or day's) highest: the very last slot may be a quiet one.
        season = 24 if fan.grain == "hour" else 7
        middle = float(np.nanmax(fan.quantiles["q50"][-season:])) / size
        ends.append((middle, f"likely {text.plain(middle)}", palette.accent))
    longest = max((len(label) for _, label, _ in ends), default=0)
    figure.update_layout(margin_r=max(figure.layout.margin.r, round(6.8 * longest) + 10))
    top = max([e[0] for e in ends] + [float(np.nanmax(fan.high, initial=0.0)) / size, 1e-12])
    for y, label, colour in _apart(ends, 1.05 * top * LABEL / (height - MARGINS)):
        figure.add_annotation(
            text=label,
            x=1,
            xref="paper",
            y=y,
            xanchor="left",
            xshift=4,
            showarrow=False,
            align="left",
            font={"size": 12, "color": colour},
        )


def _apart(labels: list[tuple[float, str, str]], gap: float) -> list[tuple[float, str, str]]:
    """Moves labels up until no two are closer than `gap`."""
    placed: list[tuple[float, str, str]] = []
    for y, label, colour in sorted(labels):
        if placed and y - placed[-1][0] < gap:
            y = placed[-1][0] + gap
        placed.append((y, label, colour))
    return placed


def _exhaustion(
    figure: go.Figure, fan: Fan, size: float, last: np.datetime64 | None, palette: Palette
) -> None:
    """A marker at 0.5 with a whisker from 0.1 to 0.9, where demand meets usable capacity."""
    low, middle, high = fan.dates
    limit = fan.usable if fan.usable is not None else fan.capacity_now
    if limit is None or last is None or low is None or not fan.exhaustion_in_view:
        return
    edge = last.astype("datetime64[D]").astype(date)
    colour = palette.status["under_provisioned"]
    right = min(high or edge, edge)
    figure.add_scatter(
        x=[low, right],
        y=[limit / size] * 2,
        mode="lines",
        line={"color": colour, "width": 2.4},
        hoverinfo="skip",
        name="exhaustion range",
    )
    cut = high is None or high > edge
    figure.add_scatter(
        x=[low, right],
        y=[limit / size] * 2,
        mode="markers",
        hoverinfo="skip",
        name="exhaustion ends",
        marker={
            "symbol": ["line-ns", "triangle-right" if cut else "line-ns"],
            "size": [9, 9],
            "color": colour,
            "line": {"color": colour, "width": 2},
        },
    )
    if middle is not None and middle <= edge:
        figure.add_scatter(
            x=[middle],
            y=[limit / size],
            mode="markers",
            name="exhaustion",
            marker={
                "symbol": "circle",
                "size": 10,
                "color": colour,
                "line": {"color": palette.paper, "width": 1.5},
            },
            hovertemplate=f"runs out {text.date_range(low, middle, high, fan.today.date())}<extra></extra>",
        )


def _time(figure: go.Figure, fan: Fan, last: np.datetime64 | None, palette: Palette) -> None:
    """Today as a thin line; events as ticks under the axis; the whole range in view."""
    today = fan.today.replace(tzinfo=None)
    figure.add_shape(
        type="line", x0=today, x1=today, y0=0, y1=1, yref="paper", line={"color": palette.muted, "width": 1}
    )
    figure.add_annotation(
        text="today",
        x=today,
        y=1,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        font={"size": 12, "color": palette.muted},
    )
    if fan.events:
        figure.add_scatter(
            x=[when for when, _ in fan.events],
            y=[0.0] * len(fan.events),
            mode="markers",
            cliponaxis=False,
            marker={"symbol": "line-ns", "size": 9, "line": {"color": palette.accent, "width": 2}},
            text=[what for _, what in fan.events],
            hovertemplate="%{text}<extra></extra>",
            name="events",
        )
    first = fan.ts[0] if fan.ts.size else np.datetime64(today - timedelta(days=1))
    figure.update_xaxes(
        range=[first, last if last is not None else np.datetime64(today)],
        tickformatstops=[
            {"dtickrange": [None, 86_400_000], "value": "%H:%M\n%-d %b"},
            {"dtickrange": [86_400_000, "M1"], "value": "%-d %b"},
            {"dtickrange": ["M1", None], "value": "%b\n%Y"},
        ],
        hoverformat="%-d %b %Y %H:%M" if fan.grain == "hour" else "%-d %b %Y",
        nticks=6,
        tickangle=0,
    )
