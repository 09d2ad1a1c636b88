"""What is announced, as the settings file says it: events without an end, amounts, plans of drivers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from data.errors import ConfigError
from headroom.settings import ForecastSettings, load


def read(folder: Path, table: str) -> ForecastSettings:
    file = folder / "headroom.toml"
    file.write_text(f"[forecast]\n{table}\n")
    return load(file, environ={}).forecast


def test_a_launch_has_no_end_and_an_amount_has_a_metric(tmp_path: Path) -> None:
    (event,) = read(
        tmp_path,
        'known_events = [{ subject = "disk", start = 2027-01-01T00:00:00Z, amount = 500.0,'
        ' metric = "storage" }]',
    ).known_events
    assert (event.end, event.factor, event.amount, event.metric) == (None, 1.0, 500.0, "storage")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("amount = 5.0", "an amount needs the metric"),
        ('description = "party"', "it changes nothing"),
        ("factor = -1.0", "factor"),
    ],
)
def test_an_event_that_makes_no_sense_is_an_error(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, f'known_events = [{{ subject = "shop", start = 2027-01-01T00:00:00Z, {more} }}]')


def test_a_plan_is_by_day(tmp_path: Path) -> None:
    (plan,) = read(
        tmp_path, 'driver_plans = [{ subject = "shop", times = { "2027-06-30" = 1.8, "2027-12-31" = 2.5 } }]'
    ).driver_plans
    assert (plan.subject, plan.metric) == ("shop", "requests")
    assert plan.times == {date(2027, 6, 30): 1.8, date(2027, 12, 31): 2.5}


@pytest.mark.parametrize("times", ["{}", '{ "soon" = 2.0 }', '{ "2027-06-30" = 0.0 }'])
def test_a_plan_without_days_or_with_nothing_on_them_is_an_error(tmp_path: Path, times: str) -> None:
    with pytest.raises(ConfigError, match="driver_plans"):
        read(tmp_path, f'driver_plans = [{{ subject = "shop", times = {times} }}]')
