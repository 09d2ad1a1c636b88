"""The proof behind a sentence: the fan chart of a subject with its metrics, spans, key and track record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.figures.fan import fan_chart
from dashboard.history import DEFAULT_SPAN, SPANS, read_fan
from dashboard.view import View
from dashboard.widgets import Children, graph, key, mark, named, nothing, tabs
from data.reading import Scope
from models.evaluation.trust import WEEKS, Trust, trust


def pick(asked: str, known: Sequence[str], default: str) -> str:
    """What was asked for if it is known, else the default: an old link opens something useful."""
    return asked if asked in known else default


def metric_tabs(
    view: View, path: str, name: str, metrics: Sequence[str], chosen: str, span: str, states: dict[str, str]
) -> Component:
    """One tab per metric, with its mark where it is not quiet."""
    entries: list[tuple[Children, str, bool]] = []
    for metric in metrics:
        status = states.get(metric, "right_sized")
        sign = [mark(status)] if status not in ("right_sized",) else []
        entries.append(
            (
                [*sign, text.metric(metric)],
                view.link(path, name=name, metric=metric, span=span if span != DEFAULT_SPAN else None),
                metric == chosen,
            )
        )
    return tabs("Metrics", *entries)


def chart(
    view: View,
    scope: Scope,
    subject: str,
    metric: str,
    span: str,
    path: str,
    *,
    query: dict[str, str] | None = None,
    event_names: Sequence[str] = (),
    other: float | None = None,
    height: int = 400,
) -> Component:
    """The fan chart with its key, the spans to choose from, and how far it can be trusted."""
    fan = read_fan(view.estate, scope, subject, metric, span, event_names, other)
    if not fan.ts.size and not fan.ahead.size:
        return nothing(
            f"No measurements of {text.metric(metric)} of {subject} in the last {2 * int(span)} days.",
            "It fills when a source reports it.",
            "headroom ingest",
        )
    asked = {"name": subject, "metric": metric} | (query or {})
    spans = html.Div(
        [
            html.A(
                words,
                href=view.link(path, **(asked | {"span": days})),
                **named({"aria-current": "true"} if days == span else {}),
            )
            for days, words in SPANS.items()
        ],
        className="spans",
        **named({"aria-label": "How far ahead"}),
    )
    hourly = fan.grain == "hour"
    entries = [("peak", "hourly mean" if hourly else "daily peak")]
    if fan.has_band:
        entries.append(("band", "up to the hour's peak" if hourly else "mean to peak"))
    if fan.quantiles:
        entries += [("middle", "forecast"), ("inner", "half of outcomes"), ("outer", "9 of 10 outcomes")]
    if fan.usable is not None:
        entries.append(("usable", "usable after reserve"))
    if fan.exhaustion_in_view:
        entries.append(("whisk", "runs out (8 of 10 outcomes)"))
    if fan.events:
        entries.append(("event", "event"))
    label = f"{text.metric(metric)} of {subject}: demand, forecast and capacity"
    return html.Div(
        [
            html.Div([key(*entries), spans], className="chart-head"),
            graph(fan_chart(fan, view.palette, height), label, height),
            html.P(track_record(view, scope, subject, metric, fan.grain), className="caption"),
        ]
    )


def track_record(view: View, scope: str, subject: str, metric: str, grain: str) -> str:
    """How good this series' forecasts were on its own past, in a sentence."""
    rows = view.estate.forecast_series.filter(
        (pl.col("scope") == scope)
        & (pl.col("subject") == subject)
        & (pl.col("metric") == metric)
        & (pl.col("grain") == grain)
    )
    if rows.is_empty():
        return "No forecast was made of it."
    row = rows.row(0, named=True)
    slots = text.plural(row["history_slots"], "hour" if grain == "hour" else "day")
    words = f"Made by {row['made_by']} from {slots} of history."
    trusted = how_right(view, scope, subject, metric, grain)
    if trusted:
        words += f" {text.sentence(trusted.sentence())}"
    for told in (row["refusal"], row["notes"]):
        if told:
            words += f" {text.sentence(in_slots(told, grain))}"
    return words


def in_slots(words: str, grain: str) -> str:
    """The slots of a sentence that models write, as hours or days."""
    return re.sub(r"\bslot(s?)\b", lambda found: f"{'hour' if grain == 'hour' else 'day'}{found[1]}", words)


def how_right(view: View, scope: str, subject: str, metric: str, grain: str) -> Trust | None:
    """How right its forecasts were: of what came in the last weeks, else on past cutoffs."""
    series = {"grain": grain, "scope": scope, "subject": subject, "metric": metric}
    mine = [pl.col(name) == value for name, value in series.items()]
    since = view.estate.as_of - timedelta(weeks=WEEKS)
    return trust(
        view.estate.snapshot.frame("forecast_actuals_of", **series, since=since),
        pl.concat(
            frame.filter(*mine).select("relative_error", "coverage_90")
            for frame in (view.estate.forecast_series, view.estate.scores)
        ),
        view.estate.as_of,
    )
