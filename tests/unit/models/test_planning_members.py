"""Members of the level ensemble against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from data.panel import FloatArray
from models.planning.bands import Calibration, at_levels, sort_samples
from models.planning.change_paths import change_paths
from models.planning.draws import integers, spread_integers, uniforms
from models.planning.ensemble import LevelEnsemble
from models.planning.level import ALPHAS, start_level
from models.planning.members import recent_median, smoothing
from models.planning.pooled import AutoRegression, DirectRegression
from models.planning.preparation import block_lengths, fill
from models.planning.transform import Transform
from models.planning.week_profile import ahead, behind, relative_week, week_profile
from models.planning.yearly import yearly


def noisy(n: int, days: int, seed: int = 1) -> FloatArray:
    draw = np.random.default_rng(seed)
    return 10 + np.cumsum(draw.normal(0, 0.3, (n, days)), 1) + draw.normal(0, 1, (n, days))


def test_week_profile_is_the_median_deviation_from_its_week() -> None:
    demand = np.tile([1.0, 2, 3, 4, 5, 6, 7], 8)[None]
    assert week_profile(demand)[0] == pytest.approx([-3, -2, -1, 0, 1, 2, 3])
    assert week_profile(np.roll(demand, 2))[0] == pytest.approx([2, 3, -3, -2, -1, 0, 1])


def test_growth_is_no_weekday() -> None:
    assert week_profile(np.arange(84.0)[None])[0] == pytest.approx(np.zeros(7), abs=1e-9)


def test_noise_without_a_week_has_no_profile() -> None:
    profile = week_profile(np.random.default_rng(0).normal(0, 1, (40, 200)))
    assert np.median(np.abs(profile)) < 0.05


def test_behind_and_ahead_continue_each_other() -> None:
    profile = np.arange(7.0)[None]
    both = np.concatenate([behind(profile, 10), ahead(profile, 10)], 1)[0]
    assert both.tolist() == [(i - 10) % 7 for i in range(20)]


def test_week_is_relative_only_where_the_level_moved_far() -> None:
    week = np.array([1.0, 1, 1, 1, 1, 0.2, 0.2])
    stable = np.tile(week, 20) * 10
    fallen = stable.copy()
    fallen[-7:] *= 0.2
    factors = relative_week(np.stack([stable, fallen]))
    assert factors[0] == pytest.approx(np.ones(7))
    assert factors[1, 5] < 0.5 < factors[1, 0]


def test_smoothing_is_the_textbook_recursion() -> None:
    demand = noisy(3, 60)
    fast = smoothing(demand, 5, alphas=(0.4,))
    for row, path in zip(demand, fast, strict=True):
        level = row[:14].mean()
        for value in row:
            level += 0.4 * (value - level)
        assert path == pytest.approx([level] * 5)


def test_damped_smoothing_is_the_textbook_recursion() -> None:
    demand = noisy(3, 60)
    fast = smoothing(demand, 5, alphas=(0.4,), betas=(0.2,), damping=0.9)
    for row, path in zip(demand, fast, strict=True):
        level, trend = row[:14].mean(), 0.0
        for value in row:
            miss = value - (level + 0.9 * trend)
            level, trend = level + 0.9 * trend + 0.4 * miss, 0.9 * trend + 0.4 * 0.2 * miss
        assert path == pytest.approx(
            [level + trend * sum(0.9**j for j in range(1, k + 1)) for k in range(1, 6)]
        )


def test_smoothing_takes_the_setting_with_the_least_past_error() -> None:
    demand = noisy(6, 90)
    chosen = smoothing(demand, 1)
    for i, row in enumerate(demand):
        errors = {}
        for alpha in (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0):
            level, error, levels = row[:14].mean(), 0.0, []
            for day, value in enumerate(row):
                if day > 14:
                    error += 0.3 * abs(value - level)
                    error += abs(value - levels[day - 14])
                level += alpha * (value - level)
                levels.append(level)
            errors[error] = level
        assert chosen[i, 0] == pytest.approx(errors[min(errors)])


def test_recent_median() -> None:
    assert recent_median(np.arange(10.0)[None], 3)[0, 0] == 8
    assert recent_median(np.arange(10.0)[None], 30)[0, 0] == 4.5


def test_start_level_by_a_plain_loop() -> None:
    demand = noisy(5, 50)
    for row, start in zip(demand, start_level(demand), strict=True):
        best = (np.inf, 0.0, 0.0)
        for alpha in ALPHAS:
            level, error = float(np.median(row[:14])), 0.0
            for day, value in enumerate(row):
                error += abs(value - level) if day > 14 else 0.0
                level += alpha * (value - level)
            best = min(best, (error, alpha, level))
        recent = float(np.median(row[-3:]))
        assert start == pytest.approx(recent if best[1] == 1.0 else 0.5 * (recent + best[2]))


def test_autoregression_is_a_ridge_shrunk_to_the_fleet() -> None:
    pool = noisy(4, 100)
    model = AutoRegression.fit(pool)
    assert model is not None
    row = pool[0]
    centre, spread = row[-56:].mean(), np.abs(np.diff(row)).mean()
    scaled = np.clip((row - centre) / spread, -30, 30)
    x = np.array([[scaled[day - lag] for lag in model.lags] for day in range(28, 100)])
    own = np.linalg.solve(x.T @ x + 50 * np.eye(11), x.T @ scaled[28:] + 50 * model.fleet)
    path = list(scaled)
    for _ in range(10):
        path.append(sum(w * path[-lag] for w, lag in zip(own, model.lags, strict=True)))
    expected = np.clip(path[100:], scaled.min(), scaled.max()) * spread + centre
    assert model.forecast(pool, 10)[0] == pytest.approx(expected)


def test_direct_regression_finds_what_survives() -> None:
    draw = np.random.default_rng(3)
    level = np.zeros((60, 300))
    for day in range(1, 300):
        level[:, day] = 0.97 * level[:, day - 1] + draw.normal(0, 1, 60)
    model = DirectRegression.fit(level, 60)
    assert model is not None
    away = np.abs(model.forecast(level) - level[:, -28:].mean(1, keepdims=True)).mean(0)
    actual_now = np.abs(level[:, -1:] - level[:, -28:].mean(1, keepdims=True)).mean()
    assert away[0] > 0.6 * actual_now
    assert DirectRegression.fit(level[:, :38], 60) is None


def test_yearly_carries_half_of_last_years_movement() -> None:
    days = np.arange(800)
    demand = (100 + 20 * np.sin(2 * np.pi * days / 364))[None]
    path = yearly(demand, 100, share=1.0, smooth=1)[0]
    start = demand[0, -28:].mean() - demand[0, 800 - 392 : 800 - 364].mean()
    assert path == pytest.approx(demand[0, 800 - 364 : 900 - 364] + start)
    half = yearly(demand, 100, share=0.5, smooth=1)[0]
    level = demand[0, -28:].mean()
    assert half - level == pytest.approx(0.5 * (path - level))
    with pytest.raises(ValueError, match="392"):
        yearly(demand[:, :391], 10)


def test_the_centre_is_the_median_of_the_members() -> None:
    demand = np.abs(noisy(5, 120))
    ensemble = LevelEnsemble.fit(demand, 20, stock=False)
    members = ensemble.members(demand.copy())
    assert ensemble.centre(demand) == pytest.approx(np.maximum(np.median(members, 0), 0))
    assert len(LevelEnsemble.fit(demand, 20, stock=True).members(demand)) == len(members) + 2


def test_a_level_shift_is_followed_within_two_weeks() -> None:
    demand = 10 + np.random.default_rng(0).normal(0, 0.3, (6, 150))
    demand[:, -14:] += 15
    centre = LevelEnsemble.fit(demand, 28, stock=False).centre(demand)
    assert np.median(centre) > 22


def test_transform_goes_there_and_back() -> None:
    demand = np.abs(noisy(3, 50))
    demand[1] -= 100
    transform = Transform.of(demand, stock=False)
    assert transform.logged[:, 0].tolist() == [True, False, True]
    assert transform.back(transform.into(demand)) == pytest.approx(demand)
    assert not Transform.of(demand, stock=True).logged.any()


def test_gaps_are_filled_by_the_same_weekday() -> None:
    row = np.tile(np.arange(7.0), 6)
    row[10] = np.nan
    assert fill(row)[10] == 3
    row[3:40] = np.nan
    filled = fill(row)
    assert np.isfinite(filled).all()
    assert filled[40] == row[40]


def test_block_lengths_never_exceed_the_history() -> None:
    days = np.array([0, 48, 60, 119, 120, 364, 365])
    lengths = block_lengths(days)
    assert lengths[0] == 0
    assert lengths[-1] == 365
    assert (lengths <= days).all()
    assert (lengths[1:] >= 0.85 * days[1:]).all()


def test_draws_belong_to_the_series() -> None:
    seeds = np.array([3, 99], np.uint64)
    both, one = uniforms(seeds, 1000, 4), uniforms(seeds[1:], 1000, 4)
    assert (both[1] == one[0]).all()
    assert both.mean() == pytest.approx(0.5, abs=0.03)
    assert abs(np.corrcoef(both)[0, 1]) < 0.1
    assert not np.isclose(both, uniforms(seeds, 1000, 5)).any(1).all()
    numbers = integers(seeds, 1000, 1, 7)
    assert sorted(set(numbers.ravel().tolist())) == list(range(7))


def test_spread_draws_take_one_from_each_part() -> None:
    numbers = spread_integers(np.array([5], np.uint64), 50, 2, 1, 100)
    assert sorted((numbers[0, :, 0] // 2).tolist()) == list(range(50))


def test_change_paths_are_sums_of_seen_changes() -> None:
    demand = np.cumsum(np.random.default_rng(0).choice([0.0, 1.0], (1, 200)), 1)
    paths = change_paths(demand, 40, np.array([1], np.uint64), 30, detrend=0.0)
    steps = np.diff(paths[0], axis=1)
    # Only a shrunk weekday profile of noise is between these steps and the 0s and 1s of the history.
    assert np.abs(steps - np.round(steps)).max() < 0.2
    assert set(np.round(steps).ravel().tolist()) == {0.0, 1.0}
    assert paths[0, :, -1].mean() - demand[0, -1] == pytest.approx(20, abs=6)


def test_quantiles_are_numpys() -> None:
    samples = np.random.default_rng(0).normal(size=(3, 37, 5)).astype(np.float32)
    levels = (0.1, 0.25, 0.5, 0.9)
    expected = np.moveaxis(np.quantile(samples.astype(float), levels, axis=1), 0, 2)
    assert at_levels(sort_samples(samples), levels) == pytest.approx(expected, abs=1e-6)


def test_calibration_widens_around_the_middle() -> None:
    samples = np.random.default_rng(0).normal(size=(2, 99, 7)).astype(np.float32)
    centre = np.zeros((2, 7))
    levels = (0.1, 0.5, 0.9)
    plain = Calibration().quantiles(samples, centre, levels, stock=True)
    wide = Calibration((1.5, 1.0, 1.0)).quantiles(samples, centre, levels, stock=True)
    assert wide[:, :, 1] == pytest.approx(plain[:, :, 1])
    ratio = (wide[:, :3, 2] - wide[:, :3, 1]) / (plain[:, :3, 2] - plain[:, :3, 1])
    assert ratio == pytest.approx(1.5)
