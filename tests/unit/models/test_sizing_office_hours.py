"""Histories in which only office hours are reported: nights and weekends are silent, not calm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.decision import Size
from data.outcome import Refusal
from data.panel import HOUR, Panel
from data.series import SeriesKey
from models.replay.replay import replay
from models.sizing.evidence import WINDOWS, gather
from models.sizing.marginal import Marginal
from models.sizing.policy import SizingOptions
from tests.notation import MONDAY, panel


def office_fleet(days: int, n: int = 20) -> Panel:
    """From a Monday on: 2 to 3 cores in office hours, a backup at 7 cores every night; 8 provisioned."""
    rng = np.random.default_rng(0)
    hour = np.arange(24 * days)
    office = (hour % 24 >= 8) & (hour % 24 < 18) & (hour // 24 % 7 < 5)
    demand = np.where(office, 2 + rng.random((n, 24 * days)), np.where(hour % 24 == 2, 7.0, 0.5))
    keys = [SeriesKey(f"vm-{i:02}", "cpu") for i in range(n)]
    return Panel.of(keys, MONDAY, HOUR, demand, capacity=np.full(demand.shape, 8.0))


def in_office_hours(history: Panel) -> Panel:
    hour = np.arange(history.slots)
    office = (hour % 24 >= 8) & (hour % 24 < 18) & (hour // 24 % 7 < 5)
    demand = np.where(office, history.demand, np.nan)
    return replace(history, demand=demand, peak=demand)


def test_a_window_without_reports_says_what_the_longer_one_says() -> None:
    # 20 days at 2, 5 at 4, the last 2 silent: the last day says what the last three days say.
    evidence = gather(panel("2x479 4x119 _x47", capacity=8))
    day, three = (evidence.hourly[WINDOWS.index(w), 0] for w in (1, 3))
    np.testing.assert_array_equal(day, three)
    assert day.max() == 1 and evidence.hours[WINDOWS.index(1), 0] == 0


def test_the_backup_at_night_does_not_count() -> None:
    history = office_fleet(49)
    whole = Marginal().size(history, None, SizingOptions())
    office = Marginal().size(in_office_hours(history), None, SizingOptions())
    for counted, all_hours in zip(office, whole, strict=True):
        assert isinstance(counted, Size) and isinstance(all_hours, Size)
        assert 2.5 < counted.target < 3.5 < all_hours.target


def test_after_a_weekend_the_size_is_the_one_of_friday() -> None:
    """The last three days before a Monday hold one office day, the last one none."""
    history = in_office_hours(office_fleet(49))
    monday, saturday = (
        [answer.target for answer in Marginal().size(part, None, SizingOptions()) if isinstance(answer, Size)]
        for part in (history, history.until(history.slots - 48))
    )
    assert len(monday) == len(saturday) == 20
    np.testing.assert_allclose(monday, saturday, rtol=0.1)


def test_office_days_are_days_of_history() -> None:
    # Two weeks hold ten days of ten hours: enough for a policy that asks for seven days.
    two, one = (Marginal().size(in_office_hours(office_fleet(d, 1)), None, SizingOptions()) for d in (14, 7))
    assert isinstance(two[0], Size)
    assert one == [Refusal("needs 7 days of history, has 5 days of reported hours")]


def test_a_replay_counts_the_reported_hours_only() -> None:
    history = office_fleet(56)
    whole, office = (
        replay(h, {"m": Marginal()}, start_day=42).to_dicts()[0] for h in (history, in_office_hours(history))
    )
    assert office["entity_windows"] == whole["entity_windows"] == 40
    assert office["allocated"] < 3.5 / 8 < whole["allocated"]
    assert office["breached_hours"] < 0.05
