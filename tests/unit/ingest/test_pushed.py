"""Pushed metrics: amounts by hand; repeated, split, reordered, interrupted: always the same samples."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cramjam
import polars as pl
import pytest

from data.errors import SourceError
from data.series import Window
from data.store import Store
from ingest import archive
from ingest.intake import intake
from ingest.landing import Kind, Landing, segments
from ingest.pushed import STATE, Pushed
from ingest.remote_write import WriteRequest
from tests.unit.ingest.payloads import STALE, START, node_scrape, node_series, write_request
from tests.unit.ingest.test_otlp import Request

NOW = START + timedelta(hours=2)
ROOM = 2**30
SOURCE = {"step": "1m", "lateness": "10m", "longest_gap": "10m"}


def land(
    folder: Path, payloads: list[bytes], received: datetime = NOW, kind: Kind = Kind.REMOTE_WRITE
) -> None:
    with Landing(folder, ROOM) as landing:
        for payload in payloads:
            landing.append(kind, payload, received)


def source(folder: Path) -> Pushed:
    return Pushed(str(folder), **SOURCE)


def load(folder: Path, store: Store, *, crash: bool = False) -> None:
    """What the job does; `crash` ends before the source hears that its batch was loaded."""
    pushed = source(folder)
    for batch in pushed.pull(None):
        store.load(intake(batch, now=NOW), run_id="run", source="landing", step_seconds=60, now=NOW)
        if not crash:
            pushed.loaded(batch)


def stored(store: Store) -> list[tuple[object, ...]]:
    return list(
        store._connection.sql(
            "SELECT resource, metric, ts, round(value, 9), round(value_max, 9), capacity"
            " FROM samples JOIN series USING (series_id) ORDER BY ALL"
        ).fetchall()
    )


def test_a_machine_by_hand(tmp_path: Path) -> None:
    land(tmp_path, [node_scrape(at) for at in range(0, 241, 30)])
    (batch,) = source(tmp_path).pull(None)
    usable = intake(batch, now=NOW)
    assert usable.rejected.is_empty()
    rows = {(row["resource"], row["metric"]): row for row in usable.samples.iter_rows(named=True)}
    # two cores, each a quarter busy; 8 - 6 GiB
    assert rows["web-1", "cpu"]["value"] == pytest.approx(0.5)
    assert rows["web-1", "cpu"]["value_max"] == pytest.approx(0.5)
    assert rows["web-1", "cpu"]["capacity"] == 2.0
    assert (rows["web-1", "memory"]["value"], rows["web-1", "memory"]["capacity"]) == (2.0, 8.0)
    # 9 scrapes of 8 series
    assert batch.rows_read == 72


def test_a_slot_that_still_fills_waits(tmp_path: Path) -> None:
    received = START + timedelta(seconds=240)
    land(tmp_path, [node_scrape(at) for at in range(0, 241, 30)], received)
    (batch,) = source(tmp_path).pull(None)
    # readings reach to 240 s, and a minute of grace
    assert batch.samples["ts"].max() == START + timedelta(seconds=120)
    # after the time for late readings nothing is waited for
    land(tmp_path, [node_scrape(0, "web-2")], received + timedelta(minutes=20))
    (batch,) = source(tmp_path).pull(None)
    assert batch.samples["ts"].max() == START + timedelta(seconds=240)


def test_a_restart_in_between_counts_from_zero(tmp_path: Path) -> None:
    labels = {"instance": "a", "cpu": "0", "mode": "user"}
    points = [(0.0, 100.0), (60.0, 130.0), (120.0, 15.0), (180.0, 45.0)]
    idle = {**labels, "mode": "idle"}
    land(
        tmp_path,
        [
            write_request(
                ("node_cpu_seconds_total", labels, points),
                ("node_cpu_seconds_total", idle, [(at, at) for at, _ in points]),
            )
        ],
    )
    (batch,) = source(tmp_path).pull(None)
    cpu = batch.samples.filter(pl.col("ts") < START + timedelta(minutes=3))
    assert cpu["value"].to_list() == [0.5, 0.25, 0.5]


def test_the_end_of_a_series_is_no_value_and_other_gaps_are_rejected(tmp_path: Path) -> None:
    labels = {"instance": "a"}
    land(
        tmp_path,
        [
            write_request(
                ("node_memory_MemTotal_bytes", labels, [(0, 8.0), (30, STALE), (60, math.nan)]),
                ("node_memory_MemAvailable_bytes", labels, [(0, 2.0)]),
                ("node_memory_MemAvailable_bytes", {"job": "x"}, [(0, 2.0)]),
            )
        ],
    )
    (batch,) = source(tmp_path).pull(None)
    assert batch.samples.select("value", "capacity").rows() == [(6.0, 8.0)]
    assert sorted(batch.rejected["reason"]) == [
        "no label says which resource it is about",
        f"value nan at {round(START.timestamp() + 60) * 1000} ms cannot be used",
    ]


def test_a_lost_part_of_a_scrape_does_not_make_a_machine_smaller(tmp_path: Path) -> None:
    """At 120 s and 240 s only one core arrived: held over where it comes back, cut off where it does not."""
    scrapes = [node_series([at]) for at in (0.0, 60.0, 120.0, 180.0, 240.0)]
    parts = [
        [one for one in scrape if one[1].get("cpu") != "1"] if number in (2, 4) else scrape
        for number, scrape in enumerate(scrapes)
    ]
    land(tmp_path, [write_request(*part) for part in parts])
    (batch,) = source(tmp_path).pull(None)
    cpu = batch.samples.filter(pl.col("metric") == "cpu")
    assert cpu["capacity"].to_list() == [2.0] * 3
    assert cpu["value"].to_list() == pytest.approx([0.5] * 3)


def test_a_gap_of_a_whole_machine_stays_a_gap(tmp_path: Path) -> None:
    land(tmp_path, [node_scrape(at) for at in (0, 60, 120, 300, 360, 420)])
    (batch,) = source(tmp_path).pull(None)
    memory = batch.samples.filter(pl.col("metric") == "memory")
    assert memory["ts"].to_list() == [START + timedelta(minutes=minute) for minute in (0, 1, 2, 5, 6, 7)]
    # A counter tells what happened in between, if not for too long.
    cpu = batch.samples.filter(pl.col("metric") == "cpu")
    assert cpu["value"].to_list() == pytest.approx([0.5] * 7)


def test_what_comes_from_a_wrong_clock_is_rejected(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.duckdb") as store:
        folder = tmp_path / "landing"
        land(folder, [node_scrape(at) for at in range(0, 3_601, 60)])
        load(folder, store)
        before = stored(store)
        land(folder, [node_scrape(3 * 3_600 + 1)])
        (batch,) = source(folder).pull(None)
        assert batch.rejected["reason"].unique().to_list() == [
            "its time is more than an hour after it was received; is a clock wrong?"
        ]
        load(folder, store)
        assert stored(store) == before


def test_a_late_reading_corrects_its_slot_and_the_earlier_value_stays_visible(tmp_path: Path) -> None:
    """An hour late: at 10 min 30 s there were 4 GiB in use, not 2, so the mean of the minute is 3 GiB."""
    with Store.open(tmp_path / "store.duckdb") as store:
        folder = tmp_path / "landing"
        land(folder, [node_scrape(at) for at in range(0, 7_201, 60)], START + timedelta(hours=2))
        load(folder, store)
        before = stored(store)
        labels = {"instance": "web-1:9100", "job": "node"}
        late = write_request(
            ("node_memory_MemTotal_bytes", labels, [(630, 8 * 2.0**30)]),
            ("node_memory_MemAvailable_bytes", labels, [(630, 4 * 2.0**30)]),
        )
        for _ in range(2):  # sent twice
            land(folder, [late], START + timedelta(hours=2, minutes=1))
            load(folder, store)
            after = stored(store)
            changed = set(after) - set(before)
            minute = (START + timedelta(minutes=10)).replace(tzinfo=None)
            assert changed == {("web-1", "memory", minute, 3.0, 4.0, 8.0)}
            assert len(after) == len(before)
            replaced = store.frame("rejected_of").filter(pl.col("reason").str.contains("replaced"))
            assert replaced.height == 1 and "metric=memory value=2.0" in replaced["raw"][0]


def test_a_late_part_of_a_scrape_joins_the_rest_of_it(tmp_path: Path) -> None:
    """For ten minutes one core was missing; its readings come an hour later: two cores again, half busy."""
    with Store.open(tmp_path / "store.duckdb") as store, Store.open(tmp_path / "whole.duckdb") as whole:
        folder, at_once = tmp_path / "landing", tmp_path / "at once"
        missing: list[bytes] = []
        for at in range(0, 7_201, 60):
            series = node_series([float(at)])
            if 1_800 <= at < 2_400:
                missing.append(write_request(*(one for one in series if one[1].get("cpu") == "1")))
                series = [one for one in series if one[1].get("cpu") != "1"]
            land(folder, [write_request(*series)], START + timedelta(hours=2))
        land(at_once, [write_request(*node_series([float(at) for at in range(0, 7_201, 60)]))])
        load(at_once, whole)
        load(folder, store)
        assert stored(store) != stored(whole)
        land(folder, missing, START + timedelta(hours=2))
        load(folder, store)
        assert stored(store) == stored(whole)


def test_what_comes_after_its_time_is_forgotten_must_be_complete(tmp_path: Path) -> None:
    """Three days late: a whole scrape fills its minute, one core alone would make the machine smaller."""
    with Store.open(tmp_path / "store.duckdb") as store:
        folder, days = tmp_path / "landing", 3 * 86_400.0
        land(folder, [node_scrape(days + at) for at in range(0, 1_201, 60)], START + timedelta(days=3))
        now = START + timedelta(days=3, hours=1)
        pushed = source(folder)
        for batch in pushed.pull(None):
            store.load(intake(batch, now=now), run_id="run", source="landing", step_seconds=60, now=now)
            pushed.loaded(batch)
        whole = [node_scrape(at) for at in (0.0, 60.0, 120.0)]
        part = write_request(*(one for one in node_series([7_200.0]) if one[1].get("cpu") == "1"))
        land(folder, [*whole, part], now)
        (batch,) = pushed.pull(None)
        early = batch.samples.filter(pl.col("ts") < START + timedelta(days=1))
        cpu = early.filter(pl.col("metric") == "cpu")
        assert cpu["ts"].to_list() == [START, START + timedelta(minutes=1)]
        assert cpu["value"].to_list() == pytest.approx([0.5, 0.5])
        assert early.filter(pl.col("metric") == "memory").height == 3
        reasons = batch.rejected["reason"].unique().to_list()
        assert reasons == ["arrived more than 2d late and without its other series; raise keep"]


def core(number: str, at: float) -> bytes:
    """What one core of a machine sent at a moment."""
    return write_request(*(one for one in node_series([at]) if one[1].get("cpu") == number))


UNKEPT = "arrived late and without its other series, of which none were kept then"


@pytest.mark.parametrize("removed", [True, False], ids=["removed by hand", "by a program that kept none"])
def test_what_came_before_anything_was_kept_must_be_complete(tmp_path: Path, removed: bool) -> None:
    """One core an hour late, of a time of which nothing is kept: it does not make the machine smaller."""
    received = START + timedelta(hours=2)
    with Store.open(tmp_path / "store.duckdb") as store:
        folder = tmp_path / "landing"
        scrapes = [at for at in range(0, 7_201, 60) if not 2_400 <= at < 3_000]
        land(folder, [node_scrape(at) for at in scrapes], received)
        load(folder, store)
        before = stored(store)
        for path in (folder / archive.FOLDER).iterdir():
            path.unlink()
        if not removed:
            state = pl.read_parquet(folder / STATE)
            state.write_parquet(folder / STATE)  # without what this program notes
        later = received + timedelta(minutes=1)
        # A whole scrape of the minutes 40 and 41, and one core of 43 and of what was loaded before.
        land(folder, [node_scrape(2_400), node_scrape(2_460)], later)
        land(folder, [core("1", 60.0 * minute) for minute in (20, 21, 43, 44)], later)
        (batch,) = source(folder).pull(None)
        assert batch.rejected["reason"].to_list() == [UNKEPT] * 8, "busy and idle of a core, four times"
        load(folder, store)
        after = stored(store)
        assert set(before) <= set(after), "nothing of what was known is changed"
        minutes = {(row[1], row[2].minute, row[5]) for row in set(after) - set(before)}  # type: ignore[attr-defined]
        assert minutes == {("memory", 40, 8.0), ("memory", 41, 8.0), ("cpu", 40, 2.0)}
        # What is received from now on is kept: of it a late part finds its others again.
        half = [node_series([at]) for at in range(7_260, 12_001, 60)]
        land(
            folder,
            [
                write_request(*(one for one in scrape if number > 20 or one[1].get("cpu") != "1"))
                for number, scrape in enumerate(half)
            ],
            START + timedelta(seconds=12_000),
        )
        load(folder, store)
        land(folder, [core("1", 7_260.0 + 60 * number) for number in range(21)], START + timedelta(hours=4))
        load(folder, store)
        cpu = [row for row in stored(store) if row[1] == "cpu" and row[2].hour == 2 and row[2].minute > 1]  # type: ignore[attr-defined]
        assert len(cpu) > 50 and {(row[3], row[5]) for row in cpu} == {(0.5, 2.0)}


def test_a_whole_scrape_does_not_vouch_for_a_part_of_another_one(tmp_path: Path) -> None:
    """Three days late: the first minute of an hour is whole, half an hour later there is one core."""
    days = 3 * 86_400.0
    land(tmp_path, [node_scrape(days + at) for at in range(0, 1_201, 60)], START + timedelta(days=3))
    now = START + timedelta(days=3, hours=1)
    pushed = source(tmp_path)
    for batch in pushed.pull(None):
        pushed.loaded(batch)
    land(tmp_path, [node_scrape(0.0), node_scrape(60.0), *(core("1", at) for at in (1_800.0, 1_860.0))], now)
    (batch,) = pushed.pull(None)
    early = batch.samples.filter(pl.col("ts") < START + timedelta(days=1), pl.col("metric") == "cpu")
    assert early.select("ts", "value", "capacity").rows() == [(START, 0.5, 2.0)]
    assert batch.rejected.height == 4


def test_a_receiver_whose_clock_ran_ahead_once_forgets_nothing(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    begin = (now - START).total_seconds() - 3_600
    pushed = source(tmp_path)
    received = (now, now + timedelta(days=900), now)
    for number, at_clock in enumerate(received):
        land(tmp_path, [node_scrape(begin + 60.0 * (20 * number + minute)) for minute in range(20)], at_clock)
        for batch in pushed.pull(None):
            pushed.loaded(batch)
    resource = pl.Series(["web-1"])
    kept = archive.Listing(tmp_path / archive.FOLDER).kept(now - timedelta(days=1), now, resource)
    assert kept["ts"].n_unique() == 60


def test_a_window_only_looks(tmp_path: Path) -> None:
    land(tmp_path, [node_scrape(at) for at in range(0, 601, 30)])
    pushed = source(tmp_path)
    window = Window(START + timedelta(minutes=2), START + timedelta(minutes=4))
    for batch in pushed.pull(window):
        assert batch.samples["ts"].is_between(window.start, window.end, closed="left").all()
        assert batch.samples.height == 4
        pushed.loaded(batch)
    assert len(segments(tmp_path, ".sealed")) == 1 and not (tmp_path / STATE).exists()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("latest", [120.0, 5_400.0])
def test_any_delivery_gives_the_same_store(tmp_path: Path, seed: int, latest: float) -> None:
    """Requests repeated, split by series, out of order, loaded at any time, crashes between.

    The reference gets everything at once, in order. Shards are apart by up to two minutes, within the
    lateness of ten, or by an hour and a half.
    """
    chance, folder = random.Random(seed), tmp_path
    moments = [30.0 * number for number in range(41)]
    singles: list[tuple[float, bytes]] = []
    for at in moments:
        series = node_series([at], swing=0.2)
        chance.shuffle(series)
        middle = chance.randint(0, len(series))
        for part in (series[:middle], series[middle:]):
            if part:
                singles.append((at + chance.uniform(0, latest), write_request(*part)))
    singles += chance.sample(singles, len(singles) // 3)
    late = [payload for _, payload in sorted(singles, key=lambda one: one[0])]
    with Store.open(folder / "one.duckdb") as store:
        whole = write_request(*node_series(moments, swing=0.2))
        land(folder / "one", [whole])
        load(folder / "one", store)
        expected = stored(store)
    with Store.open(folder / "many.duckdb") as store:
        rest = late
        while rest:
            count = chance.randint(5, 60)
            land(folder / "many", rest[:count], START + timedelta(minutes=30))
            rest = rest[count:]
            if chance.random() < 0.7:
                load(folder / "many", store, crash=chance.random() < 0.3)
        land(folder / "many", [node_scrape(1, "other")], NOW)
        load(folder / "many", store)
        found = [row for row in stored(store) if row[0] == "web-1"]
    assert len(expected) == 20 + 21
    assert found == expected
    assert segments(folder / "many", ".sealed") == segments(folder / "many", ".open") == []


def test_a_crash_between_noting_and_removing_repeats_nothing(tmp_path: Path) -> None:
    land(tmp_path, [node_scrape(at) for at in range(0, 1_201, 30)])
    pushed = source(tmp_path)
    (batch,) = pushed.pull(None)
    (sealed,) = segments(tmp_path, ".sealed")
    kept = sealed.read_bytes()
    pushed.loaded(batch)
    sealed.write_bytes(kept)
    assert list(pushed.pull(None)) == []
    land(tmp_path, [node_scrape(1_230)])
    (batch,) = pushed.pull(None)
    assert batch.rejected.is_empty()
    pushed.loaded(batch)
    assert segments(tmp_path, ".sealed") == []


def test_a_state_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    land(tmp_path, [node_scrape(0)])
    (tmp_path / STATE).write_bytes(b"PAR1 nonsense")
    with pytest.raises(SourceError, match=r"state\.parquet: cannot be read"):
        list(source(tmp_path).pull(None))


@pytest.mark.parametrize("moment", [2**53 - 1, 253_402_300_800_000, 1_714_521_600_000_000])
def test_a_time_that_no_calendar_knows_stops_nobody_else(tmp_path: Path, moment: int) -> None:
    """In milliseconds: the year 287396, the year 10000, and today taken for microseconds."""
    request = WriteRequest()
    series = request.timeseries.add()
    for name, text in (("__name__", "node_memory_MemTotal_bytes"), ("instance", "web-2")):
        series.labels.add(name=name, value=text)
    series.samples.add(timestamp=moment, value=1.0)
    odd = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
    land(tmp_path, [odd, *(node_scrape(at) for at in range(0, 241, 30))])
    pushed = source(tmp_path)
    (batch,) = pushed.pull(None)
    pushed.loaded(batch)
    assert batch.rejected["reason"].to_list() == [f"value 1.0 at {moment} ms cannot be used"]
    assert set(batch.samples["resource"]) == {"web-1"}


def test_a_change_over_half_a_century_fills_no_intervals(tmp_path: Path) -> None:
    request = Request(host_name="a").sum("system.network.io", [(60, 600.0)], delta=True, direction="receive")
    point = request.message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points.add()
    point.CopyFrom(request.message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0])
    point.start_time_unix_nano, point.time_unix_nano = 1_000, round((START.timestamp() + 120) * 1e9)
    land(tmp_path, [request.message.SerializeToString()], kind=Kind.OTLP)
    (batch,) = source(tmp_path).pull(None)
    assert batch.samples["ts"].to_list() == [START]
    assert batch.rejected["reason"].to_list() == ["a change over more than 10m says nothing of its intervals"]


def test_a_segment_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    land(tmp_path, [node_scrape(0)])
    (tmp_path / "1.sealed").mkdir()
    with pytest.raises(SourceError, match=r"1\.sealed: cannot be read: "):
        list(source(tmp_path).pull(None))


def test_nothing_waits(tmp_path: Path) -> None:
    assert list(source(tmp_path / "none").pull(None)) == []


def test_garbage_that_was_kept_is_rejected_and_the_rest_is_loaded(tmp_path: Path) -> None:
    land(tmp_path, [b"garbage", *(node_scrape(at) for at in range(0, 241, 30))])
    (batch,) = source(tmp_path).pull(None)
    assert batch.samples.height > 0
    assert "is no snappy" in batch.rejected["reason"][0]


def test_settings_start_at_the_root(tmp_path: Path) -> None:
    assert Pushed.from_table({"folder": "x"}, tmp_path).folder == str(tmp_path / "x")
