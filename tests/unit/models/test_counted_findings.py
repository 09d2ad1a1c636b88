"""What is found where only some hours count: limits shrink with them, and use is judged by all hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.decision import Finding, Status
from data.frames import RESOURCE_SCHEMA
from data.panel import HOUR, FloatArray, Panel
from data.recommendation import Recommendation
from data.series import SeriesKey
from models.counted_hours import CountedHours, only_counted
from models.decide import DecisionInputs, decide
from models.usage import Usage, in_counted_hours, usage

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 98
HOUR_OF = np.arange(24 * DAYS)
"""Hours since a Monday."""


def panel(demand: FloatArray, metric: str, capacity: float) -> Panel:
    rows = np.atleast_2d(demand)
    held = np.full(rows.shape, capacity)
    return Panel.of([SeriesKey("r0", metric)], MONDAY, HOUR, rows, capacity=held)


def judged(
    cpu: FloatArray, label: str, memory: FloatArray | float = 20.0, **more: object
) -> tuple[Finding, Recommendation]:
    """Of a machine of 8 cores and 32 GiB; `label` says which hours count, empty = all."""
    hours = len(np.atleast_1d(cpu))
    hourly = {
        "cpu": panel(cpu, "cpu", 8.0),
        "memory": panel(np.broadcast_to(memory, (hours,)).astype(float), "memory", 32.0),
    }
    row = {"resource": "r0", "kind": "vm", "service": "shop", "provider": "on_premises"}
    counted = {"r0": CountedHours.of(label).mask(hourly["cpu"])} if label else {}
    done = decide(
        DecisionInputs(
            MONDAY + hours * HOUR,
            hourly,
            resources=pl.DataFrame([row], schema=RESOURCE_SCHEMA),
            counted=counted,
            **more,  # type: ignore[arg-type]
        )
    )
    return done.findings[0], done.recommendations[0]


def mask(label: str, hours: int = 24 * DAYS) -> np.ndarray:
    return CountedHours.of(label).mask(Panel.of([], MONDAY, HOUR, np.empty((0, hours))))


@pytest.mark.parametrize("label", ["Mon-Fri 08-18", "Mon-Wed 09-14", "Sat 09-12", "Sun 03-04"])
def test_few_hours_a_week_are_enough_where_all_of_them_are_reported(label: str) -> None:
    demand = np.where(mask(label), 5.0, 0.5)
    finding, told = judged(demand, label)
    assert finding.status is Status.RIGHT_SIZED and told.confidence == "high"
    assert finding.because.startswith("cpu peaks at 5 of 8 cores (p95 5) over the counted hours of 28 days")
    finding, told = judged(np.where(mask(label), 1.0, 8.0), label, np.where(mask(label), 4.0, 30.0))
    assert finding.status is Status.OVER_PROVISIONED and told.confidence == "high"


def test_hours_that_count_and_did_not_report_are_too_few_to_judge_by() -> None:
    label = "Mon-Wed 09-14"  # 60 hours of 28 days: 6.4 are as many as 72 of all
    demand = np.where(mask(label), 5.0, 0.5)
    lately = np.flatnonzero(mask(label) & (HOUR_OF >= 24 * (DAYS - 28)))
    demand[lately[7:]] = np.nan
    finding, told = judged(demand, label)
    assert finding.status is Status.UNKNOWN and told.confidence == "low"
    assert "7 hours of the 60 that count of cpu reported in 28 days" in finding.because
    demand[lately[7:8]] = 5.0
    assert judged(demand, label)[0].status is Status.RIGHT_SIZED
    # A tenth of them missing is where confidence ends.
    demand[lately] = 5.0
    demand[lately[:6]] = np.nan
    assert judged(demand, label)[1].confidence == "high"
    demand[lately[:7]] = np.nan
    assert judged(demand, label)[1].confidence == "medium"


def test_what_works_in_every_hour_that_counts_is_not_idle() -> None:
    """Four hours a week are under three in a hundred: all hours together are quiet enough."""
    label = "Mon 08-12"
    busy = np.where(mask(label), 1.9, 0.0)
    assert judged(busy, "")[0].status is Status.IDLE
    assert judged(busy, label)[0].status is not Status.IDLE
    quiet = np.where(mask(label), 0.01, 0.0)
    idle, _ = judged(quiet, label)
    assert idle.status is Status.IDLE and "over 28 days" in idle.because


def test_what_works_only_outside_the_hours_that_count_is_not_idle() -> None:
    label = "Mon-Fri 08-18"
    assert judged(np.where(mask(label), 0.01, 1.0), label)[0].status is not Status.IDLE
    # A little at night may be a whole job: without network figures it is not called idle.
    assert judged(np.where(mask(label), 0.01, 0.15), label)[0].status is not Status.IDLE


def test_a_machine_that_is_only_on_when_it_counts_is_not_silent_on_a_sunday() -> None:
    label = "Mon-Fri 08-18"
    until_sunday = 24 * (DAYS - 1) + 20
    demand = np.where(mask(label), 5.0, np.nan)
    assert judged(demand[:until_sunday], "")[0].reasons == ("cpu:silent",)
    assert judged(demand[:until_sunday], label)[0].status is Status.RIGHT_SIZED
    # Fourteen hours that count are the share of two days: more than those without a sample are silence.
    for missing, status in ((14, Status.RIGHT_SIZED), (15, Status.UNKNOWN)):
        demand = np.where(mask(label), 5.0, np.nan)
        demand[np.flatnonzero(mask(label))[-missing:]] = np.nan
        finding, _ = judged(demand, label)
        assert finding.status is status
    assert finding.because == "no cpu sample for 3 days"


@pytest.mark.parametrize(("hot", "short"), [(2, False), (3, True), (4, True)])
def test_a_habit_is_counted_in_days_that_count(hot: int, short: bool) -> None:
    """Only four Saturdays of 28 days count; three of them at the limit are a habit, two are not."""
    label = "Sat 09-17"
    demand = np.where(mask(label), 5.0, 0.5)
    for week in range(hot):
        saturday = 24 * (DAYS - 2 - 7 * week) + 12
        demand[saturday] = 8.0
    finding, _ = judged(demand, label)
    assert (finding.status is Status.UNDER_PROVISIONED) == short


def test_one_bad_day_is_no_habit_wherever_the_window_ends() -> None:
    label = "Sat 00-24"
    for shift in range(0, 24 * 7, 5):
        demand = np.where(mask(label), 5.0, 0.5)
        saturday = 24 * (DAYS - 16)
        demand[saturday : saturday + 24] = 8.0
        finding, _ = judged(demand[: 24 * DAYS - shift], label)
        # Above 1 % of the hours that count, but on one day only.
        assert finding.status is not Status.UNDER_PROVISIONED, shift


def test_growth_and_peaks_of_the_year_are_not_told_of_some_hours() -> None:
    label = "Mon-Fri 08-18"
    finding, _ = judged(np.where(mask(label), 1.0, 8.0), label, np.where(mask(label), 4.0, 30.0))
    assert finding.status is Status.OVER_PROVISIONED and "never above" not in finding.because


@st.composite
def some_hours(draw: st.DrawFn) -> tuple[Panel, np.ndarray, float]:
    hours = draw(st.integers(1, 40 * 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    demand = rng.uniform(0, 8, hours)
    demand[rng.random(hours) < draw(st.sampled_from([0.0, 0.3, 0.95, 1.0]))] = np.nan
    counts = rng.random(hours) < draw(st.sampled_from([0.0, 0.05, 0.5, 1.0]))
    return panel(demand, "cpu", 8.0), counts, float(draw(st.sampled_from([0, 3])))


def one_usage(hours: Panel, late: float) -> Usage:
    as_of = hours.end + timedelta(hours=late)
    return usage(hours, None, as_of, window_days=28, reserve=0.1, quiet_level=np.array([0.5]))[0]


@given(some_hours())
def test_counted_hours_as_a_plain_loop_counts_them(given_hours: tuple[Panel, np.ndarray, float]) -> None:
    hours, counts, late = given_hours
    whole = one_usage(hours, late)
    part = one_usage(only_counted(hours, {"r0": counts}), late)
    found = in_counted_hours(whole, part, counts, late)
    window = range(max(0, hours.slots - 28 * 24), hours.slots)
    assert found.countable_hours == sum(bool(counts[slot]) for slot in window)
    assert found.reported_hours == sum(
        bool(counts[slot]) and np.isfinite(hours.demand[0, slot]) for slot in window
    )
    days = {(hours.slots - 1 - slot) // 24 for slot in window if counts[slot]}
    assert found.countable_days == len(days)
    reported = [slot for slot in range(hours.slots) if np.isfinite(hours.demand[0, slot])]
    if not reported:
        assert found.missed_hours == float("inf")
    else:
        missed = sum(bool(counts[slot]) for slot in range(reported[-1] + 1, hours.slots))
        assert found.missed_hours == pytest.approx(missed + late * found.countable_share)
    assert found.all_hours is whole and whole.all_hours is whole
    assert (whole.countable_share, whole.missed_hours) == (1.0, whole.silent_hours)
    assert whole.is_sparse == (whole.reported_hours < 72)
    assert found.is_sparse or found.reported_hours >= 1


@given(st.integers(1, 672), st.integers(1, 672))
def test_more_reports_never_make_it_sparse(countable: int, reported: int) -> None:
    hours = panel(np.full(672, 1.0), "cpu", 8.0)
    counts = np.arange(672) < countable
    known = np.where(np.arange(672) < reported, 1.0, np.nan)
    part = one_usage(only_counted(panel(known, "cpu", 8.0), {"r0": counts}), 0.0)
    found = in_counted_hours(one_usage(hours, 0.0), part, counts)
    if min(countable, reported) == countable:
        assert not found.is_sparse, "all that can be reported was"
    if found.reported_hours >= 72:
        assert not found.is_sparse
