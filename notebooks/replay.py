"""Replay: what every sizing policy would have done on the hours of the published run, and what moves it.

Run it as a notebook with `marimo edit notebooks/replay.py`, or as a program with `python notebooks/replay.py`;
the folder of published runs is `var/published` or `HEADROOM_PUBLISHED`.
"""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os
    from datetime import timedelta
    from pathlib import Path

    import marimo as mo
    import numpy as np
    import polars as pl

    from dashboard.figures.frontier import Score, frontier_chart
    from dashboard.palette import LIGHT
    from data.series import Window
    from data.snapshot import Snapshot
    from models.replay.replay import replay
    from models.replay.rules import best_rules
    from models.sizing import POLICIES

    return (
        LIGHT, POLICIES, Path, Score, Snapshot, Window, best_rules, frontier_chart, mo, np, os, pl, replay,
        timedelta,
    )  # fmt: skip


@app.cell
def _():
    # The questions of this notebook: change them and everything below follows.
    metric, days, hold_days, targets = "cpu", 14, 7, (0.02, 0.01, 0.005, 0.0025)
    return days, hold_days, metric, targets


@app.cell
def _(Path, Snapshot, Window, days, metric, mo, np, os, pl, timedelta):
    # Hours of everything that can be resized, from the published run: endpoints are bought, not sized.
    snapshot = Snapshot.open(Path(os.environ.get("HEADROOM_PUBLISHED", "var/published")))
    _sized = snapshot.frame("resources_now").filter(pl.col("kind") != "endpoint")["resource"].to_list()
    _window = Window(snapshot.as_of - timedelta(days=90 + days), snapshot.as_of)
    history = snapshot.panel("hour", metrics=[metric], subjects=_sized, window=_window)
    _heard = np.flatnonzero(np.isfinite(history.demand).any(axis=0))
    history = history.between(int(_heard[0]), history.slots)
    start_day = history.slots // 24 - days
    mo.md(f"""
    # Replay of run {snapshot.run_id}

    {len(history)} resources, {metric}: sizes made from day {start_day} on, scored over {days} days.
    """)
    return history, snapshot, start_day


@app.cell
def _(POLICIES, history, hold_days, replay, start_day, targets):
    # Every policy decides from the past only, then lives with what came.
    policies = {name: make() for name, make in POLICIES.items()}
    scores = replay(history, policies, start_day=start_day, hold_days=hold_days, targets=targets)
    scores
    return (scores,)


@app.cell
def _(pl, scores, targets):
    # Calibration of our policy: what was promised against what happened.
    calibration = (
        scores.filter(policy="marginal", tier="all")
        .select("target_breach", "breached_hours", "allocated", "changes")
        .with_columns(ratio=pl.col("breached_hours") / pl.col("target_breach"))
        .sort("target_breach")
    )
    assert calibration.height == len(targets)
    calibration
    return (calibration,)


@app.cell
def _(best_rules, history, hold_days, start_day):
    # The best of many percentile-and-margin rules, chosen in hindsight: what no one can have, to compare with.
    rules = best_rules(history, start_day=start_day, hold_days=hold_days)
    rules.sort("allocated").head(10)
    return (rules,)


@app.cell
def _(LIGHT, Score, frontier_chart, pl, rules, scores):
    # The frontier: lower left is better. The same figure as on the replay page.
    _drawn = scores.filter(pl.col("tier") == "all", pl.col("allocated").is_finite())
    _ours = _drawn.filter(policy="marginal")
    _peers = _drawn.filter(pl.col("policy") != "marginal").unique("policy", maintain_order=True)
    figure = frontier_chart(
        [
            Score(row["policy"], row["allocated"], row["breached_hours"])
            for row in pl.concat([_ours, _peers]).iter_rows(named=True)
        ],
        LIGHT,
        least=0.0001,
        rules=rules.select("allocated", "breached_hours").rows(),
    )
    figure.update_layout(height=420)
    figure
    return (figure,)


if __name__ == "__main__":
    app.run()
