"""The replay of a store's own hours: what takes part, what is left out and said, what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import StoreUnavailable
from data.panel import FloatArray
from headroom.jobs.replay import LONG_HOLD, replay_as_set, replay_history
from headroom.jobs.replayed_hours import ReplayRequest
from headroom.jobs.run import Run
from headroom.settings import DecideSettings, ForecastSettings
from tests.hourly_run import hourly_run, hours, inventory, said

FEW = ("marginal", "percentile")


def kept(run: Run, table: str = "replay_kept") -> pl.DataFrame:
    """All stored rows: a replay of nothing takes no row's place."""
    wanted = {"metrics": [], "hold_days": 0}
    if table == "replay_kept":
        wanted |= {"policies": [], "sizes": ""}
    return run.store.frame(table, **wanted)


def scored(table: pl.DataFrame) -> dict[str, int]:
    """Metric -> entity-windows of all tiers."""
    rows = table.filter(pl.col("tier").is_null() & (pl.col("policy") == "percentile"))
    return dict(rows.select("metric", "entity_windows").unique().iter_rows())


def test_a_metric_that_nobody_reports_is_left_out_and_named(tmp_path: Path) -> None:
    with hourly_run(tmp_path, {("a", "cpu"): hours(42)}, inventory([{"resource": "a"}])) as run:
        table = replay_history(run, ReplayRequest(policies=FEW))
        assert scored(table) == {"cpu": 4} and scored(kept(run)) == {"cpu": 4}
        assert "not replayed: memory: nothing measured of what is to be replayed" in said(run)
        runs = run.store.frame("page_runs")
        assert runs.filter(pl.col("step") == "replay")["message"].item().startswith("not replayed: memory")


def test_what_was_replayed_of_a_metric_before_stays_where_it_is_left_out_now(tmp_path: Path) -> None:
    measured = {("a", "cpu"): hours(42), ("a", "memory"): hours(42)}
    with hourly_run(tmp_path, measured, inventory([{"resource": "a"}])) as run:
        both = replay_history(run, ReplayRequest(policies=FEW))
        before, rules = kept(run), kept(run, "replay_rules_kept")
        assert scored(both) == {"cpu": 4, "memory": 4}
        replay_history(run, ReplayRequest(("storage", "cpu"), policies=FEW))
        assert "not replayed: storage" in said(run)
        assert kept(run).equals(before) and kept(run, "replay_rules_kept").equals(rules)


def test_it_is_only_an_error_where_no_metric_is_left(tmp_path: Path) -> None:
    with hourly_run(tmp_path, {("a", "network_in"): hours(42)}, inventory([{"resource": "a"}])) as run:
        with pytest.raises(StoreUnavailable, match=r"cpu: nothing measured .*; memory: nothing measured"):
            replay_history(run, ReplayRequest(policies=FEW))
        assert kept(run).is_empty()


@pytest.mark.parametrize(
    ("days", "words"), [(14, "needs at least 15 days of history, there are 14"), (0.5, "there are 0.5")]
)
def test_too_short_a_history_is_an_error_that_says_how_short(tmp_path: Path, days: float, words: str) -> None:
    short = {("a", "cpu"): hours(14)[: int(24 * days)]}
    known = inventory([{"resource": "a"}])
    with hourly_run(tmp_path, short, known) as run, pytest.raises(StoreUnavailable, match=words):
        replay_history(run, ReplayRequest(("cpu",), policies=FEW))


def test_a_metric_without_any_capacity_is_left_out(tmp_path: Path) -> None:
    known = inventory(
        [{"resource": "a"}], [{"resource": "a", "metric": "cpu", "capacity": 8.0, "unit": "cores"}]
    )
    measured = {("a", "cpu"): hours(42), ("a", "memory"): hours(42)}
    with hourly_run(tmp_path, measured, known, capacity=None) as run:
        assert scored(replay_history(run, ReplayRequest(policies=FEW))) == {"cpu": 4}
        assert "not replayed: memory: no resource has a known capacity" in said(run)


@pytest.mark.parametrize("days", [20, 15.5])
def test_one_resource_with_few_days_is_replayed_on_what_there_is(tmp_path: Path, days: float) -> None:
    with hourly_run(
        tmp_path, {("a", "cpu"): hours(20)[: int(24 * days)]}, inventory([{"resource": "a"}])
    ) as run:
        table = replay_history(run, ReplayRequest(("cpu",)))
        assert scored(table) == {"cpu": 1}
        assert table["allocated"].null_count() == 0 and table["breached_hours"].is_between(0, 1).all()


def test_windows_within_a_gap_are_not_scored(tmp_path: Path) -> None:
    gappy = hours(42)
    gappy[16 * 24 : 28 * 24] = np.nan
    with hourly_run(tmp_path, {("a", "cpu"): gappy}, inventory([{"resource": "a"}])) as run:
        # Days 14 to 21 and 28 to 42 have a day of hours, the week between has none.
        assert scored(replay_history(run, ReplayRequest(("cpu",), policies=FEW))) == {"cpu": 3}


def test_what_no_inventory_lists_takes_part(tmp_path: Path) -> None:
    known = inventory([{"resource": "laptop", "kind": "endpoint"}])
    measured = {("a", "cpu"): hours(42), ("laptop", "cpu"): hours(42, seed=1)}
    with hourly_run(tmp_path, measured, known) as run:
        whole = replay_history(run, ReplayRequest(("cpu",), policies=FEW))
        assert scored(whole) == {"cpu": 4}, "endpoints do not take part"
        with pytest.raises(StoreUnavailable, match="nothing measured"):
            replay_history(run, ReplayRequest(("cpu",), policies=FEW, services=("shop",)))


def by_night(days: int) -> FloatArray:
    """Eight cores of a backup at 02:00, one of eight otherwise."""
    demand: FloatArray = np.where(np.arange(24 * days) % 24 == 2, 8.0, 1.0)
    return demand


@pytest.mark.parametrize(("zone", "counts"), [("UTC", False), ("America/Los_Angeles", True)])
def test_only_hours_that_count_are_replayed(tmp_path: Path, zone: str, counts: bool) -> None:
    labels = '{"hours": "Mon-Sun 08:00-20:00"}'
    with hourly_run(
        tmp_path,
        {("a", "cpu"): by_night(42)},
        inventory([{"resource": "a", "labels": labels}]),
        forecast=ForecastSettings(zones={"*": zone}),
    ) as run:
        table = replay_history(run, ReplayRequest(("cpu",), policies=("percentile",)))
        # 02:00 UTC is 18:00 in Los Angeles: there the backup counts.
        assert (table["allocated"].max() > 0.5) == counts  # type: ignore[operator]


@pytest.mark.parametrize(("label", "windows"), [("Sat 09-12", 4), ("Sun 03-04", 4), ("business", 4)])
def test_few_hours_a_week_are_replayed_too(tmp_path: Path, label: str, windows: int) -> None:
    known = inventory([{"resource": "a", "labels": f'{{"hours": "{label}"}}'}])
    gone = hours(42)
    gone[-7 * 24 :] = np.nan
    with hourly_run(tmp_path, {("a", "cpu"): hours(42), ("b", "cpu"): gone}, known) as run:
        table = replay_history(run, ReplayRequest(("cpu",), policies=FEW))
        # Of b, whose hours all count, the last week is missing.
        assert scored(table) == {"cpu": windows + 3}


@pytest.mark.parametrize(("history", "holds"), [(50, {7}), (80, {7, LONG_HOLD})])
def test_long_holds_are_replayed_where_two_of_them_fit(tmp_path: Path, history: int, holds: set[int]) -> None:
    with hourly_run(
        tmp_path,
        {("a", "cpu"): hours(history)},
        inventory([{"resource": "a"}]),
        decide=DecideSettings(replay_days=60),
    ) as run:
        replay_as_set(run)
        assert set(kept(run)["hold_days"]) == holds


def test_a_run_without_enough_history_goes_on(tmp_path: Path) -> None:
    with hourly_run(tmp_path, {("a", "cpu"): hours(5)}, decide=DecideSettings(replay_days=28)) as run:
        replay_as_set(run)
        assert "not replayed: cpu: a replay from day 14 needs at least 15 days" in said(run)
        assert kept(run).is_empty()


def test_ours_is_replayed_as_it_advises_never_below_the_floor_of_memory(tmp_path: Path) -> None:
    measured = {("a", metric): hours(42) for metric in ("cpu", "memory")}
    floor = DecideSettings(memory_floor=0.9)
    with hourly_run(tmp_path, measured, inventory([{"resource": "a"}]), decide=floor) as run:
        table = replay_history(run, ReplayRequest(policies=("marginal",))).filter(pl.col("tier").is_null())
        least = dict(table.group_by("metric").agg(pl.col("allocated").min()).iter_rows())
        assert least["cpu"] < 0.9 <= least["memory"]


def test_a_margin_is_held_on_top_in_the_replay_too(tmp_path: Path) -> None:
    with hourly_run(tmp_path, {("a", "cpu"): hours(42)}, inventory([{"resource": "a"}])) as run:
        request = ReplayRequest(("cpu",), policies=("marginal",))
        plain = replay_history(run, request)["allocated"].max()
    more = DecideSettings(margin=0.2)
    (tmp_path / "more").mkdir()
    with hourly_run(
        tmp_path / "more", {("a", "cpu"): hours(42)}, inventory([{"resource": "a"}]), decide=more
    ) as run:
        assert replay_history(run, request)["allocated"].max() == pytest.approx(1.2 * plain, rel=0.05)
