"""Services and resources agree, by the textbook's formula and by what did best before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.outcome import Forecast
from data.panel import DAY, FloatArray, Panel
from data.series import SeriesKey
from models.reconcile import METHODS, Experience, Hierarchy, backtest, incoherence, reconcile
from tests.notation import MONDAY

LEVELS = (0.1, 0.5, 0.9)


def forecast(medians: FloatArray, metric: str = "cpu", names: str = "r") -> Forecast:
    """Bands of 20 % around the medians (n, horizon)."""
    keys = tuple(SeriesKey(f"{names}{i}", metric) for i in range(len(medians)))
    bands = medians[:, :, None] * np.array([0.8, 1.0, 1.2])
    return Forecast(keys, MONDAY, DAY, LEVELS, bands, ("test",) * len(medians))


def tree(resources: Forecast, services: Forecast, owners: dict[str, str]) -> Hierarchy:
    return Hierarchy.of(resources.keys, services.keys, owners)


OWNERS = {"r0": "s0", "r1": "s0", "r2": "s1"}


@pytest.mark.parametrize(("method", "total", "first"), [("bottom_up", 30.0, 10.0), ("top_down", 60.0, 20.0)])
def test_one_side_gives_way(method: str, total: float, first: float) -> None:
    resources, services = (
        forecast(np.array([[10.0], [20.0], [5.0]])),
        forecast(np.array([[60.0], [5.0]]), names="s"),
    )
    hierarchy = tree(resources, services, OWNERS)
    known = Experience({"": method}, {}, np.ones(3), np.ones(2))
    lower, upper = reconcile(resources, services, hierarchy, known)
    assert upper.at(0.5)[0, 0] == pytest.approx(total)
    assert lower.at(0.5)[0, 0] == pytest.approx(first)
    assert lower.quantiles[0, 0] == pytest.approx(np.array([0.8, 1, 1.2]) * first)
    assert lower.quantiles[2] == pytest.approx(resources.quantiles[2])


def test_weighted_is_the_textbook_projection() -> None:
    base = np.array([60.0, 10.0, 20.0])
    variance = np.array([4.0, 1.0, 3.0])
    summing = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    weight = np.diag(1 / variance)
    projected = summing @ np.linalg.solve(summing.T @ weight @ summing, summing.T @ weight @ base)
    resources, services = forecast(base[1:, None]), forecast(base[:1, None], names="s")
    hierarchy = tree(resources, services, {"r0": "s0", "r1": "s0"})
    known = Experience({"": "weighted"}, {}, variance[1:], variance[:1])
    lower, upper = reconcile(resources, services, hierarchy, known)
    assert [upper.at(0.5)[0, 0], *lower.at(0.5)[:, 0]] == pytest.approx(projected)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 1e6), min_size=3, max_size=3),
    st.lists(st.floats(0, 1e6), min_size=2, max_size=2),
    st.sampled_from(METHODS),
    st.lists(st.floats(0.1, 100), min_size=5, max_size=5),
)
def test_medians_agree_and_nothing_turns_negative(
    below: list[float], above: list[float], method: str, variances: list[float]
) -> None:
    resources = forecast(np.array(below)[:, None])
    services = forecast(np.array(above)[:, None], names="s")
    hierarchy = tree(resources, services, OWNERS)
    known = Experience({"": method}, {}, np.array(variances[:3]), np.array(variances[3:]))
    lower, upper = reconcile(resources, services, hierarchy, known)
    total = np.array([lower.at(0.5)[:2].sum(), lower.at(0.5)[2, 0]])
    np.testing.assert_allclose(total, upper.at(0.5)[:, 0], rtol=1e-9, atol=1e-6)
    for made in (lower, upper):
        assert (made.quantiles >= 0).all()
        assert (np.diff(made.quantiles, axis=2) >= 0).all()


def test_a_median_near_nothing_takes_its_share_and_not_its_band_with_it() -> None:
    keys = tuple(SeriesKey(f"r{i}", "cpu") for i in range(2))
    bands = np.array([[[0.0, 0.001, 5.0]], [[0.0, 1e-6, 4.0]]])
    resources = Forecast(keys, MONDAY, DAY, LEVELS, bands, ("test",) * 2)
    services = forecast(np.array([[3.0]]), names="s")
    hierarchy = tree(resources, services, {"r0": "s0", "r1": "s0"})
    known = Experience({"": "weighted"}, {}, np.ones(2), np.ones(1))
    lower, upper = reconcile(resources, services, hierarchy, known)
    assert lower.at(0.5).sum() == pytest.approx(upper.at(0.5)[0, 0])
    assert lower.quantiles[:, 0, 2] == pytest.approx(lower.at(0.5)[:, 0] + 2 * bands[:, 0, 2], rel=1e-3)


def test_a_median_that_gives_way_altogether_stays_in_doubt() -> None:
    resources, services = forecast(np.array([[4.0], [4.0]])), forecast(np.array([[0.008]]), names="s")
    hierarchy = tree(resources, services, {"r0": "s0", "r1": "s0"})
    known = Experience({"": "top_down"}, {}, np.ones(2), np.ones(1))
    lower, _ = reconcile(resources, services, hierarchy, known)
    assert lower.quantiles[0, 0] == pytest.approx([0.0, 0.004, 0.404])


def test_a_member_without_any_forecast_leaves_its_service_alone() -> None:
    medians = np.array([[10.0], [np.nan], [5.0]])
    resources, services = forecast(medians), forecast(np.array([[60.0], [7.0]]), names="s")
    hierarchy = tree(resources, services, OWNERS)
    lower, upper = reconcile(resources, services, hierarchy, Experience.none(3, 2))
    assert upper.at(0.5)[0, 0] == 60
    assert lower.at(0.5)[0, 0] == 10
    assert incoherence(lower, upper, hierarchy)[1] == pytest.approx(0)
    assert upper.at(0.5)[1, 0] == lower.at(0.5)[2, 0] == pytest.approx(6)


def test_forecasts_of_other_days_are_not_mixed() -> None:
    resources, services = forecast(np.ones((3, 2))), forecast(np.ones((2, 3)), names="s")
    with pytest.raises(ValueError, match="same days"):
        reconcile(resources, services, tree(resources, services, OWNERS), Experience.none(3, 2))


@dataclass(frozen=True, slots=True)
class Off:
    """Foresees the last value, `resources` or `services` wrong by a factor."""

    resources: float = 1.0
    services: float = 1.0

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        factor = self.services if history.keys[0].subject.startswith("s") else self.resources
        flat = np.repeat(history.demand[:, -1:, None] * factor, horizon, 1)
        return Forecast(history.keys, history.end, DAY, levels, flat, ("off",) * len(history))


@pytest.mark.parametrize(
    ("forecaster", "best"), [(Off(services=1.5), "bottom_up"), (Off(resources=1.5), "top_down")]
)
def test_past_cutoffs_choose_the_side_that_was_right(forecaster: Off, best: str) -> None:
    draw = np.random.default_rng(2)
    below = draw.uniform(5, 20, (4, 1)) + draw.normal(0, 0.3, (4, 200))
    owners = {"r0": "s0", "r1": "s0", "r2": "s1", "r3": "s1"}
    above = np.stack([below[:2].sum(0), below[2:].sum(0)])
    resources = Panel.of([SeriesKey(f"r{i}", "cpu") for i in range(4)], MONDAY, DAY, below)
    services = Panel.of([SeriesKey(f"s{i}", "cpu") for i in range(2)], MONDAY, DAY, above)
    hierarchy = Hierarchy.of(resources.keys, services.keys, owners)
    experience = backtest(resources, services, hierarchy, forecaster, 28)
    assert experience.method["cpu"] == best
    assert experience.errors["cpu", best] < experience.errors["cpu", "base"]
    assert np.isfinite(experience.resource_variance).all()


def test_a_short_history_teaches_nothing() -> None:
    below = np.ones((2, 40))
    resources = Panel.of([SeriesKey(f"r{i}", "cpu") for i in range(2)], MONDAY, DAY, below)
    services = Panel.of([SeriesKey("s0", "cpu")], MONDAY, DAY, below.sum(0)[None])
    hierarchy = Hierarchy.of(resources.keys, services.keys, {"r0": "s0", "r1": "s0"})
    experience = backtest(resources, services, hierarchy, Off(), 28)
    assert experience.method == {"": "weighted"}
    assert np.isnan(experience.service_variance).all()
