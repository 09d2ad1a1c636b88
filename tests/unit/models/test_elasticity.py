"""Elasticities: what was planted is found, what only shares a rhythm is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.outcome import Refusal
from models.elasticity import Elasticity, Form, Learner

DAYS = 180
WEEK = np.resize([1.0, 1.05, 1.1, 1.05, 1.0, 0.5, 0.4], DAYS)


def driver(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 1000 * WEEK * np.exp(rng.normal(0, 0.08, DAYS))


def learned(demand: np.ndarray, moved_by: np.ndarray) -> Elasticity:
    found = Learner().learn(demand, moved_by)
    assert isinstance(found, Elasticity), found
    return found


@pytest.mark.parametrize("exponent", [0.5, 0.8, 1.0, 1.3])
def test_a_planted_exponent_is_found(exponent: float) -> None:
    requests = driver(1)
    noise = np.exp(np.random.default_rng(2).normal(0, 0.03, DAYS))
    found = learned(0.01 * requests**exponent * noise, requests)
    assert found.exponent == pytest.approx(exponent, abs=0.05)
    assert found.low < exponent < found.high
    assert found.days == DAYS


def test_a_base_load_is_seen_as_linear_and_half_of_demand_follows() -> None:
    requests = driver(3)
    noise = np.random.default_rng(4).normal(0, 5, DAYS)
    found = learned(requests.mean() + requests + noise, requests)
    assert found.form is Form.LINEAR
    # Twice the requests: the base stays, the other half doubles.
    assert found.ratio(2.0)[1] == pytest.approx(1.5, abs=0.02)


def test_twice_the_driver_at_exponent_one_is_twice_the_demand() -> None:
    exact = Elasticity(Form.PROPORTIONAL, 1.0, 0.9, 1.1, 1.0, 1.0, DAYS, 2.0)
    assert exact.ratio(2.0) == pytest.approx((2**0.9, 2.0, 2**1.1))
    assert exact.ratio(0.5) == pytest.approx((0.5**1.1, 0.5, 0.5**0.9))
    with pytest.raises(ValueError, match="above 0"):
        exact.ratio(0.0)


def test_a_shared_weekly_rhythm_is_no_relation() -> None:
    refused = Learner().learn(driver(5), driver(6))
    assert isinstance(refused, Refusal) and "weekly rhythm" in refused.reason


def test_shared_growth_is_no_relation() -> None:
    growth = np.linspace(1, 2, DAYS)
    refused = Learner().learn(driver(7) * growth, driver(8) * growth)
    assert isinstance(refused, Refusal)


def test_a_few_shared_holidays_are_no_relation() -> None:
    one, other = driver(9), driver(10)
    for values in (one, other):
        values[[30, 31, 90, 130]] *= 0.2
    assert isinstance(Learner().learn(one, other), Refusal)


def test_too_little_and_too_still_are_refused() -> None:
    requests = driver(11)
    short = np.where(np.arange(DAYS) < 30, requests, np.nan)
    for demand, moved_by, words in (
        (requests, short, "30 days with both"),
        (requests, np.full(DAYS, 7.0), "hardly moved"),
        (np.full(DAYS, 7.0), requests, "never moved"),
        (1 / requests, requests, "no relation"),
    ):
        refused = Learner().learn(demand, moved_by)
        assert isinstance(refused, Refusal) and words in refused.reason


def test_days_that_do_not_match_are_an_error() -> None:
    with pytest.raises(ValueError, match="not of the same days"):
        Learner().learn(np.ones(3), np.ones(4))


@given(
    seed=st.integers(0, 1000),
    exponent=st.floats(0.3, 1.5),
    scale=st.floats(1e-3, 1e3),
    multiplier=st.floats(0.1, 10),
)
def test_the_unit_of_demand_does_not_matter_and_the_interval_holds_its_middle(
    seed: int, exponent: float, scale: float, multiplier: float
) -> None:
    requests = driver(seed)
    demand = requests**exponent * np.exp(np.random.default_rng(seed + 1).normal(0, 0.02, DAYS))
    one, other = learned(demand, requests), learned(scale * demand, requests)
    assert one.exponent == pytest.approx(other.exponent)
    low, middle, high = one.ratio(multiplier)
    assert 0 <= low <= middle <= high
