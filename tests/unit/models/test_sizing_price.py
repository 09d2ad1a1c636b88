"""The price of breach, on curves that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from data.panel import HOUR, Panel
from data.series import SeriesKey
from models.sizing.marginal import Marginal
from models.sizing.policy import SizingOptions
from models.sizing.price import (
    AIM,
    HOLD_POWER,
    LEAST_PRICE,
    PRICES,
    SHIPPED_HOLDS,
    Trial,
    forecast_breach,
    least_price,
    price_for,
    shipped_trial,
)
from tests.notation import MONDAY

CURVE = 0.2 / PRICES


def fleet(n: int, days: int) -> Panel:
    rng = np.random.default_rng(4)
    demand = rng.uniform(0.5, 2, (n, 1)) * np.exp(0.3 * rng.standard_normal((n, 24 * days)))
    keys = [SeriesKey(f"vm-{i:02}", "cpu") for i in range(n)]
    return Panel.of(keys, MONDAY, HOUR, demand, capacity=np.full(demand.shape, 8.0))


def trial(realised: float, predicted: float, resources: int = 10) -> Trial:
    """Breach that halves when the price doubles."""
    return Trial(realised * CURVE, predicted * CURVE, resources)


def test_the_price_aims_below_the_target() -> None:
    # 0.2 / price = AIM x 1 %.
    assert price_for(0.01, CURVE) == pytest.approx(0.2 / (AIM * 0.01))


def test_no_fleet_is_so_even_that_its_machines_are_given_up() -> None:
    assert price_for(0.01, CURVE / 1000) == LEAST_PRICE
    assert price_for(0.9, CURVE) == LEAST_PRICE


def test_the_least_price_is_that_of_the_least_weighty() -> None:
    assert least_price(np.array([4.0, 4.0])) == LEAST_PRICE / 4
    assert least_price(np.array([1.0, 4.0])) == LEAST_PRICE
    assert least_price(np.array([0.5, 0.0])) == LEAST_PRICE * 2
    assert least_price(np.zeros(0)) == LEAST_PRICE


def test_a_fleet_of_one_tier_is_sized_alike_whatever_the_tier() -> None:
    """Only differences of weight change sizes: four times the weight finds a quarter of the price, but for
    the grid of 18 % that prices are looked up on."""
    history = fleet(12, 40)
    plain, weighty = (Marginal().weigh(history, SizingOptions(weight=np.full(12, w))) for w in (1.0, 4.0))
    for target in (0.05, 0.01, 0.001):
        price = plain.price(target)
        assert 4 * weighty.price(target) == pytest.approx(price, rel=0.05)
        np.testing.assert_allclose(weighty.targets(price / 4), plain.targets(price), rtol=1e-9)


def test_a_target_out_of_reach_gets_the_highest_price() -> None:
    assert price_for(1e-12, CURVE) == pytest.approx(PRICES[-1])


def test_without_a_past_the_prediction_is_corrected_as_elsewhere() -> None:
    found = forecast_breach(CURVE, [], trial(2, 1))
    np.testing.assert_allclose(found[20:30], 2 * CURVE[20:30], rtol=0.02)


def test_another_fleets_height_is_not_carried_over() -> None:
    """Elsewhere breaches are a hundred times more frequent, here predictions were right so far."""
    past = [trial(1, 1)] * 8
    k = 5
    found = forecast_breach(CURVE, past, trial(100, 100))[k]
    assert found == pytest.approx(CURVE[k], rel=0.01)


def test_own_holds_outweigh_what_was_seen_elsewhere_as_they_become_more() -> None:
    k = 5
    few, many = (forecast_breach(CURVE, [trial(1, 1)] * n, trial(3, 1))[k] for n in (1, 12))
    assert CURVE[k] < many < few < 3 * CURVE[k]
    # 12 holds of 1 and SHIPPED_HOLDS of 3, and the coming one corrected by their mean.
    mean = (12 + 3 * SHIPPED_HOLDS) / (12 + SHIPPED_HOLDS)
    assert many == pytest.approx(mean * CURVE[k], rel=0.01)


def test_a_longer_hold_meets_more_that_nobody_foresaw() -> None:
    week, month = shipped_trial("memory", 7), shipped_trial("memory", 28)
    np.testing.assert_allclose(month.realised, np.minimum(week.realised * 4**HOLD_POWER, 1))
    np.testing.assert_array_equal(month.predicted, week.predicted)
    np.testing.assert_array_equal(shipped_trial("cpu", 1).realised, shipped_trial("cpu", 7).realised)
