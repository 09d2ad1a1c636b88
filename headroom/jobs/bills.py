"""Bills: read the configured FOCUS files, record what they charge, say what does not conform."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.billing import BillLoaded, Settled
from data.errors import ConfigError, HeadroomError, UnknownName
from data.loading import Loaded
from headroom.jobs.pulling import SourceSummary
from headroom.jobs.run import Run
from headroom.progress import Advance
from headroom.settings import Settings
from ingest.focus import Bills

STEP = "bills"


@dataclass(slots=True)
class BillSummary:
    """What one configured bill brought in one run."""

    name: str
    files: int = 0
    loaded: BillLoaded = field(default_factory=BillLoaded)
    settled: Settled = field(default_factory=Settled)
    """What its files are to others."""
    origins: dict[str, int] = field(default_factory=dict)
    """Files that were recorded, with the charges they had before."""
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Charges that count: without those of copies."""
        return self.loaded.charges - sum(self.settled.dropped.get(origin, 0) for origin in self.origins)

    def counts(self) -> Loaded:
        """As the rows of a run: charges of a file that was there before are replaced ones."""
        loaded = self.loaded
        return Loaded(
            new=max(self.kept - loaded.replaced, 0),
            replaced=min(self.kept, loaded.replaced),
            rejected=loaded.rejected,
        )

    def as_source(self) -> SourceSummary:
        """The same as a row beside those of sources."""
        error = "; ".join(self.errors) or None
        return SourceSummary(f"bills {self.name}", self.loaded.rows_read, self.counts(), self.seconds, error)


def configured_bills(settings: Settings, only: str | None = None) -> dict[str, Bills]:
    """Every configured bill by name, or the one asked for.

    Raises:
        ConfigError: a bill is configured wrongly.
        UnknownName: `only` names none.
    """
    if only is not None and only not in settings.bills:
        raise UnknownName("bill", only, settings.bills)
    return {
        name: _built(name, table, settings) for name, table in settings.bills.items() if only in (None, name)
    }


def _built(name: str, table: Mapping[str, Any], settings: Settings) -> Bills:
    try:
        return Bills.from_table(table, settings.root)
    except ConfigError as error:
        raise ConfigError(f"[bills.{name}]: {error}") from error


def load_bills(run: Run, *, only: str | None = None, dry_run: bool = False) -> list[BillSummary]:
    """Records every configured bill, or `only` one; a file that cannot be read does not stop the others.

    A file takes the place of what it said before, so loading it again changes nothing. `dry_run` reads
    everything and writes nothing.

    Raises:
        ConfigError: a bill is configured wrongly.
        UnknownName: `only` names none.
    """
    configured = configured_bills(run.settings, only)
    if dry_run:
        return [_read(run, name, bills, dry_run=True) for name, bills in configured.items()]
    summaries = []
    with ExitStack() as open_:
        reports = []
        for name, bills in configured.items():
            reports.append(open_.enter_context(run.record(STEP, name)))
            summaries.append(_read(run, name, bills, dry_run=False))
        if configured:
            _settle(run, summaries)
        for summary, report in zip(summaries, reports, strict=True):
            report.rows_read = summary.loaded.rows_read
            report.loaded = summary.counts()
            if summary.settled.copies:
                told = (f"{one} is a copy of {other}" for one, other in summary.settled.copies)
                report.message = "; ".join(told)
            if summary.errors:
                report.outcome = "partly" if summary.loaded.charges else "failed"
                report.message = summary.errors[0]
    return summaries


def _settle(run: Run, summaries: list[BillSummary]) -> None:
    """Lets charges count once that came in several files, of one bill or of several."""
    before = {origin: charges for summary in summaries for origin, charges in summary.origins.items()}
    settled = run.store.settle_bills(sorted(before, key=lambda origin: not before[origin]))

    for summary in summaries:

        def mine(pair: tuple[str, ...], own: BillSummary = summary) -> bool:
            # What was not read this time is told of by whom it was held against.
            return (pair[0] if pair[0] in before else pair[1]) in own.origins

        summary.settled = Settled(
            tuple(filter(mine, settled.copies)),
            tuple(one for one in settled.shared if mine(one[:2])),
            tuple(one for one in settled.restated if mine(one[:2])),
            settled.dropped,
        )


def origin_of(path: str, root: Path) -> str:
    """The name a file is known by: from the settings' folder on, however the program was started."""
    if "://" in path:
        return path
    return os.path.relpath(Path(path).resolve(), root.resolve())


def _read(run: Run, name: str, bills: Bills, *, dry_run: bool) -> BillSummary:
    summary = BillSummary(name)
    started = time.perf_counter()
    with run.steps.step(f"Load bills {name}") as advance:
        _files(run, bills, summary, advance, dry_run=dry_run)
    summary.seconds = time.perf_counter() - started
    return summary


def _files(run: Run, bills: Bills, summary: BillSummary, advance: Advance, *, dry_run: bool) -> None:
    try:
        paths = bills.files()
    except HeadroomError as error:
        summary.errors.append(str(error))
        return
    for place, path in enumerate(paths, start=1):
        try:
            if dry_run:
                for batch in bills.read(path):
                    summary.loaded += BillLoaded(
                        batch.rows_read, batch.charges.height, 0, batch.rejected.height
                    )
            else:
                origin = origin_of(path, run.settings.root)
                loaded = run.store.record_bill(
                    origin, bills.read(path), run_id=run.run_id, source=summary.name, now=run.now
                )
                summary.loaded += loaded
                summary.origins[origin] = loaded.replaced
            summary.files += 1
        except HeadroomError as error:
            summary.errors.append(str(error))
        advance(place, len(paths))
    if not dry_run and not summary.errors:
        # Before files were told apart, all that a pattern stands for was one bill.
        for pattern in set(bills.paths) - set(paths):
            if "://" in pattern:
                run.store.forget_bill(pattern)
