"""Shown amounts add up to the shown sum."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.sums import adding_up, off, signed

amounts = st.lists(st.floats(-1e6, 1e6).filter(lambda one: one == 0 or abs(one) > 0.001), max_size=12)


def number(words: str) -> float:
    return float(words.replace("−", "-").replace(",", ""))


def test_parts_that_each_round_up_add_up_to_their_rounded_sum() -> None:
    # 8,144.6 + 3,823.5 = 11,968.1: rounded alone they would show 11,969.
    assert adding_up([8144.6, 3823.5]) == ["8,145", "3,823", "11,968"]
    assert adding_up([0.4, 0.4, 20.4]) == ["1", "0", "20", "21"]
    assert adding_up([1.0042, 2.0041]) == ["1.01", "2.00", "3.01"]
    assert adding_up([]) == ["0"]


def test_what_is_fixed_is_shown_as_it_is_everywhere_else() -> None:
    # 187,954.6 − 5,192.6 = 182,762.0; as rounded: 187,955 − 5,193 = 182,762
    assert adding_up([187954.6, -100.3, -5092.3], fixed=1) == ["187,955", "−100", "−5,093", "182,762"]


@given(amounts)
def test_the_words_of_any_amounts_add_up(parts: list[float]) -> None:
    shown = [number(one) for one in adding_up(parts)]
    unit = 0.01 if all(abs(one) < 10 for one in (*parts, sum(parts))) else 1.0
    assert abs(sum(shown[:-1]) - shown[-1]) < unit / 2
    assert all(abs(one - part) <= unit + 1e-9 for one, part in zip(shown, parts, strict=False))
    assert all(one == 0 for one, part in zip(shown, parts, strict=False) if part == 0)


def test_a_change_has_a_sign_unless_it_is_nothing() -> None:
    assert [signed(one) for one in ("12", "−3", "0", "0.40", "0.00")] == ["+12", "−3", "0", "+0.40", "0.00"]


def test_a_column_that_misses_its_sum_is_known() -> None:
    assert off([0.4, 0.4]) and not off([0.4, 0.0]) and not off([1.0, 2.0])
