"""Pulling: one source, or one target of it, brought up to date; with retries, and never past what it has.

What a series missed in a pause is asked for before the batch that shows it is back is loaded: afterwards
nothing would tell any more that something is missing, neither to another try nor to another run.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from data.errors import HeadroomError, SourceError, SourceUnavailable
from data.frames import Batch, Inventory
from data.loading import Loaded
from data.series import Window
from headroom.jobs.run import Run, clock
from headroom.progress import Advance
from ingest.intake import intake
from ingest.source import Confirmed, Narrowing, Source

ATTEMPTS = 4
OVERLAP = timedelta(hours=1)
"""Pulled again before the watermark: late samples are common, and loading twice changes nothing."""
_REASONS = 1_000
"""Told apart in a summary."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(slots=True)
class SourceSummary:
    """What one source brought in one run."""

    source: str
    read: int = 0
    loaded: Loaded = field(default_factory=Loaded)
    seconds: float = 0.0
    error: str | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    """Why rows were rejected, and how many."""
    found: list[Inventory] = field(default_factory=list)
    """What its samples told of resources."""
    skipped: list[str] = field(default_factory=list)
    """Why nothing was asked of it, or of some of its targets."""


@dataclass(slots=True)
class _Pauses:
    """What one try knows of series that paused and are back."""

    newest: pl.DataFrame
    """resource, metric, newest: how far each series reached before the try."""
    until: datetime
    """What is asked for anyway starts here."""
    inner: bool = False
    """Whether what was missed in other pauses is being read just now."""
    asked: dict[str, datetime] = field(default_factory=dict)
    """Since when each resource was asked for because of a pause."""
    unread: SourceUnavailable | None = None
    """Why what was missed cannot be read now; the series wait for it."""
    lost: SourceError | None = None
    """Why some of it can never be read."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One source, or one target of it, in one run."""

    run: Run
    name: str
    """Of the source in the settings."""
    source: Source
    target: str | None = None
    """None = the source as a whole."""
    since: datetime | None = None
    until: datetime | None = None
    dry_run: bool = False
    stated: pl.DataFrame | None = None
    """CAPACITY_SCHEMA: sizes that a dry run cannot find in the store, because it records none."""

    def work(self, summary: SourceSummary, advance: Advance, sleep: Callable[[float], None]) -> str | None:
        """Pulls with backoff and jitter while it is unavailable; returns what went wrong in the end."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._pull(summary, advance)
            except SourceUnavailable as error:
                problem = str(error)
                if attempt < ATTEMPTS:
                    sleep(2.0**attempt * (0.5 + random.random()))
            except HeadroomError as error:
                return str(error)
        return problem

    def _pull(self, summary: SourceSummary, advance: Advance) -> str | None:
        """Pulls once; returns what could not be read and is not asked for again."""
        mark = self._mark()
        span = self._span(mark)
        if span is not None and span[1] <= span[0]:
            summary.skipped.append(self._nothing(span, mark))
            return None
        window = None if span is None else Window(*span)
        pauses = None
        if mark is not None and window is not None:
            # What lies between the mark and `--since` is still to come.
            pauses = _Pauses(self._newest_of_series(), min(window.start, self._start(mark)))
        brought = self._take(self.source, window, pauses, summary, advance)
        if pauses and pauses.unread:
            raise pauses.unread
        # Only where nothing before the window is still to come: `--since` may leave a gap.
        continues = mark is None or window is None or window.start <= mark
        if brought.newest_sample and continues and not self.dry_run:
            reached = min(brought.newest_sample, self.run.now)
            if mark is None or reached > mark:
                self.run.store.set_watermark(self.name, reached, clock(), target=self.target)
        return f"what was missed in a pause is lost: {pauses.lost}" if pauses and pauses.lost else None

    def _take(
        self,
        source: Source,
        window: Window | None,
        pauses: _Pauses | None,
        summary: SourceSummary,
        advance: Advance,
    ) -> Loaded:
        """Loads what the source has in the window; of each batch first what its series missed before."""
        brought = Loaded()
        for batch in source.pull(window):
            usable = self._usable(batch, summary)
            if pauses is not None:
                usable = self._caught_up(usable, pauses, summary, advance)
            brought += self._load(batch, usable, summary)
            advance(summary.read, 0)
        return brought

    def _caught_up(self, usable: Batch, pauses: _Pauses, summary: SourceSummary, advance: Advance) -> Batch:
        """The batch as it can be loaded, after what its series missed, or left unsent before a pause."""
        behind = _behind(usable.samples, pauses.newest, pauses.until - self._step)
        # A source that cannot be narrowed was asked for all resources at once.
        every = None if isinstance(self.source, Narrowing) else min(pauses.asked.values(), default=None)
        missed = {}
        for name, newest in behind.group_by("resource").agg(pl.col("newest").min()).iter_rows():
            since, before = self._earliest(newest), every or pauses.asked.get(name)
            if since < pauses.until and (before is None or since < before):
                missed[name] = since
        if not missed:
            return usable
        if pauses.unread is None:
            since = min(missed.values())
            inner = _Pauses(pauses.newest, since, inner=True)
            source = self.source
            asked = source.narrowed(missed.keys()) if isinstance(source, Narrowing) else source
            try:
                self._take(asked, Window(since, pauses.until), inner, summary, advance)
                pauses.asked.update(dict.fromkeys(missed, since))
                return usable
            except SourceUnavailable as error:
                if pauses.inner:
                    raise
                pauses.unread = error
            except SourceError as error:
                if pauses.inner:
                    raise
                # Another try would end the same; the rest must not wait for it for ever.
                pauses.lost = error
                pauses.asked.update(dict.fromkeys(missed, since))
                return usable
        waiting = behind.filter(pl.col("resource").is_in(list(missed)))
        samples = usable.samples.join(waiting, on=["resource", "metric"], how="anti", maintain_order="left")
        return replace(usable, samples=samples)

    @property
    def _resumes(self) -> bool:
        return bool(getattr(self.source, "resumes", False))

    @property
    def _step(self) -> timedelta:
        return timedelta(seconds=getattr(self.source, "step_seconds", None) or 0)

    def _mark(self) -> datetime | None:
        """Where the target got to; of one that has no watermark yet beside others, the source as a whole."""
        if not self._resumes:
            return None
        store = self.run.store
        mark = store.watermark(self.name, self.target)
        if mark is None and self.target is not None and not store.watermark_targets(self.name):
            mark = store.watermark(self.name)  # from before targets had their own
        # One that lies ahead was set by a clock gone wrong and says nothing.
        return None if mark is not None and mark > self.run.now + OVERLAP else mark

    def _span(self, mark: datetime | None) -> tuple[datetime, datetime] | None:
        """What to pull: what was asked for; else, of a source that can resume, from its watermark on."""
        if self.since is None and self.until is None and not self._resumes:
            return None
        # A live source measures a moment later than the run began.
        until = self.until or self.run.now + (timedelta() if self._resumes else timedelta(days=1))
        return self.since or self._start(mark), until

    def _start(self, mark: datetime | None) -> datetime:
        """Where a pull starts that nobody asked for more or less of."""
        if mark is not None:
            return min(mark, self.run.now) - OVERLAP
        return self._earliest(_EPOCH) if self._resumes else _EPOCH

    def _nothing(self, span: tuple[datetime, datetime], mark: datetime | None) -> str:
        """Why there is nothing to pull."""
        of = "" if self.target is None else f"{self.target}: "
        until = f"{span[1]:%Y-%m-%d %H:%M} UTC"
        if mark is not None:
            return f"{of}nothing to do: it has brought all until {mark:%Y-%m-%d %H:%M} UTC, after {until}"
        start = f"{span[0]:%Y-%m-%d %H:%M} UTC"
        return f"{of}nothing to do: without --since it goes back to {start}, after {until}"

    def _earliest(self, moment: datetime) -> datetime:
        """The moment, or as far back as the source goes."""
        return max(moment, self.run.now - timedelta(days=getattr(self.source, "history_days", 1)))

    def _newest_of_series(self) -> pl.DataFrame:
        return self.run.store.frame("series_newest").filter(pl.col("newest").is_not_null())

    def _usable(self, batch: Batch, summary: SourceSummary) -> Batch:
        """The batch in the store's units; what it tells of sizes is recorded, as amounts depend on it."""
        run, told = self.run, batch.inventory
        if told is not None:
            summary.found.append(told)
            if not self.dry_run:
                # Resources are recorded at the end, together with what others say of them.
                sizes = Inventory(capacities=told.capacities)
                run.store.record_inventory(sizes, run_id=run.run_id, source=self.name, now=run.now)
        known = run.store.frame("capacities_of")
        if self.stated is not None:
            further = [self.stated, *(stated_capacities(one.capacities) for one in summary.found)]
            known = pl.concat([*further, known.select(self.stated.columns)])
        drivers = getattr(self.source, "drivers", None) or {}
        # What was measured while earlier sources were being loaded does not come from the future.
        usable = intake(batch, now=run.later(), drivers=drivers, capacities=known)
        summary.read += usable.rows_read
        _count(summary.reasons, usable.rejected["reason"])
        return usable

    def _load(self, batch: Batch, usable: Batch, summary: SourceSummary) -> Loaded:
        """Loads what is usable of a batch, and lets the source know."""
        run = self.run
        if self.dry_run:
            newest = usable.samples["ts"].max() if usable.samples.height else None
            loaded = Loaded(
                new=usable.samples.height,
                rejected=usable.rejected.height,
                newest_sample=newest if isinstance(newest, datetime) else None,
            )
        else:
            step = getattr(self.source, "step_seconds", None)
            loaded = run.store.load(
                usable, run_id=run.run_id, source=self.name, step_seconds=step, now=run.later()
            )
            if isinstance(self.source, Confirmed):
                self.source.loaded(batch)
        summary.loaded += loaded
        return loaded


def stated_capacities(capacities: pl.DataFrame) -> pl.DataFrame:
    """Sizes as an inventory states them (CAPACITY_SCHEMA); without a date they have always held."""
    since = pl.lit(_EPOCH, pl.Datetime("us", "UTC"))
    if "valid_from" not in capacities.columns:
        capacities = capacities.with_columns(since.alias("valid_from"))
    return capacities.select("resource", "metric", pl.col("valid_from").fill_null(since), "capacity")


def _count(reasons: Counter[str], rejected: pl.Series) -> None:
    """Counts reasons; there may be as many as rows, where they quote a value."""
    for reason, count in rejected.value_counts(sort=True).iter_rows():
        known = reason in reasons or len(reasons) < _REASONS
        reasons[reason if known else "another reason"] += count


def _behind(samples: pl.DataFrame, newest: pl.DataFrame, start: datetime) -> pl.DataFrame:
    """resource, metric, newest of the series that ended before the start and are back."""
    series = samples.select("resource", "metric").unique()
    return newest.filter(pl.col("newest") < start).join(series, on=["resource", "metric"], how="semi")
