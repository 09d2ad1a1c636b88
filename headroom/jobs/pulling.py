"""Pulling: one source, or one target of it, brought up to date; with retries, and never past what it has."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from data.errors import HeadroomError, SourceUnavailable
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
                self._pull(summary, advance)
                return None
            except SourceUnavailable as error:
                problem = str(error)
                if attempt < ATTEMPTS:
                    sleep(2.0**attempt * (0.5 + random.random()))
            except HeadroomError as error:
                return str(error)
        return problem

    def _pull(self, summary: SourceSummary, advance: Advance) -> None:
        mark = self._mark()
        window = self._window(mark)
        newest = self._newest_of_series() if mark and window and self.since is None else None
        brought = Loaded()
        behind: dict[str, datetime] = {}
        for batch in self.source.pull(window):
            usable, loaded = self._take(batch, summary)
            if newest is not None and window is not None:
                for name, since in _behind(usable.samples, newest, window.start - self._step).items():
                    behind[name] = min(since, behind.get(name, since))
            brought += loaded
            advance(summary.read, 0)
        if behind and window is not None:
            # What is back after a pause may have measured on meanwhile, or left something unsent before.
            missed = Window(self._earliest(min(behind.values())), window.start)
            source = self.source
            asked = source.narrowed(behind.keys()) if isinstance(source, Narrowing) else source
            for batch in asked.pull(missed):
                self._take(batch, summary)
                advance(summary.read, 0)
        # Only where nothing before the window is still to come: `--since` may leave a gap.
        continues = mark is None or window is None or window.start <= mark
        if brought.newest_sample and continues and not self.dry_run:
            reached = min(brought.newest_sample, self.run.now)
            if mark is None or reached > mark:
                self.run.store.set_watermark(self.name, reached, clock(), target=self.target)

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
            return store.watermark(self.name)  # from before targets had their own
        return mark

    def _window(self, mark: datetime | None) -> Window | None:
        """What to pull: what was asked for; else, of a source that can resume, from its watermark on."""
        if self.since is None and self.until is None and not self._resumes:
            return None
        default = self._earliest(_EPOCH) if self._resumes else _EPOCH
        since = self.since or (mark - OVERLAP if mark else default)
        # A live source measures a moment later than the run began.
        return Window(
            since, self.until or self.run.now + (timedelta() if self._resumes else timedelta(days=1))
        )

    def _earliest(self, moment: datetime) -> datetime:
        """The moment, or as far back as the source goes."""
        return max(moment, self.run.now - timedelta(days=getattr(self.source, "history_days", 1)))

    def _newest_of_series(self) -> pl.DataFrame:
        return self.run.store.frame("series_newest").filter(pl.col("newest").is_not_null())

    def _take(self, batch: Batch, summary: SourceSummary) -> tuple[Batch, Loaded]:
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
        usable = intake(batch, now=run.now, drivers=drivers, capacities=known)
        summary.read += usable.rows_read
        _count(summary.reasons, usable.rejected["reason"])
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
                usable, run_id=run.run_id, source=self.name, step_seconds=step, now=run.now
            )
            if isinstance(self.source, Confirmed):
                self.source.loaded(batch)
        summary.loaded += loaded
        return usable, loaded


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


def _behind(samples: pl.DataFrame, newest: pl.DataFrame, start: datetime) -> dict[str, datetime]:
    """Resources with series that ended before the start and are back, and since when to ask for them."""
    series = samples.select("resource", "metric").unique()
    back = newest.filter(pl.col("newest") < start).join(series, on=["resource", "metric"], how="semi")
    return dict(back.group_by("resource").agg(pl.col("newest").min()).iter_rows())
