"""First look: opens the published run, draws a forecast, reads the findings.

Run it as a notebook with `marimo edit notebooks/first_look.py`, or as a program with
`python notebooks/first_look.py`; the folder of published runs is `var/published` or `HEADROOM_PUBLISHED`.
"""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os
    from pathlib import Path

    import marimo as mo
    import polars as pl

    from dashboard import text
    from dashboard.estate import Estate
    from dashboard.figures.fan import fan_chart
    from dashboard.history import read_fan
    from dashboard.palette import LIGHT
    from data.snapshot import Snapshot

    return Estate, LIGHT, Path, Snapshot, fan_chart, mo, os, pl, read_fan, text


@app.cell
def _(Estate, Path, Snapshot, mo, os, text):
    # The same functions as the dashboard: what is seen here is what is seen there.
    folder = Path(os.environ.get("HEADROOM_PUBLISHED", "var/published"))
    snapshot = Snapshot.open(folder)
    estate = Estate(snapshot)
    mo.md(f"""
    # Run {snapshot.run_id}

    Measured until {text.moment(snapshot.as_of)}: {text.plural(estate.resources.height, "resource")} of
    {text.plural(estate.resources["service"].n_unique(), "service")}.
    """)
    return estate, snapshot


@app.cell
def _(estate, pl):
    # What runs out next: only what has at least an even chance gets a date.
    next_out = estate.exhaustion.filter(
        pl.col("scope") == "resource", pl.col("date_mid").is_not_null()
    ).select("subject", "metric", "demand_now", "usable", "p28", "p90", "date_low", "date_mid", "date_high")
    next_out.head(10)
    return (next_out,)


@app.cell
def _(LIGHT, estate, fan_chart, next_out, read_fan):
    # The most urgent of them as a chart; without any, the first forecast there is.
    _first = (
        next_out.row(0, named=True)
        if next_out.height
        else estate.forecast_series.filter(scope="resource", grain="day").row(0, named=True)
    )
    fan = read_fan(estate, "resource", _first["subject"], _first["metric"], span="90")
    figure = fan_chart(fan, LIGHT)
    figure.update_layout(title=f"{_first['subject']}, {_first['metric']}", height=420)
    figure
    return fan, figure


@app.cell
def _(estate, pl):
    # Findings, and what they are worth a month.
    findings = (
        estate.resources.group_by("status")
        .agg(
            pl.len().alias("resources"),
            pl.sum("monthly_cost").round(2),
            pl.sum("unused_cost").round(2),
        )
        .sort("resources", descending=True)
    )
    findings
    return (findings,)


@app.cell
def _(estate, pl):
    # The changes that save most, each with its sentence.
    worth = (
        estate.resources.filter(pl.col("saving") > 0)
        .sort("saving", descending=True)
        .select("resource", "from_size", "to_size", "saving", "advice")
    )
    worth.head(10)
    return (worth,)


@app.cell
def _(estate, pl):
    # How far the forecasts can be trusted: measured on past cutoffs of this estate.
    trust = (
        estate.forecast_series.group_by("grain", "metric")
        .agg(
            pl.len().alias("series"),
            pl.median("relative_error").round(3),
            pl.mean("coverage_80").round(3),
            pl.mean("coverage_90").round(3),
        )
        .sort("grain", "metric")
    )
    trust
    return (trust,)


if __name__ == "__main__":
    app.run()
