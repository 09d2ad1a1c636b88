"""Announced events at the hourly grain: of one metric, with an amount, without an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.panel import HOUR, Panel
from data.series import SeriesKey, Window
from models.features.known import Expected, Known, mask_windows
from models.forecasters.informed import Informed
from models.forecasters.seasonal_naive import SeasonalNaive
from tests.notation import MONDAY

LEVELS = (0.1, 0.5, 0.9)
FOR_GOOD = datetime(9000, 1, 1, tzinfo=UTC)
HOURS = 24 * 21


def history(metric: str = "cpu") -> Panel:
    day = 10 + 5 * np.sin(2 * np.pi * np.arange(HOURS) / 24)
    noise = np.random.default_rng(0).normal(0, 0.2, (1, HOURS))
    return Panel.of([SeriesKey("r0", metric)], MONDAY, HOUR, day + noise)


def asked(event: Expected, metric: str = "cpu") -> tuple[np.ndarray, np.ndarray]:
    panel = history(metric)
    told = Informed(SeasonalNaive(), {"r0": Known(expected=(event,))}, month_ends=False)
    plain = SeasonalNaive().forecast(panel, 48, LEVELS)
    return plain.quantiles[0], told.forecast(panel, 48, LEVELS).quantiles[0]


def at(hour: int) -> datetime:
    return MONDAY + (HOURS + hour) * HOUR


def test_an_amount_is_added_at_every_level() -> None:
    plain, told = asked(Expected(Window(at(10), at(20)), 2.0, "sale", 7.0, "cpu"))
    np.testing.assert_allclose(told[10:20], 2 * plain[10:20] + 7)
    np.testing.assert_array_equal(told[:10], plain[:10])
    np.testing.assert_array_equal(told[20:], plain[20:])


def test_what_lasts_has_no_end() -> None:
    plain, told = asked(Expected(Window(at(10), FOR_GOOD), 1.5, lasts=True))
    np.testing.assert_allclose(told[10:], 1.5 * plain[10:])


def test_what_lasts_and_has_begun_is_in_the_history() -> None:
    begun = Expected(Window(at(-200), FOR_GOOD), 1.5, lasts=True)
    plain, told = asked(begun)
    np.testing.assert_array_equal(told, plain)
    assert not mask_windows(history(), {"r0": Known(expected=(begun,))})


@pytest.mark.parametrize(
    ("of", "metric", "moved"),
    [(None, "storage", False), ("storage", "storage", True), ("memory", "cpu", False), (None, "cpu", True)],
)
def test_it_concerns_its_metric_or_all_that_flow(of: str | None, metric: str, moved: bool) -> None:
    plain, told = asked(Expected(Window(at(0), at(48)), 2.0, metric=of), metric)
    np.testing.assert_allclose(told, (2 if moved else 1) * plain)


def test_it_says_what_it_does() -> None:
    window = Window(at(0), at(0) + timedelta(hours=1))
    assert Expected(window, 1.5, "sale").sentence == "sale: 1.5 times as much"
    assert Expected(window, 1.0, "move", -30.0, "cpu").sentence == "move: -30"
    assert Expected(window, 2.0, "", 3.0, "cpu").sentence == "a known event: 2 times as much, then +3"
