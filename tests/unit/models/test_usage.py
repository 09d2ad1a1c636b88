"""Usage of a metric against a plain loop over random history, and its corners by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.panel import DAY, HOUR, Panel
from data.series import SeriesKey
from models.usage import Usage, usage

START = datetime(2026, 1, 5, tzinfo=UTC)


def used(panel: Panel, daily: Panel | None = None, window_days: int = 28) -> list[Usage]:
    quiet = np.full(len(panel), 0.5)
    return usage(panel, daily, panel.end, window_days=window_days, reserve=0.1, quiet_level=quiet)


def random_panel(seed: int, hours: int) -> Panel:
    rng = np.random.default_rng(seed)
    demand = rng.gamma(2.0, 2.0, (3, hours))
    demand[rng.random((3, hours)) < 0.1] = np.nan
    peak = demand * rng.uniform(1.0, 1.5, (3, hours))
    capacity = np.repeat(rng.choice([4.0, 8.0, 16.0], (3, 1)), hours, axis=1)
    capacity[rng.random((3, hours)) < 0.2] = np.nan
    capacity[:, -1] = capacity[:, -2] = 8.0
    keys = [SeriesKey(f"r{i}", "cpu") for i in range(3)]
    return Panel.of(keys, START, HOUR, demand, peak, capacity)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), hours=st.integers(24 * 8, 24 * 40))
def test_the_figures_are_those_of_a_plain_loop(seed: int, hours: int) -> None:
    panel = random_panel(seed, hours)
    for row, one in enumerate(used(panel)):
        window = min(hours, 28 * 24)
        demand = [v for v in panel.demand[row, -window:] if np.isfinite(v)]
        peaks = [p for p in panel.peak[row, -window:] if np.isfinite(p)]
        held = [c for c in panel.capacity[row] if np.isfinite(c)][-1]
        assert (one.capacity, one.reported_hours) == (held, len(demand))
        assert one.mean == pytest.approx(np.mean(demand))
        assert one.p95 == pytest.approx(np.quantile(demand, 0.95))
        assert one.peak == max(peaks)
        assert one.saturated_share == pytest.approx(sum(p >= 0.98 * held for p in peaks) / len(demand))
        assert one.quiet_share == pytest.approx(sum(v < 0.5 for v in demand) / len(demand))
        days = [
            panel.peak[row, max(0, hours - 24 * (d + 1)) : hours - 24 * d] for d in range(-(-window // 24))
        ]
        highest = [max((p for p in day if np.isfinite(p)), default=-1.0) for day in days]
        assert one.hot_days == sum(h >= 0.95 * held for h in highest)
        assert one.hot_days_last_week == sum(h >= 0.95 * held for h in highest[:7])
        assert one.above_usable_days == sum(h > 0.9 * held for h in highest)
        hot = {d // 7 for d, h in enumerate(highest) if h >= 0.95 * held}
        assert one.hot_weeks == len(hot)


def flat(capacity: list[float], level: float = 1.0) -> Panel:
    held = np.array([capacity])
    return Panel.of([SeriesKey("r0", "cpu")], START, HOUR, np.full(held.shape, level), capacity=held)


def test_switched_off_counts_from_the_last_hour_with_capacity() -> None:
    assert used(flat([8.0] * 100 + [0.0] * 50))[0].off_hours == 50
    assert used(flat([8.0] * 100 + [0.0] * 50 + [8.0]))[0].off_hours == 0
    # Hours that say nothing about capacity do not end the time off.
    assert used(flat([8.0] * 100 + [0.0, np.nan] * 20))[0].off_hours == 40
    assert used(flat([0.0] * 72))[0].off_hours == 72


def test_days_that_the_hours_repeat_are_not_counted_twice() -> None:
    hours = flat([8.0] * 24 * 10)
    hours.demand[0, 24 * 5] = 7.0
    days = np.full((1, 40), 1.0)
    days[0, 35] = 7.0  # the same day, in the daily history
    long = Panel.of(hours.keys, START - 30 * DAY, DAY, days)
    one = used(hours, long)[0]
    assert (one.year_peak, one.robust_year_peak) == (7.0, 1.0)
    days[0, 3] = 6.0
    long = Panel.of(hours.keys, START - 30 * DAY, DAY, days)
    assert used(hours, long)[0].robust_year_peak == 6.0


def test_growth_is_per_year_and_needs_ninety_days() -> None:
    hours = flat([8.0] * 24 * 10)
    rising = np.arange(128.0)[None]
    long = Panel.of(hours.keys, hours.end - 128 * DAY, DAY, rising)
    # From the median of the first four weeks to that of the last: 100 in 100 days.
    assert used(hours, long)[0].grown == pytest.approx(365.0)
    short = Panel.of(hours.keys, hours.end - 60 * DAY, DAY, rising[:, :60])
    assert np.isnan(used(hours, short)[0].grown)


def test_nothing_reported_is_silence_without_end() -> None:
    one = used(flat([8.0] * 200, float("nan")))[0]
    assert (one.silent_hours, one.reported_hours, one.history_days) == (float("inf"), 0, 0.0)
    assert np.isnan(one.mean) and np.isnan(one.peak)
