"""Levels and exceedance, against a plain loop."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from models.sizing.exceedance import LEVELS, STEPS_TO_FULL, UNREPORTED, exceedance, level_index


def test_the_grid_runs_from_one_percent_over_one_to_well_above() -> None:
    assert np.isclose(LEVELS[0], 0.01)
    assert np.isclose(LEVELS[STEPS_TO_FULL], 1)
    assert LEVELS[-1] > 1.55


def test_demand_on_a_level_does_not_exceed_it() -> None:
    index = level_index(np.array([LEVELS[5], np.nextafter(LEVELS[5], 1), 0.0, np.nan]))
    assert index.tolist() == [5, 6, 0, UNREPORTED]


shares = st.one_of(st.just(float("nan")), st.floats(0, 3))


@given(rows=st.lists(st.lists(shares, min_size=6, max_size=6), min_size=1, max_size=4))
def test_exceedance_is_what_a_loop_counts(rows: list[list[float]]) -> None:
    table = np.array(rows)
    found, reported = exceedance(level_index(table), (1, 4, 100))
    for w, window in enumerate((1, 4, 6)):
        for row, values in enumerate(table[:, -window:]):
            heard = values[~np.isnan(values)]
            assert reported[w, row] == len(heard)
            for k, level in enumerate(LEVELS):
                assert found[w, row, k] == ((heard > level).mean() if len(heard) else 0)
