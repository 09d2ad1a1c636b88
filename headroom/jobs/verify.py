"""Verify: compares what earlier runs forecast with what was measured since, and notes drift of accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from data.errors import StoreUnavailable
from data.frames import Inventory
from data.panel import HOUR
from data.publish import PublishedRun, published_runs
from data.verification import EarlierRun
from headroom.jobs.run import Run
from models.evaluation.drift import ACCURACY_DRIFT, drift_events

AGES = (1, 7, 28)
"""Days: of each age the newest forecast that is at least as old is compared."""


def verify(run: Run) -> int:
    """Keeps the comparison in `forecast_actuals` and records events of drift; says how many series it was.

    An earlier run that cannot be read is noted in `runs` and does not stop the others' work.

    Raises:
        StoreUnavailable: nothing was measured yet.
    """
    newest = run.newest_sample()
    if newest is None:
        raise StoreUnavailable(f"{run.settings.store_path}: nothing measured yet; `headroom ingest` loads it")
    until = (newest + HOUR).replace(minute=0, second=0, microsecond=0)
    earlier = chosen(published_runs(run.settings.published), until)
    compared = 0
    with run.steps.step("Compare earlier forecasts"), run.record("verify") as report:
        try:
            if earlier:
                compared = run.store.verify(earlier, verified_run=run.run_id, measured_until=until)
        except StoreUnavailable as error:
            report.outcome, report.message = "failed", str(error)
            return 0
        actuals = run.store.frame("forecast_actuals_of", verified_run=run.run_id)
        events = drift_events(actuals, run.store.frame("events_open", kind=ACCURACY_DRIFT))
        if events.height:
            run.store.record_inventory(
                Inventory(events=events), run_id=run.run_id, source="verify", now=run.now
            )
        report.rows_read = compared
    return compared


def chosen(runs: Sequence[PublishedRun], measured_until: datetime) -> list[EarlierRun]:
    """Of each age the newest run at least as old; one that serves several ages is taken once, as the oldest.

    Args:
        runs: newest published first; of runs on the same measurements the last published counts.
    """
    by_run: dict[str, EarlierRun] = {}
    for age in AGES:
        old = [run for run in runs if run.as_of <= measured_until - timedelta(days=age)]
        if old:
            best = max(old, key=lambda run: (run.as_of, run.published_at, run.run_id))
            by_run[best.run_id] = EarlierRun(best.run_id, best.path, age)
    return list(by_run.values())
