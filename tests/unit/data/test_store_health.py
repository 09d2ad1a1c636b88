"""Data health: freshness, coverage, gaps; silent is not idle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from data.frames import Inventory
from data.loading import Loaded
from data.store import Store
from tests.store_frames import MONDAY, NOW, load

HOUR = 60.0
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Ten days: one steady, one with two holes, one that stopped on day 7, one daily, one that is mute."""
    with Store.open(tmp_path_factory.mktemp("health") / "headroom.duckdb") as opened:
        hours = range(10 * 24)
        load(opened, *((h * HOUR, "steady", "cpu", 0.0) for h in hours))
        load(opened, *((h * HOUR, "holes", "cpu", 1.0) for h in hours if h not in (30, 31, 32, 33, 100)))
        load(opened, *((h * HOUR, "stopped", "cpu", 1.0) for h in hours if h < 7 * 24))
        load(opened, *((d * DAY, "volume", "storage", 1.0) for d in range(10)))
        load(opened, *((h * HOUR, "new", "cpu", 1.0) for h in hours if h >= 9 * 24))
        inventory = Inventory(resources=pl.DataFrame({"resource": ["steady", "mute"], "kind": ["vm", "vm"]}))
        opened.record_inventory(inventory, run_id="r", source="cmdb", now=NOW)
        opened.refresh_rollups()
        yield opened


def test_who_stopped_is_silent_and_who_idles_is_not(store: Store) -> None:
    states = dict(store.frame("health_freshness").select("resource", "state").iter_rows())
    assert states == {
        "steady": "reporting",
        "holes": "reporting",
        "stopped": "silent",
        "volume": "reporting",
        "new": "reporting",
        "mute": "never",
    }
    late = store.frame("health_freshness", as_of=MONDAY + timedelta(days=10, hours=6))
    assert late.filter(pl.col("resource") == "steady")["state"].item() == "late"
    assert late.filter(pl.col("resource") == "volume")["state"].item() == "reporting"
    assert late.filter(pl.col("resource") == "steady")["hours_silent"].item() == 7.0


def test_coverage_counts_hours_or_days_since_the_first_sample(store: Store) -> None:
    rows = store.frame("health_coverage").rows_by_key("resource", named=True, unique=True)
    assert {name: (row["reported"], row["expected"]) for name, row in rows.items()} == {
        "steady": (240, 240),
        "holes": (235, 240),
        "stopped": (168, 240),
        "volume": (10, 10),
        "new": (24, 24),
    }
    week = store.frame("health_coverage", days=7).rows_by_key("resource", named=True, unique=True)
    assert week["stopped"]["coverage"] == pytest.approx(96 / 168)


def test_gaps_lie_between_reports(store: Store) -> None:
    gaps = store.frame("health_gaps", min_hours=1)
    assert gaps.select("resource", "starts_at", "ends_at", "hours").rows() == [
        ("holes", MONDAY + timedelta(hours=30), MONDAY + timedelta(hours=34), 4),
        ("holes", MONDAY + timedelta(hours=100), MONDAY + timedelta(hours=101), 1),
    ]
    assert store.frame("health_gaps")["hours"].to_list() == [4]
    assert store.frame("health_gaps", resource="steady").height == 0


def test_a_gap_that_began_before_the_window_is_one(tmp_path: Path) -> None:
    with Store.open(tmp_path / "headroom.duckdb") as store:
        hours = [*range(48), *range(90 * 24, 91 * 24)]
        load(store, *((h * HOUR, "back", "cpu", 1.0) for h in hours))
        load(store, *((h * HOUR, "steady", "cpu", 1.0) for h in range(91 * 24)))
        store.refresh_rollups()
        (gap,) = store.frame("health_gaps").rows()
        assert gap == ("back", "cpu", MONDAY + timedelta(days=2), MONDAY + timedelta(days=90), 88 * 24)
        assert (
            store.frame("health_gaps", resource="back", since=MONDAY + timedelta(days=90, hours=1)).height
            == 0
        )


def test_coverage_is_of_the_slots_that_a_series_usually_has(tmp_path: Path) -> None:
    with Store.open(tmp_path / "headroom.duckdb") as store:
        for every in (1, 6, 168):
            load(store, *((h * HOUR, f"every-{every}", "cpu", 1.0) for h in range(0, 28 * 24, every)))
        load(store, *((h * HOUR, "half", "cpu", 1.0) for h in range(0, 14 * 24, 6)))
        second = [(h * HOUR, "hourly", "cpu", 1.0) for h in range(0, 28 * 24, 2)]
        load(store, *second, step_seconds=300)  # every second hour is missing
        store.refresh_rollups()
        rows = store.frame("health_coverage").rows_by_key("resource", named=True, unique=True)
        assert {name: (row["reported"], row["expected"]) for name, row in rows.items()} == {
            "hourly": (336, 672),
            "every-1": (672, 672),
            "every-6": (112, 112),
            "every-168": (4, 4),
            "half": (56, 112),
        }


def test_sources_tell_how_far_they_got(tmp_path: Path) -> None:
    with Store.open(tmp_path / "headroom.duckdb") as store:
        assert store.watermark("prometheus") is None
        store.begin_run("r1", "ingest", "prometheus", NOW)
        store.finish_run("r1", "ingest", "prometheus", "failed", message="no answer", finished_at=NOW)
        store.begin_run("r2", "ingest", "prometheus", NOW + timedelta(hours=1))
        store.finish_run(
            "r2",
            "ingest",
            "prometheus",
            rows_read=12,
            loaded=Loaded(7, 1, 2, 2, MONDAY),
            finished_at=NOW + timedelta(hours=2),
        )
        store.begin_run("r2", "rollup", started_at=NOW)
        store.set_watermark("prometheus", MONDAY)
        store.set_watermark("prometheus", MONDAY + timedelta(hours=1))
        assert store.watermark("prometheus") == MONDAY + timedelta(hours=1)
        row = store.frame("health_sources").row(0, named=True)
    assert (row["source"], row["watermark"]) == ("prometheus", MONDAY + timedelta(hours=1))
    assert (row["last_outcome"], row["last_message"]) == ("done", None)
    assert (row["runs"], row["failed_runs"]) == (2, 1)
    assert (row["rows_read"], row["rows_loaded"], row["rows_replaced"], row["rows_rejected"]) == (12, 7, 1, 2)


def test_the_target_that_is_furthest_behind_is_the_watermark_of_its_source(tmp_path: Path) -> None:
    with Store.open(tmp_path / "headroom.duckdb") as store:
        store.set_watermark("cloud", MONDAY + timedelta(days=9))
        store.set_watermark("cloud", MONDAY, target="eu-west-1")
        store.set_watermark("cloud", MONDAY + timedelta(hours=5), target="eu-central-1")
        store.set_watermark("cloud", MONDAY + timedelta(hours=2), target="eu-west-1")
        assert store.watermark_targets("cloud") == {"eu-west-1", "eu-central-1"}
        assert store.watermark("cloud", "eu-west-1") == MONDAY + timedelta(hours=2)
        assert store.watermark("cloud", "us-east-1") is None
        assert store.watermark("cloud") == MONDAY + timedelta(days=9)
        row = store.frame("health_sources").row(0, named=True)
    assert row["watermark"] == MONDAY + timedelta(hours=2)
