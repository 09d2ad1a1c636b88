"""Costs by group, by month of the past, and ahead, on figures that can be added up by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA
from data.panel import DAY, HOUR, Panel
from data.prices import PriceCatalog
from data.recommendation import ResourceCost
from data.series import SeriesKey
from models.cost import Growth, combined, grouped, monthly_costs
from models.decide import CostSettings, DecisionInputs, decide
from models.estate import Resource, read_estate
from models.pricing import Pricer
from tests.fleets import MODEL

AS_OF = datetime(2026, 4, 16, tzinfo=UTC)
PRICER = Pricer(PriceCatalog.shipped(), MODEL)


def inventory(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=RESOURCE_SCHEMA)


def vm(name: str, start: datetime | None = None, **fields: object) -> dict[str, object]:
    return {
        "resource": name, "kind": "vm", "service": "shop", "provider": "on_premises", "site": "here",
        "valid_from": start, **fields,
    }  # fmt: skip


def daily(capacity: list[float], name: str = "a") -> Panel:
    """Cores of one resource by day, from 20 January 2026."""
    held = np.array([capacity])
    return Panel.of(
        [SeriesKey(name, "cpu")], datetime(2026, 1, 20, tzinfo=UTC), DAY, held * 0.5, capacity=held
    )


def test_costs_are_grouped_dearest_first_and_unknown_ones_left_out() -> None:
    resources = {
        "a": Resource("a", service="shop", team="web"),
        "b": Resource("b", service="bank", team="core"),
        "c": Resource("c", service="shop", team="web"),
    }
    costs = [
        ResourceCost("a", Decimal("10.00"), "USD", "catalog", Decimal("4.00")),
        ResourceCost("b", Decimal("30.00"), "USD", "catalog", Decimal("0.00")),
        ResourceCost("c", None, "USD", "unknown", None),
    ]
    assert list(grouped(costs, resources, "team").items()) == [
        ("core", (Decimal("30.00"), Decimal("0.00"))),
        ("web", (Decimal("10.00"), Decimal("4.00"))),
    ]
    with pytest.raises(ValueError, match="not by 'colour'"):
        grouped(costs, resources, "colour")


def test_the_past_counts_each_version_for_its_days_at_the_capacity_of_the_month() -> None:
    # From 11 March on the inventory states 600 a month; before, 8 cores at 10 and from 1 February 4.
    estate = read_estate(
        inventory(vm("a"), vm("a", datetime(2026, 3, 11, tzinfo=UTC), monthly_price=Decimal(620))),
        pl.DataFrame(schema=SERVICE_SCHEMA),
        AS_OF,
    )
    cores = daily([8.0] * 12 + [4.0] * (28 + 31 + 16))
    rows = monthly_costs(estate, {"a": {"cpu": 4.0}}, {"cpu": cores}, [], PRICER)
    past = rows.filter(~pl.col("is_forecast"))
    # January is not whole; February 4 x 10; March 10/31 of 40 and 21/31 of 620.
    assert dict(past.select("month", "cost").iter_rows()) == {
        date(2026, 2, 1): Decimal("40.00"),
        date(2026, 3, 1): Decimal("432.90"),
    }
    ahead = rows.filter(pl.col("is_forecast"))
    assert ahead.height == 13 and set(ahead["cost"]) == {Decimal("620.00")}
    assert set(ahead["low"]) == set(ahead["high"]) == {Decimal("620.00")}


def test_months_before_anything_was_measured_or_listed_are_left_out() -> None:
    long = daily([float("nan")] * 100 + [4.0] * 17)  # measured from 30 April on
    wide = Panel.of(long.keys, long.start - 31 * DAY, DAY, long.demand, capacity=long.capacity)
    estate = read_estate(
        inventory(vm("a", datetime(2026, 3, 29, tzinfo=UTC))), pl.DataFrame(schema=SERVICE_SCHEMA), AS_OF
    )
    rows = monthly_costs(estate, {"a": {"cpu": 4.0}}, {"cpu": wide}, [], PRICER)
    assert rows["month"].min() == date(2026, 4, 1)


def test_spending_ahead_is_the_extra_cost_times_its_chance() -> None:
    estate = read_estate(inventory(vm("a")), pl.DataFrame(schema=SERVICE_SCHEMA), AS_OF)
    growth = Growth("a", Decimal(100), ((100, 0.5),))
    rows = monthly_costs(estate, {"a": {"cpu": 4.0}}, {}, [growth], PRICER)
    by_month = {row["month"]: row for row in rows.iter_rows(named=True)}
    # The middle of May 2026 is 30.5 days after 16 April: chance 0.1525.
    assert by_month[date(2026, 5, 1)]["cost"] == Decimal("55.25")
    # From day 100 on the chance stays one half: 50 +- 1.2816 x 50, within 40 and 140.
    last = by_month[date(2027, 4, 1)]
    assert (last["low"], last["cost"], last["high"]) == (
        Decimal("40.00"),
        Decimal("90.00"),
        Decimal("140.00"),
    )


def test_bands_of_rows_are_combined_as_squares() -> None:
    estate = read_estate(
        inventory(vm("a"), vm("b", service="bank")), pl.DataFrame(schema=SERVICE_SCHEMA), AS_OF
    )
    growth = [Growth(name, Decimal(100), ((1, 0.5),)) for name in ("a", "b")]
    held = {"a": {"cpu": 4.0}, "b": {"cpu": 4.0}}
    rows = monthly_costs(estate, held, {}, growth, PRICER)
    total = combined(rows).filter(pl.col("month") == date(2027, 4, 1)).row(0, named=True)
    # Each 90 with 50 to either side: 180 +- 50 x square root of 2.
    assert (total["low"], total["cost"], total["high"]) == (
        Decimal("109.29"), Decimal("180.00"), Decimal("250.71"),
    )  # fmt: skip
    assert combined(rows, ["service"]).height == 26


def test_frames_fit_the_tables_of_the_store() -> None:
    hours = Panel.of(
        [SeriesKey("a", "cpu")],
        AS_OF - 30 * DAY,
        HOUR,
        np.full((1, 720), 1.0),
        capacity=np.full((1, 720), 8.0),
    )
    decisions = decide(
        DecisionInputs(
            AS_OF, {"cpu": hours}, resources=inventory(vm("a")), costs=CostSettings(on_premises=MODEL)
        )
    )
    schema = (Path(__file__).parents[3] / "data" / "migrations").glob("*.sql")
    with duckdb.connect() as connection:
        for file in sorted(schema):
            connection.execute(file.read_text(encoding="utf-8"))
        for table, frame in decisions.frames().items():
            columns = [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()]
            assert frame.columns == columns, table
            connection.register("frame", frame.to_arrow())
            connection.execute(f"INSERT INTO {table} SELECT * FROM frame")
            count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert count == (frame.height,)
            assert frame.height > 0 or table == "alternatives", "one machine alone has no alternative"


def test_a_machine_that_is_switched_off_costs_its_disk() -> None:
    resource = Resource("a", provider="aws", site="eu-west-1", instance_type="m6i.large")
    price = PRICER.current(resource, {"cpu": 0.0, "memory": 0.0, "storage": 100.0})
    assert price.month == Decimal("8.8")
    on = PRICER.current(resource, {"cpu": 2.0, "memory": 8.0, "storage": 100.0})
    assert on.month == Decimal("86.91")  # 78.11 and 8.80


def test_unknown_prices_say_why() -> None:
    cases = {
        "no prices of gcp in mars": Resource("a", provider="gcp", site="mars"),
        "no capacity is known": Resource("a", provider="on_premises"),
        "a cloud's endpoints have no list price": Resource("lb", kind="endpoint", provider="aws"),
        "links of a cloud have no list price": Resource("a", kind="link", provider="aws", site="eu-west-1"),
    }
    held = {"no capacity is known": {}, "links": {"network_in": 10.0}}
    for note, resource in cases.items():
        price = PRICER.current(resource, held.get(note.split(" of")[0], {}))
        assert price.month is None and note in price.note
