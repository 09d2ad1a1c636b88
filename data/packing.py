"""The order of rows in which DuckDB packs them best, measured on files of 3 to 60 million samples.

A column is packed by what changes from row to row. Moment after moment, the series numbers count up and
start again: the one step back costs a byte and more in every block. Counted up in one moment and down in the
next (a snake), every step is +1, 0 or -1 and costs two bits. So it is with times, series after series.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from data.query import text_of

HOURS = "ts, CASE WHEN epoch_us(ts) // 3600000000 % 2 = 0 THEN series_id ELSE -series_id END"
"""Order of hourly rollups."""

DAYS = "day, CASE WHEN date_diff('day', DATE '1970-01-01', day) % 2 = 0 THEN series_id ELSE -series_id END"
"""Order of daily rollups."""

LONG_RUN = 16_384
"""Samples per series from which series after series may pack better: a block of 2,048 times that holds the
end of one series and the start of the next packs badly."""

SHARED = 2
"""Samples per moment from which moment after moment packs better, however long the series are: off any grid
every time is another one, and numbers of series that jump cost more than times that do."""


def samples_in_order(samples: int, series: int, moments: int) -> str:
    """The query of all samples in the order that packs best; reads `main.samples`.

    Args:
        samples: how many there are.
        series: of how many series.
        moments: at how many different times.
    """
    long_runs, own_times = samples >= LONG_RUN * series, samples < SHARED * moments
    return text_of("compact_by_series" if long_runs and own_times else "compact_by_time")[0]


def by_time(staged: pl.DataFrame) -> pl.DataFrame:
    """Rows with `ts` and `series_id`, moment after moment, the series up in one and down in the next."""
    if not staged["ts"].is_sorted():
        staged = staged.sort("ts")
    moments = staged["ts"].to_physical().to_numpy()
    turn = np.cumsum(np.r_[False, moments[1:] != moments[:-1]])
    series_id = staged["series_id"].to_numpy().astype(np.int64)
    key = (turn << 32) + np.where(turn % 2 == 0, series_id, -series_id)
    if (key[1:] >= key[:-1]).all():
        return staged
    # Stable: fast on what is in runs already, as a source brings it.
    return staged[np.argsort(key, kind="stable")]
