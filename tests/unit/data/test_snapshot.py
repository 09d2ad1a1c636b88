"""The snapshot as the dashboard sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from data.errors import StoreUnavailable, UnknownName
from data.frames import Inventory
from data.migrate import migrations
from data.panel import HOUR
from data.series import SeriesKey, Window
from data.snapshot import Snapshot
from data.store import Store
from tests.store_frames import MONDAY, NOW, load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshot")
    with Store.open(path / "headroom.duckdb") as store:
        load(store, *((60.0 * h, "a", "cpu", float(h), None, 8.0 if h < 30 else 16.0) for h in range(48)))
        load(store, (0, "shop", "requests", 70.0))
        store.record_inventory(
            Inventory(resources=pl.DataFrame({"resource": ["a"], "kind": ["vm"], "service": ["shop"]})),
            run_id="r",
            source="cmdb",
            now=NOW,
        )
        store.refresh_rollups()
        service = {"service": "shop", "metric": "cpu", "ts": MONDAY, "mean": 1.0, "p95": 2.0, "max": 3.0}
        store.replace("service_hour", pl.DataFrame([service | {"capacity": 8.0, "members": 1}]))
        path_of = {"grain": "day", "scope": "service", "subject": "shop", "metric": "cpu"}
        days = [{"ts": MONDAY + timedelta(days=d), "q05": 1.0, "q50": 2.0, "q95": 3.0} for d in (1, 0)]
        store.replace("forecast_points", pl.DataFrame([path_of | day for day in days]))
        store.publish(
            path / "published",
            run_id="run-1",
            as_of=MONDAY + 48 * HOUR,
            published_at=NOW,
            program_version="0.1.0",
            currency="EUR",
            settings_json='{"horizon": 90}',
        )
    return path / "published"


@pytest.fixture
def snapshot(folder: Path) -> Iterator[Snapshot]:
    with Snapshot.open(folder) as opened:
        yield opened


def test_it_knows_what_it_is(snapshot: Snapshot) -> None:
    assert (snapshot.run_id, snapshot.currency, snapshot.program_version) == ("run-1", "EUR", "0.1.0")
    assert (snapshot.as_of, snapshot.published_at) == (MONDAY + 48 * HOUR, NOW)
    assert snapshot.settings == '{"horizon": 90}'


def test_demand_of_a_resource_by_hour_and_day(snapshot: Snapshot) -> None:
    hours = snapshot.demand("a", "cpu")
    assert hours.columns == ["ts", "mean", "p95", "max", "capacity"] and hours.height == 48
    assert hours["capacity"].to_list() == [8.0] * 30 + [16.0] * 18
    window = Window(MONDAY + 29 * HOUR, MONDAY + 31 * HOUR)
    assert snapshot.demand("a", "cpu", window=window).rows() == [
        (MONDAY + 29 * HOUR, 29, 29, 29, 8),
        (MONDAY + 30 * HOUR, 30, 30, 30, 16),
    ]
    days = snapshot.demand("a", "cpu", grain="day")
    assert days["max"].to_list() == [23, 47] and days["capacity"].to_list() == [8, 16]
    assert days["p95"].to_list() == pytest.approx([21.85, 45.85])
    assert snapshot.demand("nobody", "cpu").height == 0


def test_demand_of_a_service_and_of_its_driver(snapshot: Snapshot) -> None:
    assert snapshot.demand("shop", "cpu", scope="service").rows() == [(MONDAY, 1, 2, 3, 8)]
    assert snapshot.demand("shop", "requests", scope="service").rows() == [(MONDAY, 70, 70, 70, None)]
    assert snapshot.demand("shop", "requests", scope="service", grain="day")["mean"].to_list() == [70]


def test_forecast_is_sorted_by_time(snapshot: Snapshot) -> None:
    forecast = snapshot.forecast("shop", "cpu", grain="day", scope="service")
    assert forecast["ts"].to_list() == [MONDAY, MONDAY + timedelta(days=1)]
    assert forecast["q50"].to_list() == [2, 2] and forecast["q25"].to_list() == [None, None]
    assert snapshot.forecast("shop", "cpu").height == 0


def test_panel_as_the_store_makes_it(snapshot: Snapshot) -> None:
    panel = snapshot.panel("hour", metrics=["cpu"])
    assert panel.keys == (SeriesKey("a", "cpu"),)
    np.testing.assert_array_equal(panel.demand[0], np.arange(48))


def test_unknown_tables_and_queries_are_named(snapshot: Snapshot) -> None:
    with pytest.raises(UnknownName, match="did you mean findings"):
        snapshot.table("finding")
    with pytest.raises(UnknownName, match="table"):
        snapshot.table("findings; DROP TABLE findings")
    with pytest.raises(UnknownName, match="query"):
        snapshot.frame("nothing_like_it")


def test_nothing_can_be_written(snapshot: Snapshot) -> None:
    with pytest.raises(duckdb.Error):
        snapshot._connection.execute("DELETE FROM findings").fetchall()


def test_threads_may_share_it(snapshot: Snapshot) -> None:
    failures: list[Exception] = []

    def ask() -> None:
        try:
            for _ in range(20):
                assert snapshot.demand("a", "cpu").height == 48
                assert snapshot.table("resources").height == 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_run_of_an_older_program_can_be_opened(folder: Path, tmp_path: Path) -> None:
    missing = 3  # made tables and nothing else, so that taking them away undoes it
    old = tmp_path / "run-0.duckdb"
    old.write_bytes((folder / "run-1.duckdb").read_bytes())
    (tmp_path / "run-0.json").write_text((folder / "run-1.json").read_text().replace("run-1", "run-0"))
    text = migrations()[missing].read_text(encoding="utf-8")
    dropped = [line.split()[2] for line in text.splitlines() if line.startswith("CREATE TABLE")]
    with duckdb.connect(str(old)) as connection:
        for table in dropped:
            connection.execute(f"DROP TABLE {table.rstrip('(')}")
        connection.execute("DELETE FROM schema_version WHERE version = $missing", {"missing": missing})
        connection.execute("UPDATE snapshot SET run_id = 'run-0'")
    before = old.read_bytes()
    with Snapshot.open(tmp_path, "run-0") as snapshot:
        assert snapshot.run_id == "run-0" and snapshot.path == old
        assert snapshot.demand("a", "cpu").height == 48
        for table in dropped:
            assert snapshot.table(table).height == 0
    assert old.read_bytes() == before


def test_a_run_of_a_newer_program_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run-1.duckdb"
    copy.write_bytes((folder / "run-1.duckdb").read_bytes())
    (tmp_path / "current").write_text("run-1.duckdb\n")
    with duckdb.connect(str(copy)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, 'future')")
    with pytest.raises(StoreUnavailable, match="newer program"):
        Snapshot.open(tmp_path)
