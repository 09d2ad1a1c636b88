"""Distributions around a path: sides foretold, usual ranges averaged in, ends moved out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey
from models.features.seasons import Seasons
from models.forecasters.combination import disagreement
from models.forecasters.distributions import banded, ends_moved_out
from models.forecasters.fleet import Fleet
from models.forecasters.members.batch import Batch
from models.forecasters.preparation import prepared
from models.forecasters.side_spread import BELIEVED, SideSpread
from models.forecasters.usual_range import LEARNT_LEVELS, UsualRange, ranges_at
from tests.notation import MONDAY

HOURLY = Seasons(24, 168)


def batch_of(demand: FloatArray) -> Batch:
    batch = prepared(demand, np.full(demand.shape, np.nan), HOURLY).batch
    # `raw` is in units of a power of two; the tests speak of the demand itself.
    return Batch(
        demand, batch.bent, batch.offset, batch.logged, batch.weight, batch.censored, batch.teaches, HOURLY
    )


def test_members_that_agree_do_not_scatter() -> None:
    paths = np.array([[[1.0, 1.0]], [[1.0, 5.0]]], np.float32)
    got = disagreement(paths, np.array([[1.0, 1.0]]), np.array([[0.75], [0.25]]))
    assert got[0] == pytest.approx(0.25 * 2.0)


def test_a_range_holds_what_was_at_that_time_of_day() -> None:
    """Seven days of hours 0 to 23, day k adding k: at 00:00 the eight weeks' range is 0 to 6."""
    demand = (np.arange(24)[None, :] + np.arange(7)[:, None]).reshape(1, -1).astype(float)
    eight_weeks = ranges_at(batch_of(demand), 168, (0.5 / 7, 0.5, 6.5 / 7))[2]
    np.testing.assert_allclose(eight_weeks[0, 0], [0.0, 3.0, 6.0])
    np.testing.assert_allclose(eight_weeks[0, 23], [23.0, 26.0, 29.0])


def test_a_range_of_the_latest_week_takes_in_two_hours_on_both_sides() -> None:
    rng = np.random.default_rng(3)
    demand = rng.gamma(2.0, 3.0, (2, 24 * 20))
    week = ranges_at(batch_of(demand), 24 * 20, (0.1, 0.9))[0]
    for row, hour in product(range(2), (0, 7, 23)):
        days = demand[row, -168:].reshape(7, 24)
        plain = [days[day, (hour + k) % 24] for day in range(7) for k in range(-2, 3)]
        expected = np.quantile(plain, (0.1, 0.9), method="hazen")
        np.testing.assert_allclose(week[row, hour], expected, rtol=1e-5)


def test_a_moved_range_is_where_the_latest_day_was() -> None:
    """Six days about 100 and one about 20, each with a burst of its own at 05:00."""
    demand = np.repeat([100.0] * 6 + [20.0], 24)[None, :].copy()
    demand[0, 5::24] += (1, 2, 3, 4, 5, 6, 7)
    _, moved, eight_weeks = ranges_at(batch_of(demand), 168, (0.5 / 7, 0.5, 6.5 / 7))
    np.testing.assert_allclose(moved[0, 4], [20.0, 20.0, 20.0])
    np.testing.assert_allclose(moved[0, 5], [21.0, 24.0, 27.0])
    np.testing.assert_allclose(eight_weeks[0, 4], [20.0, 100.0, 100.0])


def test_a_moved_range_stays_above_zero_where_demand_did() -> None:
    demand = np.repeat([100.0] * 6 + [20.0], 24)[None, :].copy()
    demand[0, 3] = 50.0
    up, down = demand, demand - 100.0
    for of, expected in ((up, 0.0), (down, -130.0)):
        moved = ranges_at(batch_of(of), 168, (0.5 / 7, 0.5))[1]
        np.testing.assert_allclose(moved[0, 3], [expected, np.median(of[0, -24:])])


def test_a_range_knows_nothing_of_what_follows_its_cutoff() -> None:
    demand = np.random.default_rng(0).gamma(2.0, 3.0, (2, 24 * 30))
    later = demand.copy()
    later[:, 24 * 25 :] = 1e6
    for levels in ((0.5,), LEARNT_LEVELS):
        before, after = (ranges_at(batch_of(d), 24 * 25, levels) for d in (demand, later))
        np.testing.assert_array_equal(before, after)


def normal_quantiles(size: float) -> FloatArray:
    at = {0.025: -1.96, 0.1: -1.2816, 0.25: -0.6745, 0.75: 0.6745, 0.9: 1.2816, 0.975: 1.96}
    return size * np.array([at[level] for level in LEARNT_LEVELS])


def learnt(own_size: float, usual_size: float, n: int = 60) -> UsualRange:
    """Actuals are normal with size 1; both distributions are centred where they are."""
    rng = np.random.default_rng(5)
    actual = rng.normal(0, 1, (5, n, 48))
    shape = (5, n, 48, len(LEARNT_LEVELS))
    own, usual = (np.broadcast_to(normal_quantiles(size), shape) for size in (own_size, usual_size))
    return UsualRange.of(actual, own, np.stack([usual] * 3), rng.random(n) + 0.5, np.ones(n, bool))


def test_what_is_right_is_left_alone() -> None:
    assert np.abs(learnt(1.0, 4.0).weights).max() == 0.0


def test_what_is_far_too_narrow_is_averaged_with_what_is_right() -> None:
    weights = learnt(0.1, 1.0).weights.sum(1)
    # At most 0.9, of which the prior of four paths leaves 300 / 304: six classes of ten learn together.
    assert (weights > 0.6).all()
    assert (weights <= 0.9).all()


def test_series_spread_as_wide_learn_together() -> None:
    """Of 240 series half are right and their range is far too wide, half too narrow and theirs is right."""
    rng = np.random.default_rng(7)
    actual = rng.normal(0, 1, (5, 240, 48))
    odd = (np.arange(240) % 2 == 1)[:, None, None]
    shape = (5, 240, 48, len(LEARNT_LEVELS))
    own = np.broadcast_to(np.where(odd, normal_quantiles(1.0), normal_quantiles(0.1)), shape)
    usual = np.broadcast_to(np.where(odd, normal_quantiles(4.0), normal_quantiles(1.0)), shape)
    jitter = 1 + 0.01 * rng.random((1, 240, 1, 1))
    got = UsualRange.of(actual, own, np.stack([usual * jitter] * 3), np.ones(240), np.ones(240, bool))
    weights = got.weights.sum(1)
    assert weights[1::2].max() == 0.0
    assert weights[::2].min() > 0.6


def test_a_series_that_would_have_lost_keeps_its_own() -> None:
    rng = np.random.default_rng(6)
    actual = rng.normal(0, 1, (5, 60, 48))
    actual[:, 0] *= 0.1
    shape = (5, 60, 48, len(LEARNT_LEVELS))
    own, usual = (np.broadcast_to(normal_quantiles(size), shape) for size in (0.1, 1.0))
    got = UsualRange.of(actual, own, np.stack([usual] * 3), np.ones(60), np.ones(60, bool)).weights.sum(1)
    assert (got[0] < 0.05 * got[1]).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.45), st.floats(0, 0.45))
def test_averaging_is_a_weighted_mean_on_each_side_of_the_median(seed: int, one: float, two: float) -> None:
    rng = np.random.default_rng(seed)
    levels = (0.025, 0.25, 0.5, 0.75, 0.975)
    own = np.sort(rng.normal(0, 1, (2, 30, 5)), 2)
    usual = np.sort(rng.normal(0, 2, (2, 2, 24, 5)), 3)
    weights = np.zeros((2, 2, len(LEARNT_LEVELS)))
    weights[:, 0], weights[:, 1] = one, two
    got = UsualRange(weights).averaged(own, usual, levels)
    for i, slot in product(range(2), (0, 5, 29)):
        plain = [
            own[i, slot, j] * (1 - (one + two) * (p != 0.5))
            + (p != 0.5) * (one * usual[0, i, slot % 24, j] + two * usual[1, i, slot % 24, j])
            for j, p in enumerate(levels)
        ]
        middle = own[i, slot, 2]
        expected = sorted([*np.minimum(plain[:2], middle), middle, *np.maximum(plain[3:], middle)])
        np.testing.assert_allclose(got[i, slot], expected, atol=1e-12)
    np.testing.assert_array_equal(got[:, :, 2], own[:, :, 2])


def test_weights_between_learnt_levels_lie_between_theirs() -> None:
    weights = np.zeros((1, 2, len(LEARNT_LEVELS)))
    weights[0, 0] = (0.6, 0.3, 0.2, 0.0, 0.0, 0.0)
    usual = np.zeros((2, 1, 1, 3))
    usual[0] = 1.0
    levels = (0.01, 0.0625, 0.5)
    got = UsualRange(weights).averaged(np.array([[[-4.0, -2.0, 3.0]]]), usual, levels)
    # Below the lowest learnt level its weight holds; 0.0625 lies half way between 0.6 and 0.3.
    np.testing.assert_allclose(got[0, 0], [0.4 * -4 + 0.6, 0.55 * -2 + 0.45, 3.0])


def sided(scale: FloatArray, quiet: FloatArray) -> SideSpread:
    """Errors of `scale` (n,) above and a tenth of it below; demand moved by `quiet` (origins, n) lately."""
    rng = np.random.default_rng(9)
    n, horizon, cutoffs = len(scale), 24, (480, 456, 432, 408)
    demand = np.full((n, 480), 100.0)
    for origin, cutoff in reversed(list(enumerate(cutoffs))):
        first = 0 if origin == 3 else cutoff - 24
        demand[:, first:cutoff] += rng.normal(0, 1, (n, cutoff - first)) * quiet[origin][:, None]
    paths = np.full((4, n, horizon), 100.0)
    error = np.abs(rng.normal(0, 1, (3, n, horizon))) * quiet[1:][:, :, None] * scale[None, :, None]
    error[:, :, ::2] *= -0.1
    return SideSpread.of(
        batch_of(demand), cutoffs, paths, np.ones((4, n)), np.ones((4, n, horizon)), error, np.full(n, 1e-6)
    )


def test_errors_are_foretold_from_how_demand_moved_lately() -> None:
    rng = np.random.default_rng(1)
    quiet = np.exp(rng.normal(0, 1, (4, 80)))
    found = sided(np.ones(80), quiet)
    # The latest day says how large the next errors are; 0.7 of the logarithm is believed.
    slope = np.polyfit(np.log(quiet[0]), np.log(found.above[0]), 1)[0]
    assert slope == pytest.approx(BELIEVED, abs=0.25)
    assert np.corrcoef(np.log(quiet[0]), np.log(found.above[0]))[0, 1] > 0.8


def test_a_side_changes_only_what_is_on_it() -> None:
    found = SideSpread(np.array([[2.0]]), np.array([[3.0]]))
    np.testing.assert_array_equal(found.times(0, np.array([[-1.0, 0.0, 1.0]])), [[-3.0, 0.0, 2.0]])
    np.testing.assert_array_equal(found.undone(0, np.array([[-6.0, 0.0, 4.0]])), [[-2.0, 0.0, 2.0]])


def test_too_few_errors_teach_nothing() -> None:
    found = sided(np.ones(2), np.ones((4, 2)))
    np.testing.assert_array_equal(found.above, 1.0)


def test_bands_end_where_history_and_its_range_do() -> None:
    got = banded(
        np.full((1, 1), 5.0), np.ones((1, 1)), np.array([[-9.0, 0.0, 9.0]]), np.array([4.0]), np.array([6.0])
    )
    np.testing.assert_array_equal(got[0, 0], [0.0, 5.0, 8.0])


def test_ends_move_out_after_the_first_day_and_inner_quantiles_do_not() -> None:
    levels = (0.025, 0.1, 0.2, 0.5, 0.75, 0.975)
    quantiles = np.tile([40.0, 42.0, 45.0, 50.0, 55.0, 60.0], (1, 168, 1))
    got = ends_moved_out(quantiles, levels, 24, np.array([20.0]), np.array([80.0]))
    np.testing.assert_allclose(got[:, :24], quantiles[:, :24])
    np.testing.assert_allclose(got[:, :, 2:5], quantiles[:, :, 2:5])
    # From the fourth day on four tenths for the outermost; 10 % lies 4/7 of the way from 20 % to there.
    np.testing.assert_allclose(got[0, 95:, 0], 50 - 1.4 * 10)
    np.testing.assert_allclose(got[0, 95:, 1], 50 - (1 + 0.4 * (4 / 7) ** 2) * 8)
    np.testing.assert_allclose(got[0, 95:, 5], 50 + 1.4 * 10)
    assert 50 - 1.4 * 10 < got[0, 50, 0] < 40


def test_a_level_is_the_same_whatever_else_was_asked_for() -> None:
    rng = np.random.default_rng(2)
    shape = 50 * (1 + 0.3 * np.sin(2 * np.pi * np.arange(1008) / 24))
    demand = shape * np.exp(rng.normal(0, 0.2, (6, 1008)))
    demand[0, -1] = 400.0
    panel = Panel.of([SeriesKey(f"r{i}", "cpu") for i in range(6)], MONDAY, HOUR, demand)
    many = Fleet().forecast(panel, 72, (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975))
    for level in (0.025, 0.25, 0.9):
        alone = Fleet().forecast(panel, 72, (level,)).at(level)
        np.testing.assert_allclose(alone[1:], many.at(level)[1:], rtol=1e-9)


def test_bursts_at_any_time_are_within_the_upper_band() -> None:
    """One hour in ten at a random time stands at 100 to 120, the others at about 5."""
    rng = np.random.default_rng(21)
    n, slots = 60, 24 * 70
    burst = rng.random((n, slots)) < 0.1
    demand = np.where(burst, rng.uniform(100, 120, (n, slots)), rng.gamma(20.0, 0.25, (n, slots)))
    panel = Panel.of([SeriesKey(f"r{i:02}", "cpu") for i in range(n)], MONDAY, HOUR, demand[:, :-168])
    made = Fleet().forecast(panel, 168, (0.05, 0.5, 0.95))
    actual = demand[:, -168:]
    assert np.abs(made.at(0.5) - 5).mean() < 1
    assert (actual <= made.at(0.95)).mean() == pytest.approx(0.95, abs=0.03)
