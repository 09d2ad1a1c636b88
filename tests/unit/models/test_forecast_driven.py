"""Demand by way of its driver, only where that pays."""

from __future__ import annotations

import numpy as np

from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey
from headroom.jobs.knowledge import drivers_of
from models.forecasters.driven import Driven
from models.forecasters.seasonal_naive import SeasonalNaive
from tests.notation import MONDAY

LEVELS = (0.1, 0.5, 0.9)
SLOTS, HORIZON = 24 * 70, 48


def panel_of(demand: FloatArray, *keys: tuple[str, str]) -> Panel:
    return Panel.of([SeriesKey(*key) for key in keys], MONDAY, HOUR, demand)


def estate() -> tuple[Panel, Panel]:
    """A driver that changes from day to day, what follows it with a lag of memory, and what does not."""
    rng = np.random.default_rng(2)
    requests = np.full(SLOTS, 100.0) * np.exp(rng.normal(0, 0.02, SLOTS))
    alone = 5 * np.exp(rng.normal(0, 0.02, SLOTS))
    drivers = panel_of(requests[None], ("shop", "requests"))
    return panel_of(np.stack([requests / 50, alone]), ("web", "cpu"), ("web", "memory")), drivers


def test_requests_come_before_users_and_hold_for_the_resources_of_a_service() -> None:
    found = drivers_of(
        panel_of(np.ones((3, 4)), ("shop", "users"), ("shop", "requests"), ("blog", "users")),
        {"web": "shop", "db": "nobody"},
        {},
    )
    assert found.row_of == {"shop": 1, "blog": 2, "web": 1}


def test_the_gain_decides() -> None:
    """The seasonal naive copies the noise of demand; demand per request is constant, so is its forecast."""
    history, drivers = estate()

    class OfDriver:
        """Knows the mean of every driver, and is the seasonal naive for everything else."""

        def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]):  # type: ignore[no-untyped-def]
            made = SeasonalNaive().forecast(history, horizon, levels)
            for row, key in enumerate(history.keys):
                if key.metric == "requests":
                    made.quantiles[row] = history.demand[row].mean()
            return made

    inner = OfDriver()
    plain = inner.forecast(history, HORIZON, LEVELS)
    made, _, notes = Driven(inner, drivers, {"web": 0}).forecast_scored(history, HORIZON, LEVELS)
    np.testing.assert_allclose(made.at(0.5)[0], drivers.demand.mean() / 50, rtol=1e-6)
    np.testing.assert_array_equal(made.quantiles[1], plain.quantiles[1])
    assert notes.select("subject", "metric", "kind").rows() == [("web", "cpu", "driver")]


def test_drivers_themselves_and_who_has_none_are_left_alone() -> None:
    history, drivers = estate()
    own = SeasonalNaive().forecast(drivers, HORIZON, LEVELS)
    made = Driven(SeasonalNaive(), drivers, {"shop": 0}).forecast(drivers, HORIZON, LEVELS)
    np.testing.assert_array_equal(made.quantiles, own.quantiles)
    other = Driven(SeasonalNaive(), drivers, {"shop": 0}).forecast(history, HORIZON, LEVELS)
    np.testing.assert_array_equal(
        other.quantiles, SeasonalNaive().forecast(history, HORIZON, LEVELS).quantiles
    )


def test_a_driver_without_history_changes_nothing() -> None:
    history, drivers = estate()
    silent = panel_of(np.full((1, SLOTS), np.nan), ("shop", "requests"))
    made = Driven(SeasonalNaive(), silent, {"web": 0}).forecast(history, HORIZON, LEVELS)
    plain = SeasonalNaive().forecast(history, HORIZON, LEVELS)
    np.testing.assert_array_equal(made.quantiles, plain.quantiles)
    assert drivers.slots == silent.slots
