"""The intake: canonical units, and a reason for whatever is rejected."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from data.frames import CAPACITY_SCHEMA, SAMPLE_SCHEMA, Batch
from data.series import UNITS
from ingest.intake import intake

NOW = datetime(2024, 6, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "ts": datetime(2024, 5, 1, tzinfo=UTC),
    "resource": "a",
    "metric": "cpu",
    "value": 2.0,
    "value_max": 3.0,
    "capacity": 4.0,
    "unit": "cores",
}


def batch(*rows: dict[str, Any]) -> Batch:
    return Batch(pl.DataFrame([{**GOOD, **row} for row in rows], schema=SAMPLE_SCHEMA))


def amounts(found: Batch) -> list[tuple[Any, ...]]:
    return found.samples.select("value", "value_max", "capacity", "unit").rows()


def test_value_maximum_and_capacity_convert_together() -> None:
    found = intake(
        batch({"metric": "memory", "unit": "MiB", "value": 512, "value_max": 1024, "capacity": 2048}), now=NOW
    )
    assert amounts(found) == [(0.5, 1.0, 2.0, "GiB")]


def test_names_are_trimmed() -> None:
    found = intake(batch({"resource": " a\t", "metric": " cpu "}), now=NOW)
    assert found.samples.select("resource", "metric").rows() == [("a", "cpu")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"value": None}, "value is missing"),
        ({"value": math.nan}, "value is NaN"),
        ({"value": math.inf}, "value is infinite"),
        ({"value": -1.0, "value_max": None}, "value -1.0 is negative"),
        ({"value_max": math.inf}, "value_max is infinite"),
        ({"value_max": 1.0}, "value_max 1.0 is below value 2.0"),
        ({"capacity": -4.0}, "capacity -4.0 is negative"),
        ({"capacity": -math.inf}, "capacity is infinite"),
        ({"ts": None}, "time is missing"),
        ({"ts": datetime(1970, 1, 16, tzinfo=UTC)}, "lies before 1990; is the unit of the time right?"),
        ({"ts": NOW + timedelta(hours=2)}, "lies in the future"),
        ({"resource": " "}, "resource is empty"),
        ({"resource": None}, "resource is empty"),
        ({"resource": "x" * 600}, "name of the resource is longer than 512"),
        ({"metric": "cpuu"}, "metric 'cpuu' is unknown; did you mean 'cpu'?"),
        ({"metric": None}, "metric is empty"),
        ({"unit": "furlong"}, "unit 'furlong' is no unit of cpu; known: cores"),
        ({"unit": None}, "unit of cpu is missing"),
        ({"unit": "MHz"}, "MHz needs the clock of a core"),
        ({"unit": "percent"}, "percent of an unknown capacity: the inventory states no cpu of a"),
    ],
)
def test_what_cannot_be_used_is_rejected_and_the_rest_is_kept(row: dict[str, Any], reason: str) -> None:
    found = intake(batch({}, row, {"value": 2.5}), now=NOW)
    assert [value for value, *_ in amounts(found)] == [2.0, 2.5]
    assert found.rejected.height == 1
    assert reason in found.rejected["reason"][0]
    assert found.rows_read == 3


def test_demand_above_capacity_and_capacity_zero_are_kept() -> None:
    found = intake(
        batch({"value": 9.0, "value_max": 9.5}, {"value": 0.0, "value_max": 0.0, "capacity": 0.0}), now=NOW
    )
    assert amounts(found) == [(9.0, 9.5, 4.0, "cores"), (0.0, 0.0, 0.0, "cores")]


def test_nan_in_what_is_optional_is_unreported() -> None:
    assert amounts(intake(batch({"value_max": math.nan, "capacity": math.nan}), now=NOW)) == [
        (2.0, None, None, "cores")
    ]


def test_clock_rates_become_cores() -> None:
    found = intake(
        batch({"unit": "MHz", "value": 1300, "value_max": 2600, "capacity": 5200}), now=NOW, mhz_per_core=2600
    )
    assert amounts(found) == [(0.5, 1.0, 2.0, "cores")]


def test_shares_become_amounts_of_the_capacity_of_their_time() -> None:
    known = pl.DataFrame(
        {
            "resource": ["a", "a"],
            "metric": ["cpu", "cpu"],
            "valid_from": [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 5, 15, tzinfo=UTC)],
            "capacity": [8.0, 16.0],
        },
        schema=CAPACITY_SCHEMA,
    )
    share = {"unit": "percent", "value": 50.0, "value_max": 75.0, "capacity": 100.0}
    later = {**share, "ts": datetime(2024, 5, 20, tzinfo=UTC)}
    earlier = {**share, "ts": datetime(2023, 5, 20, tzinfo=UTC), "value_max": None}
    found = intake(batch(later, share, earlier, {**share, "resource": "b"}), now=NOW, capacities=known)
    assert amounts(found) == [(8.0, 12.0, 16.0, "cores"), (4.0, 6.0, 8.0, "cores"), (4.0, None, 8.0, "cores")]
    assert found.rejected["reason"].to_list() == [
        "percent of an unknown capacity: the inventory states no cpu of b"
    ]


def test_drivers_of_the_settings_are_taken() -> None:
    row = {"metric": "orders", "unit": "count"}
    assert intake(batch(row), now=NOW).rejected.height == 1
    assert intake(batch(row), now=NOW, drivers={"orders": "count"}).samples.height == 1


FLOATS = st.one_of(st.none(), st.floats(width=32), st.sampled_from([0.0, 1.0, 2.5, math.nan, math.inf, -1.0]))
ROWS = st.fixed_dictionaries(
    {
        "resource": st.sampled_from(["a", " a ", "", None]),
        "metric": st.sampled_from([*UNITS, "nonsense", None]),
        "unit": st.sampled_from(["cores", "GiB", "MB", "Mbit/s", "KB/s", "requests/min", "users", "?", None]),
        "value": FLOATS,
        "value_max": FLOATS,
        "capacity": FLOATS,
    }
)


@settings(deadline=None)
@given(st.lists(ROWS, max_size=8))
def test_every_row_is_either_usable_or_rejected_and_twice_is_once(rows: list[dict[str, Any]]) -> None:
    once = intake(batch(*rows), now=NOW)
    assert once.samples.height + once.rejected.height == len(rows)
    for row in once.samples.iter_rows(named=True):
        assert row["unit"] == UNITS[row["metric"]]
        assert math.isfinite(row["value"]) and row["value"] >= 0
        assert row["value_max"] is None or row["value_max"] >= row["value"] * (1 - 1e-6)
        assert row["capacity"] is None or (math.isfinite(row["capacity"]) and row["capacity"] >= 0)
        assert row["resource"] == row["resource"].strip() != ""
    twice = intake(Batch(once.samples), now=NOW)
    assert twice.samples.equals(once.samples) and twice.rejected.is_empty()
