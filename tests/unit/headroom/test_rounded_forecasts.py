"""Forecasts are stored to six digits of the highest amount of their series; nothing else changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headroom.jobs.tables import rounded

AMOUNTS = st.one_of(
    st.just(0.0), st.just(np.nan), st.floats(1e-250, 1e250), st.floats(1e-250, 1e250).map(lambda x: -x)
)


def test_the_highest_keeps_six_digits_and_the_others_its_grain() -> None:
    values = np.array([[[123.4567891, 0.0123456789]], [[0.000987654321, -2e-9]], [[0.0, np.nan]]])
    kept = [[[123.457, 0.012]], [[0.000987654, -2e-9]], [[0.0, np.nan]]]
    np.testing.assert_allclose(rounded(values), kept, rtol=1e-12)


@given(arrays(float, (3, 4, 5), elements=AMOUNTS))
def test_a_plain_loop_would_round_the_same_and_order_stays(values: np.ndarray) -> None:
    coarse = rounded(values)
    assert (np.isnan(coarse) == np.isnan(values)).all()
    for before, after in zip(values, coarse, strict=True):
        known = np.isfinite(before)
        highest = np.abs(before[known]).max(initial=0.0)
        assert (np.abs(after[known] - before[known]) <= 5.0001e-6 * highest).all()
        order = np.argsort(before[known], kind="stable")
        assert (np.diff(after[known][order]) >= 0).all()


def test_nothing_stays_nothing() -> None:
    assert rounded(np.empty((0, 3, 2))).shape == (0, 3, 2)
