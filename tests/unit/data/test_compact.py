"""Compaction: small, the same content, and what retention removes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from data.compact import Removed, Retention
from data.frames import Batch
from data.loading import Loaded
from data.packing import by_time
from data.store import Store
from tests.store_frames import MONDAY, NOW, load, stored

DAY = 24 * 60.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "headroom.duckdb") as opened:
        yield opened


def estate(series: int, moments: int, seed: int = 1) -> pl.DataFrame:
    """Utilization with two decimals on a grid of 5 minutes, moment after moment."""
    rng = np.random.default_rng(seed)
    times = [MONDAY + timedelta(minutes=5 * i) for i in range(moments)]
    value = np.clip(rng.uniform(5, 60, series) + rng.normal(0, 5, (moments, series)), 0, 100).round(2)
    return pl.DataFrame(
        {
            "ts": pl.Series(times).gather(np.repeat(np.arange(moments), series)),
            "resource": pl.Series([f"vm-{i:04}" for i in range(series)]).gather(
                np.tile(np.arange(series), moments)
            ),
            "value": value.ravel(),
        }
    ).with_columns(metric=pl.lit("cpu"))


def test_few_rows_per_series_take_few_bytes_and_compact_never_adds_any(store: Store) -> None:
    samples = estate(2_500, 400)
    store.load(Batch(samples), run_id="r", source="s", now=NOW)
    store.refresh_rollups()
    first = store.compact()
    # The targets of a large store are 5 and 2.5; here the blocks of other tables weigh as well.
    assert first.bytes_after <= first.bytes_before < 7 * samples.height
    assert first.bytes_after < 5 * samples.height
    again = store.compact()
    assert again.bytes_after <= again.bytes_before == first.bytes_after
    assert again.samples == samples.height


def test_a_compaction_that_fails_leaves_no_half_copy_and_the_store_as_it_was(tmp_path: Path) -> None:
    def fail(done: int, all_rows: int) -> None:
        raise OSError("no room left")

    with Store.open(tmp_path / "headroom.duckdb") as store:
        store.load(Batch(estate(50, 40)), run_id="r", source="s", now=NOW)
        with pytest.raises(OSError, match="no room left"):
            store.compact(progress=fail)
        assert not list(tmp_path.glob("*.compacted*"))
        assert store.frame("samples_of").height == 2_000
        store.compact()
        assert store.frame("samples_of").height == 2_000


def test_retention_removes_samples_and_keeps_rollups(store: Store) -> None:
    load(store, (0, "a", "cpu", 1.0), (5, "a", "cpu", 3.0), (10 * DAY, "a", "cpu", 5.0))
    store.refresh_rollups()
    hours = store.frame("rollups_of_hour").rows()
    days = store.frame("rollups_of_day").rows()
    now = MONDAY + timedelta(days=12)
    report = store.compact(Retention(samples=5), now=now)
    assert report.removed == Removed(samples=2) and report.samples == 1
    assert stored(store) == [(10 * DAY, "a", "cpu", 5.0, None, None)]
    # Loading the same again brings nothing back and leaves the rollups as they were.
    again = load(store, (0, "a", "cpu", 1.0), (5, "a", "cpu", 9.0), (10 * DAY, "a", "cpu", 5.0))
    assert again.unchanged == 3 and again.new == again.replaced == 0
    store.refresh_rollups()
    assert store.frame("rollups_of_hour").rows() == hours
    assert store.frame("rollups_of_day").rows() == days


def test_the_old_history_of_a_new_series_is_still_taken(store: Store) -> None:
    load(store, (0, "a", "cpu", 1.0), (10 * DAY, "a", "cpu", 5.0))
    store.compact(Retention(samples=5), now=MONDAY + timedelta(days=12))
    assert load(store, (0, "b", "cpu", 2.0)).new == 1
    store.refresh_rollups()
    # Its first day is rolled up, yet its samples are there: more of that day can be merged with them.
    assert load(store, (5, "b", "cpu", 4.0)).new == 1
    store.refresh_rollups()
    assert store.frame("rollups_of_day", resource="b")["mean"].to_list() == [3.0]
    store.compact(Retention(samples=5), now=MONDAY + timedelta(days=12))
    assert [row[1] for row in stored(store)] == ["a"]
    assert store.frame("rollups_of_day", resource="b")["count"].to_list() == [2]


def test_a_retention_never_brings_back_what_a_shorter_one_removed(store: Store) -> None:
    load(store, (0, "a", "cpu", 1.0), (10 * DAY, "a", "cpu", 5.0))
    now = MONDAY + timedelta(days=12)
    for days in (5, 11):
        store.compact(Retention(samples=days), now=now)
    assert load(store, (2 * DAY, "a", "cpu", 2.0)) == Loaded(new=1, newest_sample=MONDAY + timedelta(days=2))
    assert load(store, (0, "a", "cpu", 9.0)).unchanged == 1


def test_old_rejected_rows_and_steps_are_removed(store: Store) -> None:
    for days in (0, 30):
        moment = MONDAY + timedelta(days=days)
        store.load(
            Batch(estate(1, 1).with_columns(value=pl.lit(float("nan")))),
            run_id=f"r{days}",
            source=f"s{days}",
            now=moment,
        )
        store.begin_run(f"r{days}", "ingest", "s", started_at=moment)
    report = store.compact(Retention(rejected=10, runs=10), now=MONDAY + timedelta(days=31))
    assert report.removed == Removed(rejected=1, runs=1)
    assert store.frame("rejected_of")["run_id"].to_list() == ["r30"]
    assert store.frame("health_rejected")["rows"].to_list() == [1]


def test_a_retention_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 day, not 0"):
        Retention(samples=0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), min_size=1, max_size=60))
def test_the_snake_reorders_and_changes_nothing(keys: list[tuple[int, int]]) -> None:
    staged = pl.DataFrame(
        {
            "ts": [MONDAY.replace(tzinfo=None) + timedelta(minutes=m) for m, _ in keys],
            "series_id": [s for _, s in keys],
        },
        schema={"ts": pl.Datetime("us"), "series_id": pl.Int32},
    )
    ordered = by_time(staged)
    assert sorted(ordered.rows()) == sorted(staged.rows())
    assert ordered["ts"].is_sorted()
    moments = ordered.group_by("ts", maintain_order=True).agg("series_id")["series_id"].to_list()
    for place, series in enumerate(moments):
        assert series == sorted(series, reverse=place % 2 == 1)
