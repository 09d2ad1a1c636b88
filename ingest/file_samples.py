"""One file's rows into samples: their times, their layout, and what is wrong with the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from data.errors import SourceError
from data.frames import SAMPLE_SCHEMA, Batch, empty
from data.series import Window
from ingest.core_clock import Clock
from ingest.layouts import Layout
from ingest.pieces import LINE, Piece
from ingest.times import Time, parts_to_utc, positions_to_utc, to_utc


@dataclass(frozen=True, slots=True)
class FileSamples:
    """How the pieces of one file become batches."""

    path: str
    time: Time
    layout: Layout
    start: str
    """Time of the first row, from the file's name; "" = as the settings say."""
    times: pl.DataFrame | None
    """key and ts of the second file with the times."""
    clock: Clock

    @staticmethod
    def nothing() -> pl.DataFrame:
        """No samples."""
        return empty(SAMPLE_SCHEMA)

    def needs(self) -> list[str]:
        """The columns to read."""
        return list(dict.fromkeys((*self.time.needs(), *self.layout.needs())))

    def batch(self, piece: Piece, window: Window | None) -> Batch:
        """The samples of the piece within the window, and its rows that are none with the reason."""
        rows = piece.rows
        ts = self._times(piece)
        good, bad = self.layout.samples(piece, ts, self.path, self.clock)
        samples = good.select(*SAMPLE_SCHEMA)
        if window is not None:
            samples = samples.filter(pl.col("ts").is_between(window.start, window.end, closed="left"))
        rejected = piece.rejected
        if ts.null_count():
            bad = pl.concat([self._unread_times(rows, ts), bad])
        if bad.height:
            found = bad.select(
                pl.lit(self.path).alias("origin"),
                pl.col(LINE).alias("line"),
                "reason",
                piece.raw(bad[LINE]).alias("raw"),
            )
            rejected = pl.concat([rejected, found])
        return Batch(samples, rejected, rows.height + piece.rejected.height)

    def _times(self, piece: Piece) -> pl.Series:
        rows, table = piece.rows, self.times
        time = self.time
        if time.constant:
            moment = time.moment(time.constant)
            assert moment is not None
            return moment.new_from_index(0, rows.height)
        if time.step:
            start = time.moment(self.start or time.start)
            if start is None:
                raise SourceError("time.start: neither the settings nor the file's name say when it starts")
            return positions_to_utc(rows[LINE] - piece.first_line, start, time)
        if time.parts:
            return parts_to_utc(rows, time)
        if table is None:
            return to_utc(rows[time.column], time)
        key = rows[time.column] if time.table and time.table.key else rows[LINE] - piece.first_line
        found = (
            key.cast(pl.String)
            .str.strip_chars()
            .alias("key")
            .to_frame()
            .join(table, on="key", how="left", maintain_order="left")
        )
        return found["ts"]

    def _unread_times(self, rows: pl.DataFrame, ts: pl.Series) -> pl.DataFrame:
        """Says why the rows without a time have none."""
        time = self.time
        bad = rows.filter(ts.is_null())
        names = [name for name in time.needs() if name in bad.columns]
        shown = (
            pl.concat_str(pl.col(names).cast(pl.String).fill_null(""), separator=" ") if names else pl.lit("")
        )
        if time.table is not None:
            reason = pl.format(f"time of key '{{}}' is not in {time.table.path}", shown)
        else:
            expected = {"auto": "an ISO 8601 time or an epoch", "epoch": "an epoch"}
            what = expected.get(time.format, f"a time like {time.format}")
            reason = (
                pl.when(shown.str.strip_chars() == "")
                .then(pl.lit("time is missing"))
                .otherwise(pl.format(f"time '{{}}' is not {what}", shown.str.head(60)))
            )
        found = bad.select(LINE, reason.alias("reason"))
        if time.timezone == "UTC" or time.table is not None:
            return found
        plain = replace(time, timezone="UTC")
        readable = parts_to_utc(bad, plain) if time.parts else to_utc(bad[time.column], plain)
        clock = pl.format(
            f"time '{{}}' is skipped or occurs twice in {time.timezone}, where the clock was changed", shown
        )
        return found.with_columns(
            reason=pl.when(readable.is_not_null())
            .then(bad.select(clock.alias("clock"))["clock"])
            .otherwise("reason")
        )
