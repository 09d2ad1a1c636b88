"""Fresh jumps: distributions mixed with where demand has just gone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey
from models.forecasters.fleet import Fleet
from models.forecasters.fresh_jump import FreshJump, moves
from tests.notation import MONDAY

GRID = (0.25, 0.5, 0.75)


def jump(newest: float, share: float, horizon: int = 1) -> FreshJump:
    return FreshJump(np.array([newest]), np.full((1, horizon), share))


def test_two_distributions_far_apart_are_mixed_by_their_shares() -> None:
    """9 10 11 and, at 0.4, 19 20 21: up to 11 lie 0.6 x 0.75, up to 19 lie 0.6 + 0.4 x 0.25."""
    got = jump(20.0, 0.4).mixed(np.array([[[9.0, 10.0, 11.0]]]), GRID, GRID)
    # 0.25: 10 has 0.3, 9 has 0.15. 0.5: between 11 (0.45) and 19 (0.7). 0.75: between 19 (0.7) and 20 (0.8).
    np.testing.assert_allclose(got[0, 0], [9 + 2 / 3, 12.6, 19.5])


def test_without_a_jump_nothing_changes() -> None:
    quantiles = np.array([[[9.0, 10.0, 11.0]]])
    np.testing.assert_array_equal(jump(20.0, 0.0).mixed(quantiles, GRID, GRID), quantiles)


def test_a_move_is_fresh_beyond_two_and_a_half_times_the_worst_and_fades_over_a_day_and_a_half() -> None:
    path = np.full((3, 72), 10.0)
    newest = np.array([10.0, 34.0, 36.0])
    np.testing.assert_array_equal(moves(path, newest, 24), [0, 24, 26])
    found = FreshJump.of(path, newest, np.array([[3.0, 4, 4], [10, 10, 10]]), 24)
    np.testing.assert_array_equal(found.share[:2], 0.0)
    np.testing.assert_allclose(found.share[2, [0, 36]], [0.4, 0.2])


def test_without_other_cutoffs_nothing_is_fresh() -> None:
    found = FreshJump.of(np.zeros((2, 5)), np.full(2, 9.0), np.empty((0, 2)), 24)
    assert not found.share.any()


@given(
    widths=st.lists(st.floats(0.01, 5), min_size=10, max_size=10),
    newest=st.floats(0, 60),
    share=st.floats(0.01, 0.4),
)
def test_mixing_is_the_mean_of_both_distribution_functions(
    widths: list[float], newest: float, share: float
) -> None:
    grid = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
    one = 5 + np.cumsum(widths[:9])
    got = jump(newest, share).mixed(one[None, None], grid, grid)[0, 0]
    np.testing.assert_allclose(got, plain_pool(one, newest, share, grid), rtol=1e-6, atol=1e-6)
    assert (np.diff(got) >= 0).all()


def plain_pool(one: FloatArray, newest: float, share: float, grid: tuple[float, ...]) -> FloatArray:
    other = np.maximum(one + newest - one[grid.index(0.5)], 0.0)
    points = np.sort(np.concatenate([one, other]))

    def below(values: FloatArray, x: float) -> float:
        if x < values[0]:
            return 0.0
        if x > values[-1]:
            return 1.0
        at = int(np.searchsorted(values, x, side="right")) - 1
        if at == len(values) - 1:
            return grid[-1]
        part = (x - values[at]) / (values[at + 1] - values[at])
        return float(grid[at] + part * (grid[at + 1] - grid[at]))

    mass = [(1 - share) * below(one, x) + share * below(other, x) for x in points]
    out = []
    for level in grid:
        at = next((i for i, m in enumerate(mass) if m >= level), len(points) - 1)
        if at == 0:
            out.append(points[0])
            continue
        rise = mass[at] - mass[at - 1]
        part = min(1.0, (level - mass[at - 1]) / rise) if rise > 0 else 0.0
        out.append(points[at - 1] + part * (points[at] - points[at - 1]))
    return np.array(out)


def test_a_level_that_collapsed_in_the_last_hour_is_within_the_band() -> None:
    rng = np.random.default_rng(11)
    demand = 50 * np.exp(rng.normal(0, 0.03, (3, 24 * 42)))
    demand[0, -1] = 8.0
    history = Panel.of([SeriesKey(f"r{i}", "cpu") for i in range(3)], MONDAY, HOUR, demand)
    levels = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    made, scores, _ = Fleet().forecast_scored(history, 24, levels)
    assert made.at(0.1)[0, 0] < 10
    assert made.at(0.9)[0, 0] > 45
    assert made.at(0.05)[1, 0] > 40
    assert scores.filter(subject="r0", model="fleet", band="all")["coverage_80"].item() > 0.6
