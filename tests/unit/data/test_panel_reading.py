"""The panel that the store makes of its rollups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from data.panel import DAY, HOUR
from data.series import SeriesKey, Window
from data.store import Store
from tests.store_frames import MONDAY, load

NAN = np.nan


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("panel") / "headroom.duckdb") as opened:
        load(
            opened,
            *((0, "b", "memory", 2.0, None, 8.0), (0, "b", "cpu", 1.0), (30, "b", "cpu", 3.0, 9.0)),
            *((120, "b", "cpu", 5.0), (60, "a", "cpu", 0.0)),
            *((26 * 60, "a", "cpu", 4.0), (0, "shop", "requests", 100.0)),
        )
        opened.refresh_rollups()
        yield opened


def test_rows_are_sorted_and_slots_are_common(store: Store) -> None:
    panel = store.panel("hour")
    assert panel.keys == tuple(
        SeriesKey(*key) for key in (("a", "cpu"), ("b", "cpu"), ("b", "memory"), ("shop", "requests"))
    )
    assert (panel.start, panel.step, panel.slots) == (MONDAY, HOUR, 27)
    np.testing.assert_array_equal(panel.demand[1, :4], [2, NAN, 5, NAN])
    np.testing.assert_array_equal(panel.peak[1, :4], [9, NAN, 5, NAN])
    assert panel.demand[0, 1] == 0.0 and np.isnan(panel.demand[0, 0])
    assert np.isnan(panel.capacity[:2]).all() and (panel.capacity[2] == 8).all()


@pytest.mark.parametrize(("statistic", "value"), [("mean", 2.0), ("p95", 2.9), ("max", 9.0)])
def test_demand_is_the_statistic_and_peak_the_highest(store: Store, statistic: str, value: float) -> None:
    panel = store.panel("hour", subjects=["b"], metrics=["cpu"], statistic=statistic)  # type: ignore[arg-type]
    assert panel.demand[0, 0] == pytest.approx(value) and panel.peak[0, 0] == 9.0


def test_days(store: Store) -> None:
    panel = store.panel("day", metrics=["cpu"], statistic="max")
    assert panel.step == DAY and panel.start == MONDAY
    np.testing.assert_array_equal(panel.demand, [[0, 4], [9, NAN]])


def test_the_grid_starts_with_the_earliest_of_the_chosen(store: Store) -> None:
    panel = store.panel("hour", subjects=["a"])
    assert panel.start == MONDAY + HOUR and panel.slots == 26


def test_a_window_is_the_grid(store: Store) -> None:
    window = Window(MONDAY + timedelta(minutes=90), MONDAY + timedelta(hours=5))
    panel = store.panel("hour", metrics=["cpu"], window=window)
    assert (panel.start, panel.end) == (MONDAY + HOUR, MONDAY + 5 * HOUR)
    np.testing.assert_array_equal(panel.demand, [[0, NAN, NAN, NAN], [NAN, 5, NAN, NAN]])


def test_the_end_of_a_window_does_not_belong_to_it(store: Store) -> None:
    panel = store.panel("hour", subjects=["b"], metrics=["cpu"], window=Window(MONDAY, MONDAY + 2 * HOUR))
    np.testing.assert_array_equal(panel.demand, [[2, NAN]])


def test_nothing_chosen_is_an_empty_panel(store: Store) -> None:
    assert len(store.panel("hour", subjects=["nobody"])) == 0
    assert len(store.panel("day", metrics=[])) == 0
    far = Window(MONDAY + timedelta(days=900), MONDAY + timedelta(days=901))
    assert len(store.panel("hour", window=far)) == 0


def test_unknown_grains_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="grain"):
        store.panel("minute")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="statistic"):
        store.panel("hour", statistic="p99")  # type: ignore[arg-type]
