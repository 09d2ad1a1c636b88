"""Laws of every forecaster in the registry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.outcome import Forecast
from data.panel import DAY, HOUR, FloatArray, Panel
from data.series import SeriesKey
from models.forecasters import FORECASTERS
from tests.notation import MONDAY

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
QUICK = {"fleet", "seasonal_naive", "planning"}
DAILY = {"planning"}
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FORECASTERS]
HORIZON = 12


def history(name: str, *, rows: int | None = None) -> Panel:
    """Positive, seasonal, noisy demand: six series of hours, or two of quarter days for the slow."""
    step, slots, season = (DAY, 200, 7) if name in DAILY else (HOUR, 1008, 24)
    if name not in QUICK:
        step, slots, season = 6 * HOUR, 140, 4
    n = rows if rows is not None else (6 if name in QUICK else 2)
    rng = np.random.default_rng(7)
    shape = 1 + 0.4 * np.sin(2 * np.pi * (np.arange(slots) / season + np.linspace(0, 1, n)[:, None]))
    noise = np.exp(rng.normal(0, 0.08, (n, slots)))
    demand = np.linspace(4, 90, n)[:, None] * shape * noise
    return Panel.of([SeriesKey(f"vm-{i}", "cpu") for i in range(n)], MONDAY, step, demand)


def ask(name: str, panel: Panel, horizon: int = HORIZON) -> Forecast:
    return FORECASTERS[name]().forecast(panel, horizon, LEVELS)


def with_demand(panel: Panel, demand: FloatArray) -> Panel:
    return replace(panel, demand=demand, peak=demand)


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_have_the_asked_shape_rise_and_are_not_negative(name: str) -> None:
    panel = history(name)
    forecast = ask(name, panel)
    assert forecast.keys == panel.keys
    assert forecast.start == panel.end
    assert forecast.quantiles.shape == (len(panel), HORIZON, len(LEVELS))
    assert not forecast.refusals, "plain history is not to be refused"
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
    assert (forecast.quantiles >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_forecast_is_near_what_demand_was(name: str) -> None:
    panel = history(name)
    middle = ask(name, panel).at(0.5)
    low, high = panel.demand.min(1, keepdims=True), panel.demand.max(1, keepdims=True)
    assert ((middle > 0.5 * low) & (middle < 1.5 * high)).all()


@pytest.mark.parametrize("name", NAMES)
def test_demand_in_other_units_gives_the_forecast_in_other_units(name: str) -> None:
    panel = history(name, rows=2)
    plain, scaled = ask(name, panel), ask(name, with_demand(panel, 4 * panel.demand))
    # Optimizers of the libraries stop at other digits in other units.
    tolerance = 1e-6 if name in QUICK else 0.05
    np.testing.assert_allclose(scaled.quantiles, 4 * plain.quantiles, rtol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_stays_constant(name: str) -> None:
    panel = history(name, rows=2)
    demand = panel.demand.copy()
    demand[0] = 42.0
    forecast = ask(name, with_demand(panel, demand))
    assert 0 not in forecast.refusals
    np.testing.assert_allclose(forecast.quantiles[0], 42.0, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_zero_stays_zero(name: str) -> None:
    panel = history(name, rows=2)
    demand = panel.demand.copy()
    demand[1] = 0.0
    np.testing.assert_array_equal(ask(name, with_demand(panel, demand)).quantiles[1], 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_reported_is_refused(name: str) -> None:
    panel = history(name, rows=2)
    demand = panel.demand.copy()
    demand[0] = np.nan
    forecast = ask(name, with_demand(panel, demand))
    assert set(forecast.refusals) == {0}
    assert np.isnan(forecast.quantiles[0]).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_series_does_not_matter(name: str) -> None:
    panel = history(name)
    back = list(range(len(panel)))[::-1]
    forward, turned = ask(name, panel), ask(name, panel.take(back)).take(back)
    np.testing.assert_allclose(turned.quantiles, forward.quantiles, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_one_bad_series_never_spoils_the_others(name: str) -> None:
    panel = history(name)
    slots = panel.slots
    bad = np.zeros((4, slots))
    bad[0] = np.nan
    bad[1, :] = np.inf
    bad[2, -1] = 1e30
    bad[3] = np.where(np.arange(slots) % 50 == 0, 1e9, 0.0)
    if name not in QUICK:
        bad = bad[:3]
    keys = [*panel.keys, *(SeriesKey(f"zz-{i}", "cpu") for i in range(len(bad)))]
    both = Panel.of(keys, panel.start, panel.step, np.concatenate([panel.demand, bad]))
    alone, among = ask(name, panel), ask(name, both)
    assert not set(among.refusals) & set(range(len(panel)))
    # Planning draws its paths from what all series of the pool did, so its outer levels move a little.
    tolerance = 0.1 if name in DAILY else 0.02
    np.testing.assert_allclose(among.quantiles[: len(panel)], alone.quantiles, rtol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_history_gives_the_same_bytes(name: str) -> None:
    panel = history(name, rows=2)
    assert ask(name, panel).quantiles.tobytes() == ask(name, panel).quantiles.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_gaps_are_forecast_over(name: str) -> None:
    panel = history(name, rows=2)
    demand = panel.demand.copy()
    demand[0, 50:60] = np.nan
    demand[1, 5::17] = np.nan
    forecast = ask(name, with_demand(panel, demand))
    assert not forecast.refusals
    assert np.isfinite(forecast.quantiles).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_handful_of_slots_is_refused_with_a_fallback(name: str) -> None:
    panel = history(name, rows=2)
    demand = np.full_like(panel.demand, np.nan)
    demand[0] = panel.demand[0]
    demand[1, -3:] = (1.0, 2.0, 3.0)
    forecast = ask(name, with_demand(panel, demand))
    assert set(forecast.refusals) == {1}
    assert forecast.refusals[1].reason
    assert np.isfinite(forecast.quantiles[1]).all()
    assert "fallback" in forecast.made_by[1]
