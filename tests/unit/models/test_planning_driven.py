"""Daily demand follows its driver's forecast or plan where its own past shows that it pays, else nobody's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.panel import DAY, FloatArray, Panel
from data.series import SeriesKey
from models.planning import growing_series, plan
from models.planning.driven import DailyDrivers
from models.planning.informed import inform

START = datetime(2025, 1, 6, tzinfo=UTC)
DAYS, AHEAD = 400, 90
LEVELS = (0.1, 0.5, 0.9)
OWNERS = {"follows": 0, "half": 0, "never": 0, "shop": 0}


def driver(growth: float = 0.0, seed: int = 1) -> FloatArray:
    """Requests: a week, 8 % of daily noise that remembers, and growth a day as a share of the first day."""
    draw = np.random.default_rng(seed)
    noise = np.zeros(DAYS)
    for i in range(1, DAYS):
        noise[i] = 0.7 * noise[i - 1] + draw.normal(0, 0.06)
    week = np.array([1, 1, 1, 1, 0.95, 0.6, 0.5])[np.arange(DAYS) % 7]
    requests: FloatArray = 1000 * week * np.exp(noise) * (1 + growth * np.arange(DAYS))
    return requests


def drivers(requests: FloatArray, times: float | None, *, forecast: bool = True) -> DailyDrivers:
    panel = Panel.of([SeriesKey("shop", "requests")], START, DAY, requests[None])
    end = (START + (DAYS + 29) * DAY).date()
    plans = None if times is None else {0: {end: times}}
    return DailyDrivers.of(panel, OWNERS, AHEAD, plans=plans, seed=1, forecast=forecast)


def resources(requests: FloatArray, noise: float = 0.03) -> Panel:
    draw = np.random.default_rng(2)
    rows = [
        requests / 100 * np.exp(draw.normal(0, noise, DAYS)),
        5 * (requests / 1000) ** 0.5 * np.exp(draw.normal(0, noise, DAYS)),
        20 * np.exp(draw.normal(0, 0.05, DAYS)),
    ]
    names = ("follows", "half", "never")
    return Panel.of([SeriesKey(name, "cpu") for name in names], START, DAY, np.array(rows))


def test_a_doubled_driver_doubles_who_follows_and_nobody_else() -> None:
    requests = driver()
    history = resources(requests)
    told = inform(history, AHEAD, {}, drivers(requests, 2.0))
    later = told.outlook.factor[:, 35:].mean(1)
    assert later[0] == pytest.approx(2.0, rel=0.15)
    assert later[1] == pytest.approx(2.0**0.5, rel=0.15)
    assert (told.outlook.factor[2] == 1).all() and (told.outlook.doubt[2] == 0).all()
    assert (told.outlook.doubt[:2, 35:] > 0).all(), "how much they follow is not known for sure"
    made = plan(told.history, AHEAD, LEVELS, samples=50, seed=1, outlook=told.outlook)
    plain = plan(history, AHEAD, LEVELS, samples=50, seed=1)
    assert made.at(0.5)[0, 40:].mean() == pytest.approx(2 * plain.at(0.5)[0, 40:].mean(), rel=0.15)
    assert made.at(0.5)[0, 0] == pytest.approx(plain.at(0.5)[0, 0], rel=0.15)
    np.testing.assert_array_equal(made.quantiles[2], plain.quantiles[2])
    assert {(row, kind) for row, kind, *_ in told.notes} == {(0, "driver"), (1, "driver")}


def test_a_planned_driver_follows_its_plan() -> None:
    requests = driver()
    made = drivers(requests, 2.0)
    told = inform(made.panel, AHEAD, {}, made)
    asked = plan(told.history, AHEAD, LEVELS, samples=50, seed=1, outlook=told.outlook)
    assert asked.at(0.5)[0, 40:].mean() == pytest.approx(2 * made.level[0], rel=0.1)


def test_the_forecast_of_a_driver_helps_where_it_sees_what_demand_hides() -> None:
    """Requests grow steadily; under the noise of demand its own growth is too doubtful to be followed."""
    requests = 1000 * (1 + 0.01 * np.arange(DAYS)) * driver() / 1000
    history = resources(requests, noise=0.1)
    assert not growing_series(history).any()
    told = inform(history, AHEAD, {}, drivers(requests, None), month_ends=False)
    assert {row for row, *_ in told.notes} == {0, 1}
    assert (told.outlook.factor[2] == 1).all()
    comes = 10 * (1 + 0.01 * np.arange(DAYS, DAYS + AHEAD)[28:].mean()) * 6.05 / 7
    made = plan(told.history, AHEAD, LEVELS, samples=50, seed=1, outlook=told.outlook)
    plain = plan(history, AHEAD, LEVELS, samples=50, seed=1)
    with_it, without = (abs(one.at(0.5)[0, 28:].mean() - comes) for one in (made, plain))
    assert with_it < 0.6 * without


def test_a_flat_forecast_of_a_driver_changes_nobody() -> None:
    requests = driver()
    told = inform(resources(requests), AHEAD, {}, drivers(requests, None))
    assert (told.outlook.factor == 1).all() and not told.notes


def test_only_plans_are_followed_where_forecasts_are_not_wanted() -> None:
    requests = driver(growth=0.01)
    told = inform(resources(requests), AHEAD, {}, drivers(requests, None, forecast=False))
    assert (told.outlook.factor == 1).all()


def test_a_short_history_follows_nobody() -> None:
    requests = driver()
    made = drivers(requests, 2.0)
    panel = made.panel.between(DAYS - 100, DAYS)
    end = (START + timedelta(days=DAYS + 29)).date()
    few = DailyDrivers.of(panel, OWNERS, AHEAD, plans={0: {end: 2.0}}, seed=1)
    told = inform(resources(requests).between(DAYS - 100, DAYS), AHEAD, {}, few)
    assert (told.outlook.factor == 1).all()


def test_drivers_of_other_days_are_an_error() -> None:
    requests = driver()
    with pytest.raises(ValueError, match="same days"):
        inform(resources(requests).until(300), AHEAD, {}, drivers(requests, 2.0))


def test_storage_follows_nobody() -> None:
    requests = driver()
    stored = Panel.of([SeriesKey("follows", "storage")], START, DAY, requests[None] / 10)
    assert (inform(stored, AHEAD, {}, drivers(requests, 2.0)).outlook.factor == 1).all()
