"""Rollups against a plain loop, and the history of capacity."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.capacity import changes, history_of, on_grid
from data.frames import Inventory
from data.rollups import Chunk, chunks
from data.store import Store
from tests.store_frames import MONDAY, NOW, Row, load

numbers = itertools.count()
HOUR = 60.0
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("rollups") / "headroom.duckdb") as opened:
        yield opened


def plain_rollups(rows: list[Row], step: float) -> list[tuple[object, ...]]:
    """The oracle: slot, mean, p95, max, count of one series."""
    slots: dict[float, list[Row]] = defaultdict(list)
    for row in rows:
        slots[float(row[0]) // step * step].append(row)  # type: ignore[arg-type]
    answer = []
    for slot, members in sorted(slots.items()):
        values = sorted(float(row[3]) for row in members)  # type: ignore[arg-type]
        place = 0.95 * (len(values) - 1)
        low = int(place)
        p95 = values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])
        highest = max(max(float(row[3]), float(row[4] or 0)) for row in members)  # type: ignore[arg-type]
        answer.append((slot, sum(values) / len(values), p95, highest, len(values)))
    return answer


def half_digit(amount: float) -> float:
    """The most that rounding moves it: to a thousandth, to four digits below 1, to six from 1,000 upward."""
    first = math.floor(math.log10(amount)) if amount else 0
    decimals = min(3, 5 - first) if first >= 0 else 3 - first
    return 0.500001 * 10.0**-decimals


ROWS = st.lists(
    st.tuples(
        st.integers(0, 3 * 24 * 12).map(lambda n: n * 5.0),
        st.just("x"),
        st.just("cpu"),
        st.floats(0, 100).map(lambda x: round(x, 2)),
        st.one_of(st.none(), st.floats(0, 200).map(lambda x: round(x, 2))),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[0],
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, cut=st.integers(0, 40))
def test_rollups_are_what_a_plain_loop_says(store: Store, rows: list[Row], cut: int) -> None:
    name = f"x{next(numbers)}"
    named = [(row[0], name, *row[2:]) for row in rows]
    load(store, *named[:cut])
    store.refresh_rollups()
    load(store, *named[cut:])
    store.refresh_rollups()
    for query, column, step in (("rollups_of_hour", "ts", HOUR), ("rollups_of_day", "day", DAY)):
        frame = store.frame(query, resource=name)
        expected = plain_rollups(named, step)
        assert frame.height == len(expected)
        for got, wanted in zip(frame.rows(named=True), expected, strict=True):
            moment = got[column]
            start = MONDAY.date() if column == "day" else MONDAY
            assert (moment - start) / timedelta(minutes=1) == wanted[0]
            mean, p95, highest, count = wanted[1:]
            assert got["mean"] == pytest.approx(mean, abs=half_digit(mean), rel=0)
            assert got["p95"] == pytest.approx(p95, abs=half_digit(p95), rel=0)
            assert (got["max"], got["count"]) == (highest, count)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.0, 0.0),
        (0.000123456, 0.0001235),
        (0.56789, 0.5679),
        (1.23456, 1.235),
        (999.12345, 999.123),
        (1234.56789, 1234.57),
        (98765432.1, 98765400.0),
    ],
)
def test_means_keep_a_thousandth_or_what_is_worth_keeping(store: Store, value: float, kept: float) -> None:
    name = f"digits-{value}"
    load(store, (0, name, "cpu", value), (5, name, "cpu", value))
    store.refresh_rollups()
    (row,) = store.frame("rollups_of_hour", resource=name).rows(named=True)
    # Never above the highest, which stays exact.
    assert (row["mean"], row["p95"], row["max"]) == (min(kept, value), min(kept, value), value)


def test_only_touched_days_are_refreshed(store: Store) -> None:
    load(store, *((h * HOUR, f"t{i}", "cpu", 1.0) for h in range(72) for i in range(3)))
    assert store.refresh_rollups() == 9
    assert store.refresh_rollups() == 0
    load(store, (30 * HOUR, "t1", "cpu", 5.0), (31 * HOUR, "t1", "cpu", 1.0))  # the second is unchanged
    load(store, (50 * HOUR, "t2", "cpu", 1.0))  # unchanged
    assert store.refresh_rollups() == 1
    assert store.frame("rollups_of_day", resource="t1")["max"].to_list() == [1, 5, 1]


def test_a_killed_refresh_goes_on_where_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.rollups.CHUNK_SERIES_DAYS", 2)
    load(store, *((d * DAY, f"k{i}", "cpu", 1.0) for d in range(4) for i in range(2)))
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.refresh_rollups(stop)
    assert store.frame("rollups_of_day", resource="k0").height == 2
    assert store.refresh_rollups(lambda done, total: seen.append((done, total))) == 4
    assert seen == [(2, 8), (4, 8), (2, 4), (4, 4)]
    assert store.frame("rollups_of_day", resource="k0").height == 4


def test_chunks_are_whole_days_or_parts_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.rollups.CHUNK_SERIES_DAYS", 10)
    days = [MONDAY.date() + timedelta(days=d) for d in range(5)]
    found = list(chunks(list(zip(days, [4, 6, 1, 25, 3], strict=True))))
    assert found == [
        Chunk(days[0], days[1], 1, 0),
        Chunk(days[2], days[2], 1, 0),
        *(Chunk(days[3], days[3], 3, part) for part in range(3)),
        Chunk(days[4], days[4], 1, 0),
    ]


def test_a_day_of_very_many_series_is_refreshed_in_parts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.rollups.CHUNK_SERIES_DAYS", 3)
    load(store, *((d * DAY, f"m{i}", "cpu", float(i)) for d in range(3) for i in range(8 if d == 1 else 1)))
    steps: list[int] = []
    assert store.refresh_rollups(lambda done, _: steps.append(done)) == 10
    assert len(steps) > 3 and steps[-1] == 10
    for i in range(8):
        frame = store.frame("rollups_of_day", resource=f"m{i}")
        assert frame["mean"].to_list() == [i] * (3 if i == 0 else 1)
    assert store.refresh_rollups() == 0


def history(store: Store, resource: str) -> list[tuple[float, float | None]]:
    """Hours after MONDAY and capacity, of every stretch; they must join without a hole."""
    frame = store.frame("capacities_of", resource=resource)
    assert frame["valid_to"].to_list() == [*frame["valid_from"].to_list()[1:], None]
    return [
        ((moment - MONDAY) / timedelta(hours=1), level)
        for moment, level in frame.select("valid_from", "capacity").iter_rows()
    ]


def hourly(resource: str, levels: list[float | None], start: int = 0) -> list[Row]:
    return [((start + h) * HOUR, resource, "cpu", 1.0, None, c) for h, c in enumerate(levels)]


def test_a_resize_and_a_switch_off_are_history(store: Store) -> None:
    load(store, *hourly("resized", [8.0] * 5 + [16.0] * 5 + [0.0] * 3 + [16.0] * 2))
    store.refresh_rollups()
    assert history(store, "resized") == [(0, 8), (5, 16), (10, 0), (13, 16)]


def test_a_late_day_finds_its_place_in_the_history(store: Store) -> None:
    load(store, *hourly("late", [8.0] * 24 + [16.0] * 24, start=24))
    store.refresh_rollups()
    load(store, *hourly("late", [4.0] * 24))
    store.refresh_rollups()
    assert history(store, "late") == [(0, 4), (24, 8), (48, 16)]


def test_a_corrected_capacity_leaves_no_trace(store: Store) -> None:
    load(store, *hourly("corrected", [8.0] * 10 + [80.0] * 2))
    store.refresh_rollups()
    assert history(store, "corrected") == [(0, 8), (10, 80)]
    load(store, *hourly("corrected", [8.0] * 12))
    store.refresh_rollups()
    assert history(store, "corrected") == [(0, 8)]


def test_jitter_makes_no_rows(store: Store) -> None:
    generator = np.random.default_rng(5)
    levels = [float(x) for x in 550 * (1 + generator.uniform(-0.05, 0.05, 24 * 60))]
    load(store, *hourly("jitter", levels))
    store.refresh_rollups()
    assert len(history(store, "jitter")) <= 2


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([100.0] * 30 + [101.0] * 30, [(0, 100), (30, 101)]),  # small, but it lasts
        ([100.0] * 30 + [101.0] * 3 + [100.0] * 30, [(0, 100)]),  # small and short
        ([100.0] * 30 + [95.0, 96.0] * 12, [(0, 100), (30, 95)]),  # jitters, but elsewhere
        ([100.0] * 3 + [150.0] + [100.0] * 3, [(0, 100)]),  # one hour off
        ([100.0] * 3 + [150.0], [(0, 100), (3, 150)]),  # the newest thing known
        ([100.0] * 3 + [0.0] + [100.0] * 3, [(0, 100), (3, 0), (4, 100)]),  # off is off
        ([100.0, 107.0, 115.0, 123.0, 131.0], [(0, 100), (2, 115), (4, 131)]),  # a drift adds up
        ([], []),
    ],
)
def test_which_change_counts(levels: list[float], expected: list[tuple[int, float]]) -> None:
    hours = np.datetime64("2024-01-01", "us") + np.arange(len(levels)) * np.timedelta64(3600, "s")
    found = changes(hours, np.array(levels, float))
    assert [(int((h - hours[0]) / np.timedelta64(3600, "s")), c) for h, c in found] == expected


def test_what_was_measured_wins_over_what_is_stated_while_it_lasts() -> None:
    def at(day: int) -> datetime:
        return datetime(2024, 1, day)  # noqa: DTZ001

    measured = pl.DataFrame(
        {"series_id": [1, 1], "ts": [at(10), at(20)], "capacity": [8.0, 8.0]},
        schema_overrides={"series_id": pl.Int32},
    )
    stated = pl.DataFrame(
        {
            "series_id": [1] * 4,
            "valid_from": [at(1), at(5), at(15), at(25)],
            "capacity": [2.0, 4.0, 99.0, 32.0],
        },
        schema_overrides={"series_id": pl.Int32},
    )
    rows = history_of(measured, stated).rows()
    assert rows == [
        (1, at(1), at(5), 2.0),
        (1, at(5), at(10), 4.0),
        (1, at(10), at(25), 8.0),
        (1, at(25), None, 32.0),
    ]


def test_a_slot_has_the_capacity_that_holds_at_its_end() -> None:
    day = np.datetime64("2024-01-01", "us")
    times = day + np.arange(5) * np.timedelta64(1, "h")
    starts = np.array([times[1] + np.timedelta64(30, "m"), times[3]])
    grid = on_grid([(starts, np.array([8.0, 16.0])), (starts[:0], np.array([]))], times)
    np.testing.assert_array_equal(grid, [[np.nan, 8, 8, 16], [np.nan] * 4])


def test_stated_capacity_reaches_back_and_changes_forward(store: Store) -> None:
    load(store, *((h * HOUR, "stated", "cpu", 1.0) for h in range(48)))
    store.refresh_rollups()

    def state(capacity: float, moment: datetime) -> None:
        frame = pl.DataFrame({"resource": ["stated"], "metric": ["cpu"], "capacity": [capacity]})
        store.record_inventory(Inventory(capacities=frame), run_id="r", source="cmdb", now=moment)

    state(4.0, NOW)
    state(4.0, NOW + timedelta(days=1))
    state(8.0, NOW + timedelta(days=2))
    levels = store.frame("capacities_of", resource="stated")["capacity"].to_list()
    assert levels == [4, 8]
    panel = store.panel("hour", subjects=["stated"])
    np.testing.assert_array_equal(panel.capacity, np.full((1, 48), 4.0))


def test_the_newest_file_of_a_day_is_in_the_panel(tmp_path: Path) -> None:
    with Store.open(tmp_path / "headroom.duckdb") as store:
        load(store, (0, "a", "cpu", 1.0, None, 4.0))
        store.refresh_rollups()
        load(store, (30, "a", "cpu", 3.0, None, 0.0))
        store.refresh_rollups()
        panel = store.panel("hour")
        assert panel.demand.tolist() == [[2.0]] and panel.capacity.tolist() == [[4.0]]


def test_a_mean_half_way_between_two_digits_falls_to_one_side_in_any_order(store: Store) -> None:
    draw = np.random.default_rng(0)
    values = draw.integers(1_000, 10_000, (1_000, 12))
    values[:, 0] += (6 - values.sum(1)) % 12  # in ten-thousandths: every mean ends on exactly half of one
    means = []
    for order in ("forth", "back"):
        for_order = values if order == "forth" else values[:, ::-1]
        rows = [
            (5.0 * k, f"{order}-{i:04d}", "cpu", value / 10_000)
            for i, series in enumerate(for_order.tolist())
            for k, value in enumerate(series)
        ]
        load(store, *rows)
        store.refresh_rollups()
        hours = store.frame("rollups_of_hour").filter(pl.col("resource").str.starts_with(order))
        means.append(hours.sort("resource")["mean"].to_list())
    assert len(means[0]) == 1_000
    assert means[0] == means[1]
