"""Gaps, outages, level shifts, seasons, and the search for them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.panel import DAY, HOUR, FloatArray
from data.series import SeriesKey, Window
from models.features.change_points import latest_shift, season_levels
from models.features.gaps import filled, seasonal_profile
from models.features.masks import masked
from models.features.outages import outage_slots, runs
from models.features.season_search import common_season
from models.features.seasons import Seasons
from tests.notation import MONDAY, panel, values

SMALL = Seasons(4, 12)


def row(notation: str) -> FloatArray:
    return np.array([values(notation)])


@pytest.mark.parametrize(
    ("step", "season", "expected"),
    [
        (HOUR, None, Seasons(24, 168)),
        (timedelta(minutes=5), None, Seasons(288, 2016)),
        (DAY, None, Seasons(7, None)),
        (timedelta(minutes=7), None, Seasons(1, None)),
        (7 * DAY, None, Seasons(1, None)),
        (HOUR, 24, Seasons(24, 168)),
        (HOUR, 12, Seasons(12, None)),
        (HOUR, 1, Seasons(1, None)),
    ],
)
def test_seasons_follow_from_the_step(step: timedelta, season: int | None, expected: Seasons) -> None:
    assert Seasons.of(step, season) == expected


def test_a_season_has_slots() -> None:
    with pytest.raises(ValueError, match="at least one slot"):
        Seasons(0, None)


def test_a_short_gap_lies_between_its_neighbours() -> None:
    got = filled(row("2 2 2 2 2 4 _ 8 2 2"), Seasons(1, None))
    np.testing.assert_allclose(got, row("2 2 2 2 2 4 6 8 2 2"))


def test_a_gap_in_a_seasonal_series_gets_the_season() -> None:
    demand = np.tile([1.0, 5.0, 9.0, 5.0], 12)[None, :]
    gapped = demand.copy()
    gapped[0, 21:28] = np.nan
    np.testing.assert_allclose(filled(gapped, SMALL), demand, atol=0.8)


def test_a_head_and_a_tail_get_the_level_next_to_them() -> None:
    got = filled(row("_ _ 3 3 3 3 3 3 3 3 7 7 7 7 _ _"), Seasons(4, None))
    assert got[0, 0] < 5 < got[0, -1]


@given(hnp.arrays(float, (3, 30), elements=st.one_of(st.floats(0, 100), st.just(float("nan")))))
def test_filling_keeps_what_is_reported_and_stays_within_it(demand: FloatArray) -> None:
    got = filled(demand, SMALL)
    seen = np.isfinite(demand)
    np.testing.assert_array_equal(got[seen], demand[seen])
    assert np.isfinite(got).all()
    for before, after in zip(demand, got, strict=True):
        known = before[np.isfinite(before)]
        if known.size:
            assert after.min() >= known.min() - 1e-9 and after.max() <= known.max() + 1e-9
        else:
            assert (after == 0).all()


def test_a_profile_is_the_mean_deviation_of_each_phase() -> None:
    demand = row("1 2 3 6  11 12 13 16  21 22 23 26")
    np.testing.assert_allclose(seasonal_profile(demand, 4), [[-2, -1, 0, 3]])


def test_zeros_between_demand_are_an_outage_only_where_zeros_are_rare() -> None:
    demand = np.concatenate([row("5x59 0 0 5x59"), row("5 0 5 0 5 0 5 0x113 5"), row("5x119 0 0")])
    capacity = np.full(demand.shape, np.nan)
    got = outage_slots(demand, capacity)
    assert runs(got[0]) == [(60, 62)]
    assert not got[1].any(), "often zero"
    assert not got[2].any(), "zero now: it may well stay"


def test_switched_off_is_masked_until_demand_comes_back() -> None:
    demand = row("0x9 5x9 0x4")
    capacity = row("0x9 8x9 0x4")
    assert runs(outage_slots(demand, capacity)[0]) == [(0, 10)]


def test_runs_are_half_open() -> None:
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, bool)) == []


def test_season_levels_are_medians() -> None:
    np.testing.assert_allclose(season_levels(row("9 1 2 3 100 5 _ _ _"), 4), [[2.5, np.nan]])


def test_the_newest_of_two_shifts_is_found() -> None:
    rng = np.random.default_rng(2)
    levels = np.r_[np.full(20, 10.0), np.full(20, 30.0), np.full(15, 18.0)] + rng.normal(0, 0.5, 55)
    assert latest_shift(levels[None, :])[0] == 40


def test_noise_and_constants_have_no_shift() -> None:
    rng = np.random.default_rng(3)
    levels = np.concatenate([rng.normal(10, 1, (200, 60)), np.full((1, 60), 5.0)])
    found = latest_shift(levels) > 0
    assert found.mean() <= 0.02
    assert not found[-1]


def test_a_purge_is_a_shift() -> None:
    levels = np.r_[np.linspace(50, 80, 30), np.linspace(40, 45, 12)][None, :]
    assert latest_shift(levels)[0] == 30


@pytest.mark.parametrize("season", [24, 7, 12])
def test_the_common_season_is_found(season: int) -> None:
    rng = np.random.default_rng(5)
    slot = np.arange(600)
    demand = 10 + 3 * np.sin(2 * np.pi * slot / season) + rng.normal(0, 1, (8, 600))
    assert common_season(demand) == season


def test_noise_and_slow_series_have_no_season() -> None:
    rng = np.random.default_rng(6)
    assert common_season(rng.normal(10, 1, (8, 600))) == 1
    assert common_season(np.cumsum(rng.normal(0, 1, (8, 600)), 1)) == 1


def test_labelled_stretches_are_taken_out_with_every_slot_they_touch() -> None:
    history = panel("1+1x9", "5x9")
    half = timedelta(minutes=30)
    windows = {
        SeriesKey("r0", "cpu"): [Window(MONDAY + 2 * HOUR + half, MONDAY + 4 * HOUR)],
        SeriesKey("r1", "cpu"): [
            Window(MONDAY - 3 * HOUR, MONDAY + half),
            Window(MONDAY + 99 * HOUR, MONDAY + 100 * HOUR),
        ],
        SeriesKey("elsewhere", "cpu"): [Window(MONDAY, MONDAY + HOUR)],
    }
    got = masked(history, windows)
    np.testing.assert_array_equal(got.demand[0], values("1 2 _ _ 5 6 7 8 9 10"))
    np.testing.assert_array_equal(got.peak[1], values("_ 5x8"))
    assert np.isfinite(history.demand).all(), "the panel that was given stays as it is"
