"""Losses, each against a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.panel import FloatArray
from data.series import SeriesKey
from models.evaluation import losses
from models.evaluation.scores import horizon_bands, score_table

numbers = st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")))
tables = hnp.arrays(float, (3, 8), elements=numbers)
whole = hnp.arrays(float, (3, 8), elements=st.floats(-1e6, 1e6))
SCALE = np.array([1.0, 2.0, 0.5])


def test_scaled_error_of_known_numbers() -> None:
    history = np.array([[1.0, 2.0, 4.0, 5.0, 3.0, 4.0]])
    # Changes over two slots: 3, 3, -1, -1; their mean size is 2.
    np.testing.assert_allclose(losses.seasonal_scale(history, 2), [2.0])
    error = losses.scaled_error(np.array([[5.0, 7.0]]), np.array([[4.0, 9.0]]), np.array([2.0]))
    np.testing.assert_allclose(error, [[0.5, 1.0]])


@given(tables)
def test_seasonal_scale_is_the_mean_over_reported_pairs(history: FloatArray) -> None:
    got = losses.seasonal_scale(history, 3)
    for row, value in zip(history, got, strict=True):
        for lag in (3, 1):
            changes = [
                abs(row[i] - row[i - lag])
                for i in range(lag, len(row))
                if math.isfinite(row[i]) and math.isfinite(row[i - lag])
            ]
            expected = sum(changes) / len(changes) if changes else float("nan")
            if expected > 0:
                break
        if not expected > 0:
            assert math.isnan(value)
        else:
            assert value == pytest.approx(expected, rel=1e-9)


@given(tables, whole)
def test_pinball_is_the_loop(actual: FloatArray, path: FloatArray) -> None:
    levels = (0.1, 0.5, 0.9)
    quantiles = np.stack([path - 1, path, path + 1], axis=2)
    got = losses.pinball(actual, quantiles, levels)
    for i in range(3):
        for k in range(8):
            for j, level in enumerate(levels):
                miss = actual[i, k] - quantiles[i, k, j]
                expected = level * miss if miss >= 0 else (level - 1) * miss
                if math.isnan(actual[i, k]):
                    assert math.isnan(got[i, k, j])
                else:
                    assert got[i, k, j] == pytest.approx(expected)


@given(tables, whole, hnp.arrays(float, (3, 8), elements=st.floats(0, 1e5)))
def test_interval_score_and_coverage_are_the_loop(
    actual: FloatArray, low: FloatArray, width: FloatArray
) -> None:
    high = low + width
    score = losses.interval_score(actual, low, high, 0.95, SCALE)
    inside = losses.covered(actual, low, high)
    for i in range(3):
        for k in range(8):
            a, lo, hi = actual[i, k], low[i, k], high[i, k]
            if math.isnan(a):
                assert math.isnan(score[i, k]) and math.isnan(inside[i, k])
                continue
            expected = hi - lo
            if a < lo:
                expected += 40 * (lo - a)
            if a > hi:
                expected += 40 * (a - hi)
            assert score[i, k] == pytest.approx(expected / SCALE[i], rel=1e-9, abs=1e-9)
            assert inside[i, k] == float(lo <= a <= hi)


@given(tables, whole)
def test_symmetric_error_and_bias_are_the_loop(actual: FloatArray, path: FloatArray) -> None:
    symmetric, bias = losses.symmetric_error(actual, path), losses.bias(actual, path, SCALE)
    for i in range(3):
        for k in range(8):
            a, f = actual[i, k], path[i, k]
            if math.isnan(a):
                assert math.isnan(symmetric[i, k]) and math.isnan(bias[i, k])
                continue
            size = abs(a) + abs(f)
            assert symmetric[i, k] == pytest.approx(200 * abs(a - f) / size if size else 0.0)
            assert bias[i, k] == pytest.approx((f - a) / SCALE[i])


def test_overall_weighted_average_of_the_reference_is_one() -> None:
    assert losses.overall_weighted_average(18.383, 2.395, 18.383, 2.395) == 1.0
    # The published numbers of the seasonal naive on M4 Hourly.
    assert losses.overall_weighted_average(13.912, 1.193, 18.383, 2.395) == pytest.approx(0.627, abs=5e-4)


def test_known_mean_leaves_out_what_is_unreported() -> None:
    loss = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(losses.known_mean(loss), [2.0, np.nan])


def test_bands_cover_the_horizon_once() -> None:
    assert horizon_bands(48, 24) == [(0, 24), (24, 48)]
    assert horizon_bands(336, 24) == [(0, 24), (24, 168), (168, 336)]
    assert horizon_bands(5, 24) == [(0, 5)]


def test_a_score_table_has_hand_checked_numbers() -> None:
    keys = [SeriesKey("a", "cpu"), SeriesKey("b", "cpu")]
    actual = np.array([[[2.0, 4.0], [np.nan, np.nan]]])
    path = np.array([[[3.0, 2.0], [1.0, 1.0]]])
    quantiles = path[..., None] + np.array([-1.0, 0.0, 1.0])
    table = score_table(keys, "m", actual, path, np.array([2.0, 1.0]), 24, quantiles, (0.1, 0.5, 0.9))
    row = table.filter(band="all").row(0, named=True)
    assert row["subject"] == "a" and table["subject"].unique().to_list() == ["a"], "b had nothing to score"
    assert row["scaled_error"] == pytest.approx((1 + 2) / 2 / 2)
    assert row["relative_error"] == pytest.approx((1 + 2) / (2 + 4))
    assert row["bias"] == pytest.approx((1 - 2) / 2 / 2)
    assert row["coverage_80"] == 0.5
    assert row["coverage_95"] is None, "no such levels were forecast"
    assert row["n"] == 2
