"""The track record: what came of earlier forecasts, and how often stated probabilities came true."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.figures.reliability import Stated, reliability_chart
from dashboard.palette import LIGHT, Palette
from dashboard.widgets import Children, Column, columns, graph, section, table
from models.exhaustion_calibration import BINS

AGES = {1: "a day", 7: "a week", 28: "four weeks"}
_SERIES = ["grain", "scope", "subject", "metric"]
_FEWEST = 10
"""Answers from which a bin of probabilities is worth a sentence."""


def with_scores(rows: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Rows of forecast_series with `ratio` to repeating last week, and with scores that were made later.

    Args:
        scores: rows of `page_scores`; `headroom backtest` may know of series that the forecast did not score.
    """
    known = ("relative_error", "coverage_80", "coverage_90", "bias")
    later = scores.select(*_SERIES, "ratio", *(pl.col(name).alias(f"{name}_later") for name in known))
    return rows.join(later, on=_SERIES, how="left", maintain_order="left").with_columns(
        pl.col("ratio").fill_nan(None),
        *(
            pl.coalesce(pl.col(name).fill_nan(None), pl.col(f"{name}_later").fill_nan(None)).alias(name)
            for name in known
        ),
    )


def what_came(actuals: pl.DataFrame) -> Component | None:
    """Earlier forecasts against what was measured since, by their age; `actuals` are rows of one grain."""
    if actuals.is_empty():
        return None
    sums = (
        actuals.group_by("age_days", "forecast_run", "scope")
        .agg(
            pl.len().alias("series"),
            pl.col("compared_from").min(),
            pl.col("measured_until").max(),
            pl.col("slots").median(),
            pl.col("relative_error").median().alias("error"),
            pl.col("expected_error").median().alias("promised"),
            pl.col("relative_bias").median().alias("bias"),
            pl.col("coverage_80").mean().alias("c80"),
            pl.col("coverage_90").mean().alias("c90"),
        )
        .sort("age_days", "scope", descending=[False, True])
    )
    unit = "hours" if actuals["grain"][0] == "hour" else "days"
    body: list[list[Children]] = [
        [
            f"{AGES.get(row['age_days'], text.plural(row['age_days'], 'day'))} or more",
            text.day(row["compared_from"]),
            f"{row['scope']}s",
            f"{row['series']:,}",
            f"{row['slots']:,.0f}",
            text.percent(row["error"]),
            text.percent(row["promised"]),
            _signed(row["bias"]),
            text.percent(row["c80"]),
            text.percent(row["c90"]),
        ]
        for row in sums.iter_rows(named=True)
    ]
    heads = [
        Column("Age"),
        Column("Forecast on", wide_only=True),
        Column("Of"),
        Column("Series", numeric=True),
        Column(f"Compared {unit}", numeric=True, wide_only=True, hint="Median over series"),
        Column("Error, half below", numeric=True, hint="As a share of what was measured; median over series"),
        Column("Promised", numeric=True, hint="The same on past cutoffs, when the forecast was made"),
        Column("Too high by", numeric=True, wide_only=True, hint="Median over series; below 0 = too low"),
        Column("80 % band held", numeric=True),
        Column("90 % band held", numeric=True, wide_only=True),
    ]
    until = text.moment(actuals["measured_until"].max())  # type: ignore[arg-type]
    return section(
        "What came of earlier forecasts",
        table(heads, body, "Earlier forecasts against what was measured"),
        note=f"published forecasts against what was measured until {until}",
    )


def reliability(answers: pl.DataFrame, palette: Palette = LIGHT) -> Component | None:
    """How often what was said came true, by stated probability; `answers` are rows of that table."""
    if answers.is_empty():
        return None
    horizons = answers["days"].unique().sort().to_list()
    present = set(answers["bin"])
    cells = {(row["bin"], row["days"]): row for row in answers.iter_rows(named=True)}
    body: list[list[Children]] = []
    for edge, upper in pairwise(BINS):
        if edge not in present:
            continue
        line: list[Children] = [f"{100 * edge:.0f}–{100 * upper:.0f} %"]
        for days in horizons:
            row = cells.get((edge, days))
            line.append(_came(row) if row else text.NONE)
        body.append(line)
    heads = [Column("Chance stated")]
    for days in horizons:
        heads.append(Column(f"Came true, {days} days", numeric=True))
    points = [
        Stated(row["days"], row["stated"], row["happened"], int(row["n"]))
        for row in answers.iter_rows(named=True)
    ]
    return section(
        spoken(answers).removesuffix("."),
        columns(
            html.Div(
                [
                    graph(
                        reliability_chart(points, palette),
                        "Stated chances of running out against how often they came true",
                        300,
                        "reliability",
                    ),
                    html.P(
                        "On the dashed line what was said came true as often as it should; below it the"
                        " chance was too high. Larger points stand for more answers.",
                        className="caption",
                    ),
                ]
            ),
            html.Div(table(heads, body, "Stated chances against what happened")),
            className="even",
        ),
        note="chances of running out, on past cutoffs of this estate, as they are corrected today",
    )


def spoken(answers: pl.DataFrame) -> str:
    """`Of the 40 times we said about 50 % within 90 days, 21 came true.`, of the bin nearest to even."""
    enough = answers.filter(pl.col("n") >= _FEWEST)
    if enough.is_empty():
        enough = answers.sort("n", descending=True).head(1)
    row = enough.sort((pl.col("stated") - 0.5).abs(), "days").row(0, named=True)
    true = round(row["happened"] * row["n"])
    return (
        f"Of the {row['n']:,} times we said about {text.probability(row['stated'])}"
        f" within {row['days']} days, {true:,} came true."
    )


def _came(row: dict[str, float]) -> str:
    return f"{round(row['happened'] * row['n']):,} of {int(row['n']):,} ({text.percent(row['happened'])})"


def _signed(share: float | None) -> str:
    """`+0.4 %`, `−1.2 %`, `0 %` where it is under half of a tenth."""
    if not text.known(share):
        return text.NONE
    share = round(float(share), 3)  # type: ignore[arg-type]
    sign = "+" if share > 0 else "−" if share < 0 else ""
    return f"{sign}{text.percent(abs(share))}"
