"""Backtests and rankings over rolling cutoffs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from data.outcome import Forecast
from data.panel import Panel
from models.evaluation.backtest import BACKTEST_LEVELS, backtest, rolling_cutoffs
from models.evaluation.ranking import ranking
from models.evaluation.scores import SCORE_SCHEMA
from models.forecasters import FORECASTERS
from tests.notation import panel


@dataclass(frozen=True)
class Remembers:
    """Says the last value and notes nothing else; what it saw is checked by the value it says."""

    width: float = 0.0

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        last = history.demand[:, -1][:, None, None]
        spread = self.width * (np.asarray(levels) - 0.5)
        quantiles = np.repeat(last + spread, horizon, axis=1)
        return Forecast(history.keys, history.end, history.step, levels, quantiles, ("x",) * len(history))


def test_cutoffs_end_a_horizon_before_the_end() -> None:
    assert rolling_cutoffs(100, 10, 3) == (70, 80, 90)
    assert rolling_cutoffs(100, 10, 3, stride=5) == (80, 85, 90)
    assert rolling_cutoffs(25, 10, 9) == (15,)
    assert rolling_cutoffs(15, 10, 2) == ()


def test_scores_are_those_of_a_loop() -> None:
    history = panel("0+1x59", "5 7 5 7 5 7 5 7 5 7 5 7 5 7 5 7 5 7 5 7x40")
    got = backtest(history, Remembers(), "last", 4, folds=3, season=2)
    for i, row in enumerate(got.filter(band="all").iter_rows(named=True)):
        demand = history.demand[i]
        scale = np.mean([abs(demand[t] - demand[t - 2]) for t in range(2, 48)])
        errors = [abs(demand[c + k] - demand[c - 1]) for c in (48, 52, 56) for k in range(4)]
        assert row["scaled_error"] == pytest.approx(np.mean(errors) / scale)
        assert row["n"] == 12
    # A line that rises by one a slot is one to four above the last value, two and a half on average.
    assert got.row(0, named=True)["bias"] == pytest.approx(-2.5 / 2)


def test_unreported_slots_are_not_scored() -> None:
    history = panel("1 2 3 4 5 6 7 8 9 10 11 12 _ 14 15 _")
    got = backtest(history, Remembers(), "last", 4, folds=1, season=1)
    assert got.filter(band="all")["n"].to_list() == [2]


def test_coverage_is_counted() -> None:
    history = panel("4 6 4 6 4 6 4 6 4 6 4 6 4 6 4 6")
    wide = backtest(history, Remembers(100.0), "wide", 4, folds=2, season=1)
    assert wide.filter(band="all")["coverage_95"].to_list() == [1.0]
    none = backtest(history, Remembers(0.1), "narrow", 4, folds=2, season=1)
    assert none.filter(band="all")["coverage_95"].to_list() == [0.5]


def test_too_short_a_panel_gives_no_rows() -> None:
    got = backtest(panel("1 2 3"), Remembers(), "last", 4)
    assert got.is_empty() and got.schema == SCORE_SCHEMA


def test_registered_forecasters_can_be_compared() -> None:
    rng = np.random.default_rng(0)
    shape = np.tile(5 + np.sin(np.arange(24) * np.pi / 12), 40)
    rows = [" ".join(f"{v:.4f}" for v in shape + rng.normal(0, 0.2, 960)) for _ in range(3)]
    history = panel(*rows)
    scores = pl.concat(
        [backtest(history, FORECASTERS[name](), name, 24, folds=2) for name in ("fleet", "seasonal_naive")]
    )
    table = ranking(scores)
    assert table["model"].to_list()[0] == "fleet"
    assert table["ratio"][0] == 1.0 and table["ratio"][1] > 1.1
    assert table["won"].sum() == pytest.approx(1.0)
    assert len(BACKTEST_LEVELS) == 9


def test_a_ranking_counts_series_that_every_model_was_scored_on() -> None:
    rows = [("a", "m1", 1.0), ("a", "m2", 2.0), ("b", "m1", 0.1)]
    frame = pl.DataFrame(
        {
            **{name: pl.Series([None] * 3, dtype=kind) for name, kind in SCORE_SCHEMA.items()},
            "subject": [r[0] for r in rows],
            "metric": ["cpu"] * 3,
            "model": [r[1] for r in rows],
            "band": ["all"] * 3,
            "scaled_error": [r[2] for r in rows],
        }
    )
    table = ranking(frame)
    assert table["series"].to_list() == [1, 1]
    assert table["mean"].to_list() == [1.0, 2.0]
