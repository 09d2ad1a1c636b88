from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from data.spoken import spoken


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [
        (3391.2, 3, "3,390"),
        (16_384.0, 4, "16,380"),
        (12.44, 3, "12.4"),
        (8.0, 3, "8"),
        (0.0, 3, "0"),
        (0.04191, 3, "0.0419"),
        (0.00001234, 3, "0.0000123"),
        (-1530.0, 3, "-1,530"),
        (2.5e9, 3, "2,500,000,000"),
        (float("nan"), 3, "unknown"),
    ],
)
def test_numbers_are_said_without_exponents(value: float, digits: int, words: str) -> None:
    assert spoken(value, digits) == words


@given(st.floats(1e-6, 1e12), st.integers(2, 6))
def test_what_is_said_is_the_number_to_so_many_digits(value: float, digits: int) -> None:
    said = float(spoken(value, digits).replace(",", ""))
    assert said == pytest.approx(value, rel=0.6 * 10 ** (1 - digits))
