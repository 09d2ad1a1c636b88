"""Loads a batch of samples: check, look up, last wins, write. One transaction, under the writer's lock.

What is left behind is what a plain loop over the rows would leave, one row after the other: a new key is
inserted, the same value again changes nothing, another value replaces the earlier one, which goes to
`rejected`. So neither the order of files nor their split nor a repetition matters, apart from which of two
contradicting values came last. The counts add up: new + replaced + unchanged + rejected = rows of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.audit import Audit
from data.frames import Batch
from data.packing import LONG_RUN, by_time
from data.query import row_of, text_of, unzoned, zoned
from data.usable import snapped, usable_rows, with_all_columns

SLICE_ROWS = 1_000_000
"""Rows handled at a time within the one transaction: bounds memory, whatever the size of the batch."""

KEY = ("series_id", "ts")
MEASURED = ("value", "value_max", "capacity")
EARLIER = tuple(f"old_{name}" for name in MEASURED)
DIFFERS = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"old_{name}")) for name in MEASURED)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rows of a batch."""

    new: int = 0
    replaced: int = 0
    """Another value than the stored one came; it won, the earlier one is in `rejected`."""
    unchanged: int = 0
    """Already there with the same value; or of a day of which only rollups are kept (see Retention)."""
    rejected: int = 0
    """Could not be used, including those the source itself rejected."""
    newest_sample: datetime | None = None
    """Start of the newest usable sample of the batch."""

    def __add__(self, other: Loaded) -> Loaded:
        newest = [t for t in (self.newest_sample, other.newest_sample) if t is not None]
        return Loaded(
            self.new + other.new,
            self.replaced + other.replaced,
            self.unchanged + other.unchanged,
            self.rejected + other.rejected,
            max(newest, default=None),
        )


def load(
    connection: duckdb.DuckDBPyConnection,
    batch: Batch,
    *,
    run_id: str,
    source: str,
    step_seconds: int | None,
    now: datetime,
) -> Loaded:
    """Loads a batch in one transaction; all of it or, on an error, nothing."""
    if step_seconds is not None and step_seconds < 1:
        raise ValueError(f"step_seconds must be at least 1, not {step_seconds}")
    samples = with_all_columns(batch.samples)
    audit = Audit(connection, run_id, source, now)
    loaded = Loaded()
    connection.execute("BEGIN")
    try:
        rejected = batch.rejected
        for part in samples.iter_slices(SLICE_ROWS):
            usable, refused = usable_rows(part, now)
            if refused.height:
                rejected = pl.concat([rejected, refused])
            if usable.height:
                loaded += _load_part(connection, snapped(usable, step_seconds), step_seconds, audit)
        audit.keep(rejected)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return loaded + Loaded(rejected=rejected.height)


def _load_part(
    connection: duckdb.DuckDBPyConnection, samples: pl.DataFrame, step_seconds: int | None, audit: Audit
) -> Loaded:
    """Loads up to SLICE_ROWS usable rows within the caller's transaction."""
    staged = _staged(connection, unzoned(samples), step_seconds)
    rows, newest = staged.height, zoned(staged.select(pl.col("ts").max())).item()
    staged = _unexpired(connection, staged)
    if not staged.height:
        return Loaded(0, 0, rows, 0, newest)
    opening, replaced = staged, 0
    order, again = _repeated(staged)
    if again.any():
        # In this order rows of one key are neighbours as they came: a row meets the one before it.
        staged, place = staged[order], np.flatnonzero(again)
        earlier = staged[place - 1].select(pl.col(MEASURED).name.prefix("old_"))
        contradicted = staged[place].hstack(earlier).filter(DIFFERS)
        audit.keep_replaced(contradicted)
        replaced += contradicted.height
        opening, staged = staged.filter(~again), staged.filter(~np.r_[again[1:], False])
    stored = _stored(connection, staged)
    new = staged.height - stored.height
    if stored.height:
        # Of a key that the batch repeats, the first value met the stored one; the last one is to be kept.
        met = stored.hstack(opening[stored["place"]].select(MEASURED)).filter(DIFFERS)
        audit.keep_replaced(met)
        replaced += met.height
        staged = _settled(connection, staged, stored)
    if staged.height:
        _write(connection, staged)
    return Loaded(new, replaced, rows - new - replaced, 0, newest)


def _staged(
    connection: duckdb.DuckDBPyConnection, samples: pl.DataFrame, step_seconds: int | None
) -> pl.DataFrame:
    """KEY and MEASURED of the rows, in the order they came."""
    series_id = _series_of(connection, samples)
    unknown = series_id < 0
    if unknown.any():
        fresh = samples.filter(unknown).select("resource", "metric").unique()
        connection.register("fresh", fresh.with_columns(pl.lit(step_seconds, pl.Int32).alias("step_seconds")))
        connection.execute(text_of("load_series")[0])
        connection.unregister("fresh")
        series_id = _series_of(connection, samples)
    return samples.select("ts", *MEASURED).insert_column(0, pl.Series("series_id", series_id))


def _unexpired(connection: duckdb.DuckDBPyConnection, staged: pl.DataFrame) -> pl.DataFrame:
    """The rows without those of series-days whose raw samples a retention removed."""
    row = row_of(connection, "SELECT max(day) FROM raw_since")
    if not row or row[0] is None:
        return staged
    day = pl.col("ts").dt.date().alias("day")
    touching = staged.filter(pl.col("ts") < row[0]).select("series_id", day).unique()
    if not touching.height:
        return staged
    connection.register("touching", touching)
    expired: pl.DataFrame = connection.sql(text_of("load_expired")[0]).pl()
    connection.unregister("touching")
    return (
        staged.with_columns(day)
        .join(expired, on=["series_id", "day"], how="anti", maintain_order="left")
        .drop("day")
    )


def _series_of(connection: duckdb.DuckDBPyConnection, samples: pl.DataFrame) -> NDArray[np.int32]:
    """(rows,) number of each row's series, -1 where it has none yet."""
    known: pl.DataFrame = connection.sql("SELECT series_id, resource, metric FROM series").pl()
    # Looking up two short lists of names, then a pair of numbers, takes half as long as joining on strings.
    places = []
    for name in ("resource", "metric"):
        names = pl.Enum(known[name].unique())
        places.append(
            [
                frame[name].cast(names, strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
                for frame in (known, samples)
            ]
        )
    (resources, row_resources), (metrics, row_metrics) = places
    numbers = np.full((resources.max(initial=-1) + 2, metrics.max(initial=-1) + 2), -1, np.int32)
    numbers[resources, metrics] = known["series_id"].to_numpy()
    found: NDArray[np.int32] = numbers[
        row_resources, row_metrics
    ]  # -1 is the last row or column, which stays -1
    return found


def _repeated(staged: pl.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """An order by key and arrival, and (rows,) whether in this order the row before has the same key."""
    series_id, moment = staged["series_id"].to_numpy(), staged["ts"].to_physical().to_numpy()
    # Sorting by series alone is fast, and enough where each series came in the order of time.
    order = np.argsort(series_id, kind="stable")
    same, ahead = np.diff(series_id[order]) == 0, np.diff(moment[order])
    if (same & (ahead < 0)).any():
        order = np.lexsort((moment, series_id))
        same, ahead = np.diff(series_id[order]) == 0, np.diff(moment[order])
    return order, np.r_[False, same & (ahead == 0)]


def _stored(connection: duckdb.DuckDBPyConnection, staged: pl.DataFrame) -> pl.DataFrame:
    """What is stored under the keys of the rows: place (row in `staged`), stored_row, KEY, EARLIER."""
    known: pl.DataFrame = connection.sql("SELECT series_id, first_ts, last_ts FROM series").pl()
    series_id, moment = staged["series_id"].to_numpy(), staged["ts"].to_physical().to_numpy()
    size = int(known["series_id"].to_numpy().max(initial=0)) + 1
    first, last = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for bounds, name, unseen in ((first, "first_ts", 1), (last, "last_ts", 0)):
        bounds[known["series_id"].to_numpy()] = known[name].to_physical().fill_null(unseen).to_numpy()
    # What lies beyond the bounds of its series is new without looking: a tick, a backfill, a first load.
    within = (moment >= first[series_id]) & (moment <= last[series_id])
    asked = staged.select(KEY).with_row_index("place").filter(within)
    if not asked.height:
        return pl.DataFrame(schema=["place", "stored_row", *KEY, *EARLIER])
    connection.register("asked", asked)
    stored: pl.DataFrame = connection.sql(
        text_of("load_stored")[0], params={"low": asked["ts"].min(), "high": asked["ts"].max()}
    ).pl()
    connection.unregister("asked")
    return stored


def _settled(
    connection: duckdb.DuckDBPyConnection, staged: pl.DataFrame, stored: pl.DataFrame
) -> pl.DataFrame:
    """Removes corrected rows from `samples`; returns what is to be written: new and corrected rows."""
    last = stored.hstack(staged[stored["place"]].select(MEASURED))
    corrected = last.filter(DIFFERS)
    if corrected.height:
        # Scattered corrections: deleting and inserting keeps the file small, updating in place does not.
        connection.register("corrected", corrected)
        connection.execute(
            text_of("load_delete_corrected")[0], {"low": corrected["ts"].min(), "high": corrected["ts"].max()}
        )
        connection.unregister("corrected")
    written = np.ones(staged.height, bool)
    written[last.filter(~DIFFERS)["place"].to_numpy()] = False
    return staged.filter(written)


def _write(connection: duckdb.DuckDBPyConnection, staged: pl.DataFrame) -> None:
    """Inserts the rows, marks their days stale and widens the bounds of their series."""
    touched = staged.group_by("series_id", pl.col("ts").dt.date().alias("day")).agg(
        pl.col("ts").min().alias("first_ts"), pl.col("ts").max().alias("last_ts")
    )
    if staged.height < LONG_RUN * touched["series_id"].n_unique():
        staged = by_time(staged)
    for name, frame in (("staged", staged), ("touched", touched)):
        connection.register(name, frame)
    for question in ("load_samples", "load_dirty_days", "load_bounds"):
        connection.execute(text_of(question)[0])
    for name in ("staged", "touched"):
        connection.unregister(name)
