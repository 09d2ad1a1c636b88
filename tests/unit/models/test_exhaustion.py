"""Exhaustion: first passage by brute force, and the rules for what may be said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.exhaustion import ExhaustionState
from data.panel import DAY, HOUR, FloatArray, Panel
from data.reach import REACH_DAYS, REACH_LEVELS, Reach
from data.series import SeriesKey
from models.exhaustion import Correction, exhaustions, first_day, held_now, last_capacity, purges
from models.planning import plan, reach_of
from tests.notation import MONDAY, panel


def reach(paths: FloatArray) -> Reach:
    """The reach of (n, samples, 365) paths by plain quantiles of the running maximum."""
    highest = np.maximum.accumulate(paths, 2)[:, :, np.array(REACH_DAYS) - 1]
    amounts = np.moveaxis(np.quantile(highest, REACH_LEVELS, axis=1), 0, 2)
    keys = tuple(SeriesKey(f"r{i}", "cpu") for i in range(len(paths)))
    return Reach(keys, MONDAY, REACH_DAYS, REACH_LEVELS, amounts)


def ramps(samples: int = 400, slope: float = 1.0, spread: float = 0.3) -> FloatArray:
    """(1, samples, 365) straight lines from 50, slopes around `slope`."""
    slopes = np.random.default_rng(0).normal(slope, spread, samples)
    return (50 + slopes[:, None] * np.arange(1, 366))[None]


def history(value: float = 50.0, days: int = 120, capacity: float = 100.0) -> Panel:
    demand = np.full((1, days), value)
    return Panel.of([SeriesKey("r0", "cpu")], MONDAY, DAY, demand, capacity=np.full((1, days), capacity))


def test_probability_is_the_share_of_paths_that_passed() -> None:
    paths = 100 + np.cumsum(np.random.default_rng(1).normal(0, 1, (3, 500, 365)), 2)
    chances = reach(paths).probability(np.array([110.0, 120.0, 105.0]))
    for i, limit in enumerate((110.0, 120.0, 105.0)):
        for j, day in enumerate(REACH_DAYS):
            passed = sum(path[:day].max() >= limit for path in paths[i]) / 500
            assert chances[i, j] == pytest.approx(passed, abs=0.025)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_a_higher_limit_is_never_likelier(seed: int) -> None:
    draw = np.random.default_rng(seed)
    paths = 100 + np.cumsum(draw.normal(0, 1, (1, 60, 365)), 2)
    both = reach(np.repeat(paths, 2, 0)).probability(np.sort(draw.uniform(90, 140, 2)))
    assert (both[0] >= both[1]).all()
    assert (np.diff(both, axis=1) >= 0).all()


def test_a_resize_of_this_morning_counts_before_the_day_is_over() -> None:
    days = history(capacity=60.0)
    hourly = np.r_[np.full(5, 60.0), np.full(7, 120.0)]
    keys = [SeriesKey("other", "cpu"), SeriesKey("r0", "cpu")]
    hours = Panel.of(keys, days.end, HOUR, np.full((2, 12), 50.0), capacity=np.stack([hourly / 2, hourly]))
    assert held_now(days, hours).tolist() == [120]
    before, after = (
        exhaustions(days, reach(ramps(slope=0.2)), capacity=held, reserve=0.0)[0]
        for held in (None, held_now(days, hours))
    )
    assert (before.state, before.limit) == (ExhaustionState.DATED, 60)
    assert (after.state, after.limit) == (ExhaustionState.NOT_BEFORE, 120)
    assert held_now(days, hours.take([0])).tolist() == [60], "no hours of it: as on its last day"
    off = Panel.of(keys[1:], days.end, HOUR, np.zeros((1, 12)), capacity=np.zeros((1, 12)))
    assert held_now(days, off).tolist() == [60], "switched off: as it was on"


def test_without_an_answer_or_a_limit_there_is_no_probability() -> None:
    some = reach(np.repeat(ramps(), 2, 0))
    unknown = Reach(some.keys, some.start, some.days, some.levels, np.full(some.amounts.shape, np.nan))
    assert np.isnan(unknown.probability(np.array([1.0, 2.0]))).all()
    assert np.isnan(some.probability(np.array([np.nan, 60.0]))[0]).all()


def test_a_certain_ramp_is_dated() -> None:
    paths = np.repeat((50 + np.arange(1, 366.0))[None, None], 100, 1)
    (found,) = exhaustions(history(), reach(paths), reserve=0.1)
    assert found.state == ExhaustionState.DATED
    assert found.limit == pytest.approx(90)
    assert (found.days_low, found.days_mid) in {(d, m) for d in (39, 40) for m in (40, 41)}
    assert found.p28 == 0
    assert found.p365 == 1
    assert found.order_by_days == found.days_low


def test_lead_time_is_taken_off_the_early_end() -> None:
    (found,) = exhaustions(history(), reach(ramps()), lead_days=10, corrections=Correction.none())
    assert found.days_low is not None
    assert found.order_by_days == found.days_low - 10


@pytest.mark.parametrize(
    ("slope", "state"),
    [
        (1.0, ExhaustionState.DATED),
        (-0.25, ExhaustionState.NOT_BEFORE),
        (-3.0, ExhaustionState.NOT_WITHIN_HORIZON),
    ],
)
def test_a_date_is_named_only_where_it_is_likelier_than_not(slope: float, state: ExhaustionState) -> None:
    (found,) = exhaustions(history(), reach(ramps(slope=slope)), corrections=Correction.none())
    assert found.state == state
    assert (found.days_mid is not None) == (state == ExhaustionState.DATED)
    assert (found.order_by_days is not None) == (state == ExhaustionState.DATED)
    assert (found.days_low is None) == (state == ExhaustionState.NOT_WITHIN_HORIZON)


def test_what_is_full_is_not_forecast() -> None:
    (found,) = exhaustions(history(value=95), reach(ramps()))
    assert found.state == ExhaustionState.EXHAUSTED_NOW
    assert found.days_mid is None


def test_one_burst_exhausts_nothing_three_do() -> None:
    for bursts, state in ((2, ExhaustionState.NOT_WITHIN_HORIZON), (3, ExhaustionState.EXHAUSTED_NOW)):
        past = history()
        past.demand[0, -10 : -10 + bursts] = 95
        assert exhaustions(past, reach(ramps(slope=-3)))[0].state == state


@pytest.mark.parametrize("metric", ["cpu", "storage"])
def test_what_was_full_and_is_silent_since_is_not_full_now(metric: str) -> None:
    demand = np.full((1, 120), 95.0)
    demand[0, 60:] = np.nan
    keys = (SeriesKey("r0", metric),)
    past = Panel.of(keys, MONDAY, DAY, demand, capacity=np.full((1, 120), 100.0))
    amounts = np.full((1, len(REACH_DAYS), len(REACH_LEVELS)), np.nan)
    (found,) = exhaustions(past, Reach(keys, past.end, REACH_DAYS, REACH_LEVELS, amounts))
    assert (found.state, found.p28) == (ExhaustionState.NOT_ENOUGH_HISTORY, None)
    assert found.because == "silent for the last 60 days"


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    days=st.integers(2, len(REACH_DAYS)),
    reserve=st.sampled_from([0.0, 0.1, 0.5]),
    correction=st.one_of(
        st.none(),
        st.builds(
            Correction,
            st.just((28, 90, 365)),
            st.tuples(*[st.floats(-3, 3)] * 3),
            st.tuples(*[st.floats(0, 3)] * 3),
        ),
    ),
)
def test_chances_rise_with_the_days_and_dates_with_the_chances(
    seed: int, days: int, reserve: float, correction: Correction | None
) -> None:
    draw = np.random.default_rng(seed)
    kept = REACH_DAYS[:days]
    ties = np.array([0, 0, 1, 5, 9, 9, 10, 10.5, 20])
    start = np.sort(draw.choice(ties, (6, 1, len(REACH_LEVELS))), axis=2)
    amounts = start + np.cumsum(draw.choice([0, 0, 0.1, 1], (6, days, 1)), 1)
    keys = tuple(SeriesKey(f"r{i}", ("cpu", "storage")[i % 2]) for i in range(6))
    past = Panel.of(keys, MONDAY, DAY, draw.uniform(0, 12, (6, 60)))
    found = exhaustions(
        past,
        Reach(keys, past.end, kept, REACH_LEVELS, amounts),
        capacity=draw.choice([np.nan, 0, 5, 10, 12, 20], 6),
        reserve=reserve,
        corrections=correction,
        growing=draw.random(6) < 0.3,
    )
    for one in found:
        chances = [p for p in (one.p28, one.p90, one.p365) if p is not None]
        assert chances == sorted(chances) and all(0 <= p <= 1 for p in chances)
        dates = [day for day in (one.days_low, one.days_mid, one.days_high) if day is not None]
        assert dates == sorted(dates)
        assert (one.days_mid is not None) == (one.state == ExhaustionState.DATED)
        assert one.limit is None or one.limit > 0


def test_a_purged_stock_is_not_full() -> None:
    past = panel("50+0.4x99 50x5", metric="storage", step=DAY, capacity=100)
    falling = reach(ramps(slope=-3))
    below = Reach(past.keys, falling.start, falling.days, falling.levels, falling.amounts)
    assert exhaustions(past, below, reserve=0.2)[0].state == ExhaustionState.NOT_WITHIN_HORIZON


def test_no_capacity_and_no_history_say_so() -> None:
    (found,) = exhaustions(history(capacity=np.nan), reach(ramps()))
    assert (found.state, found.limit, found.p365) == (ExhaustionState.NO_LIMIT, None, None)
    short = panel("5 6 7 5 6 7", step=DAY, capacity=10)
    (found,) = exhaustions(short, reach_of(plan(short, 365, (0.5,), samples=10, seed=1)))
    assert found.state == ExhaustionState.NOT_ENOUGH_HISTORY
    assert found.p28 is None


def test_clean_up_is_named_as_the_assumption() -> None:
    past = panel("50+2x14 50+2x14 50+2x14 50+2x14 50+2x14", metric="storage", step=DAY, capacity=200)
    assert purges(past.demand[0]) == 4
    found = exhaustions(past, reach_of(plan(past, 365, (0.5,), samples=40, seed=1)))[0]
    assert found.assumes == "clean-up goes on as in the past 120 days"
    assert found.because.endswith(f"; assumes {found.assumes}")


def test_the_last_known_capacity_counts() -> None:
    past = panel("5x9", step=DAY)
    past.capacity[0] = [np.nan, 8, 8, 8, 16, 16, np.nan, np.nan, np.nan, np.nan]
    assert last_capacity(past)[0] == 16


def test_history_of_other_series_is_refused() -> None:
    with pytest.raises(ValueError, match="same series"):
        exhaustions(panel("5x9", "6x9", step=DAY), reach(ramps()))


def test_first_day_is_linear_between_kept_days() -> None:
    days = np.array([10, 20, 30])
    chances = np.array([0.0, 0.4, 0.6])
    assert first_day(chances, days, 0.2) == 15
    assert first_day(chances, days, 0.5) == 25
    assert first_day(chances, days, 0.7) is None
    assert first_day(np.array([0.3, 0.4, 0.5]), days, 0.1) == 10


def test_the_correction_is_the_logistic_one() -> None:
    correction = Correction((28, 365), (-0.5, 0.5), (0.5, 1.0))
    stated = np.array([[0.2, 0.6]])
    corrected = correction.apply(stated, np.array([28, 365]))[0]
    for said, right, a, b in zip(stated[0], corrected, (-0.5, 0.5), (0.5, 1.0), strict=True):
        assert right == pytest.approx(1 / (1 + np.exp(-(a + b * np.log(said / (1 - said))))))
    assert correction.apply(np.array([[0.0, 1.0]]), np.array([28, 365]))[0].tolist() == [0, 1]
    assert Correction.none().apply(stated, np.array([3, 99]))[0] == pytest.approx(stated[0])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_corrected_probabilities_never_fall(stated: list[float]) -> None:
    days = np.array([1, 20, 28, 60, 90, 365])
    corrected = Correction().apply(np.sort(stated)[None], days)[0]
    assert (np.diff(corrected) >= 0).all()
    assert ((corrected >= 0) & (corrected <= 1)).all()
