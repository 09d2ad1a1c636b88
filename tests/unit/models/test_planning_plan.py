"""Laws of the planning grain: what holds for any daily panel."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from data.panel import DAY, FloatArray, Panel
from data.reach import REACH_DAYS
from data.series import SeriesKey
from models.forecasters.planning import Planning
from models.planning import plan, plan_and_reach, plan_bands, reach_of
from tests.notation import MONDAY, panel

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def fleet(n: int = 8, days: int = 150, metric: str = "cpu", seed: int = 3) -> Panel:
    """Level series with a week, drifting a little."""
    draw = np.random.default_rng(seed)
    week = 1 + 0.3 * np.sin(2 * np.pi * np.arange(days) / 7)
    drift = np.exp(np.cumsum(draw.normal(0, 0.01, (n, days)), 1) + draw.normal(0, 0.1, (n, days)))
    demand = draw.uniform(1, 50, (n, 1)) * week * drift
    return Panel.of([SeriesKey(f"r{i}", metric) for i in range(n)], MONDAY, DAY, demand)


def test_shape_order_and_floor() -> None:
    forecast = plan(fleet(), 40, LEVELS, samples=60, seed=1)
    assert forecast.quantiles.shape == (8, 40, len(LEVELS))
    assert forecast.paths is not None
    assert forecast.paths.shape == (8, 60, 40)
    assert forecast.start == fleet().end
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
    assert (forecast.quantiles >= 0).all()
    assert not forecast.refusals


def test_same_seed_same_bytes_and_another_seed_other_paths() -> None:
    first, second = (plan(fleet(), 20, LEVELS, samples=40, seed=7) for _ in range(2))
    assert first.paths is not None and second.paths is not None
    assert first.quantiles.tobytes() == second.quantiles.tobytes()
    assert first.paths.tobytes() == second.paths.tobytes()
    assert plan(fleet(), 20, LEVELS, samples=40, seed=8).quantiles.tobytes() != first.quantiles.tobytes()


def test_order_of_series_does_not_matter() -> None:
    history = fleet(120, 100)
    order = np.random.default_rng(0).permutation(120)
    straight = plan(history, 15, LEVELS, samples=20, seed=1)
    shuffled = plan(history.take(order), 15, LEVELS, samples=20, seed=1)
    assert shuffled.quantiles.tobytes() == straight.quantiles[order].tobytes()


def test_reach_is_that_of_the_kept_paths() -> None:
    forecast = plan(fleet(), 30, LEVELS, samples=50, seed=1)
    without, reach = plan_and_reach(fleet(), 30, LEVELS, samples=50, seed=1)
    assert without.paths is None
    bands = plan_bands(fleet(), 30, LEVELS, samples=50, seed=1)
    assert bands.quantiles.tobytes() == without.quantiles.tobytes()
    assert without.quantiles.tobytes() == forecast.quantiles.tobytes()
    assert reach.amounts.tobytes() == reach_of(forecast).amounts.tobytes()
    assert reach.days == tuple(d for d in REACH_DAYS if d <= 30)
    assert forecast.paths is not None
    highest = np.maximum.accumulate(forecast.paths, 2)
    limits = np.quantile(highest[:, :, -1], 0.7, axis=1).astype(float)
    chances = reach.probability(limits)
    for i, limit in enumerate(limits):
        for j, day in enumerate(reach.days):
            counted = float((highest[i, :, day - 1] >= limit).mean())
            assert chances[i, j] == pytest.approx(counted, abs=0.06)


def test_scale_equivariance() -> None:
    history = fleet()
    larger = Panel.of(history.keys, history.start, DAY, history.demand * 1000)
    small = plan(history, 30, LEVELS, samples=40, seed=1)
    large = plan(larger, 30, LEVELS, samples=40, seed=1)
    np.testing.assert_allclose(large.quantiles, small.quantiles * 1000, rtol=1e-4)


def test_constant_stays_constant() -> None:
    forecast = plan(panel("5x99", "0x99", step=DAY), 30, LEVELS, samples=20, seed=1)
    assert (forecast.quantiles[0] == 5).all()
    assert (forecast.quantiles[1] == 0).all()
    assert forecast.made_by == ("planning (constant)",) * 2


def test_refusals_say_why_and_carry_a_fallback() -> None:
    history = panel("_x99", "_x89 5 6 4 5 6 4 5 6 4 5", "5 6 4 5x56 _x39", "5 6 4x97", step=DAY)
    forecast = plan(history, 10, LEVELS, samples=20, seed=1)
    assert forecast.refusals[0].reason == "no demand was ever reported"
    assert forecast.refusals[1].reason == "not enough history (10 of 48 days)"
    assert forecast.refusals[2].reason == "silent for the last 40 days"
    assert 3 not in forecast.refusals
    assert np.isnan(forecast.quantiles[0]).all()
    assert forecast.made_by[:3] == ("none", "recent days (fallback)", "recent days (fallback)")
    assert (forecast.quantiles[1, :, 3] == 5).all()
    assert forecast.quantiles[1, 0, 0] < forecast.quantiles[1, 0, -1]


def test_a_bad_series_leaves_the_others_alone() -> None:
    history = fleet(12)
    demand = history.demand.copy()
    demand[3] = np.nan
    demand[4, 10] = np.inf
    others = [i for i in range(12) if i not in (3, 4)]
    broken = Panel.of(history.keys, history.start, DAY, demand)
    spoiled = plan(broken, 10, LEVELS, samples=20, seed=1)
    assert np.isfinite(spoiled.quantiles[others]).all()
    assert np.isfinite(spoiled.quantiles[4]).all()
    assert set(spoiled.refusals) == {3}


def test_a_series_that_has_stopped_leaves_younger_ones_alone() -> None:
    history = fleet(4, 400)
    demand = history.demand.copy()
    demand[0, 100:] = 0.0  # nothing but zeros in the stretch that the young one is computed on
    demand[1, :-60] = np.nan
    forecast = plan(Panel.of(history.keys, history.start, DAY, demand), 30, LEVELS, samples=50, seed=1)
    assert not forecast.refusals
    assert np.isfinite(forecast.quantiles).all()
    assert forecast.paths is not None and np.isfinite(forecast.paths).all()


@pytest.mark.parametrize("days", [1, 7, 13, 40, 48, 49, 364, 365, 366, 391, 392, 393])
@pytest.mark.parametrize("horizon", [1, 365, 800])
def test_any_length_and_horizon_has_an_answer(days: int, horizon: int) -> None:
    history = fleet(3, days)
    forecast = plan(history, horizon, LEVELS, samples=20, seed=1)
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
    assert bool(forecast.refusals) == (days < 48)


def test_gaps_and_late_starts_are_planned() -> None:
    history = fleet(6, 200)
    demand = history.demand.copy()
    demand[0, 60:75] = np.nan
    demand[1, :101] = np.nan
    demand[2, -5:] = np.nan
    forecast = plan(Panel.of(history.keys, history.start, DAY, demand), 30, LEVELS, samples=20, seed=1)
    assert not forecast.refusals
    whole = plan(history, 30, LEVELS, samples=20, seed=1)
    ratio = forecast.at(0.5)[:3] / whole.at(0.5)[:3]
    assert ((ratio > 0.6) & (ratio < 1.6)).all()


def test_negative_history_may_have_a_negative_forecast() -> None:
    draw = np.random.default_rng(1)
    demand: FloatArray = draw.normal(-5, 1, (3, 90))
    history = Panel.of([SeriesKey(f"t{i}", "temperature") for i in range(3)], MONDAY, DAY, demand)
    forecast = plan(history, 10, LEVELS, samples=40, seed=1)
    assert (forecast.at(0.5) < 0).all()


def test_the_forecaster_refuses_hours() -> None:
    hourly = panel("5 6 7 8x99", step=timedelta(hours=1))
    forecast = Planning(samples=20).forecast(hourly, 5, LEVELS)
    assert forecast.refusals[0].reason == "planning needs one value a day, not one every 1:00:00"
    with pytest.raises(ValueError, match="daily"):
        plan(hourly, 5, LEVELS, seed=1)
