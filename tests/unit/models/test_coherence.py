"""Services are the sum of their resources, and who was surer gives way less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.outcome import Forecast, Refusal
from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey
from models.coherence import coherent, joined
from tests.notation import MONDAY

LEVELS = (0.05, 0.5, 0.95)


def forecast(rows: dict[str, tuple[float, float]], metric: str = "cpu", horizon: int = 2) -> Forecast:
    """name -> (median, half the width of the 90 % band)."""
    quantiles = np.array([[[m - w, m, m + w]] * horizon for m, w in rows.values()], float)
    keys = tuple(SeriesKey(name, metric) for name in rows)
    return Forecast(keys, MONDAY, HOUR, LEVELS, quantiles.reshape(len(rows), horizon, 3), ("x",) * len(rows))


def history(forecasts: Forecast, silent: dict[str, int] | None = None, slots: int = 200) -> Panel:
    """Everything was reported but the last hours of some."""
    demand: FloatArray = np.ones((len(forecasts), slots))
    for row, key in enumerate(forecasts.keys):
        demand[row, slots - (silent or {}).get(key.subject, 0) :] = np.nan
    return Panel(forecasts.keys, MONDAY - slots * HOUR, HOUR, demand, demand, demand)


OWNERS = {"a": "s", "b": "s", "c": "s"}


def agreed(
    below: Forecast, above: Forecast, silent: dict[str, int] | None = None
) -> tuple[Forecast, Forecast]:
    ((lower, upper),) = coherent([below], [above], history(below, silent), OWNERS)
    return lower, upper


def test_the_gap_is_shared_by_the_squares_of_the_bands() -> None:
    # The service says 16, its resources 4 + 6: a gap of 6. Squared widths are 1, 2 squared and 1: each gives
    # way by its part of 1 + 4 + 1, so a gains 1, b gains 4, and the service loses 1.
    below, above = forecast({"a": (4, 1), "b": (6, 2)}), forecast({"s": (16, 1)})
    lower, upper = agreed(below, above)
    assert lower.at(0.5)[:, 0] == pytest.approx([5, 10])
    assert upper.at(0.5)[0] == pytest.approx([15, 15])
    assert lower.quantiles[0, 0] == pytest.approx(np.array([3, 4, 5]) * 5 / 4)


def test_a_constant_resource_does_not_move() -> None:
    lower, upper = agreed(forecast({"a": (4, 0), "b": (6, 2)}), forecast({"s": (18, 2)}))
    assert lower.at(0.5)[:, 0] == pytest.approx([4, 10])
    assert upper.at(0.5)[0, 0] == pytest.approx(14)


def test_idle_resources_get_no_demand() -> None:
    lower, upper = agreed(forecast({"a": (0, 3), "b": (6, 2)}), forecast({"s": (10, 2)}))
    assert lower.at(0.5)[0] == pytest.approx([0, 0])
    assert lower.at(0.5)[1, 0] == pytest.approx(8) and upper.at(0.5)[0, 0] == pytest.approx(8)


def test_where_a_resource_was_silent_the_service_is_the_sum() -> None:
    lower, upper = agreed(forecast({"a": (4, 1), "b": (6, 2)}), forecast({"s": (4, 1)}), {"b": 24})
    assert lower.at(0.5)[:, 0] == pytest.approx([4, 6])
    assert upper.at(0.5)[0, 0] == pytest.approx(10)
    lower, upper = agreed(forecast({"a": (4, 1), "b": (6, 2)}), forecast({"s": (4, 1)}), {"b": 23})
    assert lower.at(0.5)[1, 0] < 6 and upper.at(0.5)[0, 0] < 10


def test_what_is_gone_for_a_week_belongs_to_no_sum() -> None:
    lower, upper = agreed(forecast({"a": (4, 1), "b": (6, 2)}), forecast({"s": (4, 1)}), {"b": 168})
    assert lower.at(0.5)[:, 0] == pytest.approx([4, 6])
    assert upper.at(0.5)[0, 0] == pytest.approx(4)


def test_drivers_and_unowned_resources_stay_and_metrics_do_not_mix() -> None:
    cpu, memory = forecast({"a": (4, 1)}), forecast({"a": (7, 1), "free": (9, 1)}, "memory")
    services = [forecast({"s": (6, 1)}), forecast({"s": (8, 1)}, "memory"), forecast({"s": (99, 5)}, "users")]
    past = history(joined([cpu, memory]))
    pairs = list(coherent([memory, cpu], services, past, OWNERS))
    lower = {key: m for low, _ in pairs for key, m in zip(low.keys, low.at(0.5)[:, 0], strict=True)}
    upper = {key: m for _, up in pairs for key, m in zip(up.keys, up.at(0.5)[:, 0], strict=True)}
    assert lower == pytest.approx(
        {SeriesKey("a", "cpu"): 5, SeriesKey("a", "memory"): 7.5, SeriesKey("free", "memory"): 9}
    )
    assert upper == pytest.approx(
        {SeriesKey("s", "cpu"): 5, SeriesKey("s", "memory"): 7.5, SeriesKey("s", "users"): 99}
    )


def test_no_forecast_at_all_leaves_the_service_alone() -> None:
    lower, upper = agreed(forecast({"a": (np.nan, 1), "b": (6, 2)}), forecast({"s": (16, 1)}))
    assert np.isnan(lower.at(0.5)[0]).all() and lower.at(0.5)[1, 0] == 6
    assert upper.at(0.5)[0, 0] == 16


def test_medians_add_up_over_many_services_and_nothing_crosses() -> None:
    rng = np.random.default_rng(7)
    names = [f"r{i}" for i in range(60)]
    owners = {name: f"s{i % 9}" for i, name in enumerate(names)}
    medians, widths = rng.gamma(2, 10, 60), rng.gamma(2, 2, 60)
    below = forecast({n: (m, w) for n, m, w in zip(names, medians, widths, strict=True)}, horizon=5)
    below = replace(below, quantiles=np.maximum(below.quantiles, 0))
    above = forecast({f"s{i}": (float(rng.gamma(2, 80)), 10.0) for i in range(9)}, horizon=5)
    ((lower, upper),) = coherent(
        [below.take(range(30)), below.take(range(30, 60))], [above], history(below), owners
    )
    for i, key in enumerate(upper.keys):
        mine = [row for row, one in enumerate(lower.keys) if owners[one.subject] == key.subject]
        assert lower.at(0.5)[mine].sum(0) == pytest.approx(upper.at(0.5)[i])
    assert (np.diff(lower.quantiles, axis=2) >= 0).all() and (lower.quantiles >= 0).all()


def test_joined_keeps_order_and_refusals() -> None:
    one, two = forecast({"a": (1, 0), "b": (2, 0)}), forecast({"c": (3, 0)})
    two = replace(two, refusals={0: Refusal("too short")}, made_by=("last",))
    both = joined([one, two])
    assert [key.subject for key in both.keys] == ["a", "b", "c"]
    assert both.refusals == {2: Refusal("too short")} and both.made_by == ("x", "x", "last")
    with pytest.raises(ValueError, match="different slots"):
        joined([one, forecast({"c": (3, 0)}, horizon=3)])
    with pytest.raises(ValueError, match="no forecast"):
        joined([])


def test_services_give_way_altogether_where_they_are_told_to() -> None:
    below, above = forecast({"a": (4, 1), "b": (6, 2)}), forecast({"s": (16, 1)})
    past = history(below)
    ((lower, upper),) = coherent([below], [above], past, OWNERS, bottom_up={"cpu"})
    assert lower.quantiles.tobytes() == below.quantiles.tobytes()
    assert upper.at(0.5)[0] == pytest.approx([10, 10])
    ((_, kept),) = coherent([below], [above], past, OWNERS, bottom_up={"storage"})
    assert kept.at(0.5)[0, 0] == pytest.approx(15)
