"""Bills in the store: exactly once, summed by month, held against what was computed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from data.billing import BillLoaded, Settled
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


def loaded(store: Store, **files: BillBatch) -> Settled:
    """Records files as one run does, then settles; `a__csv` is the file a.csv."""
    replaced = {}
    for name, one in files.items():
        origin = name.replace("__", ".")
        replaced[origin] = record(store, origin, one).replaced
    return store.settle_bills(sorted(replaced, key=lambda origin: not replaced[origin]))


def kept(store: Store) -> list[tuple[object, ...]]:
    return store.frame("bills_files").select("origin", "charges").rows()


THREE = [charge("1.5", resource="i-1"), charge("1.5", resource="i-1"), charge("-1", resource="i-2")]
OTHERS = [charge("4", resource="i-1", charge_start=NOVEMBER), charge("5", charge_start=NOVEMBER)]


def test_a_copy_under_another_name_counts_once_and_is_named(store: Store) -> None:
    settled = loaded(store, a__csv=batch(*THREE), a__parquet=batch(*reversed(THREE)), part=batch(THREE[0]))
    assert settled.copies == (("part", "a.csv"), ("a.parquet", "a.csv"))
    assert settled.dropped == {"part": 1, "a.parquet": 3}
    assert kept(store) == [("a.csv", 3)]
    # The same again changes nothing, also if the copy comes first; and the first may be corrected.
    again = loaded(store, a__parquet=batch(*THREE), a__csv=batch(*THREE))
    assert (again.copies, kept(store)) == ((("a.parquet", "a.csv"),), [("a.csv", 3)])
    assert loaded(store, a__csv=batch(*THREE, charge("9"))).copies == ()
    assert kept(store) == [("a.csv", 4)]


def test_every_copy_is_named_with_the_one_that_counts(store: Store) -> None:
    loaded(store, x=batch(*THREE))
    settled = loaded(store, b=batch(*THREE), x=batch(*THREE), a=batch(*THREE), part=batch(*THREE[:2]))
    assert dict(settled.copies) == {"a": "x", "b": "x", "part": "x"}
    assert kept(store) == [("x", 3)]


@pytest.mark.parametrize("old", ["a-old.csv", "b.csv"])
def test_a_rotated_bill_is_no_copy_of_what_its_old_name_holds_now(store: Store, old: str) -> None:
    """Yesterday's file was renamed and a new one took its name; the order of reading must not matter."""
    loaded(store, a__csv=batch(*THREE))
    files = {"a__csv": batch(*OTHERS), old.replace(".", "__"): batch(*THREE)}
    for one in (dict(sorted(files.items())), dict(sorted(files.items(), reverse=True))):
        assert loaded(store, **one).copies == ()
        assert kept(store) == [*sorted([("a.csv", 2), (old, 3)])]
    # A chain of three.
    third = batch(charge("7", resource="i-7"))
    loaded(store, a__csv=third, a1__csv=batch(*OTHERS), a2__csv=batch(*THREE))
    store.settle_bills([])
    assert {("a.csv", 1), ("a1.csv", 2), ("a2.csv", 3)} <= set(kept(store))


def test_a_renamed_file_takes_over_from_its_old_name(store: Store) -> None:
    loaded(store, a__csv=batch(*THREE))
    assert loaded(store, b__csv=batch(*THREE)).copies == (("a.csv", "b.csv"),)
    # So that a correction under the new name does not count beside what it corrects.
    loaded(store, b__csv=batch(*OTHERS))
    assert kept(store) == [("b.csv", 2)]


def test_a_file_that_grows_under_new_names_counts_once(store: Store) -> None:
    """Month-to-date exports: each day's file holds those of the days before."""
    loaded(store, day1=batch(*THREE))
    settled = loaded(store, day2=batch(*THREE, *OTHERS))
    assert settled.copies == (("day1", "day2"),) and settled.dropped == {"day1": 3}
    assert kept(store) == [("day2", 5)]
    settled = loaded(
        store, day1=batch(*THREE), day2=batch(*THREE, *OTHERS), day3=batch(*THREE, *OTHERS, charge("8"))
    )
    assert settled.copies == (("day1", "day3"), ("day2", "day3"))
    assert kept(store) == [("day3", 6)]


def test_a_copy_keeps_what_did_not_conform_in_it(store: Store) -> None:
    loaded(store, a__csv=batch(*THREE), b__csv=batch(*THREE))
    assert kept(store) == [("a.csv", 3)]
    assert store.frame("bills_conformance").select("column", "files", "rows").rows() == [("Tags", 2, 2)]


def test_charges_that_are_in_two_files_are_named_where_neither_is_a_copy(store: Store) -> None:
    same = [charge("1.5", resource="i-1"), charge("2", resource="i-2")]
    loaded(store, a__csv=batch(*same, charge("3", resource="i-3")))
    settled = loaded(store, b__csv=batch(*same, charge("4", resource="i-4")))
    assert (settled.copies, settled.shared) == ((), (("b.csv", "a.csv", 2),))
    both = loaded(
        store,
        a__csv=batch(*same, charge("3", resource="i-3")),
        b__csv=batch(*same, charge("4", resource="i-4")),
    )
    assert both.shared == (("b.csv", "a.csv", 2),), "said once, of the later"
    # The same amount for another day, machine or file of another currency is another charge.
    others = (charge("1.5", resource="i-9"), charge("1.5", resource="i-1", currency="USD"))
    assert loaded(store, c__csv=batch(*others)).shared == ()


def test_charges_restated_with_other_amounts_are_named(store: Store) -> None:
    """A month that was closed anew under another name: every amount differs, so no charge is the same."""
    first = [charge(str(n), resource=f"i-{n}") for n in range(1, 5)]
    anew = [
        charge(f"{n}.1", resource=f"i-{n}", invoice="2026-10", tags='{"service": "shop"}')
        for n in range(1, 5)
    ]
    loaded(store, october__csv=batch(*first))
    settled = loaded(store, october_final__csv=batch(*anew), other__csv=batch(charge("7", resource="i-9")))
    assert (settled.copies, settled.shared) == ((), ())
    assert settled.restated == (("october_final.csv", "october.csv", 4),)


def test_settling_sums_the_months_with_it(store: Store) -> None:
    loaded(store, a__csv=batch(*THREE), b__csv=batch(*THREE))
    months = store.frame("bills_by_service")
    assert [(row["billed_cost"], row["charges"]) for row in months.rows(named=True)] == [(2, 3)]


def test_of_any_files_those_are_left_that_are_in_no_other(store: Store) -> None:
    number = itertools.count()

    @settings(deadline=None, max_examples=25)
    @given(
        st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=5), min_size=1, max_size=4), st.randoms()
    )
    def law(files: list[list[int]], random: Random) -> None:
        example = next(number)
        bags = {f"{example}-{i}": Counter(bag) for i, bag in enumerate(files)}
        order = list(bags)
        random.shuffle(order)
        loaded(
            store,
            **{
                one: batch(*(charge("1", resource=f"{example} {n}") for n in bags[one].elements()))
                for one in order
            },
        )
        left = [bags[str(origin)] for origin, _ in kept(store) if str(origin) in bags]
        outermost = {
            frozenset(bag.items()) for bag in bags.values() if not any(bag < one for one in bags.values())
        }
        assert {frozenset(bag.items()) for bag in left} == outermost
        assert len(left) == len(outermost)

    law()


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


def test_charges_of_two_machines_of_one_name_find_their_own_service(store: Store) -> None:
    group = "/subscriptions/1/resourceGroups/{}/providers/Microsoft.Compute/virtualMachines/Web-1"
    names = store.names()
    for place, called in (("B", "Web-1"), ("A", "A/Web-1")):
        assert list(names.called("vm", {group.format(place).lower(): ("Web-1", "A/Web-1")}).values()) == [
            called
        ]
    names.called("vm", {"projects/p/zones/z/instances/g": ("g",)})
    store.record_names(names)
    resources = {"resource": ["Web-1", "A/Web-1", "g"], "kind": ["vm"] * 3, "service": ["shop", None, "mail"]}
    store.record_inventory(Inventory(resources=pl.DataFrame(resources)), run_id="r", source="cmdb")
    record(
        store,
        "a.csv",
        batch(
            charge("1", resource=group.format("b"), resource_name="Web-1"),
            # Nobody's, not the other one's.
            charge("2", resource=group.format("a"), resource_name="Web-1"),
            charge("4", resource="//compute.googleapis.com/projects/p/zones/z/instances/g"),
        ),
    )
    store.refresh_bill_months()
    months = store.frame("bills_by_service").select("service", "billed_cost").rows()
    assert [(service, int(cost)) for service, cost in months] == [("mail", 4), ("shop", 1), (None, 2)]


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
