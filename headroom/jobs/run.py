"""What every step needs: the store, the settings, the clock, and a row in `runs`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from data.loading import Loaded
from data.store import Store
from headroom.progress import Steps
from headroom.settings import Settings


def new_run_id(now: datetime) -> str:
    """Sorts by time; the tail keeps two runs of one second apart."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def clock() -> datetime:
    """Now, in UTC. The only place that reads the clock; everything below gets it as an argument."""
    return datetime.now(UTC)


@dataclass(slots=True)
class StepReport:
    """What a step did, filled in while it works."""

    rows_read: int = 0
    loaded: Loaded = field(default_factory=Loaded)
    outcome: str = "done"
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation of one or more steps on an open store."""

    settings: Settings
    store: Store
    now: datetime
    run_id: str
    steps: Steps = field(default_factory=Steps)
    began: float = field(default_factory=time.monotonic)
    """By the monotonic clock; `now` is the time of that moment."""

    def later(self) -> datetime:
        """`now`, and as much later as the run has gone on since."""
        return self.now + timedelta(seconds=time.monotonic() - self.began)

    def newest_sample(self) -> datetime | None:
        """Start of the newest sample there is, but not after now.

        Samples up to a day ahead are kept, since clocks differ; one such clock must not make everybody else
        silent, nor a day that is not over count.
        """
        newest = self.store.newest_sample()
        return None if newest is None else min(newest, self.now)

    @contextmanager
    def record(self, step: str, source: str | None = None) -> Iterator[StepReport]:
        """Writes the step's row in `runs`; a failure is recorded before it goes on up."""
        report = StepReport()
        self.store.begin_run(self.run_id, step, source, started_at=clock())
        try:
            yield report
        except BaseException as error:
            report.outcome = "failed"
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            # DuckDB's own words for Ctrl-C in a query.
            stopped = isinstance(error, KeyboardInterrupt) or told == "Query interrupted"
            report.message = "interrupted" if stopped else told
            raise
        finally:
            self.store.finish_run(
                self.run_id,
                step,
                source,
                outcome=report.outcome,
                rows_read=report.rows_read,
                loaded=report.loaded,
                message=report.message,
                finished_at=clock(),
            )
