"""The fleet ensemble: combination, bands, ladder, and what it does with awkward histories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey
from models import fanout
from models.features.seasons import Seasons
from models.forecasters.combination import (
    _network,
    mean_errors,
    member_errors,
    member_weights,
    weighted_median,
)
from models.forecasters.conformal import Bands, Residuals, Shares, apart, laplace_quantiles
from models.forecasters.fleet import Fleet
from models.forecasters.ladder import backtest_offsets, chunks, rung
from models.forecasters.members import MEMBERS
from tests.notation import MONDAY, panel

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
HOURLY = Seasons(24, 168)


def seasonal(n: int, slots: int, seed: int = 0, noise: float = 0.1) -> FloatArray:
    rng = np.random.default_rng(seed)
    slot = np.arange(slots)
    shape = 1 + 0.4 * np.sin(2 * np.pi * slot / 24) + 0.2 * (slot // 24 % 7 < 5)
    return np.linspace(2, 20, n)[:, None] * shape * np.exp(rng.normal(0, noise, (n, slots)))


def panel_of(demand: FloatArray, capacity: FloatArray | None = None) -> Panel:
    keys = [SeriesKey(f"vm-{i:03d}", "cpu") for i in range(len(demand))]
    return Panel.of(keys, MONDAY, HOUR, demand, capacity=capacity)


@given(
    hnp.arrays(np.float32, (5, 2, 3), elements=st.floats(-100, 100, width=16)),
    hnp.arrays(float, (5, 2), elements=st.floats(0.01, 1)),
)
def test_the_weighted_median_is_the_loop(paths: FloatArray, weights: FloatArray) -> None:
    weights = weights / weights.sum(0)
    got = weighted_median(paths.astype(np.float32), weights)
    for i in range(2):
        for k in range(3):
            order = np.argsort(paths[:, i, k], kind="stable")
            total = 0.0
            for m in order:
                total += weights[m, i]
                if total >= 0.5 - 1e-6:
                    break
            assert got[i, k] == paths[m, i, k]


def test_equal_weights_of_five_give_the_median() -> None:
    paths = np.array([3.0, 9.0, 1.0, 7.0, 4.0], np.float32)[:, None, None]
    assert weighted_median(paths, np.full((5, 1), 0.2))[0, 0] == 4.0


def test_weights_fall_with_the_square_of_the_error() -> None:
    got = member_weights(np.array([[1.0], [2.0]]), power=2.0)
    np.testing.assert_allclose(got, [[0.8], [0.2]])


def test_errors_count_reported_slots_only_and_not_above_a_bound() -> None:
    paths = np.array([[[[2.0, 5.0, 9.0]]]], np.float32)
    actual = np.array([[[1.0, np.nan, 4.0]]])
    bound = np.array([[[0.0, 0.0, 1.0]]])
    sums, counts = member_errors(paths, actual, bound)
    # The last slot was at capacity: a forecast above it may well be right.
    assert sums[0, 0, 0] == 1.0 and counts[0, 0] == 2.0
    assert mean_errors(sums, counts, [0])[0, 0] == 0.5


def test_bands_of_errors_that_are_alike_cover_what_they_should() -> None:
    rng = np.random.default_rng(4)
    n, horizon, offsets = 200, 24, (24, 48, 72, 96)
    size = rng.uniform(0.5, 5, n)
    error = rng.normal(0, 1, (4, n, horizon)) * size[None, :, None]
    path = np.full((4, n, horizon), 50.0)
    phase = np.tile(np.arange(24), (4, 1))
    bands = Bands.of(Residuals(error, path, offsets, phase, 24, np.ones(n, bool), np.full(n, 1e-9)))
    spread = bands.spread(np.full((n, horizon), 50.0), phase[0])
    units = np.stack([error[i] / bands.spread(path[i], phase[i], i) for i in range(4)])
    shares = Shares.of(units, np.ones(n, bool)).at(LEVELS)
    future = rng.normal(0, 1, (n, horizon)) * size[:, None]
    for low, high, nominal in ((0, 4, 0.95), (1, 3, 0.8)):
        inside = (future >= spread * shares[:, low, None]) & (future <= spread * shares[:, high, None])
        assert inside.mean() == pytest.approx(nominal, abs=0.03)
    assert (shares[:, 2] == 0).all()


def test_without_any_past_error_bands_are_those_of_the_prior() -> None:
    empty = Shares.of(np.empty((0, 2, 4)), np.ones(2, bool))
    np.testing.assert_allclose(empty.at(LEVELS)[0], laplace_quantiles(LEVELS))
    # Half of a Laplace error's mass lies within log 2 of its mean size.
    np.testing.assert_allclose(laplace_quantiles((0.25, 0.5, 0.75)), [-np.log(2), 0, np.log(2)], atol=1e-12)


def test_cutoffs_that_share_slots_do_not_judge_each_other() -> None:
    assert apart((24, 48, 72, 96), 1, 48) == [3]
    assert apart((48, 96, 144), 0, 48) == [1, 2]
    assert apart((24,), 0, 48) == [0], "its own error is all there is"


@pytest.mark.parametrize(
    ("length", "horizon", "expected"),
    [
        (2160, 336, (168, 336, 504, 672)),
        (2160, 168, (96, 192, 288, 384, 480)),
        (652, 48, tuple(range(24, 241, 24))),
        (50, 48, (8, 16, 24)),
        (5, 5, ()),
    ],
)
def test_past_cutoffs(length: int, horizon: int, expected: tuple[int, ...]) -> None:
    assert backtest_offsets(length, horizon, 24) == expected


def test_the_ladder_climbs_with_history() -> None:
    names = [
        {type(m).__name__ + getattr(m, "name", "") for m in rung(days * 24, 24, HOURLY).members}
        for days in (1, 6, 24, 60)
    ]
    assert names[0] <= names[1] <= names[2] <= names[3]
    assert "SeasonalAutoregression" not in names[1], "never on less than two weeks"
    assert len(names[3]) == len(MEMBERS)
    assert names[0] == {"LastValue", "Smoothingplain_smoothing"}


def test_chunks_depend_on_names_not_on_order() -> None:
    lengths = np.array([1000, 300, 1000, 0, 990])
    names = [("cpu", "d"), ("cpu", "b"), ("cpu", "a"), ("cpu", "x"), ("cpu", "c")]
    found = [[names[i][1] for i in rows] for rows in chunks(lengths, names, 24, HOURLY)]
    turned = [[names[::-1][i][1] for i in rows] for rows in chunks(lengths[::-1], names[::-1], 24, HOURLY)]
    assert found == turned == [["a", "c", "d"], ["b"]]


def test_negative_demand_is_forecast_and_may_stay_negative() -> None:
    demand = seasonal(3, 900) - 60
    forecast = Fleet().forecast(panel_of(demand), 48, LEVELS)
    assert (forecast.at(0.5) < 0).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()


def test_intermittent_demand_gets_finite_bands_of_its_own_size() -> None:
    rng = np.random.default_rng(8)
    demand = np.where(rng.random((6, 1000)) < 0.05, rng.exponential(50, (6, 1000)), 0.0)
    forecast = Fleet().forecast(panel_of(demand), 48, LEVELS)
    assert (forecast.quantiles >= 0).all()
    assert (forecast.quantiles <= 2 * demand.max(1)[:, None, None]).all()
    assert np.median(forecast.at(0.5)) == 0


def test_a_series_that_starts_late_is_answered_with_what_it_has() -> None:
    demand = seasonal(4, 1200)
    demand[0, :1100] = np.nan
    demand[1, :1180] = np.nan
    forecast, scores, _ = Fleet().forecast_scored(panel_of(demand), 24, LEVELS)
    assert set(forecast.refusals) == {1}
    assert "20 reported slots" in forecast.refusals[1].reason
    level = np.nanmean(demand, 1)
    assert (np.abs(forecast.at(0.5).mean(1) / level - 1) < 0.4)[[0, 2, 3]].all()
    assert set(scores["subject"]) == {"vm-000", "vm-002", "vm-003"}


def test_a_series_that_went_silent_long_ago_is_refused() -> None:
    demand = seasonal(2, 1200)
    demand[1, 900:] = np.nan
    forecast = Fleet().forecast(panel_of(demand), 24, LEVELS)
    assert "last 300 slots" in forecast.refusals[1].reason
    assert forecast.made_by == ("fleet", "last_value (fallback)")


def test_a_short_silence_at_the_end_is_bridged() -> None:
    demand = seasonal(3, 1200, noise=0.02)
    whole = Fleet().forecast(panel_of(demand), 24, LEVELS).at(0.5)
    demand[0, -10:] = np.nan
    bridged = Fleet().forecast(panel_of(demand), 24, LEVELS).at(0.5)
    np.testing.assert_allclose(bridged[0], whole[0], rtol=0.1)


def test_level_shifts_outages_gaps_and_saturation_are_reported() -> None:
    demand = seasonal(4, 1200, noise=0.02)
    demand[0, 700:] *= 3
    demand[1, 600:606] = 0
    demand[2, 500:520] = np.nan
    capacity = np.full(demand.shape, np.nan)
    capacity[3] = 0.95 * demand[3].max()
    demand[3] = np.minimum(demand[3], capacity[3])
    _, _, notes = Fleet().forecast_scored(panel_of(demand, capacity), 24, LEVELS)
    found = {(row["subject"], row["kind"]) for row in notes.iter_rows(named=True)}
    assert found == {
        ("vm-000", "level_shift"),
        ("vm-001", "outage"),
        ("vm-002", "gap"),
        ("vm-003", "saturated"),
    }
    outage = notes.filter(kind="outage").row(0, named=True)
    assert outage["start"] == MONDAY + 600 * HOUR and outage["slots"] == 6
    shift = notes.filter(kind="level_shift").row(0, named=True)
    assert abs(shift["start"] - (MONDAY + 700 * HOUR)) <= 24 * HOUR


def test_an_outage_in_the_history_does_not_pull_the_forecast_down() -> None:
    demand = seasonal(3, 1200, noise=0.02)
    plain = Fleet().forecast(panel_of(demand), 24, LEVELS).at(0.5)
    demand[0, 1150:1160] = 0
    hurt = Fleet().forecast(panel_of(demand), 24, LEVELS).at(0.5)
    np.testing.assert_allclose(hurt[0], plain[0], rtol=0.08)


def test_scores_are_of_the_path_and_beat_the_naives_on_seasonal_demand() -> None:
    _, scores, _ = Fleet().forecast_scored(panel_of(seasonal(30, 1400)), 48, LEVELS)
    whole = scores.filter(band="all").group_by("model").agg(pl.col("scaled_error").mean())
    error = dict(zip(whole["model"], whole["scaled_error"], strict=True))
    assert set(error) == {"fleet", "last_value", "naive_day", "naive_week"}
    assert error["fleet"] < 0.85 * min(error["naive_day"], error["naive_week"], error["last_value"])
    fleet = scores.filter(model="fleet", band="all")
    assert fleet["coverage_80"].mean() == pytest.approx(0.8, abs=0.05)
    assert fleet["coverage_95"].mean() == pytest.approx(0.95, abs=0.03)
    assert set(scores["band"]) == {"all", "1-24", "25-48"}


def test_quantiles_hold_what_they_promise_on_the_slots_that_follow() -> None:
    demand = seasonal(60, 1448, seed=11)
    forecast = Fleet().forecast(panel_of(demand[:, :1400]), 48, LEVELS)
    inside = (demand[:, 1400:] >= forecast.at(0.1)) & (demand[:, 1400:] <= forecast.at(0.9))
    assert inside.mean() == pytest.approx(0.8, abs=0.06)


def test_growing_demand_with_a_business_week_goes_on_growing_with_its_week() -> None:
    """Six of 60 series grow by 0.8 % of their newest level a day; weekends stand at a quarter."""
    rng = np.random.default_rng(3)
    slot = np.arange(2160 + 336)
    hour, workday = slot % 24, slot // 24 % 7 < 5
    shape = 0.25 + 0.75 * workday * np.exp(-0.5 * ((hour - 13) / 4) ** 2)
    growth = np.where(np.arange(60) < 6, 0.008, 0.0)[:, None]
    truth = rng.uniform(20, 80, (60, 1)) * (1 + growth * (slot / 24 - 90)) * shape
    demand = truth * np.exp(rng.normal(0, 0.03, truth.shape))
    made = Fleet().forecast(panel_of(demand[:, :2160]), 336, LEVELS)
    came, growing = truth[:, 2160:], slice(0, 6)
    last_week = np.tile(demand[growing, 2160 - 168 : 2160], (1, 2))
    error = np.abs(made.at(0.5)[growing] - came[growing]).mean()
    assert error < 0.5 * np.abs(last_week - came[growing]).mean()
    second = made.at(0.5)[growing, 168:].mean() / came[growing, 168:].mean()
    assert second == pytest.approx(1.0, abs=0.03), "last week would be 11 % too low"
    inside = (demand[growing, 2160:] >= made.at(0.1)[growing]) & (
        demand[growing, 2160:] <= made.at(0.9)[growing]
    )
    assert inside.mean() > 0.75


def test_fan_out_over_processes_changes_nothing() -> None:
    history = panel_of(seasonal(fanout.PARTITION + 300, 100))
    assert len(fanout.partitions(history)) > 1
    one = fanout.forecast_scored(Fleet(), history, 24, LEVELS, processes=1)
    several = fanout.forecast_scored(Fleet(), history, 24, LEVELS, processes=2)
    assert one[0].quantiles.tobytes() == several[0].quantiles.tobytes()
    assert one[1].sort(one[1].columns).equals(several[1].sort(one[1].columns))


def test_partitions_hold_every_row_once() -> None:
    history = panel_of(np.ones((25, 3)))
    parts = fanout.partitions(history, size=10)
    assert sorted(i for part in parts for i in part) == list(range(25))
    assert max(map(len, parts)) <= 13


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(
        float,
        st.tuples(st.integers(1, 4), st.integers(1, 90)),
        elements=st.one_of(st.floats(-1e9, 1e9), st.just(float("nan")), st.just(float("inf"))),
    ),
    st.integers(1, 30),
)
def test_no_history_breaks_it(demand: FloatArray, horizon: int) -> None:
    forecast = Fleet().forecast(panel_of(demand), horizon, LEVELS)
    for i, row in enumerate(demand):
        quantiles = forecast.quantiles[i]
        if np.isfinite(row).any():
            assert np.isfinite(quantiles).all()
            assert (np.diff(quantiles, axis=1) >= 0).all()
        else:
            assert i in forecast.refusals


def test_a_horizon_or_levels_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="horizon of at least 1"):
        Fleet().forecast(panel("1x50"), 0, LEVELS)
    with pytest.raises(ValueError, match="levels"):
        Fleet().forecast(panel("1x50"), 5, ())


def test_another_season_than_the_step_says() -> None:
    slot = np.arange(600)
    demand = (
        10 + 5 * np.sin(2 * np.pi * slot / 12)[None, :] + np.random.default_rng(0).normal(0, 0.3, (3, 600))
    )
    told = Fleet(season=12).forecast(replace(panel_of(demand), step=7 * HOUR), 12, LEVELS).at(0.5)
    np.testing.assert_allclose(told[0], 10 + 5 * np.sin(2 * np.pi * np.arange(600, 612) / 12), atol=0.6)


@pytest.mark.parametrize("size", range(1, 14))
def test_the_order_in_which_members_are_compared_sorts_them(size: int) -> None:
    """What sorts all sequences of zeros and ones sorts everything (Knuth 5.3.4, theorem Z)."""
    sequences = np.array([[k >> i & 1 for i in range(size)] for k in range(2**size)])
    for low, high in _network(size):
        pair = sequences[:, [low, high]]
        sequences[:, low], sequences[:, high] = pair.min(1), pair.max(1)
    assert (np.diff(sequences, axis=1) >= 0).all()


def test_sizes_of_any_scale_come_back_to_the_digit() -> None:
    draw = np.random.default_rng(3)
    paths = (draw.normal(size=(5, 40, 3)) * 10.0 ** draw.integers(-30, 30, (1, 40, 1))).astype(np.float32)
    paths[:, :5] = 0.0
    weights = np.zeros((5, 40))
    weights[2] = 1.0
    np.testing.assert_array_equal(weighted_median(paths, weights), paths[2].astype(float))
