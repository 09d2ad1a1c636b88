"""Watermarks: what moves them and what does not, against a server that has measured all the time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import polars as pl
import pytest

from data.frames import Batch
from data.store import Store
from headroom.jobs.ingest import ingest
from headroom.jobs.pulling import Pull, SourceSummary
from headroom.jobs.run import Run
from headroom.settings import Settings, load
from headroom.sources import configured
from tests.standin import Asked, Reply, standing_in

START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
Spans = list[tuple[datetime, datetime]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Settings, Spans, set[str]]]:
    """Settings with one source of half-hours, what was asked for, and the machines that are silent."""
    asked_for: Spans = []
    silent: set[str] = set()

    def answer(asked: Asked) -> Reply:
        form = parse_qs(asked.body.decode())
        if asked.path.endswith("/query"):
            return Reply(200, {"status": "success", "data": {"resultType": "vector", "result": []}})
        first, last, step = (int(form[name][0]) for name in ("start", "end", "step"))
        asked_for.append((datetime.fromtimestamp(first - step, UTC), datetime.fromtimestamp(last, UTC)))
        points = [[at, "1"] for at in range(first, last + 1, step)]
        series = [{"metric": {"instance": name}, "values": points} for name in sorted({"a", "b"} - silent)]
        return Reply(200, {"status": "success", "data": {"resultType": "matrix", "result": series}})

    with standing_in(answer) as (url, _):
        query = '[[source.all.queries]]\nmetric = "users"\nunit = "users"\ndemand = "x"\n'
        (tmp_path / "headroom.toml").write_text(
            f'[source.all]\nkind = "prometheus"\nurl = "{url}"\npresets = []\nstep = "30m"\n'
            f"requests_per_second = 1e6\nhistory_days = 1\n{query}"
        )
        yield load(tmp_path / "headroom.toml", {}), asked_for, silent


def pulled(chosen: Settings, now: datetime, **window: datetime) -> datetime | None:
    """Ingests; returns the watermark."""
    with Store.open(chosen.store_path) as store:
        (summary,) = ingest(Run(chosen, store, now, "run"), **window)  # type: ignore[arg-type]
        assert summary.error is None
        return store.watermark("all")


def test_a_pull_starts_an_hour_before_the_last_one_ended(server: tuple[Settings, Spans, set[str]]) -> None:
    chosen, asked, _ = server
    assert pulled(chosen, START) == START - HOUR / 2
    assert asked == [(START - timedelta(days=1), START)]
    assert pulled(chosen, START + 6 * HOUR) == START + 5.5 * HOUR
    assert asked[1:] == [(START - 1.5 * HOUR, START + 6 * HOUR)]


def test_looking_back_does_not_move_the_mark_and_a_gap_is_not_skipped(
    server: tuple[Settings, Spans, set[str]],
) -> None:
    chosen, asked, _ = server
    mark = pulled(chosen, START)
    # What lies far back is read, and the mark stays where it is.
    assert pulled(chosen, START, since=START - 20 * HOUR, until=START - 19 * HOUR) == mark
    # Only the newest hours of a day are asked for: what is left out in between is still to come.
    assert pulled(chosen, START + 24 * HOUR, since=START + 20 * HOUR) == mark
    assert pulled(chosen, START + 24 * HOUR) == START + 23.5 * HOUR
    assert asked[-1][0] == START - 1.5 * HOUR
    with Store.open(chosen.store_path) as store:
        stored = store.frame("samples_of", resource="a", start=START - timedelta(days=1))
    assert stored.height == 48 * 2, "every half-hour of two days"


def test_who_comes_back_is_asked_for_all_that_was_missed(server: tuple[Settings, Spans, set[str]]) -> None:
    chosen, asked, silent = server
    pulled(chosen, START)
    silent.add("b")
    for hours in (4, 8):
        pulled(chosen, START + hours * HOUR)
    silent.clear()
    asked.clear()
    pulled(chosen, START + 12 * HOUR)
    # The usual stretch first, then the one before it, from the last sample of b on.
    assert asked == [(START + 6.5 * HOUR, START + 12 * HOUR), (START - HOUR / 2, START + 6.5 * HOUR)]
    with Store.open(chosen.store_path) as store:
        counts = store.frame("samples_of", start=START).group_by("resource").len().sort("resource")
    assert counts.rows() == [("a", 24), ("b", 24)]
    asked.clear()
    pulled(chosen, START + 13 * HOUR)
    assert len(asked) == 1, "once is enough"


def test_a_target_goes_on_where_its_source_was_before_targets_had_their_own(
    server: tuple[Settings, Spans, set[str]],
) -> None:
    chosen, _, _ = server
    source = configured(chosen)["all"]
    with Store.open(chosen.store_path) as store:
        store.set_watermark("all", START)
        run = Run(chosen, store, START + HOUR, "run")
        assert Pull(run, "all", source, "first")._mark() == START
        store.set_watermark("all", START + HOUR, target="first")
        assert Pull(run, "all", source, "first")._mark() == START + HOUR
        # A region that was added lately has no place yet.
        assert Pull(run, "all", source, "second")._mark() is None


def test_a_clock_that_runs_ahead_does_not_move_the_mark_past_now(tmp_path: Path) -> None:
    class Ahead:
        resumes = True
        history_days = 1.0

        def pull(self, window: object) -> Iterator[Batch]:
            rows = {"ts": [START + HOUR / 2], "resource": ["a"], "metric": ["cpu"], "value": [1.0]}
            frame = pl.DataFrame(rows | {"unit": ["cores"]}).with_columns(
                pl.lit(None, pl.Float64).alias("value_max"), pl.lit(None, pl.Float64).alias("capacity")
            )
            yield Batch(frame.with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC"))), rows_read=1)

    (tmp_path / "headroom.toml").write_text("")
    chosen = load(tmp_path / "headroom.toml", {})
    with Store.open(chosen.store_path) as store:
        pull = Pull(Run(chosen, store, START, "run"), "ahead", Ahead())  # type: ignore[arg-type]
        assert pull.work(SourceSummary("ahead"), lambda _, __: None, lambda _: None) is None
        assert store.watermark("ahead") == START
