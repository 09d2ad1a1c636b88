"""Watermarks: what moves them and what does not, against a server that has measured all the time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import polars as pl
import pytest

from data.errors import ConfigError
from data.frames import Batch
from data.store import Store
from headroom.commands.jobs import show
from headroom.jobs.ingest import ingest
from headroom.jobs.pulling import Pull, SourceSummary
from headroom.jobs.run import Run
from headroom.settings import Settings, load
from headroom.sources import configured
from tests.standin import Asked, Reply, standing_in

START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
Spans = list[tuple[datetime, datetime]]


@dataclass
class Server:
    """A server with half-hours of two metrics of two machines, from ever on."""

    settings: Settings
    asked: Spans
    """Of `users`, what was asked for."""
    silent: set[str]
    """Machines, or a machine and a metric, that are not there."""
    requests: list[tuple[str, datetime, datetime]]
    """Metric and stretch of every request."""
    refuse: Callable[[str, datetime, datetime], int]
    """Status of a reply, 200 = what was asked for."""

    def store(self) -> Store:
        return Store.open(self.settings.store_path)

    def samples(self, start: datetime = START) -> dict[tuple[str, str], int]:
        """How many samples of each series there are since then."""
        with self.store() as store:
            rows = store.frame("samples_of", start=start).group_by("resource", "metric").len()
        return {(resource, metric): count for resource, metric, count in rows.rows()}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(Settings(), [], set(), [], lambda *_: 200)

    def answer(asked: Asked) -> Reply:
        form = parse_qs(asked.body.decode())
        if asked.path.endswith("/query"):
            return Reply(200, {"status": "success", "data": {"resultType": "vector", "result": []}})
        first, last, step = (int(form[name][0]) for name in ("start", "end", "step"))
        metric = form["query"][0]
        span = datetime.fromtimestamp(first - step, UTC), datetime.fromtimestamp(last, UTC)
        found.requests.append((metric, *span))
        if metric == "users":
            found.asked.append(span)
        if (status := found.refuse(metric, *span)) != 200:
            return Reply(status, {"status": "error", "error": "not now"})
        points = [[at, "1"] for at in range(first, last + 1, step)]
        there = [name for name in ("a", "b") if not {name, f"{name} {metric}"} & found.silent]
        series = [{"metric": {"instance": name}, "values": points} for name in there]
        return Reply(200, {"status": "success", "data": {"resultType": "matrix", "result": series}})

    with standing_in(answer) as (url, _):
        queries = "".join(
            f'[[source.all.queries]]\nmetric = "{metric}"\nunit = "{unit}"\ndemand = "{metric}"\n'
            for metric, unit in (("users", "users"), ("requests", "requests/s"))
        )
        (tmp_path / "headroom.toml").write_text(
            f'[source.all]\nkind = "prometheus"\nurl = "{url}"\npresets = []\nstep = "30m"\n'
            f"requests_per_second = 1e6\nhistory_days = 1\nattempts = 1\n{queries}"
        )
        found.settings = load(tmp_path / "headroom.toml", {})
        yield found


def pulled(server: Server, now: datetime, **window: datetime) -> datetime | None:
    """Ingests without an error; returns the watermark."""
    summary, mark = tried(server, now, **window)
    assert summary.error is None
    return mark


def tried(server: Server, now: datetime, **window: datetime) -> tuple[SourceSummary, datetime | None]:
    """Ingests; returns what came of it and the watermark."""
    with server.store() as store:
        run = Run(server.settings, store, now, "run")
        (summary,) = ingest(run, sleep=lambda _: None, **window)  # type: ignore[arg-type]
        return summary, store.watermark("all")


def test_a_pull_starts_an_hour_before_the_last_one_ended(server: Server) -> None:
    asked = server.asked
    assert pulled(server, START) == START - HOUR / 2
    assert asked == [(START - timedelta(days=1), START)]
    assert pulled(server, START + 6 * HOUR) == START + 5.5 * HOUR
    assert asked[1:] == [(START - 1.5 * HOUR, START + 6 * HOUR)]


def test_looking_back_does_not_move_the_mark_and_a_gap_is_not_skipped(
    server: Server,
) -> None:
    asked = server.asked
    mark = pulled(server, START)
    # What lies far back is read, and the mark stays where it is.
    assert pulled(server, START, since=START - 20 * HOUR, until=START - 19 * HOUR) == mark
    # Only the newest hours of a day are asked for: what is left out in between is still to come.
    assert pulled(server, START + 24 * HOUR, since=START + 20 * HOUR) == mark
    assert pulled(server, START + 24 * HOUR) == START + 23.5 * HOUR
    assert asked[-1][0] == START - 1.5 * HOUR
    with server.store() as store:
        stored = store.frame("samples_of", resource="a", start=START - timedelta(days=1))
    assert stored.height == 48 * 2 * 2, "every half-hour of two days, of both metrics"


def test_who_comes_back_is_asked_for_all_that_was_missed(server: Server) -> None:
    asked, silent = server.asked, server.silent
    pulled(server, START)
    silent.add("b")
    for hours in (4, 8):
        pulled(server, START + hours * HOUR)
    silent.clear()
    asked.clear()
    pulled(server, START + 12 * HOUR)
    # The usual stretch first, then the one before it, from the last sample of b on.
    assert asked == [(START + 6.5 * HOUR, START + 12 * HOUR), (START - HOUR / 2, START + 6.5 * HOUR)]
    assert set(server.samples().values()) == {24}
    asked.clear()
    pulled(server, START + 13 * HOUR)
    assert len(asked) == 1, "once is enough"


@pytest.mark.parametrize(("number", "again"), [(number, number % 3 != 0) for number in range(8)])
def test_whichever_request_fails_nothing_stays_missing(
    server: Server, monkeypatch: pytest.MonkeyPatch, number: int, again: bool
) -> None:
    """One metric of b was away for longer than the machine, so that another pause shows in the first one.

    Another try, or another run, finds what the first one did not get.
    """
    monkeypatch.setattr("ingest.prometheus.POINTS_AT_ONCE", 16)  # eight half-hours of two series
    pulled(server, START)
    server.silent.add("b requests")
    pulled(server, START + 3 * HOUR)
    server.silent.add("b")
    pulled(server, START + 6 * HOUR)
    server.silent.clear()
    server.requests.clear()

    def refuse(*_: object) -> int:
        count = len(server.requests)
        return 503 if count == number + 1 or (count > number and not again) else 200

    server.refuse = refuse
    summary, _ = tried(server, START + 10 * HOUR)
    assert len(server.requests) > number, "there are so many requests"
    assert (summary.error is None) == again
    server.refuse = lambda *_: 200
    pulled(server, START + 10 * HOUR)
    assert server.samples() == dict.fromkeys(
        [(name, metric) for name in ("a", "b") for metric in ("users", "requests")], 20
    )


def test_what_was_missed_and_cannot_be_read_now_keeps_nobody_else_waiting(server: Server) -> None:
    pulled(server, START)
    server.silent.add("b")
    mark = pulled(server, START + 6 * HOUR)
    server.silent.clear()
    server.refuse = lambda _, start, __: 503 if start < START + 2 * HOUR else 200
    summary, after = tried(server, START + 9 * HOUR)
    assert summary.error is not None and after == mark
    assert server.samples() == {("a", "users"): 18, ("a", "requests"): 18}, "b waits for what it missed"
    server.refuse = lambda *_: 200
    pulled(server, START + 9 * HOUR)
    assert set(server.samples().values()) == {18} and len(server.samples()) == 4


def test_what_was_missed_and_can_never_be_read_is_told_once(server: Server) -> None:
    pulled(server, START)
    server.silent.add("b")
    pulled(server, START + 6 * HOUR)
    server.silent.clear()
    server.refuse = lambda _, start, __: 400 if start < START + 2 * HOUR else 200
    summary, mark = tried(server, START + 9 * HOUR)
    assert summary.error is not None and "what was missed in a pause is lost" in summary.error
    assert mark == START + 8.5 * HOUR
    assert server.samples()["b", "users"] == 9, "from an hour before the mark on"
    pulled(server, START + 10 * HOUR)


def test_asking_for_newer_samples_only_does_not_hide_a_pause(server: Server) -> None:
    pulled(server, START)
    server.silent.add("b")
    pulled(server, START + 6 * HOUR)
    server.silent.clear()
    pulled(server, START + 9 * HOUR, since=START + 8 * HOUR)
    pulled(server, START + 9 * HOUR)
    assert set(server.samples().values()) == {18} and len(server.samples()) == 4


def test_after_an_outage_longer_than_the_history_all_that_can_be_read_is_read(server: Server) -> None:
    pulled(server, START)
    server.silent.add("b")
    pulled(server, START + 6 * HOUR)
    server.silent.clear()
    server.requests.clear()
    assert pulled(server, START + 48 * HOUR) == START + 47.5 * HOUR
    start = START + 4.5 * HOUR
    assert server.requests == [(name, start, START + 48 * HOUR) for name in ("users", "requests")]


def test_a_clock_that_was_set_back_leaves_no_gap(server: Server) -> None:
    with server.store() as store:
        store.set_watermark("all", START + 30 * HOUR)
    assert pulled(server, START) == START - HOUR / 2
    assert server.asked == [(START - 24 * HOUR, START)], "the mark told nothing"
    with server.store() as store:
        store.set_watermark("all", START + HOUR)
    server.asked.clear()
    assert pulled(server, START) == START + HOUR
    assert server.asked == [(START - HOUR, START)]


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        (2, 1, "--until 2026-05-01 01:00 UTC is not after --since 2026-05-01 02:00 UTC"),
        (2, 2, "--until 2026-05-01 02:00 UTC is not after --since 2026-05-01 02:00 UTC"),
        (7, None, "--since 2026-05-01 07:00 UTC lies in the future"),
    ],
)
def test_times_that_contradict_each_other_are_refused(
    server: Server, since: int, until: int | None, told: str
) -> None:
    window = {"since": START + since * HOUR} | ({} if until is None else {"until": START + until * HOUR})
    with pytest.raises(ConfigError, match=f"^{re.escape(told)}$"):
        tried(server, START + 6 * HOUR, **window)
    assert server.requests == []


def test_a_source_that_has_it_all_already_is_skipped_and_says_so(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, mark = tried(server, START, until=START - 48 * HOUR)
    assert (summary.error, mark, server.requests) == (None, None, [])
    assert summary.skipped == [
        "nothing to do: without --since it goes back to 2026-04-30 00:00 UTC, after 2026-04-29 00:00 UTC"
    ]
    pulled(server, START)
    server.requests.clear()
    summary, mark = tried(server, START, until=START - 2 * HOUR)
    assert (summary.error, mark, server.requests) == (None, START - HOUR / 2, [])
    (why,) = summary.skipped
    assert why == "nothing to do: it has brought all until 2026-04-30 23:30 UTC, after 2026-04-30 22:00 UTC"
    with server.store() as store:
        row = store.frame("health_sources").filter(source="all").row(0, named=True)
    assert (row["last_outcome"], row["last_message"]) == ("done", why)
    capsys.readouterr()
    show([summary])
    told = capsys.readouterr()
    assert "skipped" in told.out and told.err == f"all: {why}\n"


def test_a_target_goes_on_where_its_source_was_before_targets_had_their_own(
    server: Server,
) -> None:
    chosen = server.settings
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
        pull = Pull(Run(chosen, store, START, "run"), "ahead", Ahead())
        assert pull.work(SourceSummary("ahead"), lambda _, __: None, lambda _: None) is None
        assert store.watermark("ahead") == START


@pytest.mark.slow
def test_killed_at_any_request_another_run_finds_what_is_missing(server: Server) -> None:
    """The program runs by the real clock, so the times lie before the present half-hour."""
    root = Path(__file__).parents[3]
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 11 * HOUR
    pulled(server, start)
    server.silent.add("b requests")
    pulled(server, start + 3 * HOUR)
    server.silent.add("b")
    pulled(server, start + 6 * HOUR)
    server.silent.clear()
    for number in (1, 2, 3, 4):
        server.requests.clear()
        running = subprocess.Popen(
            [sys.executable, "-m", "headroom", "ingest"],
            cwd=server.settings.root,
            env=os.environ | {"PYTHONPATH": str(root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def refuse(*_: object, running: subprocess.Popen[bytes] = running, number: int = number) -> int:
            if len(server.requests) >= number:
                running.kill()
                running.wait()
            return 200

        server.refuse = refuse
        running.wait()
        assert len(server.requests) == number, "it was killed while it waited for this reply"
    server.refuse = lambda *_: 200
    pulled(server, start + 10 * HOUR)
    with server.store() as store:
        rows = store.frame("samples_of", start=start, until=start + 10 * HOUR)
    counts = rows.group_by("resource", "metric").len()["len"].to_list()
    assert counts == [20] * 4
