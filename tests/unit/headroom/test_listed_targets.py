"""Targets of a source: what becomes of their watermarks as they come, go and cannot be listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import SourceUnavailable
from data.frames import SAMPLE_SCHEMA, Batch
from data.series import Window
from data.store import Store
from headroom.jobs.ingest import ingest
from headroom.jobs.pulling import SourceSummary
from headroom.jobs.run import Run
from headroom.settings import load
from ingest.source import Source

START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ASKED: list[tuple[str, datetime]] = []
"""Region, and from when on it was asked."""


@dataclass(frozen=True, slots=True)
class Regions:
    """A machine in each region, measured every hour."""

    regions: tuple[str, ...]
    down: tuple[str, ...] = ()
    listed: bool = True
    """Whether it can be listed."""

    resumes = True
    step_seconds = 3_600
    history_days = 2.0

    def targets(self) -> Mapping[str, Source]:
        if not self.listed:
            raise SourceUnavailable("the regions cannot be listed")
        return {one: Regions((one,), self.down) for one in self.regions}

    def pull(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        (region,) = self.regions
        if region in self.down:
            raise SourceUnavailable(f"{region} is down")
        ASKED.append((region, window.start))
        hours = pl.datetime_range(window.start, window.end, "1h", closed="left", eager=True)
        rows: dict[str, Any] = {"ts": hours, "resource": f"in {region}", "metric": "cpu", "value": 1.0}
        rows |= {"value_max": None, "capacity": None, "unit": "cores"}
        yield Batch(pl.DataFrame(rows, schema=SAMPLE_SCHEMA), rows_read=len(hours))


@pytest.fixture
def pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ingests a source of regions; returns its summary and what each region's mark is, in hours."""
    made: list[Source] = []
    monkeypatch.setattr("headroom.jobs.ingest.configured", lambda *_: {"cloud": made[0]})
    (tmp_path / "headroom.toml").write_text("")
    chosen = load(tmp_path / "headroom.toml", {})
    ASKED.clear()

    def work(store: Store, hours: int, source: Regions, **options: Any) -> SourceSummary:
        made[:] = [source]
        run = Run(chosen, store, START + hours * HOUR, "run")
        (summary,) = ingest(run, sleep=lambda _: None, **options)
        return summary

    with Store.open(chosen.store_path) as store:
        yield lambda *values, **options: work(store, *values, **options), store


def marks(store: Store) -> dict[str | None, datetime]:
    rows = store._connection.execute("SELECT target, newest_sample FROM watermarks").fetchall()
    return {target: newest.replace(tzinfo=UTC) for target, newest in rows}


def test_every_region_goes_on_where_its_source_was_before_regions_had_their_own(pulled: Any) -> None:
    work, store = pulled
    store.set_watermark("cloud", START)
    work(5, Regions(("a", "b")), dry_run=True)
    assert marks(store) == {None: START}, "a dry run notes nothing"
    assert ASKED == [("a", START - HOUR), ("b", START - HOUR)]
    ASKED.clear()
    work(5, Regions(("a", "b"), down=("b",)))
    work(7, Regions(("a", "b")))
    assert ASKED == [("a", START - HOUR), ("a", START + 3 * HOUR), ("b", START - HOUR)]
    assert marks(store) == {"a": START + 6 * HOUR, "b": START + 6 * HOUR}


def test_a_region_that_is_new_starts_as_far_back_as_the_source_goes(pulled: Any) -> None:
    work, store = pulled
    store.set_watermark("cloud", START - 1_000 * HOUR)
    work(0, Regions(("a",)))
    ASKED.clear()
    work(5, Regions(("b",)))
    assert ASKED == [("b", START + 5 * HOUR - 48 * HOUR)], "and not where the source was long ago"


def test_a_region_that_was_removed_does_not_hold_the_source_back(pulled: Any) -> None:
    work, store = pulled
    work(0, Regions(("a", "b")))
    work(5, Regions(("a", "b"), down=("b",)))
    assert store.frame("health_sources")["watermark"].max() == START - HOUR
    work(6, Regions(("a",)), dry_run=True)
    assert set(marks(store)) == {"a", "b"}
    work(6, Regions(("a",)))
    assert marks(store) == {"a": START + 5 * HOUR}
    assert store.frame("health_sources")["watermark"].max() == START + 5 * HOUR


def test_regions_that_cannot_be_listed_keep_their_places(pulled: Any) -> None:
    work, store = pulled
    work(0, Regions(("a", "b")))
    before = marks(store)
    summary = work(5, Regions(("a", "b"), listed=False))
    assert summary.error == "the regions cannot be listed"
    assert marks(store) == before
    assert work(5, Regions(())).error == "it lists no targets"
    assert marks(store) == before


def test_a_region_named_twice_is_one(pulled: Any) -> None:
    work, store = pulled
    work(0, Regions(("a", "a")))
    assert len(ASKED) == 1
    assert marks(store) == {"a": START - HOUR}
