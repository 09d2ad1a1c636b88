"""Pushed: loads what the receiver took in, from remote write and OTLP, exactly once.

Senders repeat what was not acknowledged, split a scrape over requests and catch up after an outage. So the
readings of the last `lateness` of each resource are kept in a state file beside the segments, and slots are
made anew from all of them. What comes later than that joins what the archive kept of its time; the samples
that come of it correct those in the store. The state and the list of segments in it move on in one rename,
after the store has the samples and the archive the readings; a crash in between makes the same samples again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import polars as pl

from data.errors import ConfigError, SourceError
from data.frames import SAMPLE_SCHEMA, UTC_TIME, Batch, Inventory
from data.series import Window
from ingest import archive, kept_facts, otlp, remote_write
from ingest.from_table import from_table
from ingest.landing import Kind, Record, Torn, records, remove, seal, segments
from ingest.late import incomplete, late_samples
from ingest.pieces import rejections
from ingest.readings import GROUP, READING_SCHEMA, SERIES, ReadingList
from ingest.slots import samples_of
from ingest.times import length_of_time

READINGS_AT_ONCE = 1_000_000
"""Readings after which a batch is made: bounds memory whatever waits."""

AHEAD = timedelta(hours=1)
"""Readings further ahead of when they were received come from a wrong clock."""

FORGOTTEN = timedelta(days=30)
"""Resources that sent nothing for so long are new when they come back."""

STATE = "state.parquet"
_SEGMENTS = "segments"
"""Key of the state file's metadata: the segments whose readings are in it or were used."""
_WHOLE_SINCE = "whole_since"
"""Key of the metadata: from when on all that was received is in the archive, unless it is too old."""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PushedBatch(Batch):
    """A batch with what is to be noted once it is loaded."""

    state: pl.DataFrame | None = None
    """READING_SCHEMA to keep; None = nothing is to be noted."""
    used: tuple[Path, ...] = ()
    """Segments that are loaded with it."""
    readings: pl.DataFrame | None = None
    """READING_SCHEMA to keep in the archive."""
    received: datetime | None = None
    """When the newest of them was received."""
    whole_since: datetime = _EVER
    """From when on all that was received is in the archive once they are."""


@dataclass(frozen=True, slots=True)
class _State:
    """What is known from earlier batches."""

    readings: pl.DataFrame
    """READING_SCHEMA."""
    used: frozenset[str]
    """Names of the segments that were used for them."""
    whole_since: datetime | None
    """From when on all that was received is in the archive; None = nothing is kept there."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """Loads what was pushed to the receiver of `headroom serve` or `headroom receive`."""

    folder: str = "var/landing"
    """Where the receiver puts it."""
    step: str = "1m"
    """Length of the intervals that samples are made of; at least twice the senders' interval."""
    lateness: str = "15m"
    """How much later than the newest of its resource a reading may arrive in the usual course; what comes
    later corrects samples that are loaded already."""
    keep: str = "2d"
    """How long readings are kept for late ones to join; what comes later still must be complete by itself."""
    longest_gap: str = "15m"
    """Counters say nothing about stretches longer than this between two readings, deltas of longer ones
    neither."""

    brings_inventory: ClassVar[bool] = True
    """Batches say what their series say of resources, besides what was said before."""

    def __post_init__(self) -> None:
        for name in ("step", "lateness", "keep", "longest_gap"):
            try:
                length_of_time(getattr(self, name))
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from error
        if length_of_time(self.lateness) < 2 * length_of_time(self.step):
            raise ConfigError(f"lateness: {self.lateness} is less than two steps of {self.step}")
        if length_of_time(self.keep) < length_of_time(self.lateness):
            raise ConfigError(f"keep: {self.keep} is less than lateness, {self.lateness}")

    @property
    def step_seconds(self) -> int:
        """The grid of its samples."""
        return round(length_of_time(self.step).total_seconds())

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields what waits, oldest first; call `loaded` with each batch that is in the store.

        With a window it only looks: nothing is noted as loaded.
        """
        folder = Path(self.folder)
        try:
            waiting, state = seal(folder), _read_state(folder)
            for batch in self._batches([path for path in waiting if path.name not in state.used], state):
                if window is None:
                    yield batch
                else:
                    inside = pl.col("ts").is_between(window.start, window.end, closed="left")
                    yield Batch(
                        batch.samples.filter(inside), batch.rejected, batch.rows_read, batch.inventory
                    )
        except OSError as error:
            which = error.filename or folder
            raise SourceError(f"{which}: cannot be read: {error.strerror or error}") from error

    def inventory(self) -> Inventory:
        """What was said of resources in all that was loaded; what waits says more with its batches.

        Raises:
            SourceError: it cannot be read.
        """
        return Inventory(resources=kept_facts.kept(Path(self.folder)))

    def loaded(self, batch: Batch) -> None:
        """Notes that the batch is in the store, and removes its segments.

        Raises:
            SourceError: it cannot be noted; the same batch comes again, which changes nothing.
        """
        if not isinstance(batch, PushedBatch) or batch.state is None:
            return
        try:
            self._note(batch, batch.state)
        except OSError as error:
            raise SourceError(f"{self.folder}: cannot be written: {error.strerror or error}") from error

    def _note(self, batch: PushedBatch, state: pl.DataFrame) -> None:
        folder = Path(self.folder)
        kept = folder / archive.FOLDER
        if batch.readings is not None and batch.received is not None:
            archive.keep(kept, batch.readings, batch.received)
        # Segments of an earlier batch whose removal was cut short are in the old list.
        names = {path.name for path in batch.used}
        used = _read_state(folder).used
        leftover = [path for path in segments(folder, ".sealed") if path.name in used]
        noted = {
            _SEGMENTS: json.dumps(sorted(names | {path.name for path in leftover})),
            _WHOLE_SINCE: batch.whole_since.isoformat(),
        }
        kept_facts.keep(folder, batch.inventory)
        kept_facts.replaced(folder / STATE, state, noted)
        remove([*batch.used, *leftover])
        if batch.received is not None:
            archive.tidy(kept, min(batch.received, datetime.now(UTC)), length_of_time(self.keep))

    def _batches(self, waiting: list[Path], state: _State) -> Iterator[PushedBatch]:
        readings, rejected, used, seen = ReadingList(), list[pl.DataFrame](), list[Path](), 0
        newest = _EVER
        for path in waiting:
            for record in records(path):
                bad: list[tuple[int | None, str, str | None]] = []
                if isinstance(record, Torn):
                    bad.append((None, f"{record.length} bytes at {record.offset} are no record", None))
                else:
                    newest = max(newest, record.received_at)
                    seen += _add(record, readings, bad)
                seen += len(bad)
                if bad:
                    rejected.append(rejections(path.name, bad))
            used.append(path)
            if len(readings) >= READINGS_AT_ONCE or path == waiting[-1]:
                rejected += _nameless(readings)
                batch = self._batch(readings.frame(), state, newest, rejected, seen)
                batch = replace(batch, used=tuple(used), inventory=readings.facts.inventory())
                assert batch.state is not None
                state = _State(batch.state, state.used, batch.whole_since)
                yield batch
                readings, rejected, used, seen = ReadingList(), [], [], 0

    def _batch(
        self,
        fresh: pl.DataFrame,
        before: _State,
        received: datetime,
        rejected: list[pl.DataFrame],
        seen: int,
    ) -> PushedBatch:
        # A receiver's clock that ran ahead for a moment must not make all of it look old.
        at = min(received, datetime.now(UTC))
        state, whole_since = before.readings, before.whole_since or at
        horizon = at - length_of_time(self.keep)
        step, lateness = length_of_time(self.step), length_of_time(self.lateness)
        fresh, ahead = _split(fresh, pl.col("ts") <= received + AHEAD)
        longest_gap = length_of_time(self.longest_gap)
        too_long = (pl.col("kind") == "delta") & (pl.col("ts") - pl.col("start") > longest_gap)
        fresh, lumps = _split(fresh, ~too_long.fill_null(False))
        bounds = _bounds(state, step, lateness)
        fresh, late = _split(
            fresh.join(bounds, on=GROUP, how="left", maintain_order="left"),
            pl.col("bound").is_null() | (pl.col("ts") >= pl.col("bound")),
        )
        fresh, late = fresh.select(*READING_SCHEMA), late.select(*READING_SCHEMA)

        listing = archive.Listing(Path(self.folder) / archive.FOLDER)

        def around(since: datetime, until: datetime, resources: pl.Series) -> pl.DataFrame:
            inside = pl.col("ts").is_between(since, until) & pl.col("resource").is_in(resources.implode())
            return pl.concat(
                [listing.kept(since, until, resources), state.filter(inside), fresh.filter(inside)]
            )

        # Of the others of their time, not all are kept: they are forgotten, or came before anything was.
        alone, late = _split(late, pl.col("ts") < max(horizon, whole_since))
        few = incomplete(alone, around, state, step)
        alone, late = alone.filter(few), pl.concat([late, alone.filter(~few)])
        known = pl.concat([state, late, fresh])
        known = known.unique([*SERIES, "ts"], keep="last", maintain_order=True)
        samples = self._settled(samples_of(known, step, longest_gap), known, bounds, received)
        if late.height:
            samples = pl.concat([late_samples(late, around, bounds, step, longest_gap), samples])
        forgotten, unkept = _split(alone, pl.col("ts") < horizon)
        problems = [
            *rejected,
            _as_rejected(ahead, "its time is more than an hour after it was received; is a clock wrong?"),
            _as_rejected(lumps, f"a change over more than {self.longest_gap} says nothing of its intervals"),
            _as_rejected(
                forgotten, f"arrived more than {self.keep} late and without its other series; raise keep"
            ),
            _as_rejected(unkept, "arrived late and without its other series, of which none were kept then"),
        ]
        return PushedBatch(
            samples,
            pl.concat(problems),
            seen,
            state=_kept(
                known, _without_forgotten(_bounds(known, step, lateness), fresh, at), longest_gap + step
            ),
            readings=pl.concat([late, fresh]),
            received=received,
            whole_since=whole_since,
        )

    def _settled(
        self, samples: pl.DataFrame, known: pl.DataFrame, bounds: pl.DataFrame, received: datetime
    ) -> pl.DataFrame:
        """Slots that are complete: not cut by what was forgotten, and not still filling."""
        step, lateness = length_of_time(self.step), length_of_time(self.lateness)
        newest = known.group_by(GROUP).agg(pl.col("ts").max().alias("newest"))
        ended = pl.col("ts") + step
        return (
            samples.join(newest, on=GROUP, how="left", maintain_order="left")
            .join(bounds, on=GROUP, how="left", maintain_order="left")
            # One step of grace: the parts of one scrape come in several requests.
            .filter((ended + step <= pl.col("newest")) | (ended + lateness <= received))
            .filter(pl.col("bound").is_null() | (pl.col("ts") >= pl.col("bound")))
            .select(*SAMPLE_SCHEMA)
        )

    @classmethod
    def from_table(cls, table: Mapping[str, object], root: Path | None = None) -> Pushed:
        """Builds the source from its settings table; a relative folder starts from `root`."""
        found = from_table(cls, table)
        return found if root is None else replace(found, folder=str(root / Path(found.folder).expanduser()))


def _add(record: Record, readings: ReadingList, bad: list[tuple[int | None, str, str | None]]) -> int:
    """Adds a record's readings; one that cannot be read is rejected, although it was accepted once."""
    try:
        if record.kind is Kind.REMOTE_WRITE:
            return remote_write.add_readings(record.payload, readings, bad)
        return otlp.add_readings(record.payload, readings, bad, as_json=record.kind is Kind.OTLP_JSON)
    except SourceError as error:
        bad.append((None, str(error), None))
        return 0


def _nameless(readings: ReadingList) -> list[pl.DataFrame]:
    reason = "no label says which resource it is about"
    rows = [(None, reason, f"{name} {labels}") for name, labels in readings.nameless.items()]
    return [rejections("readings", rows)] if rows else []


def _bounds(known: pl.DataFrame, step: timedelta, lateness: timedelta) -> pl.DataFrame:
    """GROUP, bound: the start of the first slot of each group that is still open to late readings."""
    width = round(step / timedelta(microseconds=1))
    newest = pl.col("ts").max().to_physical() - round(lateness / timedelta(microseconds=1))
    return known.group_by(GROUP).agg((newest // width * width).cast(UTC_TIME).alias("bound"))


def _kept(known: pl.DataFrame, bounds: pl.DataFrame, reach: timedelta) -> pl.DataFrame:
    """What later readings need: all since the bound, and of each series the last one before it.

    Series that ended longer than `reach` before the bound matter no more: pods come and go.
    """
    marked = known.join(bounds, on=GROUP, how="left", maintain_order="left")
    marked = marked.filter(pl.col("ts") >= pl.col("bound") - reach)
    since = marked.filter(pl.col("ts") >= pl.col("bound"))
    before = (
        marked.filter(pl.col("ts") < pl.col("bound"))
        .sort("ts", maintain_order=True)
        .unique(SERIES, keep="last", maintain_order=True)
    )
    return pl.concat([before, since]).select(*READING_SCHEMA).sort(*SERIES, "ts")


def _without_forgotten(bounds: pl.DataFrame, fresh: pl.DataFrame, received: datetime) -> pl.DataFrame:
    """The bounds without groups that fell silent long ago, unless old readings are being sent just now."""
    horizon = received - FORGOTTEN
    if fresh.filter(pl.col("ts") < horizon).height:
        return bounds
    return bounds.filter(pl.col("bound") >= horizon)


def _split(frame: pl.DataFrame, condition: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    return frame.filter(condition), frame.filter(~condition)


def _as_rejected(readings: pl.DataFrame, reason: str) -> pl.DataFrame:
    raws = pl.concat_str(
        [pl.col("ts").cast(pl.String), "resource", "part", pl.col("value").cast(pl.String)], separator=" "
    )
    return readings.select(
        pl.lit("readings").alias("origin"),
        pl.lit(None, pl.Int64).alias("line"),
        pl.lit(reason).alias("reason"),
        raws.str.head(1_000).alias("raw"),
    )


def _read_state(folder: Path) -> _State:
    """What was noted with the batch before."""
    path = folder / STATE
    if not path.exists():
        return _State(pl.DataFrame(schema=READING_SCHEMA), frozenset(), _EVER)
    try:
        noted = pl.read_parquet_metadata(path)
        used = frozenset(json.loads(noted.get(_SEGMENTS, "[]")))
        whole_since = oldest = archive.oldest(folder / archive.FOLDER)
        if oldest is not None and _WHOLE_SINCE in noted:
            whole_since = datetime.fromisoformat(noted[_WHOLE_SINCE])
        return _State(pl.read_parquet(path).cast(READING_SCHEMA), used, whole_since)  # type: ignore[arg-type]
    except (pl.exceptions.PolarsError, ValueError, OSError) as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise SourceError(
            f"{path}: cannot be read: {first}; remove it to go on without what it kept"
        ) from error
