"""Each member of the fleet ensemble against a slow plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from data.panel import FloatArray
from models.features.seasons import Seasons
from models.forecasters.members import MEMBERS
from models.forecasters.members.autoregression import (
    base_lags,
    lag_products,
    long_lags,
    rolled,
    shrunk_coefficients,
)
from models.forecasters.members.batch import Batch
from models.forecasters.members.direct_ridge import DirectRidge
from models.forecasters.members.naives import LastValue, RecentMedian, SameTimeLastWeek, SameTimeYesterday
from models.forecasters.members.smoothing import Setting, looked_ahead, smoothed
from models.forecasters.members.standard import Standard
from models.forecasters.members.usual_time import UsualTimeOfDay, UsualTimeOfWeek
from models.forecasters.members.week_profile import WeekProfile
from models.forecasters.preparation import prepared

SMALL = Seasons(4, 12)
"""A day of four slots and a week of three days: small enough to work through by hand."""


def batch_of(demand: FloatArray, seasons: Seasons = SMALL) -> Batch:
    return prepared(demand, np.full(demand.shape, np.nan), seasons).batch


def noisy(n: int, t: int, seed: int = 3) -> FloatArray:
    rng = np.random.default_rng(seed)
    slot = np.arange(t)
    shape = 1 + 0.3 * np.sin(2 * np.pi * slot / 4) + 0.1 * np.sin(2 * np.pi * slot / 12)
    return np.linspace(1, 9, n)[:, None] * shape * np.exp(rng.normal(0, 0.1, (n, t)))


@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: getattr(m, "name", type(m).__name__))
def test_a_member_uses_nothing_after_the_cutoff(member) -> None:  # type: ignore[no-untyped-def]
    seasons = Seasons(24, 168)
    rng = np.random.default_rng(0)
    demand = 5 + np.sin(np.arange(1400) * 2 * np.pi / 24) + rng.random((4, 1400))
    other = demand.copy()
    # The same history, another future, that leaves the size and the offset of the series as they are.
    other[:, 1100:] = demand[:, 1100:][:, ::-1]
    one, two = batch_of(demand, seasons), batch_of(other, seasons)
    np.testing.assert_array_equal(one.raw[:, :1100], two.raw[:, :1100])
    for name, paths in member.paths(one, (1100,), 48).items():
        np.testing.assert_allclose(paths, member.paths(two, (1100,), 48)[name], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: getattr(m, "name", type(m).__name__))
def test_paths_from_several_cutoffs_are_those_from_each(member) -> None:  # type: ignore[no-untyped-def]
    batch = batch_of(5 + np.random.default_rng(1).random((3, 900)), Seasons(24, 168))
    both = member.paths(batch, (900, 804), 48)
    for name, paths in both.items():
        assert paths.shape == (2, 3, 48)
        assert np.isfinite(paths).all()
        # The unit is taken at the earliest cutoff, so only that one can be asked alone.
        alone = member.paths(batch, (804,), 48)[name]
        np.testing.assert_allclose(paths[1], alone[0], rtol=1e-4, err_msg=name)


def test_naives_repeat_what_was() -> None:
    demand = noisy(2, 40)
    batch = batch_of(demand)
    unit = demand[:, :1] / batch.raw[:, :1]
    last = LastValue().paths(batch, (40,), 5)["last_value"][0] * unit
    day = SameTimeYesterday().paths(batch, (40,), 5)["naive_day"][0] * unit
    week = SameTimeLastWeek().paths(batch, (40,), 14)["naive_week"][0] * unit
    for i in range(2):
        for k in range(5):
            assert last[i, k] == pytest.approx(demand[i, 39])
            assert day[i, k] == pytest.approx(demand[i, 36 + k % 4])
        for k in range(14):
            assert week[i, k] == pytest.approx(demand[i, 28 + k % 12])


def test_the_shifted_week_moves_to_the_level_of_the_latest_day() -> None:
    batch = batch_of(noisy(2, 40))
    path = SameTimeLastWeek().paths(batch, (40,), 6)["naive_week_shifted"][0]
    for i in range(2):
        shift = sum(batch.bent[i, 36 + k] - batch.bent[i, 24 + k] for k in range(4)) / 4
        for k in range(6):
            expected = np.exp(batch.bent[i, 28 + k] + shift) - batch.offset[i, 0]
            assert path[i, k] == pytest.approx(expected)


def test_medians_are_medians() -> None:
    batch = batch_of(noisy(2, 60))
    recent = RecentMedian().paths(batch, (60,), 3)["recent_median"][0]
    by_day = UsualTimeOfDay(days=5).paths(batch, (60,), 6)["usual_day"][0]
    by_week = UsualTimeOfWeek().paths(batch, (60,), 14)["usual_week"][0]
    for i in range(2):
        assert recent[i, 2] == pytest.approx(np.median(batch.raw[i, 48:]))
        for k in range(6):
            assert by_day[i, k] == pytest.approx(
                np.median([batch.raw[i, 60 - 4 * d + k % 4] for d in range(1, 6)])
            )
        for k in range(14):
            at = [batch.raw[i, 60 - 12 * w + k % 12] for w in range(1, 5)]
            assert by_week[i, k] == pytest.approx(np.median(at))


def test_the_week_profile_is_a_weighted_mean_of_centred_weeks() -> None:
    batch = batch_of(noisy(2, 60))
    path = WeekProfile(weeks=3, decay=0.5).paths(batch, (60,), 12)["week_profile"][0]
    for i in range(2):
        weights = [0.25, 0.5, 1.0]
        profile = np.zeros(12)
        for w, begin in zip(weights, (24, 36, 48), strict=True):
            week = batch.bent[i, begin : begin + 12]
            profile += w / sum(weights) * (week - week.mean())
        level = (batch.bent[i, 56:60] - profile[8:]).mean()
        expected = np.exp(profile + level) - batch.offset[i, 0]
        np.testing.assert_allclose(path[i], expected)


def test_lag_products_are_the_sums_of_products() -> None:
    values = noisy(3, 30).astype(np.float32)
    weight = np.ones((3, 30), np.float32)
    weight[1, 12:15] = 0.0
    lags = (1, 2, 4)
    got = lag_products(values, weight, lags, 5, 25)
    for i in range(3):
        expected = np.zeros((5, 5))
        for slot in range(5, 25):
            row = np.array([*(values[i, slot - lag] for lag in lags), 1.0, values[i, slot]], float)
            expected += weight[i, slot] * np.outer(row, row)
        np.testing.assert_allclose(got[i], expected, rtol=1e-4)


def test_coefficients_solve_the_penalised_normal_equations() -> None:
    values = noisy(3, 200).astype(np.float32)
    products = lag_products(values, None, (1, 4), 4, 200)
    teaches = np.array([True, True, False])
    got = shrunk_coefficients(products, teaches, prior_slots=50.0, ridge=10.0)
    penalty = np.diag([1.0, 1.0, 1e-3])
    total = products[0] + products[1]
    prior = np.linalg.solve(total[:3, :3] + 20.0 * penalty, total[:3, 3])
    for i in range(3):
        left = products[i, :3, :3] + 50 * penalty
        right = products[i, :3, 3] + 50 * penalty @ prior
        np.testing.assert_allclose(left @ got[i], right, rtol=1e-6)


def test_an_autoregression_is_fed_with_its_own_forecasts() -> None:
    tail = noisy(2, 6)
    coefficients = np.array([[0.5, 0.3, 0.1], [0.2, 0.6, 1.0]])
    low, high = np.full((2, 1), -50.0), np.full((2, 1), 50.0)
    got = rolled(tail[:, -4:], coefficients, (1, 4), low, high, 7)
    for i in range(2):
        past = list(tail[i, -4:])
        for k in range(7):
            past.append(coefficients[i, 0] * past[-1] + coefficients[i, 1] * past[-4] + coefficients[i, 2])
            assert got[i, k] == pytest.approx(past[-1])


def test_an_explosive_autoregression_stays_within_its_bounds() -> None:
    path = rolled(
        np.ones((1, 2)), np.array([[3.0, 0.0, 0.0]]), (1, 2), np.array([[0.0]]), np.array([[9.0]]), 50
    )
    assert path.max() == 9.0


def test_lags_are_those_of_the_page() -> None:
    hourly = Seasons(24, 168)
    assert base_lags(hourly) == (
        *(1, 2, 3, 4, 22, 23, 24, 25, 26, 47, 48, 49, 72, 96, 120),
        *(143, 144, 145, 166, 167, 168, 169, 170, 192),
    )
    assert long_lags(hourly)[-3:] == (335, 336, 337)
    assert base_lags(Seasons(1, None)) == (1, 2, 3, 4)


def smoothed_by_loop(z: FloatArray, seen: FloatArray, s: Setting, phi: float, start: tuple) -> tuple:  # type: ignore[type-arg]
    level, trend, day, week, error = start
    for t, value in enumerate(z):
        miss = value - (level + phi * trend) - day[t % 4] - week[t % 12]
        if not seen[t]:
            miss = 0.0
        level = level + phi * trend + s.level * miss
        trend = phi * trend + s.trend * miss
        day[t % 4] += s.day * miss
        week[t % 12] += s.week * miss
        error = miss
    return level, trend, day, week, error


def test_smoothing_is_the_recursion_slot_by_slot() -> None:
    grid = (Setting(0.2, 0.05, 0.1, 0.1, 0.5), Setting(0.6, 0.0, 0.3, 0.05, 0.0))
    z = np.log(noisy(2, 60)).astype(np.float32)
    seen = np.ones((2, 60), bool)
    seen[1, 20:25] = False
    states = smoothed(z, seen, np.zeros((2, 60), bool), grid, 0.95, 4, 12, (48, 60), memory=20.0)
    for i in range(2):
        opening = z[i, :24].astype(float)
        centre = opening.mean()
        day = opening.reshape(6, 4).mean(0) - centre
        week = 0.7 * (opening.reshape(2, 12).mean(0) - centre - np.tile(day, 3))
        for j, setting in enumerate(grid):
            start = (centre, 0.0, day.copy(), week.copy(), 0.0)
            level, trend, d, w, error = smoothed_by_loop(z[i].astype(float), seen[i], setting, 0.95, start)
            state = states[60]
            assert state.level[j, i] == pytest.approx(level, abs=1e-4)
            assert state.trend[j, i] == pytest.approx(trend, abs=1e-4)
            np.testing.assert_allclose(state.day[:, j, i], d, atol=1e-4)
            np.testing.assert_allclose(state.week[:, j, i], w, atol=1e-4)
            one = smoothed(z, seen, np.zeros((2, 60), bool), (setting,), 0.95, 4, 12, (60,), memory=20.0)[60]
            path = looked_ahead(one, (setting,), 0.95, 60, 9, best=1)
            for k in range(9):
                damped = sum(0.95**m for m in range(1, k + 2))
                slot = 60 + k
                expected = (
                    level + damped * trend + d[slot % 4] + w[slot % 12] + error * setting.carry ** (k + 1)
                )
                assert path[i, k] == pytest.approx(expected, abs=1e-3)


def test_a_state_at_a_cutoff_is_the_state_of_a_run_that_ends_there() -> None:
    grid = (Setting(0.3, 0.02, 0.1, 0.1, 0.5),)
    z = np.log(noisy(3, 80)).astype(np.float32)
    seen, never = np.ones((3, 80), bool), np.zeros((3, 80), bool)
    both = smoothed(z, seen, never, grid, 0.95, 4, 12, (80, 60), memory=20.0)
    alone = smoothed(z[:, :60], seen[:, :60], never[:, :60], grid, 0.95, 4, 12, (60,), memory=20.0)
    np.testing.assert_array_equal(both[60].level, alone[60].level)
    np.testing.assert_array_equal(both[60].week, alone[60].week)


def test_demand_at_capacity_never_lowers_a_level() -> None:
    z = np.full((1, 30), 5.0, np.float32)
    z[0, 24:] = 1.0
    seen, bound = np.ones((1, 30), bool), np.zeros((1, 30), bool)
    grid = (Setting(0.5, 0.0, 0.0, 0.0, 0.0),)
    plain = smoothed(z, seen, bound, grid, 0.97, 1, 1, (30,), 10.0)[30].level[0, 0]
    bound[0, 24:] = True
    kept = smoothed(z, seen, bound, grid, 0.97, 1, 1, (30,), 10.0)[30].level[0, 0]
    assert plain < 2 and kept == pytest.approx(5.0, abs=1e-5)


def test_the_direct_map_is_ridge_regression_on_past_windows() -> None:
    demand = noisy(3, 120)
    batch = batch_of(demand)
    got = DirectRidge(ridge=2.0, windows=6).paths(batch, (120,), 4)["direct"][0]
    standard = Standard.of(batch, batch.bent, 120)
    z = standard.values
    x, y = [], []
    for w in range(6):
        end = 120 - 4 * w
        for row in z:
            centre = row[end - 4 - 12 : end - 4].mean()
            x.append(row[end - 4 - 24 : end - 4] - centre)
            y.append(row[end - 4 : end] - centre)
    gram = np.array(x).T @ np.array(x) + 2.0 * 3 * np.eye(24)
    coefficients = np.linalg.solve(gram, np.array(x).T @ np.array(y))
    centre = z[:, -12:].mean(1, keepdims=True)
    path = standard.back((z[:, -24:] - centre) @ coefficients + centre)
    np.testing.assert_allclose(got, batch.unbent(path, 120), rtol=1e-3)
