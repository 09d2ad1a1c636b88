"""Publish: copy what readers need and move the pointer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from data.errors import StoreUnavailable
from headroom import __version__
from headroom.jobs.run import Run, clock


def publish(run: Run) -> Path:
    """Writes the published snapshot of the store's newest conclusions; readers see it at once.

    Raises:
        StoreUnavailable: the store holds no measurement yet.
    """
    newest = run.newest_sample()
    if newest is None:
        raise StoreUnavailable(f"{run.settings.store_path}: nothing measured yet; `headroom ingest` loads it")
    settings = run.settings.model_dump_json(include={"forecast", "decide", "prices"})
    with run.steps.step("Publish"), run.record("publish"):
        return run.store.publish(
            run.settings.published,
            run_id=run.run_id,
            as_of=(newest + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0),
            published_at=clock(),
            program_version=__version__,
            currency=run.settings.prices.currency,
            settings_json=settings,
            keep=run.settings.store.keep_runs,
            pinned=run.settings.store.pinned_runs,
        )
