"""Ingest: pull every source, load what is usable, refresh the rollups."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import polars as pl

from data.errors import ConfigError, HeadroomError
from headroom.jobs import inventory
from headroom.jobs.pulling import Pull, SourceSummary, stated_capacities
from headroom.jobs.run import Run
from headroom.progress import Advance
from headroom.sources import configured
from ingest.source import Naming, Source, Targeted, targets_of

Sleep = Callable[[float], None]


def ingest(
    run: Run,
    *,
    only: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
    sleep: Sleep = time.sleep,
) -> list[SourceSummary]:
    """Pulls every configured source (or `only` one) and refreshes the rollups of the days it touched.

    A source that fails does not stop the others; its summary carries the error. `dry_run` reads and
    checks everything and writes nothing.

    Raises:
        ConfigError: a source is configured wrongly; or nothing can lie between `since` and `until`.
        UnknownName: `only` names no source.
    """
    _check(since, until, run.now)
    names = run.store.names()
    sources = {
        name: source.calling(names) if isinstance(source, Naming) else source
        for name, source in configured(run.settings, only).items()
    }
    known = inventory.gather(run, sources)
    if not dry_run:
        # Before anything is measured under them.
        run.store.record_names(names)
        if run.settings.inventory or known.found:
            inventory.record(run, known, sources)
    sizes = stated_capacities(known.capacities()) if dry_run else None
    summaries = []
    for name, source in sources.items():
        with run.steps.step(f"Load {name}") as advance:
            summary = SourceSummary(name)
            started = time.perf_counter()
            if dry_run:
                _pull(run, name, source, since, until, summary, advance, sleep, sizes)
                _add_problem(summary, known.problems.get(name))
            else:
                with run.record("ingest", name) as report:
                    _pull(run, name, source, since, until, summary, advance, sleep)
                    _add_problem(summary, known.problems.get(name))
                    report.rows_read, report.loaded = summary.read, summary.loaded
                    report.message = "; ".join(summary.skipped) or None
                    if summary.error:
                        report.outcome = "partly" if summary.read else "failed"
                        report.message = summary.error
            summary.seconds = time.perf_counter() - started
            summaries.append(summary)
    if not dry_run:
        told = [(summary.source, one) for summary in summaries for one in summary.found]
        for name, one in told:
            known.add(name, one)
        if told:
            inventory.record(run, known, sources)
        run.store.record_names(names)
        refresh(run)
    return summaries


def refresh(run: Run) -> int:
    """Refreshes the rollups of the days that were touched; returns how many series-days."""
    with run.steps.step("Roll up") as advance, run.record("rollup") as report:
        report.rows_read = run.store.refresh_rollups(advance)
    return report.rows_read


def _pull(
    run: Run,
    name: str,
    source: Source,
    since: datetime | None,
    until: datetime | None,
    summary: SourceSummary,
    advance: Advance,
    sleep: Sleep,
    sizes: pl.DataFrame | None = None,
) -> None:
    """Pulls every target of a source; one that fails does not stop the others. Errors end up in the summary.

    Args:
        sizes: makes it a dry run; see `Pull.stated`.
    """
    try:
        targets = targets_of(source)
    except HeadroomError as error:
        summary.error = str(error)
        return
    if not targets:
        summary.error = "it lists no targets"
        return
    if sizes is None and isinstance(source, Targeted):
        run.store.list_targets(name, [target for target in targets if target is not None])
    problems = []
    for target, one in targets.items():
        pull = Pull(run, name, one, target, since, until, dry_run=sizes is not None, stated=sizes)
        if problem := pull.work(summary, advance, sleep):
            problems.append(problem)
    summary.error = "; ".join(problems) or None


def _add_problem(summary: SourceSummary, problem: str | None) -> None:
    summary.error = "; ".join(filter(None, (summary.error, problem))) or None


def _check(since: datetime | None, until: datetime | None, now: datetime) -> None:
    """Raises ConfigError where nothing can have been measured between the two."""
    form = "%Y-%m-%d %H:%M UTC"
    if since is not None and until is not None and until <= since:
        raise ConfigError(f"--until {until:{form}} is not after --since {since:{form}}")
    if since is not None and since > now:
        raise ConfigError(f"--since {since:{form}} lies in the future")
