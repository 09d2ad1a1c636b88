"""Diagnostics: every mask, level shift and stretch of saturated demand, as a row that can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.series import SeriesKey
from data.spoken import spoken
from models.features.outages import runs
from models.forecasters.preparation import Prepared

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "subject": pl.String,
    "metric": pl.String,
    # gap, outage, level_shift, saturated, masked, holiday, month_end, expected, clock, driver
    "kind": pl.String,
    "start": pl.Datetime("us", "UTC"),
    "end": pl.Datetime("us", "UTC"),
    "slots": pl.UInt32,
    "note": pl.String,
}
DIAGNOSTIC_SCHEMA = pl.Schema(_COLUMNS)

_SHORTEST_GAP = 3
"""Slots; shorter gaps are not worth a row."""
_NOT_REPORTED = "nothing was reported; left out"


def diagnostic_rows(
    keys: Sequence[SeriesKey], part: Prepared, end: datetime, step: timedelta
) -> pl.DataFrame:
    """What was done to the histories of a batch, with the columns of DIAGNOSTIC_SCHEMA."""
    t = part.scored.shape[1]
    start, season = end - t * step, part.batch.seasons.day
    rows: list[tuple[str, str, str, datetime, datetime, int, str]] = []

    def note(key: SeriesKey, kind: str, first: int, last: int, sentence: str) -> None:
        rows.append(
            (key.subject, key.metric, kind, start + first * step, start + last * step, last - first, sentence)
        )

    for i in map(int, np.flatnonzero(part.shift > 0)):
        first = int(part.shift[i])
        before, after = (
            float(np.median(half) * part.unit[i, 0])
            for half in (part.batch.raw[i, max(0, first - 7 * season) : first], part.batch.raw[i, first:])
        )
        moved = f"demand moved from about {spoken(before)} to {spoken(after)} and stayed"
        sentence = f"{moved}; what was before counts half"
        note(keys[i], "level_shift", first, t, sentence)
    for i in map(int, np.flatnonzero(part.outage.any(1))):
        for a, b in runs(part.outage[i]):
            note(keys[i], "outage", a, b, "demand fell to zero and came back; left out")
    for i in map(int, np.flatnonzero(part.batch.censored.any(1))):
        at = np.flatnonzero(part.batch.censored[i])
        first, last = int(at[0]), int(at[-1]) + 1
        note(
            keys[i],
            "saturated",
            first,
            last,
            f"demand was at capacity in {at.size} slots; it was at least that",
        )
    drawn = pl.DataFrame(rows, schema=DIAGNOSTIC_SCHEMA, orient="row")
    return pl.concat([drawn, gap_rows(keys, ~part.scored & ~part.outage, end, step)])


def gap_rows(
    keys: Sequence[SeriesKey], missing: NDArray[np.bool_], end: datetime, step: timedelta
) -> pl.DataFrame:
    """A row per gap in (n, t) slots, of those after the first slot that is not missing."""
    start = end - missing.shape[1] * step
    rows = []
    for i in map(int, np.flatnonzero(missing.any(1))):
        begun = int(np.argmin(missing[i]))
        for a, b in runs(missing[i]):
            if a >= begun and b - a >= _SHORTEST_GAP:
                rows.append((*keys[i], "gap", start + a * step, start + b * step, b - a, _NOT_REPORTED))
    return pl.DataFrame(rows, schema=DIAGNOSTIC_SCHEMA, orient="row")
