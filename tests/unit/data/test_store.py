"""The store as its users see it: opening, conclusions, inventory, compaction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from data.errors import StoreUnavailable, UnknownName
from data.frames import Inventory
from data.loading import Loaded
from data.migrate import migrations
from data.reach import REACH_DAYS, REACH_LEVELS
from data.store import Store
from tests.store_frames import MONDAY, NOW, load, stored


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "headroom.duckdb") as opened:
        yield opened


def test_a_missing_store_is_made_by_the_writer_and_named_to_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "var" / "headroom.duckdb"
    with pytest.raises(StoreUnavailable, match="headroom ingest"):
        Store.open_readonly(path)
    Store.open(path).close()
    with Store.open_readonly(path) as reader:
        assert reader.newest_sample() is None


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreUnavailable, match=r"headroom\.duckdb"):
        Store.open(path)
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreUnavailable, match=r"headroom\.duckdb"):
        Store.open_readonly(path)


def test_a_newer_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    Store.open(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, '9999_from_the_future')")
    for opening in (Store.open, Store.open_readonly):
        with pytest.raises(StoreUnavailable, match=f"schema 9999, this one knows {max(migrations())}"):
            opening(path)


def test_an_older_store_is_brought_up_to_date_by_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    first = migrations()[1]
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL, name VARCHAR NOT NULL)")
        connection.execute(first.read_text(encoding="utf-8"))
        connection.execute("INSERT INTO schema_version VALUES (1, 'first')")
        connection.execute("INSERT INTO series (series_id, resource, metric) VALUES (1, 'a', 'cpu')")
    with pytest.raises(StoreUnavailable, match="older schema"):
        Store.open_readonly(path)
    with Store.open(path) as store:
        assert store.frame("panel_series", ids=[1])["resource"].to_list() == ["a"]
        store.replace("findings", pl.DataFrame())


def test_conclusions_are_replaced_as_a_whole(store: Store) -> None:
    row = {"resource": "a", "status": "idle", "severity": 1, "reasons": "cpu:idle", "because": "it idles"}
    store.replace("findings", pl.DataFrame([row, row | {"resource": "b"}]))
    store.replace("findings", pl.DataFrame([row | {"resource": "c"}]))
    assert store._connection.execute("SELECT resource FROM findings").fetchall() == [("c",)]
    store.replace("findings", pl.DataFrame())
    assert store._connection.execute("SELECT resource FROM findings").fetchall() == []


def test_conclusions_that_belong_together_are_replaced_all_or_none(store: Store) -> None:
    finding = {"resource": "a", "status": "idle", "severity": 1, "reasons": "", "because": "it idles"}
    cost = {"month": date(2024, 1, 1), "cost": Decimal("1.00"), "currency": "EUR", "is_forecast": False}
    store.replace_all({"findings": pl.DataFrame([finding]), "monthly_costs": pl.DataFrame([cost])})
    for spoiled, fault in (
        ({"cost": None}, ValueError),
        ({"colour": "red"}, ValueError),
    ):
        with pytest.raises(fault):
            store.replace_all(
                {"findings": pl.DataFrame(), "monthly_costs": pl.DataFrame([cost | spoiled])}  # type: ignore[dict-item]
            )
        for table in ("findings", "monthly_costs"):
            assert store._connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(1,)]
    with pytest.raises(UnknownName):
        store.replace_all({"findings": pl.DataFrame(), "samples": pl.DataFrame()})
    assert store._connection.execute("SELECT count(*) FROM findings").fetchall() == [(1,)]


def test_conclusions_may_leave_out_what_may_be_missing(store: Store) -> None:
    store.replace(
        "monthly_costs",
        pl.DataFrame(
            {
                "month": [date(2024, 1, 1)],
                "cost": [Decimal("12.30")],
                "currency": ["EUR"],
                "is_forecast": [False],
            }
        ),
    )
    rows = store._connection.execute("SELECT month, service, cost, low FROM monthly_costs").fetchall()
    assert rows == [(date(2024, 1, 1), None, Decimal("12.30"), None)]


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"resource": ["a"], "colour": ["red"]}, "no column colour"),
        ({"resource": ["a"], "status": ["idle"], "severity": [1], "reasons": [""]}, "'because'"),
        (
            {"resource": ["a"], "status": ["x"], "severity": ["high"], "reasons": [""], "because": [""]},
            "findings: .*high",
        ),
        (
            {"resource": [None], "status": ["x"], "severity": [1], "reasons": [""], "because": [""]},
            "'resource'",
        ),
    ],
)
def test_conclusions_that_do_not_fit_change_nothing(
    store: Store, columns: dict[str, list[object]], complaint: str
) -> None:
    good = {"resource": ["a"], "status": ["idle"], "severity": [1], "reasons": [""], "because": [""]}
    store.replace("findings", pl.DataFrame(good))
    with pytest.raises(ValueError, match=complaint):
        store.replace("findings", pl.DataFrame(columns))
    assert store._connection.execute("SELECT count(*) FROM findings").fetchall() == [(1,)]


@pytest.mark.parametrize("table", ["samples", "resources", "nothing", "findings; DROP TABLE runs"])
def test_only_conclusions_can_be_replaced(store: Store, table: str) -> None:
    with pytest.raises(UnknownName, match="table of conclusions"):
        store.replace(table, pl.DataFrame())


def test_times_keep_their_moment(store: Store) -> None:
    path = pl.DataFrame({"grain": ["hour"], "scope": ["resource"], "subject": ["a"], "metric": ["cpu"]})
    berlin = pl.Series("ts", [MONDAY]).dt.convert_time_zone("Europe/Berlin")
    store.replace("forecast_points", path.with_columns(berlin, q50=pl.lit(1.0)))
    forecast = store.frame("forecast_path", grain="hour", scope="resource", subject="a", metric="cpu")
    assert forecast["ts"].to_list() == [MONDAY] and forecast.schema["ts"] == pl.Datetime("us", "UTC")


def test_reach_comes_back_as_it_went_in(store: Store) -> None:
    amounts = [[float(day + i) for i in range(len(REACH_LEVELS))] for day in REACH_DAYS]
    store.replace(
        "reach",
        pl.DataFrame({"day": REACH_DAYS, "amounts": amounts}).with_columns(
            scope=pl.lit("resource"), subject=pl.lit("a"), metric=pl.lit("storage"), start=date(2024, 3, 1)
        ),
    )
    reach = store.reach("resource")
    assert reach.start == datetime(2024, 3, 1, tzinfo=UTC) and reach.amounts[0].tolist() == amounts
    assert len(store.reach("service").keys) == 0


def versions(store: Store, table: str) -> list[tuple[object, ...]]:
    rows = store._connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
    return [tuple(v for v in row if v is not None) for row in rows]


def vm(**said: object) -> pl.DataFrame:
    return pl.DataFrame([{"resource": "a", "kind": "vm"} | said])


def test_an_inventory_that_says_the_same_makes_no_version(store: Store) -> None:
    for hours in range(3):
        store.record_inventory(
            Inventory(resources=vm(service="shop")), run_id="r", source="s", now=NOW + timedelta(hours=hours)
        )
    assert versions(store, "resources") == [("a", "vm", "shop", datetime(1970, 1, 1))]  # noqa: DTZ001


def test_a_change_closes_the_version_before(store: Store) -> None:
    for hours, service in enumerate(["shop", "shop", "bank", "shop"]):
        store.record_inventory(
            Inventory(resources=vm(service=service)),
            run_id="r",
            source="s",
            now=NOW + timedelta(hours=hours),
        )
    naive = NOW.replace(tzinfo=None)
    second, third = naive + timedelta(hours=2), naive + timedelta(hours=3)
    assert versions(store, "resources") == [
        ("a", "vm", "bank", second, third),
        ("a", "vm", "shop", datetime(1970, 1, 1), second),  # noqa: DTZ001
        ("a", "vm", "shop", third),
    ]


def test_a_size_history_can_be_given_at_once_and_in_any_order(store: Store) -> None:
    prices = [(MONDAY + timedelta(days=d), Decimal(p)) for d, p in ((20, 30), (0, 10), (10, 20), (15, 20))]
    frame = pl.concat([vm(valid_from=moment, monthly_price=price) for moment, price in prices])
    store.record_inventory(Inventory(resources=frame), run_id="r", source="s", now=NOW)
    rows = store._connection.execute(
        "SELECT monthly_price, valid_from, valid_to FROM resources ORDER BY valid_from"
    ).fetchall()
    first = MONDAY.replace(tzinfo=None)
    days = [first + timedelta(days=d) for d in (0, 10, 20)]
    assert rows == [(10, days[0], days[1]), (20, days[1], days[2]), (30, days[2], None)]


def test_an_inventory_row_without_a_name_is_rejected(store: Store) -> None:
    resources = pl.DataFrame({"resource": ["a", None, "b"], "kind": ["vm", "vm", None]})
    capacities = pl.DataFrame({"resource": ["a"], "metric": ["cpu"], "capacity": [-4.0]})
    store.record_inventory(
        Inventory(resources=resources, capacities=capacities), run_id="r", source="cmdb", now=NOW
    )
    assert len(versions(store, "resources")) == 1
    reasons = store.frame("rejected_of", source="cmdb")["reason"].sort().to_list()
    assert reasons == ["capacity is negative or infinite", "kind is missing", "resource is missing"]


def test_services_dependencies_and_events_are_kept(store: Store) -> None:
    inventory = Inventory(
        services=pl.DataFrame({"service": ["shop"], "team": ["web"], "tier": [1]}),
        dependencies=pl.DataFrame({"service": ["shop", "shop"], "depends_on": ["db", "cache"]}),
        events=pl.DataFrame({"ts": [MONDAY], "subject": ["shop"], "kind": ["deployment"]}),
    )
    for _ in range(2):
        store.record_inventory(inventory, run_id="r", source="s", now=NOW)
    assert len(versions(store, "services")) == 1
    assert len(versions(store, "dependencies")) == 2
    assert len(versions(store, "events")) == 1


def test_an_inventory_with_unknown_columns_is_refused_whole(store: Store) -> None:
    with pytest.raises(ValueError, match="colour"):
        store.record_inventory(Inventory(resources=vm(colour="red")), run_id="r", source="s")
    assert versions(store, "resources") == []


@pytest.mark.parametrize("samples_each", [3, 5000])
def test_compaction_changes_the_file_and_nothing_in_it(store: Store, samples_each: int) -> None:
    rows = [(5.0 * i, f"vm-{s}", "cpu", float(i % 7)) for i in range(samples_each) for s in range(2)]
    load(store, *rows)
    store.refresh_rollups()
    load(store, (0, "vm-0", "cpu", 99.0))
    before = stored(store), store.frame("rollups_of_hour").rows(), store.frame("rejected_of").height
    report = store.compact()
    assert report.samples == len(rows) and report.bytes_after == store.path.stat().st_size
    assert (stored(store), store.frame("rollups_of_hour").rows(), store.frame("rejected_of").height) == before
    assert store.refresh_rollups() == 1
    assert load(store, *rows[:4]) == Loaded(replaced=1, unchanged=3, newest_sample=stored_moment(rows[3]))
    store.close()
    with Store.open(store.path) as again:
        assert len(stored(again)) == len(rows)
    assert sorted(file.name for file in store.path.parent.iterdir()) == [
        "headroom.duckdb",
        "headroom.duckdb.lock",
    ]


def stored_moment(row: tuple[object, ...]) -> datetime:
    return MONDAY + timedelta(minutes=float(row[0]))  # type: ignore[arg-type]
