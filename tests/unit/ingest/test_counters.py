"""Counters: wraps, resets, gaps and the grid, by hand and against a plain loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.counters import onto_grid, rates

START = datetime(2024, 5, 1, tzinfo=UTC)


def readings(values: list[float], seconds: int = 10, **columns: Any) -> pl.DataFrame:
    moments = [START + timedelta(seconds=seconds * number) for number in range(len(values))]
    frame = pl.DataFrame({"series": "a", "ts": moments, "value": values}).with_columns(
        pl.col("ts").dt.cast_time_unit("us")
    )
    return frame.with_columns(pl.lit(amount).alias(name) for name, amount in columns.items())


def rate_list(frame: pl.DataFrame, **options: Any) -> list[float]:
    return rates(frame, ["series"], **options)["rate"].to_list()


def test_a_counter_that_grows_is_its_difference_per_second() -> None:
    assert rate_list(readings([0.0, 100.0, 100.0, 130.0])) == [10.0, 0.0, 3.0]


def test_a_counter_that_falls_was_reset_and_counted_from_zero() -> None:
    assert rate_list(readings([500.0, 40.0])) == [4.0]


def test_32_bits_wrap_where_the_increase_is_possible() -> None:
    near = float(2**32 - 60)
    assert rate_list(readings([near, 40.0], bits=32)) == [10.0]
    # with a limit of 5/s a step of 100 in 10 s cannot be: it was a reset
    assert rate_list(readings([near, 40.0], bits=32, limit=5.0)) == [4.0]
    assert rate_list(readings([near, 40.0], bits=32, limit=10.0)) == [10.0]
    # more than half the range is no wrap
    assert rate_list(readings([1000.0, 500.0], bits=32)) == [50.0]


def test_64_bits_are_counted_exactly() -> None:
    values = pl.Series([2**64 - 5, 5, 2**63 + 1, 2**63 + 11], dtype=pl.UInt64)
    frame = readings([0.0] * 4, bits=64).with_columns(values.alias("value"))
    first, _, last = rate_list(frame)
    assert (first, last) == (1.0, 1.0)


def test_a_later_start_is_a_reset_even_if_the_counter_is_higher() -> None:
    frame = readings([100.0, 150.0]).with_columns(
        pl.Series("start", [START - timedelta(hours=1), START + timedelta(seconds=5)]).dt.cast_time_unit("us")
    )
    assert rate_list(frame) == [15.0]


def test_a_long_gap_says_nothing() -> None:
    assert rate_list(readings([0.0, 100.0]), longest_gap=timedelta(seconds=5)) == []


def test_one_reading_has_no_rate() -> None:
    assert rate_list(readings([7.0])) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 2**40)),
        min_size=2,
        max_size=40,
        unique_by=lambda r: r[0],
    ),
    st.integers(1, 97),
)
def test_the_grid_keeps_every_increase(points: list[tuple[int, int]], width: int) -> None:
    """Rate times covered seconds over all slots is what a plain loop counts."""
    frame = pl.DataFrame(
        {
            "series": ["a"] * len(points),
            "ts": [START + timedelta(seconds=second) for second, _ in points],
            "value": [float(value) for _, value in points],
        }
    ).with_columns(pl.col("ts").dt.cast_time_unit("us"))
    expected, ordered = 0.0, sorted(points)
    for (_, before), (_, now) in pairwise(ordered):
        expected += now - before if now >= before else now
    slots = onto_grid(rates(frame, ["series"]), ["series"], timedelta(seconds=width))
    counted = (slots["value"] * slots["covered"]).sum()
    assert counted == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert slots["covered"].sum() == pytest.approx(ordered[-1][0] - ordered[0][0])
    assert (slots["covered"] <= width + 1e-9).all()
