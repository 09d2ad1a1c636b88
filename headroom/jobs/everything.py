"""The whole line: ingest, forecast, compare, decide, learn, replay, publish."""

from __future__ import annotations

from headroom.jobs.bills import configured_bills, load_bills
from headroom.jobs.decide import decide
from headroom.jobs.forecast import forecast
from headroom.jobs.ingest import ingest
from headroom.jobs.publish import publish
from headroom.jobs.pulling import SourceSummary
from headroom.jobs.replay import replay_as_set
from headroom.jobs.run import Run
from headroom.jobs.verify import verify
from headroom.jobs.whatif import learn


def everything(run: Run) -> list[SourceSummary]:
    """Runs every step in order; a source that failed does not stop the others.

    Raises:
        HeadroomError: there is nothing to forecast from, or a step cannot work.
    """
    configured_bills(run.settings)
    summaries = ingest(run)
    summaries += [bill.as_source() for bill in load_bills(run)]
    forecast(run)
    verify(run)
    decide(run)
    learn(run)
    replay_as_set(run)
    publish(run)
    return summaries
