"""Shapes, noise and planted courses of the sample fleet, checked against what they promise."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from data.sample.paths import USABLE_SHARE, Growth, leak, sawtooth
from data.sample.roles import PLANTED, Role, planted_for
from data.sample.shapes import PROFILES, Clock, highest_of_hour, spread_over_hour, unit_noise

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = 168


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_profile_is_a_week_with_its_busiest_hour_at_one(profile: str) -> None:
    week = PROFILES[profile]
    assert week.shape == (WEEK,)
    assert week.min() > 0
    assert week.max() == pytest.approx(1.0, abs=0.03)


def test_business_is_quiet_at_night_and_at_weekends() -> None:
    week = PROFILES["business"].reshape(7, 24)
    assert week[2, 3] < 0.3 < 0.9 < week[2, 10]
    assert week[6].max() < 0.4


def test_hours_of_week_follow_local_time_and_holidays_are_sundays() -> None:
    clock = Clock(MONDAY, 3 * 24)
    utc = clock.hours_of_week(0)
    assert utc[0] == 144, "1 January 2024 is a Monday and a holiday: Sunday hours"
    assert utc[24] == 24, "2 January is a plain Tuesday"
    assert clock.hours_of_week(8)[24] == 32, "8 in the morning in Singapore"
    assert clock.hours_of_week(-6)[30] == 24, "Tuesday begins six hours later in Austin"


def test_month_end_is_two_days_before_and_one_after() -> None:
    clock = Clock(datetime(2024, 1, 28, tzinfo=UTC), 6 * 24)
    assert clock.month_end[::24].tolist() == [0, 0, 1, 1, 1, 0]


def test_noise_has_unit_spread_and_the_memory_asked_for() -> None:
    noise = unit_noise(np.random.default_rng(1), 300, 2000, 0.8)
    assert noise.std() == pytest.approx(1.0, abs=0.03)
    neighbours = float((noise[:, 1:] * noise[:, :-1]).mean())
    assert neighbours == pytest.approx(0.8, abs=0.03)
    assert float((noise[:, 5:] * noise[:, :-5]).mean()) == pytest.approx(0.8**5, abs=0.05)


def test_the_highest_of_an_hour_is_what_five_minute_noise_makes_of_it() -> None:
    noise = unit_noise(np.random.default_rng(2), 4000, 12, 0.7)
    assert highest_of_hour().mean() == pytest.approx(float(np.maximum(noise.max(1), 0).mean()), abs=0.05)


def test_five_minute_levels_keep_the_hours_of_a_straight_line() -> None:
    hourly = np.arange(10, dtype=np.float32)[None]
    fine = spread_over_hour(hourly, 4)
    assert fine.shape == (1, 12 * 6)
    means = fine.reshape(6, 12).mean(1)
    np.testing.assert_allclose(means[:-1], [4, 5, 6, 7, 8], atol=1e-5)


@pytest.mark.parametrize("days", [10, 12, 34, 75, 150, 290, 300])
def test_growth_reaches_usable_capacity_on_the_planted_day(days: int) -> None:
    growth = Growth(days)
    path = growth.path(400 * 24)
    assert path[0] >= 0.1
    per_hour = float(np.diff(path[-48:].astype(float)).mean())
    hours_left = (USABLE_SHARE - path[-1]) / per_hour
    assert hours_left == pytest.approx(days * 24, rel=0.02)
    assert growth.began_days_ago(400 * 24) >= 60, "a line long enough to be seen"


def test_sawtooth_never_reaches_usable_capacity_and_does_not_grow() -> None:
    path, purges = sawtooth(400 * 24, np.random.default_rng(3))
    assert path.max() <= 0.8
    assert 12 <= len(purges) <= 34
    assert all(path[hour - 1] - path[hour] > 0.15 for hour in purges)
    assert all(hour % 24 == 3 for hour in purges)
    yearly_change = np.polyfit(np.arange(path.size) / path.size, path, 1)[0]
    assert abs(yearly_change) < 0.1


@pytest.mark.parametrize("seed", range(40))
def test_a_leak_ends_at_the_limit_and_starts_again(seed: int) -> None:
    path, restarts = leak(100 * 24, np.random.default_rng(seed))
    assert 0.4 <= path.min() < path.max() <= 1.0
    assert len(restarts) >= 9
    for hour in restarts:
        assert path[hour - 1] > 0.97
        assert path[hour] <= 0.46


@pytest.mark.parametrize("kind", sorted(PLANTED))
@pytest.mark.parametrize("count", [3, 10, 150])
def test_small_fleets_keep_a_third_healthy(kind: str, count: int) -> None:
    given = planted_for(kind, count, 1.0)
    assert len(given) == count
    assert sum(planted.role is Role.HEALTHY for planted in given) >= count // 3
