"""Series that pause and come back, sources that fail anywhere: in the end the store holds all there was."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import SourceUnavailable
from data.frames import SAMPLE_SCHEMA, Batch
from data.series import Window
from data.store import Store
from headroom.jobs.pulling import Pull, SourceSummary
from headroom.jobs.run import Run
from headroom.settings import Settings
from ingest.source import Source

START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RESOURCES = ("a", "b", "c", "d")
METRICS = ("cpu", "memory")
UNITS = {"cpu": "cores", "memory": "GiB"}


@dataclass
class Estate:
    """What can be read just now, and when reading fails."""

    chance: random.Random
    hidden: set[tuple[str, str]] = field(default_factory=set)
    """Series that cannot be read: what they measure meanwhile can be read once they are back."""
    failing: float = 0.0
    """How probable it is that a batch cannot be read."""


@dataclass(frozen=True)
class Everything:
    """Every hour of every series, metric by metric and six hours at a time."""

    estate: Estate
    only: frozenset[str] = frozenset(RESOURCES)

    resumes = True
    step_seconds = 3_600
    history_days = 5.0

    def pull(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        for metric in METRICS:
            start = window.start
            while start < window.end:
                if self.estate.chance.random() < self.estate.failing:
                    raise SourceUnavailable("not now")
                end = min(start + 6 * HOUR, window.end)
                yield self._batch(metric, start, end)
                start = end

    def _batch(self, metric: str, start: datetime, end: datetime) -> Batch:
        seen = [name for name in sorted(self.only) if (name, metric) not in self.estate.hidden]
        hours = pl.datetime_range(start, end, "1h", closed="left", eager=True).to_list()
        rows: dict[str, Any] = {
            "ts": [hour for _ in seen for hour in hours],
            "resource": [name for name in seen for _ in hours],
            "metric": metric,
            "value": 1.0,
            "value_max": None,
            "capacity": None,
            "unit": UNITS[metric],
        }
        return Batch(pl.DataFrame(rows, schema=SAMPLE_SCHEMA), rows_read=len(seen) * len(hours))


@dataclass(frozen=True)
class Narrow(Everything):
    """The same, and it can be asked for some resources."""

    def narrowed(self, resources: Collection[str]) -> Source:
        return replace(self, only=frozenset(resources))


@pytest.mark.parametrize("kind", [Everything, Narrow])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_could_ever_be_read_is_missing(
    tmp_path: Path, seed: int, kind: type[Everything]
) -> None:
    chance = random.Random(seed)
    estate = Estate(chance)
    source = kind(estate)
    now = START
    marks = []
    with Store.open(tmp_path / "store.duckdb") as store:

        def pull() -> str | None:
            run = Run(Settings(), store, now, "run")
            problem = Pull(run, "all", source).work(SourceSummary("all"), lambda _, __: None, lambda _: None)
            marks.append(store.watermark("all") or START)
            return problem

        assert pull() is None
        for _ in range(10):
            now += chance.randint(1, 9) * HOUR
            estate.hidden = {
                (name, metric) for name in RESOURCES[1:] for metric in METRICS if chance.random() < 0.5
            }
            estate.failing = chance.choice((0.0, 0.0, 0.3, 0.8))
            pull()
        now += 2 * HOUR
        estate.hidden, estate.failing = set(), 0.0
        assert pull() is None
        since = START - timedelta(days=5)
        stored = store.frame("samples_of", start=since).group_by("resource", "metric").len()
    hours = round((now - since) / HOUR)
    assert sorted(stored.rows()) == [(name, metric, hours) for name in RESOURCES for metric in METRICS]
    assert marks == sorted(marks)
