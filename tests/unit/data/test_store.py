"""The store: what goes in comes out, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import StoreUnavailable, UnknownName
from data.frames import CAPACITY_SCHEMA, RESOURCE_SCHEMA, Batch, Inventory, empty
from data.panel import HOUR
from data.series import SeriesKey, Window
from data.snapshot import Snapshot
from data.store import Store

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def samples(*rows: tuple[object, ...]) -> pl.DataFrame:
    """Rows of (minutes after MONDAY, resource, metric, value, [value_max], [capacity])."""
    return pl.DataFrame(
        {
            "ts": [MONDAY + timedelta(minutes=row[0]) for row in rows],  # type: ignore[arg-type]
            "resource": [row[1] for row in rows],
            "metric": [row[2] for row in rows],
            "value": [row[3] for row in rows],
            "value_max": [row[4] if len(row) > 4 else None for row in rows],
            "capacity": [row[5] if len(row) > 5 else None for row in rows],
        },
        schema_overrides={"value": pl.Float64, "value_max": pl.Float64, "capacity": pl.Float64},
    )


def load(store: Store, *rows: tuple[object, ...], **settings: object):
    return store.load(Batch(samples(*rows)), run_id="r", source="test", now=NOW, **settings)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "headroom.duckdb") as opened:
        yield opened


def test_a_panel_holds_what_was_loaded(store: Store) -> None:
    load(
        store, (0, "a", "cpu", 1.0), (30, "a", "cpu", 3.0, 9.0), (120, "a", "cpu", 5.0), (60, "b", "cpu", 2.0)
    )
    assert store.refresh_rollups() == 2
    panel = store.panel("hour")
    assert panel.keys == (SeriesKey("a", "cpu"), SeriesKey("b", "cpu"))
    assert panel.start == MONDAY and panel.step == HOUR
    np.testing.assert_array_equal(panel.demand, [[2, np.nan, 5], [np.nan, 2, np.nan]])
    np.testing.assert_array_equal(panel.peak, [[9, np.nan, 5], [np.nan, 2, np.nan]])
    assert np.isnan(panel.capacity).all()


def test_inventory_publish_and_snapshot(store: Store, tmp_path: Path) -> None:
    load(store, (0, "a", "cpu", 1.0), (60, "a", "cpu", 3.0))
    inventory = Inventory(
        resources=pl.DataFrame({"resource": ["a"], "kind": ["vm"], "service": ["shop"]}),
        capacities=pl.DataFrame({"resource": ["a"], "metric": ["cpu"], "capacity": [4.0]}),
    )
    store.record_inventory(inventory, run_id="r", source="test", now=NOW)
    store.record_inventory(inventory, run_id="r", source="test", now=NOW + HOUR)
    store.refresh_rollups()
    np.testing.assert_array_equal(store.panel("hour").capacity, [[4, 4]])
    with pytest.raises(StoreUnavailable, match="headroom run"):
        Snapshot.open(tmp_path / "published")
    store.replace(
        "findings",
        pl.DataFrame(
            {"resource": ["a"], "status": ["idle"], "severity": [1], "reasons": [""], "because": ["x"]}
        ),
    )
    path = store.publish(
        tmp_path / "published",
        run_id="r1",
        as_of=MONDAY + 2 * HOUR,
        published_at=NOW,
        program_version="0",
        currency="EUR",
        settings_json="{}",
    )
    with Snapshot.open(tmp_path / "published") as snapshot:
        assert snapshot.path == path and snapshot.run_id == "r1" and snapshot.as_of == MONDAY + 2 * HOUR
        assert snapshot.table("findings")["resource"].to_list() == ["a"]
        assert snapshot.table("resources").height == 1
        demand = snapshot.demand("a", "cpu")
        assert demand["mean"].to_list() == [1, 3] and demand["capacity"].to_list() == [4, 4]
        assert snapshot.demand("a", "cpu", grain="day")["max"].to_list() == [3]
        assert snapshot.forecast("a", "cpu").height == 0
        assert len(snapshot.reach("resource").keys) == 0
        assert len(Snapshot.runs(tmp_path / "published")) == 1
