"""Demand that is often as high as it ever was, and swings below, does not double on its paths."""

from __future__ import annotations

import numpy as np
import pytest

from data.panel import DAY, FloatArray, Panel
from data.series import SeriesKey
from models.planning import plan, plan_and_reach
from models.planning.ceiling import under_ceiling
from tests.notation import MONDAY

LEVELS = (0.1, 0.5, 0.9)


def on_and_off(days: int = 90, n: int = 6, seed: int = 0) -> FloatArray:
    """Days at 98 to 100, and spells of one to six days near 1."""
    draw = np.random.default_rng(seed)
    rows = np.empty((n, days))
    for row in rows:
        row[:] = 100 - draw.uniform(0, 2, days)
        for begin in draw.integers(0, days - 10, days // 12):
            row[begin : begin + int(draw.integers(1, 7))] = 1 + draw.uniform(0, 1)
    rows[:, -5:] = 100 - draw.uniform(0, 2, (n, 5))
    return rows


def machines(demand: FloatArray) -> Panel:
    return Panel.of([SeriesKey(f"m{i}", "cpu") for i in range(len(demand))], MONDAY, DAY, demand)


def test_on_and_off_has_a_ceiling() -> None:
    assert under_ceiling(on_and_off()).all()


WEEK = np.array([1, 1, 1, 1, 0.95, 0.3, 0.25])


@pytest.mark.parametrize(
    "demand",
    [
        100 * WEEK[np.arange(91) % 7] * np.exp(np.random.default_rng(0).normal(0, 0.01, 91)),
        100 * np.exp(np.random.default_rng(1).normal(0, 0.1, 91)),
        100 + np.cumsum(np.random.default_rng(2).normal(0, 1, 91)),
        np.linspace(20, 100, 91),
        np.r_[np.full(45, 40.0), np.full(46, 100.0)] * np.exp(np.random.default_rng(3).normal(0, 0.05, 91)),
        np.where(np.arange(91) % 9 == 0, 300.0, 100.0),
        np.zeros(91),
    ],
    ids=["quiet weekends", "noise", "a walk", "growth", "a step", "bursts", "nothing"],
)
def test_what_has_none(demand: FloatArray) -> None:
    assert not under_ceiling(demand[None]).any()


def test_a_limit_above_it_is_unlikely_and_one_below_is_not() -> None:
    _, reach = plan_and_reach(machines(on_and_off()), 28, LEVELS, seed=1)
    assert reach.probability(np.full(6, 115.0))[:, -1].max() <= 0.12
    assert reach.probability(np.full(6, 90.0))[:, -1].min() >= 0.95


def test_it_may_be_raised() -> None:
    """A share of the paths knows nothing of it: no machine is sure never to get more."""
    forecast = plan(machines(on_and_off()), 28, LEVELS, samples=200, seed=1)
    assert forecast.paths is not None
    above = (forecast.paths.max(2) > 101).mean(1)
    assert (above > 0).all() and (above <= 0.1).all()


def test_the_band_ends_there() -> None:
    demand = on_and_off()
    forecast = plan(machines(demand), 28, LEVELS, samples=200, seed=1)
    assert (forecast.at(0.9).max(1) <= demand.max(1) * 1.02).all()
