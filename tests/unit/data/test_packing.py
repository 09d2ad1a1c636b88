"""The order in which samples pack best."""

from __future__ import annotations

from data.packing import LONG_RUN, samples_in_order
from data.query import text_of

BY_SERIES, BY_TIME = text_of("compact_by_series")[0], text_of("compact_by_time")[0]


def test_long_series_at_times_of_their_own_are_kept_together() -> None:
    assert samples_in_order(10 * LONG_RUN, series=10, moments=9 * LONG_RUN) == BY_SERIES


def test_shared_times_or_short_series_are_kept_moment_after_moment() -> None:
    assert samples_in_order(10 * LONG_RUN, series=10, moments=LONG_RUN) == BY_TIME
    assert samples_in_order(10 * LONG_RUN - 1, series=10, moments=9 * LONG_RUN) == BY_TIME
    assert samples_in_order(0, series=0, moments=0) == BY_TIME
