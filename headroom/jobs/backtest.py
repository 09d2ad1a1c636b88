"""Backtest: how good forecasters would have been on past cutoffs of the stored history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from data.errors import ConfigError, StoreUnavailable, UnknownName
from data.panel import DAY, Panel
from headroom.cluster import fan_out
from headroom.jobs.forecast import parts_of, subjects
from headroom.jobs.knowledge import known_of, told
from headroom.jobs.run import Run
from models.evaluation.backtest import backtest as score
from models.features.known import Known, mask_windows
from models.features.masks import masked
from models.forecasters import FORECASTERS
from models.planning.informed import without_labelled

Grain = Literal["hour", "day"]
_HORIZON: dict[Grain, int] = {"hour": 336, "day": 90}
_PART = 100


@dataclass(frozen=True, slots=True)
class Question:
    """What to backtest."""

    grain: Grain = "hour"
    models: tuple[str, ...] = ()
    """Forecasters by name; empty = the settings' own and the seasonal naive."""
    horizon: int | None = None
    """Slots ahead; None = 336 hours or 90 days."""
    folds: int = 3
    metric: str | None = None
    subject: str | None = None
    """Only subjects whose name contains this."""
    most: int | None = None
    """At most this many series, evenly spaced by name: for slow models."""


def backtest(run: Run, question: Question) -> pl.DataFrame:
    """Scores every asked forecaster on the same series and cutoffs, and stores the scores.

    Returns a row per metric and model: series, the median and mean scaled error, scaled pinball loss,
    coverage and bias over the whole horizon.

    Raises:
        UnknownName: a forecaster does not exist.
        StoreUnavailable: nothing was measured yet.
        ConfigError: no series is left, or history is too short for one cutoff.
    """
    own = run.settings.forecast.model if question.grain == "hour" else "planning"
    models = question.models or tuple(dict.fromkeys((own, "seasonal_naive")))
    for name in models:
        if name not in FORECASTERS:
            raise UnknownName("forecaster", name, FORECASTERS)
    newest = run.newest_sample()
    if newest is None:
        raise StoreUnavailable(f"{run.settings.store_path}: nothing measured yet; `headroom ingest` loads it")
    horizon = question.horizon or _HORIZON[question.grain]
    scores: list[pl.DataFrame] = []
    with run.record("backtest") as report:
        scopes = subjects(run, question.grain, newest).scopes()
        known = known_of(run, [panel for _, panel in scopes], horizon * scopes[0][1].step)
        for scope, panel in scopes:
            # What was labelled as not normal is neither learned from nor asked for.
            asked = _asked(_labelled_out(panel, known), question)
            for model in models:
                work = partial(_score, model, known, horizon, question.folds)
                with run.steps.step(f"{model}, {scope}s") as advance:
                    done = 0
                    for part, rows in fan_out(work, parts_of(asked, _PART), run.settings):
                        scores.append(rows.with_columns(grain=pl.lit(question.grain), scope=pl.lit(scope)))
                        done += len(part)
                        advance(done, len(asked))
        made = pl.concat(scores) if scores else pl.DataFrame()
        if made.is_empty():
            raise ConfigError(
                f"nothing to score: no series fits, or history is under two horizons of {horizon} slots"
            )
        run.store.replace("forecast_scores", _kept(run, question, models, made))
        report.rows_read = made.height
    return _summary(made)


def _kept(run: Run, question: Question, models: Sequence[str], made: pl.DataFrame) -> pl.DataFrame:
    """The scores to store: those just made, and what they say nothing about.

    A backtest of some series leaves the scores of the others; one of all leaves none of series that are gone.
    """
    of_some = question.metric is not None or bool(question.subject) or question.most is not None
    if of_some:
        same = ("grain", "scope", "subject", "metric", "model")
        earlier = run.store.frame("forecast_scores_but", grain="", models=[]).join(made, on=same, how="anti")
    else:
        earlier = run.store.frame("forecast_scores_but", grain=question.grain, models=list(models))
    return pl.concat([earlier, made.select(earlier.columns)], how="vertical_relaxed")


def _labelled_out(panel: Panel, known: Mapping[str, Known]) -> Panel:
    """A stretch of some hours takes those out, but not the peak of its day."""
    if panel.step == DAY:
        return without_labelled(panel, known)
    return masked(panel, mask_windows(panel, known))


def _asked(panel: Panel, question: Question) -> Panel:
    rows = [
        i
        for i, key in enumerate(panel.keys)
        if (question.metric in (None, key.metric)) and (question.subject or "") in key.subject
    ]
    if question.most is not None and len(rows) > question.most:
        rows = [rows[i] for i in np.linspace(0, len(rows) - 1, question.most).astype(int)]
    return panel.take(rows)


def _score(model: str, known: Mapping[str, Known], horizon: int, folds: int, panel: Panel) -> pl.DataFrame:
    return score(panel, told(model, known), model, horizon, folds)


def _summary(scores: pl.DataFrame) -> pl.DataFrame:
    columns: Sequence[str] = ("scaled_pinball", "coverage_80", "coverage_95", "bias")
    return (
        scores.filter(pl.col("band") == "all")
        .group_by("metric", "model")
        .agg(
            series=pl.len(),
            median_error=pl.col("scaled_error").median(),
            scaled_error=pl.col("scaled_error").mean(),
            **{name: pl.col(name).mean() for name in columns},
        )
        .sort("metric", "scaled_pinball", nulls_last=True)
    )
