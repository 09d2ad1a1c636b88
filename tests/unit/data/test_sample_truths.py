"""Every label of the full sample fleet is true of its measurements, whatever a program concludes later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from data.sample import SampleFleet, sample_fleet

END = datetime(2026, 11, 22, 17, tzinfo=UTC)


@pytest.fixture(scope="module")
def fleet() -> SampleFleet:
    return sample_fleet(END)


@pytest.fixture(scope="module")
def samples(fleet: SampleFleet) -> pl.DataFrame:
    """With `peak`, the highest value known of each sample, and `held`, the capacity of its time."""
    batches = pl.concat([batch.samples for batch in fleet.batches()])
    held = fleet.inventory.capacities.select(
        "resource", "metric", pl.col("valid_from").alias("ts"), pl.col("capacity").alias("held")
    ).sort("ts")
    return (
        batches.drop("capacity")
        .with_columns(peak=pl.max_horizontal("value", "value_max"))
        .join_asof(held, on="ts", by=["resource", "metric"], check_sortedness=False)
    )


@pytest.fixture(scope="module")
def use(samples: pl.DataFrame) -> pl.DataFrame:
    """Per series: shares of the present capacity; p95 of the hours of 28 days, peaks of 28 days and ever."""
    hours = (
        samples.filter(pl.col("ts") >= END - timedelta(days=28))
        .group_by("resource", "metric", pl.col("ts").dt.truncate("1h").alias("hour"))
        .agg(mean=pl.col("value").mean(), peak=pl.col("peak").max(), held=pl.col("held").last())
    )
    recent = hours.group_by("resource", "metric").agg(
        p95=pl.col("mean").quantile(0.95) / pl.col("held").last(),
        lately=pl.col("peak").max() / pl.col("held").last(),
        saturated=(pl.col("peak") >= 0.98 * pl.col("held")).mean(),
        hot_days=(pl.col("hour").filter(pl.col("peak") > 0.95 * pl.col("held")).dt.truncate("1d").n_unique()),
    )
    ever = samples.group_by("resource", "metric").agg(
        highest=pl.col("peak").max() / pl.col("held").last(),
        since=pl.col("ts").min(),
        until=pl.col("ts").max(),
    )
    return recent.join(ever, on=["resource", "metric"], how="full", coalesce=True)


def of(fleet: SampleFleet, use: pl.DataFrame, kind: str, metric: str | None = None) -> pl.DataFrame:
    """The series that a kind of truth is about, of one metric or of the metric of the truth."""
    truths = fleet.truths.filter(pl.col("kind") == kind).select("subject", on="metric")
    found = use.join(truths, left_on="resource", right_on="subject")
    about = (
        pl.col("metric") == metric if metric else pl.col("on").is_null() | (pl.col("on") == pl.col("metric"))
    )
    return found.filter(about)


def test_as_many_are_planted_as_promised(fleet: SampleFleet) -> None:
    counts = dict(fleet.truths.group_by("kind").len().iter_rows())
    planted = {kind: counts[kind] for kind in counts if kind not in {"driven", "shift"}}
    assert planted == {
        "too_big": 25, "too_small": 12, "idle": 12, "saturated": 4, "leak": 4, "exhausting": 17,
        "sawtooth": 3, "silent": 3, "short_history": 1, "powered_off": 2, "resized": 6,
    }  # fmt: skip
    resources = fleet.truths.filter(~pl.col("kind").is_in(["driven", "shift"]))["subject"]
    assert resources.n_unique() == resources.len(), "one fault each, so that findings can be told apart"


def test_healthy_ones_are_clearly_the_right_size(fleet: SampleFleet, use: pl.DataFrame) -> None:
    faulty = fleet.truths.filter(~pl.col("kind").is_in(["driven", "shift"]))["subject"].to_list()
    healthy = use.filter(pl.col("p95").is_not_null(), ~pl.col("resource").is_in(faulty))
    assert healthy["resource"].n_unique() > 700
    assert healthy["p95"].is_between(0.5, 0.7).all()
    assert healthy["highest"].max() <= 0.85


def test_too_big_ones_never_needed_what_they_have(fleet: SampleFleet, use: pl.DataFrame) -> None:
    assert of(fleet, use, "too_big", "cpu")["highest"].max() < 0.35
    assert of(fleet, use, "too_big", "memory")["highest"].max() < 0.40
    volumes = of(fleet, use, "too_big").filter(pl.col("on") == "storage")
    assert volumes.height == 3
    assert volumes["highest"].max() < 0.20


def test_idle_ones_do_nothing(fleet: SampleFleet, use: pl.DataFrame, samples: pl.DataFrame) -> None:
    assert of(fleet, use, "idle", "cpu")["highest"].max() < 0.02
    assert of(fleet, use, "idle", "memory")["highest"].max() < 0.08
    names = fleet.truths.filter(pl.col("kind") == "idle")["subject"].to_list()
    traffic = samples.filter(pl.col("resource").is_in(names), pl.col("metric").str.starts_with("network"))
    assert traffic["peak"].max() < 0.001


def test_too_small_ones_are_at_their_limit_on_most_working_days(
    fleet: SampleFleet, use: pl.DataFrame
) -> None:
    small = of(fleet, use, "too_small")
    assert small["metric"].value_counts().sort("metric").rows() == [
        ("cpu", 8),
        ("memory", 3),
        ("network_in", 1),
    ]
    assert small["hot_days"].min() >= 7
    assert small["p95"].min() > 0.93


def test_saturated_ones_are_cut_off_for_hours(fleet: SampleFleet, use: pl.DataFrame) -> None:
    saturated = of(fleet, use, "saturated")
    assert saturated["saturated"].min() > 0.08
    assert saturated["highest"].max() == pytest.approx(1.0)


def test_leaks_come_to_the_limit_and_fall(fleet: SampleFleet, use: pl.DataFrame) -> None:
    leaking = of(fleet, use, "leak")
    assert leaking["hot_days"].min() >= 3
    restarts = fleet.inventory.events.filter(pl.col("kind") == "restart")
    assert set(restarts["subject"]) == set(leaking["resource"])


def test_a_straight_line_finds_the_day_of_every_clean_case(fleet: SampleFleet, samples: pl.DataFrame) -> None:
    """The plainest possible planner, a line through 56 daily peaks, is within 10 % of the time remaining."""
    clean = fleet.truths.filter(pl.col("kind") == "exhausting", pl.col("clean"))
    assert clean.height == 15
    assert clean["days_remaining"].min() >= 10
    assert clean["days_remaining"].max() <= 300
    for name, metric, remaining, when in clean.select(
        "subject", "metric", "days_remaining", "date"
    ).iter_rows():
        assert when == END.date() + timedelta(days=remaining)
        mine = samples.filter(pl.col("resource") == name, pl.col("metric") == metric)
        days = (
            mine.filter(
                pl.col("ts") >= END.replace(hour=0) - timedelta(days=56), pl.col("ts") < END.replace(hour=0)
            )
            .group_by(pl.col("ts").dt.truncate("1d"))
            .agg(peak=pl.col("peak").max(), at=pl.col("ts").sort_by("peak").last())
        )
        ago = (days["at"] - END).dt.total_seconds().to_numpy() / 86400
        slope, now = np.polyfit(ago, days["peak"].to_numpy(), 1)
        left = (0.9 * mine["held"][-1] - now) / slope
        assert left == pytest.approx(remaining, rel=0.1), name


def test_the_sawtooth_stays_under_usable_capacity(fleet: SampleFleet, use: pl.DataFrame) -> None:
    assert of(fleet, use, "sawtooth")["highest"].max() < 0.82


def test_silent_and_short_ones_end_and_begin_when_they_say(fleet: SampleFleet, use: pl.DataFrame) -> None:
    assert of(fleet, use, "silent")["until"].max() < END - timedelta(days=9)
    assert of(fleet, use, "short_history")["since"].min() >= END - timedelta(days=9)


def test_switched_off_ones_have_neither_capacity_nor_demand(
    fleet: SampleFleet, samples: pl.DataFrame
) -> None:
    names = fleet.truths.filter(pl.col("kind") == "powered_off")["subject"].to_list()
    off = samples.filter(
        pl.col("resource").is_in(names),
        pl.col("metric").is_in(["cpu", "memory"]),
        pl.col("ts") >= END - timedelta(days=19),
    )
    assert off.height > 0
    assert off["held"].max() == 0
    assert off["value"].max() == 0


def test_resized_ones_had_half_before_and_were_short_of_it(fleet: SampleFleet, samples: pl.DataFrame) -> None:
    for name, when in fleet.truths.filter(pl.col("kind") == "resized").select("subject", "date").iter_rows():
        cpu = samples.filter(pl.col("resource") == name, pl.col("metric") == "cpu")
        before, after = cpu.filter(pl.col("ts").dt.date() < when), cpu.filter(pl.col("ts").dt.date() >= when)
        assert after["held"].unique().to_list() == [2 * before["held"][0]]
        assert (before["peak"] / before["held"]).max() == pytest.approx(1.0)
        assert (after["peak"] / after["held"]).max() < 0.85


def test_driven_demand_follows_its_driver_with_the_planted_elasticity(
    fleet: SampleFleet, samples: pl.DataFrame
) -> None:
    """Slope of log cpu on log requests over daily means of nine weeks, of the resources that are healthy."""
    faulty = fleet.truths.filter(~pl.col("kind").is_in(["driven", "shift"]))["subject"].to_list()
    driven = fleet.truths.filter(pl.col("kind") == "driven", ~pl.col("subject").is_in(faulty))
    assert driven.height >= 40
    service = dict(fleet.inventory.resources.select("resource", "service").iter_rows())
    recent = samples.filter(pl.col("ts").is_between(END - timedelta(days=70), END - timedelta(days=8)))
    requests = recent.filter(pl.col("metric") == "requests")
    for name, elasticity in driven.select("subject", "value").iter_rows():
        both = (
            recent.filter(pl.col("resource") == name, pl.col("metric") == "cpu", pl.col("value") > 0)
            .join(requests.filter(pl.col("resource") == service[name]), on="ts", suffix="_driver")
            .filter(pl.col("value_driver") > 0)
            .filter(pl.col("value") < pl.col("value").quantile(0.9))
        )
        slope = np.polyfit(np.log(both["value_driver"].to_numpy()), np.log(both["value"].to_numpy()), 1)[0]
        assert slope == pytest.approx(elasticity, abs=0.08), name


def test_outages_and_gaps_are_in_the_measurements(fleet: SampleFleet, samples: pl.DataFrame) -> None:
    """Where an event says so within the hourly days, demand is 0, or nothing was reported.

    Planted growth is left clean of outages, so only healthy resources are looked at.
    """
    faulty = fleet.truths.filter(~pl.col("kind").is_in(["driven", "shift"]))["subject"].to_list()
    begin = END - timedelta(days=89)
    service = fleet.inventory.resources.select("resource", "service", "site", "kind").unique("resource")
    events = fleet.inventory.events.filter(
        pl.col("ts") >= begin,
        pl.col("ts") < END - timedelta(days=28),
        pl.col("kind").is_in(["outage", "gap"]),
    )
    assert set(events["kind"]) == {"outage", "gap"}, "the default seed has both in these weeks"
    healthy = samples.filter(
        pl.col("metric") == "cpu", pl.col("ts") >= begin, ~pl.col("resource").is_in(faulty)
    ).join(service, on="resource")
    for start, end, subject, kind in events.select("ts", "ends_at", "subject", "kind").iter_rows():
        during = healthy.filter(pl.col("ts") >= start, pl.col("ts") < end)
        if kind == "gap":
            assert during.filter(pl.col("site") == subject).is_empty(), subject
        else:
            down = during.filter(pl.col("service") == subject, pl.col("kind") != "endpoint")
            assert (down["value"] == 0).all(), subject
