"""Accuracy: how far the forecasts and the advice can be trusted, measured on the estate's own past."""

from __future__ import annotations

import numpy as np
import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.figures.coverage import coverage_chart
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.proof import in_slots, pick
from dashboard.replayed import frontier, replayed, tier_words
from dashboard.track import reliability, what_came, with_scores
from dashboard.view import View
from dashboard.widgets import (
    Children,
    Column,
    columns,
    files,
    graph,
    link,
    nothing,
    page,
    section,
    table,
    tabs,
)
from data.series import UNITS

GRAINS = {"hour": "14 days, hourly", "day": "a year, daily peaks"}
WORST = 12


def layout(view: View, /, grain: str = "hour", metric: str = "cpu", **_: str) -> Component:
    """Scores by metric, the worst series, and the replayed policies of one metric."""
    everything = view.estate.forecast_series
    if everything.is_empty():
        return page(
            "Nothing was forecast yet, so nothing can be scored.",
            nothing(
                "This page compares forecasts with what then happened.",
                "Every forecast run scores itself on past cutoffs.",
                "headroom run",
            ),
        )
    if view.place and view.resources.is_empty():
        return overview.empty(view)
    grain = pick(grain, list(GRAINS), "hour")
    rows = scored(view, grain)
    known = rows.filter(pl.col("relative_error").is_not_null())
    entries = [
        (words, view.link("/accuracy", grain=key, metric=metric), key == grain)
        for key, words in GRAINS.items()
    ]
    return page(
        answer(rows, known, grain),
        tabs("Horizon", *entries),
        # What was never scored is not worth a table of dashes.
        reliability(view.estate.reliability, view.palette) if grain == "day" and known.is_empty() else None,
        nothing(
            "These forecasts were not scored yet.",
            "Scoring makes them anew at past cutoffs and compares them with what then came.",
            f"headroom backtest --grain {grain} && headroom publish",
        )
        if rows.height and known.is_empty()
        else _by_metric(rows)
        if rows.height
        else nothing("Nothing was forecast here.", "No resource in this place has enough history."),
        what_came(_here(view, view.estate.forecast_actuals.filter(pl.col("grain") == grain))),
        columns(_coverage(view, rows), _makers(rows), className="even")
        if known.height
        else _makers(rows)
        if rows.height
        else None,
        _worst(view, known) if known.height else None,
        reliability(view.estate.reliability, view.palette) if grain == "day" and known.height else None,
        _replay(view, metric, grain),
        aside=files(view, "accuracy", grain=grain),
    )


def scored(view: View, grain: str) -> pl.DataFrame:
    """The forecast series of a grain in this place with their scores."""
    everything = view.estate.forecast_series
    return with_scores(_here(view, everything.filter(pl.col("grain") == grain)), view.estate.scores)


def _here(view: View, frame: pl.DataFrame) -> pl.DataFrame:
    """Resources and services of this place, resources first."""
    resources = view.here(frame.filter(pl.col("scope") == "resource"), "subject")
    services = frame.filter((pl.col("scope") == "service") & pl.col("subject").is_in(view.services))
    return pl.concat([resources, services])


def answer(rows: pl.DataFrame, scored: pl.DataFrame, grain: str) -> str:
    """`Hourly forecasts are right to within 6 % for half of 412 series; their 80 % bands held 79 % …`"""
    kind = "Hourly" if grain == "hour" else "Daily"
    if scored.is_empty():
        return (
            f"{kind} forecasts were made of {text.plural(rows.height, 'series', 'series')};"
            f" {'it is not' if rows.height == 1 else 'none is'} scored yet."
        )
    error = scored["relative_error"].median()
    held = scored["coverage_80"].drop_nulls().drop_nans().mean()
    of = text.plural(scored.height, "series", "series")
    words = (
        f"{kind} forecasts are right to within {text.percent(error).removeprefix('under ')} for half of {of}"  # type: ignore[arg-type]
    )
    if held is not None:
        words += f"; their 80 % bands held {text.percent(held)} of the time on past cutoffs"  # type: ignore[arg-type]
    refused = rows.filter(pl.col("refusal").is_not_null()).height
    if refused:
        words += f"; {text.plural(refused, 'series', 'series')} got a simpler forecast, for the reasons below"
    return words + "."


def _ratio(value: float | None) -> str:
    return f"{value:.2f}" if text.known(value) else text.NONE


def _ordered(frame: pl.DataFrame) -> pl.DataFrame:
    order = {str(name): i for i, name in enumerate(UNITS)}
    return frame.sort(pl.col("metric").replace_strict(order, default=99, return_dtype=pl.Int32), "metric")


def _by_metric(rows: pl.DataFrame) -> Component:
    sums = _ordered(
        rows.group_by("scope", "metric").agg(
            pl.len().alias("series"),
            pl.col("relative_error").median().alias("error"),
            pl.col("relative_error").quantile(0.9).alias("error_90"),
            pl.col("ratio").median(),
            (pl.col("ratio") < 1).mean().alias("better"),
            pl.col("coverage_80").mean().alias("c80"),
            pl.col("coverage_90").mean().alias("c90"),
        )
    ).sort("scope", descending=True, maintain_order=True)
    body: list[list[Children]] = [
        [
            f"{row['scope']}s",
            text.metric(row["metric"]),
            f"{row['series']:,}",
            text.percent(row["error"]),
            text.percent(row["error_90"]),
            _ratio(row["ratio"]),
            text.percent(row["better"], 0),
            text.percent(row["c80"]),
            text.percent(row["c90"]),
        ]
        for row in sums.iter_rows(named=True)
    ]
    heads = [
        Column("Of"),
        Column("Metric"),
        Column("Series", numeric=True),
        Column(
            "Error, half below",
            numeric=True,
            hint="Mean absolute error as a share of mean demand; median over series",
        ),
        Column("9 of 10 below", numeric=True, wide_only=True),
        Column(
            "Against last week",
            numeric=True,
            hint="Error divided by that of repeating the week before, on the same past cutoffs;"
            " median over series, below 1 is better",
        ),
        Column(
            "Better than it",
            numeric=True,
            wide_only=True,
            hint="Share of series whose forecast beats repeating the week before",
        ),
        Column("80 % band held", numeric=True),
        Column("90 % band held", numeric=True, wide_only=True),
    ]
    return section(
        "By metric", table(heads, body, "Accuracy by metric"), note="on past cutoffs of this estate"
    )


def _coverage(view: View, rows: pl.DataFrame) -> Component:
    sums = _ordered(
        rows.group_by("metric").agg(
            pl.col("coverage_80").mean(),
            pl.col("coverage_90").mean(),
            pl.col("coverage_80").count().alias("series"),
        )
    ).filter(pl.col("series") > 0)
    if sums.is_empty():
        return section("Did the bands hold?", html.P("Not scored yet.", className="caption"))
    figure = coverage_chart(
        [text.metric(name) for name in sums["metric"]],
        np.column_stack([sums["coverage_80"].to_numpy(), sums["coverage_90"].to_numpy()]),
        view.palette,
    )
    return section(
        _held(sums),
        graph(figure, "Measured against promised coverage", 76 + 34 * sums.height, "coverage"),
        html.P(
            "A dot left of its dashed line: the band was too narrow; right of it: wider than needed.",
            className="caption",
        ),
    )


def _held(sums: pl.DataFrame) -> str:
    """`Bands held what they promised`, or the metric that is furthest from it."""
    off = sums.with_columns(off=pl.col("coverage_80") - 0.8).drop_nulls("off")
    if off.is_empty():
        return "Did the bands hold?"
    worst = off.sort(pl.col("off").abs(), descending=True).row(0, named=True)
    if abs(worst["off"]) < 0.03:
        return "The bands held what they promised"
    how = "wider than needed" if worst["off"] > 0 else "too narrow"
    return f"The bands of {text.metric(worst['metric'])} were {how}"


def _makers(rows: pl.DataFrame) -> Component:
    made = rows.group_by("made_by").len().sort("len", "made_by", descending=[True, False])
    body: list[list[Children]] = [
        [row[0], f"{row[1]:,}", text.percent(row[1] / rows.height)] for row in made.head(8).iter_rows()
    ]
    refusals = (
        rows.filter(pl.col("refusal").is_not_null())
        .group_by("refusal")
        .len()
        .sort("len", descending=True)
        .head(4)
    )
    grain = rows["grain"][0]
    reasons = [
        html.Li(f"{count:,}: {in_slots(text.readable(reason), grain)}")
        for reason, count in refusals.iter_rows()
    ]
    return section(
        "Who made them",
        table(
            [Column("Forecaster"), Column("Series", numeric=True), Column("", numeric=True)],
            body,
            "Forecasters",
        ),
        html.P("Simpler forecasts, and why:", className="caption") if reasons else None,
        html.Ul(reasons, className="caption reasons") if reasons else None,
    )


def _worst(view: View, scored: pl.DataFrame) -> Component:
    """Where not to trust the line: the largest errors."""
    rows = scored.sort("relative_error", descending=True).head(WORST)
    body: list[list[Children]] = [
        [
            link(row["subject"], view.link(f"/{row['scope']}", name=row["subject"], metric=row["metric"])),
            text.metric(row["metric"]),
            row["made_by"],
            text.percent(row["relative_error"]),
            _ratio(row["ratio"]),
            text.percent(row["coverage_80"]),
            html.Span(text.sentence(in_slots(row["notes"] or "", row["grain"])), className="range"),
        ]
        for row in rows.iter_rows(named=True)
    ]
    heads = [
        Column("Of"),
        Column("Metric"),
        Column("Forecaster", wide_only=True),
        Column("Error", numeric=True),
        Column("Against last week", numeric=True),
        Column("80 % band held", numeric=True),
        Column("Note", wide_only=True),
    ]
    return section("Least accurate", table(heads, body, "Least accurate series"), note="share of mean demand")


def _replay(view: View, metric: str, grain: str) -> Component | None:
    found = replayed(view.estate, metric)
    if found is None:
        return None
    metric, tier = found.asked["metric"], found.asked["tier"]
    entries = [
        (text.metric(one), view.link("/accuracy", grain=grain, metric=one), one == metric)
        for one in found.offered["metric"]
    ]
    return section(
        f"Sizing policies replayed on history, {tier_words(tier)}: lower left is better",
        tabs("Metric", *entries) if len(entries) > 1 else None,
        frontier(view, found, 320),
        html.P(
            [
                "Each policy sized past weeks from what was known before them. ",
                link("By tier, by hold, and calibration", view.link("/replay", metric=metric)),
            ],
            className="caption",
        ),
    )


PAGE = Page(path="/accuracy", title="Accuracy", layout=layout, icon="accuracy")
