"""Ingest: pull every source, load what is usable, refresh the rollups."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from data.errors import HeadroomError, SourceUnavailable
from data.frames import Batch, Inventory
from data.loading import Loaded
from data.series import Window
from headroom.jobs.run import Run, clock
from headroom.sources import configured
from ingest.intake import intake
from ingest.inventory_files import InventoryFiles
from ingest.source import Confirmed, InventorySource, Source

_ATTEMPTS = 4
_OVERLAP = timedelta(hours=1)
"""Pulled again before the watermark: late samples are common, and loading twice changes nothing."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(slots=True)
class SourceSummary:
    """What one source brought in one run."""

    source: str
    read: int = 0
    loaded: Loaded = field(default_factory=Loaded)
    seconds: float = 0.0
    error: str | None = None


def ingest(
    run: Run,
    *,
    only: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> list[SourceSummary]:
    """Pulls every configured source (or `only` one) and refreshes the rollups of the days it touched.

    A source that fails does not stop the others; its summary carries the error. `dry_run` reads and
    checks everything and writes nothing.

    Raises:
        ConfigError: a source is configured wrongly.
        UnknownName: `only` names no source.
    """
    sources = configured(run.settings, only)
    if run.settings.inventory and only is None and not dry_run:
        record_inventory(run)
    summaries = []
    for name, source in sources.items():
        with run.steps.step(f"Load {name}") as advance:
            summary = SourceSummary(name)
            started = time.perf_counter()
            if dry_run:
                _pull(run, name, source, since, until, summary, advance, sleep, dry_run=True)
            else:
                with run.record("ingest", name) as report:
                    problem = _record_inventory_of(run, name, source)
                    _pull(run, name, source, since, until, summary, advance, sleep, dry_run=False)
                    summary.error = summary.error or problem
                    report.rows_read, report.loaded = summary.read, summary.loaded
                    if summary.error:
                        report.outcome = "partly" if summary.loaded.new else "failed"
                        report.message = summary.error
            summary.seconds = time.perf_counter() - started
            summaries.append(summary)
    if not dry_run:
        refresh(run)
    return summaries


def refresh(run: Run) -> int:
    """Refreshes the rollups of the days that were touched; returns how many series-days."""
    with run.steps.step("Roll up") as advance, run.record("rollup") as report:
        report.rows_read = run.store.refresh_rollups(advance)
    return report.rows_read


def record_inventory(run: Run) -> Inventory:
    """Reads the inventory files of the settings into the store."""
    with run.steps.step("Read inventory"), run.record("ingest", "inventory") as report:
        inventory = InventoryFiles.from_table(run.settings.inventory, root=run.settings.root).inventory()
        run.store.record_inventory(inventory, run_id=run.run_id, source="inventory")
        report.rows_read = inventory.resources.height + inventory.services.height
        report.loaded = Loaded(rejected=inventory.rejected.height)
    return inventory


def _record_inventory_of(run: Run, name: str, source: Source) -> str | None:
    """Records what the source knows of resources; says what kept it from that."""
    if not isinstance(source, InventorySource):
        return None
    try:
        run.store.record_inventory(source.inventory(), run_id=run.run_id, source=name, now=run.now)
    except HeadroomError as error:
        return f"inventory: {error}"
    return None


def _pull(
    run: Run,
    name: str,
    source: Source,
    since: datetime | None,
    until: datetime | None,
    summary: SourceSummary,
    advance: Callable[[int, int], None],
    sleep: Callable[[float], None],
    *,
    dry_run: bool,
) -> None:
    """One source, retried with backoff and jitter while it is unavailable. Errors end up in the summary."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            window = _window(run, name, source, since, until)
            for batch in source.pull(window):
                usable = intake(
                    batch,
                    now=run.now,
                    drivers=getattr(source, "drivers", None) or {},
                    capacities=run.store.frame("capacities_of"),
                )
                _take(run, name, source, usable, summary, dry_run=dry_run)
                if isinstance(source, Confirmed) and not dry_run:
                    source.loaded(batch)
                advance(summary.read, 0)
            newest = summary.loaded.newest_sample
            if not dry_run and newest:
                run.store.set_watermark(name, newest, clock())
            summary.error = None
            return
        except SourceUnavailable as error:
            summary.error = str(error)
            if attempt < _ATTEMPTS:
                sleep(2.0**attempt * (0.5 + random.random()))
        except HeadroomError as error:
            summary.error = str(error)
            return


def _window(
    run: Run, name: str, source: Source, since: datetime | None, until: datetime | None
) -> Window | None:
    """What to pull: what was asked for; else, of a source that can resume, from its watermark on."""
    resumes = bool(getattr(source, "resumes", False))
    mark = run.store.watermark(name) if resumes and since is None else None
    if since is None and until is None and not resumes:
        return None
    default = run.now - timedelta(days=getattr(source, "history_days", 1)) if resumes else _EPOCH
    return Window(since or (mark - _OVERLAP if mark else default), until or run.now)


def _take(
    run: Run, name: str, source: Source, batch: Batch, summary: SourceSummary, *, dry_run: bool
) -> None:
    summary.read += batch.rows_read
    if dry_run:
        newest = batch.samples["ts"].max() if batch.samples.height else None
        counted = Loaded(
            new=batch.samples.height,
            rejected=batch.rejected.height,
            newest_sample=newest if isinstance(newest, datetime) else None,
        )
    else:
        counted = run.store.load(
            batch,
            run_id=run.run_id,
            source=name,
            step_seconds=getattr(source, "step_seconds", None),
            now=run.now,
        )
    summary.loaded += counted
