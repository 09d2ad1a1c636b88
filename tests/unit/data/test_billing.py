"""Bills in the store: exactly once, summed by month, held against what was computed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from data.billing import BillLoaded
from data.bills import BILL_SCHEMA, CONFORMANCE_SCHEMA, BillBatch
from data.errors import SourceError
from data.frames import Inventory
from data.store import Store

OCTOBER, NOVEMBER = datetime(2026, 10, 3, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "headroom.duckdb") as opened:
        yield opened


def charge(cost: str, **known: object) -> dict[str, object]:
    return {
        "charge_start": OCTOBER,
        "currency": "EUR",
        "provider": "AWS",
        "billed_cost": Decimal(cost),
        "origin": "x",
    } | known


def batch(*charges: dict[str, object]) -> BillBatch:
    found = pl.DataFrame([("x", "Tags", "odd", 1, "e")], schema=CONFORMANCE_SCHEMA, orient="row")
    return BillBatch(pl.DataFrame(list(charges), schema=BILL_SCHEMA), found, rows_read=len(charges))


def record(store: Store, origin: str, *batches: BillBatch) -> BillLoaded:
    return store.record_bill(origin, batches, run_id="r", source="cloud")


def test_the_same_file_again_takes_the_place_of_its_rows(store: Store) -> None:
    parts = (batch(charge("1.5"), charge("2.5")), batch(charge("-1")))
    assert record(store, "a.csv", *parts) == BillLoaded(3, 3, 0, 0, 1)
    assert record(store, "a.csv", *parts) == BillLoaded(3, 3, 3, 0, 1)
    record(store, "b.csv", batch(charge("10")))
    files = store.frame("bills_files").select("origin", "charges", "billed_cost").rows()
    assert files == [("a.csv", 3, Decimal("3.00000000000000")), ("b.csv", 1, Decimal(10))]
    assert store.frame("bills_conformance").select("column", "files", "rows").rows() == [("Tags", 2, 3)]


def test_a_copy_under_another_name_counts_once_and_is_named(store: Store) -> None:
    charges = [charge("1.5", resource="i-1"), charge("1.5", resource="i-1"), charge("-1", resource="i-2")]
    record(store, "a.csv", batch(*charges))
    for name in ("copy of a.csv", "a.parquet", "copy of a.csv"):
        assert record(store, name, batch(*reversed(charges))).copies == ((name, "a.csv"),)
    part = record(store, "part.csv", batch(charges[0]))
    assert (part.charges, part.copies) == (0, (("part.csv", "a.csv"),))
    assert store.frame("bills_files").select("origin", "charges").rows() == [("a.csv", 3)]
    # The first file may still be loaded again, and be corrected.
    again = record(store, "a.csv", batch(*charges, charge("9")))
    assert (again.charges, again.replaced, again.copies, again.shared) == (4, 3, (), ())


def test_charges_that_are_in_two_files_are_named_where_neither_is_a_copy(store: Store) -> None:
    same = [charge("1.5", resource="i-1"), charge("2", resource="i-2")]
    record(store, "a.csv", batch(*same, charge("3", resource="i-3")))
    loaded = record(store, "b.csv", batch(*same, charge("4", resource="i-4")))
    assert (loaded.charges, loaded.copies, loaded.shared) == (3, (), (("b.csv", "a.csv", 2),))
    # The same amount for another day, machine or file of another currency is another charge.
    others = (charge("1.5", resource="i-9"), charge("1.5", resource="i-1", currency="USD"))
    assert record(store, "c.csv", batch(*others)).shared == ()


def test_a_file_that_breaks_off_leaves_what_it_said_before(store: Store) -> None:
    record(store, "a.csv", batch(charge("1")))

    def broken() -> Iterator[BillBatch]:
        yield batch(charge("7"), charge("8"))
        raise SourceError("a.csv: is truncated")

    with pytest.raises(SourceError):
        store.record_bill("a.csv", broken(), run_id="r", source="cloud")
    assert store.frame("bills_files")["billed_cost"].to_list() == [Decimal(1)]


def test_charges_find_their_service_by_resource_or_tag(store: Store) -> None:
    store.record_inventory(
        Inventory(
            resources=pl.DataFrame(
                {"resource": ["i-1", "Web-2"], "kind": ["vm", "vm"], "service": ["shop", "blog"]}
            ),
            services=pl.DataFrame({"service": ["shop", "blog", "mail"]}),
        ),
        run_id="r",
        source="cmdb",
    )
    record(
        store,
        "a.csv",
        batch(
            charge("1", resource="arn:aws:ec2:eu:1:instance/i-1"),
            charge("2", resource="i-1"),
            charge("4", resource="x", resource_name="web-2", provider="Amazon Web Services"),
            charge("8", tags='{"service": "mail"}', provider="Microsoft Azure"),
            charge("16", tags="no json"),
            charge("32", tags='{"service": "unheard of"}', charge_start=NOVEMBER),
        ),
    )
    store.refresh_bill_months()
    rows = store.frame("bills_by_service").select("month", "service", "provider", "billed_cost").rows()
    assert [(m.month, s, p, int(cost)) for m, s, p, cost in rows] == [
        (10, "blog", "aws", 4),
        (10, "mail", "azure", 8),
        (10, "shop", "aws", 3),
        (10, None, "aws", 16),
        (11, None, "aws", 32),
    ]


def test_the_residual_is_billed_less_computed(store: Store) -> None:
    record(
        store,
        "a.csv",
        batch(
            charge("100", effective_cost=Decimal(80)),
            charge("5", charge_category="Tax"),
            charge("3", charge_start=NOVEMBER),
            charge("7", provider="Google Cloud"),
        ),
    )
    store.refresh_bill_months()
    month = {"month": [date(2026, 10, 1)] * 3, "service": ["shop", "blog", "shop"]}
    store.replace(
        "monthly_costs",
        pl.DataFrame(
            month
            | {
                "provider": ["aws", "aws", "gcp"],
                "cost": [Decimal(50), Decimal(40), Decimal(9)],
                "currency": ["EUR", "EUR", "USD"],
                "is_forecast": [False] * 3,
            }
        ),
    )
    told = store.frame("bills_reconciled").rows(named=True)
    october, google, november = told
    assert (october["billed"], october["not_usage"], october["computed"]) == (80, 5, 90)
    assert october["residual"] == -10 and october["share"] == pytest.approx(-0.125)
    assert google["note"] == "computed in USD" and google["residual"] is None
    assert november["note"] == "nothing was computed for this month and provider"
