"""Building blocks of pages: answers, sections, tables, marks, tabs, charts, whiskers, empty states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeAlias

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import text
from dashboard.view import View

Child: TypeAlias = Component | str | int | float | None
Children: TypeAlias = Child | Sequence[Child]

LONG = 24
"""Characters from which on a name may be cut short in a table."""

GRAPH_CONFIG: Any = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "responsive": True,
    # plotly 7 offers to upload the figure to its maker's cloud: nothing leaves this server.
    "modeBarButtonsToRemove": ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
    "plotlyServerURL": "",
    "showTips": False,
}


def named(attributes: dict[str, str]) -> Any:
    """Attributes whose names are no Python names (`aria-label`), for `**named({...})`.

    Typed as Any because Dash's components declare their other arguments more narrowly than str.
    """
    return attributes


def told(words: Children) -> Children:
    """A sentence whose commands, in backticks, look like commands."""
    if not isinstance(words, str) or words.count("`") < 2:
        return words
    parts = words.split("`")
    return [html.Code(part) if place % 2 else part for place, part in enumerate(parts) if part]


def page(answer: Children, *sections: Child, aside: Child = None) -> Component:
    """A page: the sentence that answers its question, then what proves it."""
    return html.Article(
        [html.Header([html.H1(told(answer), className="answer"), aside], className="answer-line"), *sections],
        className="page",
    )


def files(view: View, name: str, /, **query: str | int | None) -> Component:
    """Links to the table of a page as files, limited as the page is; see `dashboard.downloads`."""
    return html.Div(
        [
            html.Span(className="icon icon-download", **named({"aria-hidden": "true"})),
            html.A("CSV", href=view.link(f"/download/{name}.csv", **query), download=""),
            " · ",
            html.A("XLSX", href=view.link(f"/download/{name}.xlsx", **query), download=""),
        ],
        className="downloads",
    )


def section(title: Children, *body: Child, note: Children = None, className: str = "") -> Component:
    """A titled part of a page, set off by a line above it."""
    head = [html.H2(title)] + ([html.Span(note, className="note")] if note else [])
    return html.Section([html.Div(head, className="section-head"), *body], className=f"section {className}")


def columns(*parts: Child, className: str = "") -> Component:
    """Parts side by side with a hairline between; under each other on a narrow screen."""
    return html.Div(list(parts), className=f"columns {className}")


def link(words: Children, href: str, className: str = "", title: str | None = None) -> Component:
    """A link within the dashboard (followed without loading the page anew). A long name is told on hover."""
    if title is None and isinstance(words, str) and len(words) > LONG:
        title = words
    return html.A(words, href=href, className=className or None, title=title)


def more_link(count: int, noun: str, href: str) -> Component:
    """`12 more rows`, leading to them."""
    return link(text.plural(count, noun), href)


def state(status: str, words: Children = None) -> Component:
    """The mark of a state with its word: colour, shape and word say the same."""
    label = text.STATUS_WORDS.get(status, status) if words is None else words
    return html.Span(
        [html.Span(className=f"mark {status}", **named({"aria-hidden": "true"})), html.Span(label)],
        className="state",
        title=None if words is None else text.STATUS_WORDS.get(status),
    )


def mark(status: str) -> Component:
    """The mark alone, for where the word stands next to it; read out by its word."""
    word = text.STATUS_WORDS.get(status, status)
    return html.Span(className=f"mark {status}", title=word, role="img", **named({"aria-label": word}))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: Children
    numeric: bool = False
    """Right-aligned, tabular figures."""
    width: str | None = None
    wide_only: bool = False
    """Left out on a narrow screen."""
    hint: str | None = None


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Children]],
    label: str,
    groups: Sequence[tuple[str, int]] = (),
) -> Component:
    """A plain table; scrolls sideways inside itself when it must, also by keyboard.

    `groups` are headers over headers: (words, how many columns they span).
    """

    def classes(column: Column) -> str | None:
        names = ["num"] * column.numeric + ["wide-only"] * column.wide_only
        return " ".join(names) or None

    head = html.Tr(
        [
            html.Th(
                c.title,
                className=classes(c),
                scope="col",
                title=c.hint,
                style={"width": c.width} if c.width else None,
            )
            for c in columns
        ]
    )
    over = [
        html.Tr(
            [
                html.Th(
                    words,
                    colSpan=span,
                    scope="colgroup" if words else None,
                    className="over" if words else None,
                )
                for words, span in groups
            ],
            className="wide-only",
        )
    ][: len(groups)]
    body = [
        html.Tr([html.Td(cell, className=classes(c)) for c, cell in zip(columns, row, strict=True)])
        for row in rows
    ]
    return html.Div(
        html.Table([html.Thead([*over, head]), html.Tbody(body)]),
        className="table",
        tabIndex=0,
        role="region",
        **named({"aria-label": label}),
    )


def tabs(label: str, *entries: tuple[Children, str, bool]) -> Component:
    """Tabs that are links: (words, address, whether it is the open one)."""
    return html.Nav(
        [
            html.A(words, href=href, className="choice", **named({"aria-current": "true"} if chosen else {}))
            for words, href, chosen in entries
        ],
        className="choices",
        **named({"aria-label": label}),
    )


def facts(*pairs: tuple[str, Children]) -> Component:
    """Short facts, name over value."""
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd(value)]) for name, value in pairs if value is not None],
        className="facts",
    )


def graph(figure: go.Figure, label: str, height: int = 420, name: str = "chart") -> Component:
    """A chart with its height reserved, so that nothing moves when it arrives."""
    return html.Figure(
        dcc.Graph(
            id=name,
            figure=figure,
            config=GRAPH_CONFIG,
            style={"height": f"{height}px"},
            responsive=True,
        ),
        className="chart",
        role="img",
        style={"minHeight": f"{height}px"},
        **named({"aria-label": label}),
    )


def key(*entries: tuple[str, str]) -> Component:
    """What the lines and bands of a chart are: (kind of swatch, words)."""
    return html.Ul(
        [html.Li([html.Span(className=f"swatch {kind}"), words]) for kind, words in entries], className="key"
    )


def nothing(what: str, fill: Children, command: str | None = None) -> Component:
    """The state of nothing to show: what would fill it, and the command that does."""
    return html.Div(
        [
            html.P(what, className="nothing-what"),
            html.P(fill, className="nothing-fill"),
            html.Pre(html.Code(command)) if command else None,
        ],
        className="nothing",
    )


def whisker(
    low: date | None, mid: date | None, high: date | None, today: date, days: int, now: bool = False
) -> Component:
    """A date with its range on an axis of `days` from today; a range past the axis ends in an arrow."""
    if now:
        return html.Div(
            html.Span(className="whisker-mid now", style={"left": "0"}),
            className="whisker",
            role="img",
            **named({"aria-label": "out of capacity now"}),
        )
    if low is None and mid is None:
        return html.Div(className="whisker")

    def at(day: date | None) -> float:
        return 100.0 if day is None else min(max((day - today).days / days, 0.0), 1.0) * 100

    open_end = high is None or (high - today).days > days
    left, right = at(low or mid), at(high)
    parts = [
        html.Span(
            className="whisker-line open" if open_end else "whisker-line",
            style={"left": f"{left:.2f}%", "width": f"{max(right - left, 0.4):.2f}%"},
        )
    ]
    if mid is not None and (mid - today).days <= days:
        parts.append(html.Span(className="whisker-mid", style={"left": f"{at(mid):.2f}%"}))
    words = text.date_range(low, mid, high, today)
    return html.Div(parts, className="whisker", role="img", title=words, **named({"aria-label": words}))


def whisker_axis(today: date, days: int) -> Component:
    """Month starts over a column of whiskers; on a short axis Mondays too."""
    ticks = []
    if days <= 45:
        monday = today + timedelta(days=7 - today.weekday())
        ticks = [
            (one, f"{one.day} {one:%b}")
            for one in (monday + timedelta(weeks=week) for week in range(7))
            if (one - today).days < days
        ]
    else:
        month = date(today.year + today.month // 12, today.month % 12 + 1, 1)
        while (month - today).days < days:
            ticks.append((month, f"{month:%b}" if month.month != 1 else f"{month:%b %Y}"))
            month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    every = max(1, round(len(ticks) / 4))
    return html.Div(
        [
            html.Span(words, style={"left": f"{(tick - today) / timedelta(days=days) * 100:.2f}%"})
            for tick, words in ticks[::every]
        ],
        className="whisker-axis",
        **named({"aria-hidden": "true"}),
    )


def share_bar(part: float, whole: float, className: str = "") -> Component:
    """A thin bar that fills `part / whole` of its cell; decoration of a number that stands beside it."""
    width = 0.0 if whole <= 0 else max(0.0, min(part / whole, 1.0)) * 100
    return html.Span(
        html.Span(style={"width": f"{width:.1f}%"}),
        className=f"share {className}",
        **named({"aria-hidden": "true"}),
    )
