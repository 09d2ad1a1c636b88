"""Jobs that forecast and score: what a clock ahead must not do, and what a backtest of some leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from data.frames import Batch
from data.snapshot import Snapshot
from headroom.jobs.backtest import Question, backtest
from headroom.jobs.decide import decide
from headroom.jobs.forecast import forecast, subjects
from headroom.jobs.publish import publish
from headroom.jobs.run import Run
from headroom.settings import ForecastSettings
from tests.hourly_run import MONDAY, hourly_run, hours, samples

DAYS = 52
NOW = MONDAY + timedelta(days=DAYS, hours=9, minutes=20)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Until NOW, but `hasty`, whose clock is 20 hours ahead."""
    demand = {(name, "cpu"): hours(DAYS + 1, seed=i)[: 24 * DAYS + 10] for i, name in enumerate("abc")}
    demand["a", "memory"] = hours(DAYS + 1, seed=7)[: 24 * DAYS + 10]
    settings = ForecastSettings(hours=24, days=28, samples=50, processes=1)
    with hourly_run(tmp_path, demand, forecast=settings) as found:
        ahead = samples({("hasty", "cpu"): hours(1)}).with_columns(pl.col("ts") + (NOW - MONDAY))
        ahead = ahead.filter(pl.col("ts") <= NOW + timedelta(hours=20))
        loaded = found.store.load(Batch(ahead), run_id="r1", source="hasty", now=NOW)
        assert loaded.rejected == 0
        found.store.refresh_rollups()
        yield replace(found, now=NOW)


def test_one_clock_ahead_makes_nobody_silent_and_no_day_over(run: Run) -> None:
    newest = run.newest_sample()
    assert newest == NOW
    assert subjects(run, "hour", newest).resources.end == MONDAY + timedelta(days=DAYS, hours=10)
    assert subjects(run, "day", newest).resources.end == MONDAY + timedelta(days=DAYS)
    forecast(run)
    publish(run)
    with Snapshot.open(run.settings.published) as snapshot:
        assert snapshot.as_of == MONDAY + timedelta(days=DAYS, hours=10)
        assert snapshot.forecast("a", "cpu")["ts"].min() == MONDAY + timedelta(days=DAYS, hours=10)
        assert snapshot.forecast("a", "cpu", grain="day")["ts"].min() == MONDAY + timedelta(days=DAYS)


def test_a_forecast_cut_off_while_it_is_stored_leaves_the_earlier_one_whole(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast(run)
    tables = ("service_hour", "service_day", "forecast_points", "forecast_series", "reach", "reliability")

    def stored() -> dict[str, pl.DataFrame]:
        return {name: run.store._connection.sql(f"FROM {name}").pl().sort(pl.all()) for name in tables}

    before = stored()
    earlier = replace(run, now=NOW - timedelta(days=3))  # other hours, other days

    monkeypatch.setattr("headroom.jobs.forecast.reach_rows", lambda *_: pl.DataFrame({"subject": [None]}))
    with pytest.raises(ValueError, match="reach"):
        forecast(earlier)
    after = stored()
    assert all(before[name].equals(after[name]) for name in tables)


def test_running_out_is_answered_as_far_as_was_asked_and_for_young_series_too(run: Run) -> None:
    filling = samples({("disk", "storage"): hours(3) * 0 + 7.9}).with_columns(
        pl.col("ts") + timedelta(days=DAYS - 3)
    )
    run.store.load(Batch(filling), run_id="r1", source="disk", now=NOW)
    run.store.refresh_rollups()
    forecast(run)  # 28 days
    assert run.store.reach("resource").days[-1] == 28
    decide(run)
    rows = run.store._connection.execute("SELECT subject, metric, state, p28, p90 FROM exhaustion").fetchall()
    answers = {(subject, metric): tuple(rest) for subject, metric, *rest in rows}
    assert answers == {
        **{(name, "cpu"): ("not_within_horizon", 0.0, None) for name in "abc"},
        ("a", "memory"): ("not_within_horizon", 0.0, None),
        ("disk", "storage"): ("exhausted_now", None, None),
    }


def scored(run: Run) -> set[tuple[str, str, str]]:
    return set(
        run.store.frame("forecast_scores_but", grain="", models=[])
        .select("subject", "metric", "model")
        .iter_rows()
    )


def test_a_backtest_of_some_series_leaves_the_scores_of_the_others(run: Run) -> None:
    models = ("seasonal_naive", "fleet")
    backtest(run, Question(models=models, horizon=24))
    whole = scored(run)
    assert {("a", "cpu", "fleet"), ("a", "memory", "fleet")} <= whole
    before = run.store.frame("forecast_scores_but", grain="", models=[])
    backtest(run, Question(models=("seasonal_naive",), horizon=24, metric="memory", folds=1))
    backtest(run, Question(models=("fleet",), horizon=24, subject="b", folds=1))
    after = run.store.frame("forecast_scores_but", grain="", models=[])
    assert scored(run) == whole
    assert after.height == before.height
    anew = after.join(before, on=before.columns, how="anti", nulls_equal=True)
    assert set(anew.select("subject", "metric", "model").iter_rows()) == {
        ("a", "memory", "seasonal_naive"),
        ("b", "cpu", "fleet"),
    }
    backtest(run, Question(models=("fleet",), horizon=24))
    assert scored(run) == whole


def test_a_backtest_of_all_leaves_no_series_that_is_gone(run: Run) -> None:
    backtest(run, Question(models=("fleet",), horizon=24))
    kept = run.store.frame("forecast_scores_but", grain="", models=[])
    run.store.replace("forecast_scores", pl.concat([kept, kept.head(1).with_columns(subject=pl.lit("gone"))]))
    backtest(run, Question(models=("fleet",), horizon=24))
    assert "gone" not in {subject for subject, _, _ in scored(run)}
