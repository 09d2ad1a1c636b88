"""Compact: forget what is older than the settings keep, and make the file small."""

from __future__ import annotations

from data.compact import CompactReport, Retention
from headroom.jobs.run import Run
from headroom.settings import Settings


def retention_of(settings: Settings) -> Retention:
    """How long the settings keep things; 0 there is for ever."""
    kept = settings.store
    return Retention(
        samples=kept.keep_samples_days or None,
        rejected=kept.keep_rejected_days or None,
        runs=kept.keep_steps_days or None,
    )


def compact(run: Run) -> CompactReport:
    """Compacts the store of the run."""
    with run.steps.step("Compact") as advance, run.record("compact") as report:
        done = run.store.compact(retention_of(run.settings), now=run.now, progress=advance)
        report.message = sentence(done)
    return done


def sentence(report: CompactReport) -> str:
    """What was done, as one line."""
    size = f"{report.bytes_before / 1e6:,.1f} MB to {report.bytes_after / 1e6:,.1f} MB"
    if report.bytes_after >= report.bytes_before:
        size = f"{report.bytes_before / 1e6:,.1f} MB, as small as it gets"
    removed = [
        f"{count:,} {what}"
        for count, what in (
            (report.removed.samples, "samples"),
            (report.removed.rejected, "rejected rows"),
            (report.removed.runs, "steps"),
        )
        if count
    ]
    forgotten = f"; removed {', '.join(removed)}" if removed else ""
    return f"{size} with {report.samples:,} samples{forgotten}"
