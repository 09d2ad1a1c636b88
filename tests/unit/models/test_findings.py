"""Findings on demand written by hand: what is too small, at risk, unknown, idle, too big, and what is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from data.decision import Action, Finding, Size, Status
from data.exhaustion import Exhaustion, ExhaustionState
from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA
from data.panel import DAY, HOUR, FloatArray, Panel
from data.series import SeriesKey
from models.decide import DecisionInputs, Decisions, decide
from models.finding_options import FindingOptions

START = datetime(2026, 1, 5, tzinfo=UTC)
HOURS = 60 * 24
END = START + HOURS * HOUR


def hours(metric: str, demand: FloatArray, capacity: float | FloatArray, names: str = "r0") -> Panel:
    """Hourly panel of one row per name; capacity the same throughout unless given by hour."""
    rows = np.atleast_2d(demand).astype(float)
    held = np.broadcast_to(np.asarray(capacity, float), rows.shape).copy()
    keys = [SeriesKey(name, metric) for name in names.split()]
    return Panel.of(keys, START, HOUR, rows, capacity=held)


def resources(kind: str = "vm", provider: str | None = "on_premises", **more: object) -> pl.DataFrame:
    row = {"resource": "r0", "kind": kind, "service": "shop", "provider": provider, "site": "here", **more}
    return pl.DataFrame([row], schema=RESOURCE_SCHEMA)


def tier(number: int) -> pl.DataFrame:
    return pl.DataFrame([{"service": "shop", "tier": number, "team": "t"}], schema=SERVICE_SCHEMA)


def judged(*panels: Panel, **inputs: object) -> Decisions:
    hourly = {panel.keys[0].metric: panel for panel in panels}
    given: dict[str, object] = {"resources": resources(), **inputs}
    return decide(DecisionInputs(END, hourly, **given))  # type: ignore[arg-type]


def finding(*panels: Panel, **inputs: object) -> Finding:
    return judged(*panels, **inputs).findings[0]


def flat(level: float) -> FloatArray:
    return np.full(HOURS, level)


def busy_days(level: float, peak: float, days: list[int]) -> FloatArray:
    """`level` all the time, and `peak` for one hour at noon of those days, counted back from the end."""
    demand = flat(level)
    for day in days:
        demand[HOURS - 24 * day - 12] = peak
    return demand


def exhaustion(metric: str, state: ExhaustionState, p90: float, mid: int | None) -> Exhaustion:
    return Exhaustion(
        SeriesKey("r0", metric), 7.2, 8.0, 4.8, p90 / 2, p90, max(p90, 0.6), 20, mid, None, state, 5, "", ""
    )


WELL_USED = hours("memory", flat(20), 32)


def test_a_resource_of_the_right_size() -> None:
    told = finding(hours("cpu", busy_days(4.0, 6.0, [1, 2, 9, 16]), 8), WELL_USED)
    assert (told.status, told.severity) == (Status.RIGHT_SIZED, 0)
    assert told.because.startswith("cpu peaks at 6 of 8 cores (p95 4) over 28 days")


def test_one_spike_or_one_bad_day_is_not_a_shortage() -> None:
    spike = busy_days(4.0, 8.0, [3])
    bad_day = flat(4.0)
    bad_day[-48:-24] = 8.0
    for demand in (spike, bad_day, busy_days(4.0, 8.0, [8, 20])):
        assert finding(hours("cpu", demand, 8), WELL_USED).status is Status.RIGHT_SIZED


def test_peaks_at_the_limit_week_after_week_are_a_shortage() -> None:
    told = finding(hours("cpu", busy_days(4.0, 7.7, [2, 9, 16, 23]), 8), WELL_USED)
    assert told.status is Status.UNDER_PROVISIONED
    assert told.reasons == ("cpu:peaks_at_capacity",)
    assert "on 4 days" in told.because


def test_a_new_shortage_is_seen_within_three_days() -> None:
    told = finding(hours("cpu", busy_days(4.0, 8.0, [0, 1, 2]), 8), WELL_USED)
    assert told.status is Status.UNDER_PROVISIONED


def test_saturation_is_named_and_more_urgent() -> None:
    demand = flat(4.0).reshape(-1, 24)
    demand[:, 9:13] = 8.0  # four hours a day at the limit: 4 / 24 = 17 %
    told = finding(hours("cpu", demand.ravel(), 8), WELL_USED, services=tier(2))
    assert told.reasons == ("cpu:saturated",)
    assert told.severity == 3
    cpu = next(m for m in told.metrics if m.metric == "cpu")
    assert cpu.saturated_share == pytest.approx(4 / 24)
    assert "in 17% of hours" in cpu.because


def test_severity_follows_the_tier() -> None:
    cpu = hours("cpu", busy_days(4.0, 7.7, [2, 9, 16, 23]), 8)
    assert [finding(cpu, WELL_USED, services=tier(n)).severity for n in (1, 2, 3)] == [3, 2, 2]


def test_shortage_of_one_metric_beats_saving_on_another() -> None:
    memory = hours("memory", busy_days(20, 31.5, [1, 8, 15, 22]), 32)
    decisions = judged(hours("cpu", flat(0.8), 8), memory)
    assert decisions.findings[0].status is Status.UNDER_PROVISIONED
    assert decisions.findings[0].reasons == ("memory:peaks_at_capacity",)
    assert decisions.recommendations[0].targets["cpu"] == 8


def test_a_stock_is_judged_by_what_it_holds_now() -> None:
    volume = resources("volume")
    filled = flat(960.0)
    emptied = np.concatenate([flat(960.0)[:-24], np.full(24, 300.0)])
    assert finding(hours("storage", filled, 1000), resources=volume).reasons == ("storage:nearly_full",)
    assert finding(hours("storage", emptied, 1000), resources=volume).status is Status.RIGHT_SIZED
    above = finding(hours("storage", flat(920.0), 1000), resources=volume)
    assert (above.status, above.reasons) == (Status.AT_RISK, ("storage:above_usable",))


def test_running_out_is_a_risk_within_ninety_days_or_the_lead_time() -> None:
    volume = resources("volume")
    storage = hours("storage", flat(4.8), 8)
    soon = [exhaustion("storage", ExhaustionState.DATED, 0.7, 40)]
    later = [exhaustion("storage", ExhaustionState.DATED, 0.2, 120)]
    told = finding(storage, resources=volume, exhaustions=soon)
    assert told.status is Status.AT_RISK
    assert "about 14 Apr 2026" in told.because
    assert finding(storage, resources=volume, exhaustions=later).status is Status.RIGHT_SIZED
    slow = resources("volume", lead_days=150)
    assert finding(storage, resources=slow, exhaustions=later).status is Status.AT_RISK


def test_silence_short_history_and_unknown_capacity_are_said() -> None:
    silent = flat(4.0)
    silent[-72:] = np.nan
    young = flat(4.0)
    young[: -5 * 24] = np.nan
    told = finding(hours("cpu", silent, 8), WELL_USED)
    assert (told.status, told.reasons) == (Status.UNKNOWN, ("cpu:silent",))
    assert told.because == "no cpu sample for 3 days"
    assert finding(hours("cpu", young, 8), WELL_USED).reasons == ("cpu:short_history",)
    assert finding(hours("cpu", flat(4.0), float("nan"))).reasons == ("cpu:no_capacity",)
    weekend = flat(4.0)
    weekend[-40:] = np.nan
    assert finding(hours("cpu", weekend, 8), WELL_USED).status is Status.RIGHT_SIZED


def test_silence_counts_from_as_of_not_from_the_end_of_the_panel() -> None:
    late = DecisionInputs(END + 3 * DAY, {"cpu": hours("cpu", flat(4.0), 8)}, resources=resources())
    assert decide(late).findings[0].reasons == ("cpu:silent",)


def test_a_resource_nobody_measured_is_unknown() -> None:
    told = finding()
    assert (told.status, told.reasons) == (Status.UNKNOWN, ("vm:no_samples",))


def test_idle_needs_quiet_cores_and_a_quiet_network() -> None:
    cpu, memory = hours("cpu", flat(0.02), 8), hours("memory", flat(2.0), 32)
    silent, loud = (hours("network_in", flat(rate), float("nan")) for rate in (0.01, 40.0))
    assert finding(cpu, memory, silent).status is Status.IDLE
    assert finding(cpu, memory, loud).status is not Status.IDLE
    nightly = flat(0.02).reshape(-1, 24)
    nightly[:, 2] = 7.0
    assert finding(hours("cpu", nightly.ravel(), 8), memory, silent).status is not Status.IDLE


def test_what_was_used_last_month_is_not_idle_yet() -> None:
    cpu = busy_days(0.02, 6.0, [40, 41])
    told = finding(
        hours("cpu", cpu, 8), hours("memory", flat(20.0), 32), hours("network_in", flat(0.0), 1000)
    )
    assert told.status is Status.RIGHT_SIZED


def test_a_weekly_job_on_a_quiet_machine_is_not_idle() -> None:
    cpu = busy_days(0.02, 7.0, [1, 8, 15, 22])
    told = finding(
        hours("cpu", cpu, 8), hours("memory", flat(20.0), 32), hours("network_in", flat(0.0), 1000)
    )
    assert told.status is Status.RIGHT_SIZED


def test_switched_off_is_its_own_reason_and_divides_by_nothing() -> None:
    held = np.where(np.arange(HOURS) < HOURS - 20 * 24, 8.0, 0.0)
    demand = np.where(held > 0, 4.0, 0.0)
    told = finding(hours("cpu", demand, held), hours("memory", demand, held))
    assert (told.status, told.reasons) == (Status.IDLE, ("cpu:powered_off",))
    assert told.because == "switched off for 20 days"
    recent = np.where(np.arange(HOURS) < HOURS - 3 * 24, 8.0, 0.0)
    told = finding(hours("cpu", np.where(recent > 0, 4.0, 0.0), recent))
    assert (told.status, told.reasons) == (Status.UNKNOWN, ("cpu:powered_off",))


def test_too_big_means_half_would_do_all_year() -> None:
    cpu, memory = hours("cpu", flat(2.0), 8), hours("memory", flat(10.0), 32)
    assert finding(cpu, memory).status is Status.OVER_PROVISIONED
    calm = np.full((1, 365), 2.0)
    month_end = calm.copy()
    month_end[0, [100, 131]] = 6.0

    def year(peaks: FloatArray) -> dict[str, Panel]:
        return {
            "cpu": Panel.of([SeriesKey("r0", "cpu")], END - 365 * DAY, DAY, peaks, capacity=peaks * 0 + 8)
        }

    big = hours("memory", flat(24.0), 32)
    assert finding(cpu, big, daily=year(calm)).status is Status.OVER_PROVISIONED
    assert finding(cpu, big, daily=year(month_end)).status is Status.RIGHT_SIZED


def test_too_big_respects_what_the_policy_would_hold() -> None:
    cpu, memory = hours("cpu", flat(2.0), 8), hours("memory", flat(24.0), 32)
    modest = {"cpu": [Size(2.0, 3.0, 4.0, "x")], "memory": [Size(20.0, 26.0, 30.0, "x")]}
    careful = {"cpu": [Size(4.0, 6.0, 8.0, "x")], "memory": [Size(20.0, 26.0, 30.0, "x")]}
    assert finding(cpu, memory, sizes=modest).status is Status.OVER_PROVISIONED
    assert finding(cpu, memory, sizes=careful).status is Status.RIGHT_SIZED


def test_endpoints_are_not_advised_to_shrink_unless_asked() -> None:
    laptop = resources("endpoint")
    cpu, memory = hours("cpu", flat(0.5), 8), hours("memory", flat(4.0), 32)
    assert finding(cpu, memory, resources=laptop).status is Status.RIGHT_SIZED
    asked = FindingOptions(endpoints_too_big=True)
    assert finding(cpu, memory, resources=laptop, options=asked).status is not Status.RIGHT_SIZED


def test_an_endpoint_that_runs_flat_out_now_and_then_is_fine() -> None:
    laptop = resources("endpoint")
    often = flat(2.0).reshape(-1, 24)
    often[:, 9:12] = 8.0
    now_and_then = busy_days(2.0, 8.0, [1, 2, 3, 8, 9, 10, 15, 16, 17])
    assert finding(hours("cpu", now_and_then, 8), WELL_USED, resources=laptop).status is Status.RIGHT_SIZED
    told = finding(hours("cpu", often.ravel(), 8), WELL_USED, resources=laptop, services=tier(1))
    assert (told.status, told.severity) == (Status.UNDER_PROVISIONED, 1)


def test_a_link_without_traffic_and_a_volume_attached_to_nothing_are_idle() -> None:
    link = [hours(m, flat(0.01), 1000) for m in ("network_in", "network_out")]
    assert finding(*link, resources=resources("link")).status is Status.IDLE
    volume = resources("volume", labels='{"attached": false}')
    told = finding(hours("storage", flat(400.0), 1000), resources=volume)
    assert told.reasons == ("volume:unattached",)


def stored(kind: str = "volume", since: datetime | None = None, **labels: object) -> pl.DataFrame:
    rows = [
        {
            "resource": "r0",
            "kind": kind,
            "provider": "on_premises",
            "labels": json.dumps(labels),
            "valid_from": since,
        },
        {"resource": "vm-1", "kind": "vm", "provider": "on_premises"},
    ]
    return pl.DataFrame(rows, schema=RESOURCE_SCHEMA)


@pytest.mark.parametrize(
    ("labels", "reasons"),
    [
        ({"attached_to": "vm-1"}, None),
        ({"attached_to": "vm-0, vm-1"}, None),
        ({"attached_to": ""}, "unattached"),
        ({"attached_to": "vm-9"}, "unattached"),
        ({"attached_to": ["vm-0", "vm-1"]}, None),
        ({"attached_to": ["vm-8", "vm-9"]}, "unattached"),
        ({"attached_to": []}, "unattached"),
        ({"attached_to": False}, "unattached"),
        ({"attached_to": None}, None),
        ({"attached": "no"}, "unattached"),
        ({"unattached": "true"}, "unattached"),
        ({}, None),
    ],
)
def test_a_volume_says_by_its_labels_what_it_is_attached_to(
    labels: dict[str, object], reasons: str | None
) -> None:
    half = hours("storage", flat(500.0), 1000)
    told = finding(half, resources=stored(**labels))
    assert told.reasons == ((f"volume:{reasons}",) if reasons else ("storage:fits",))
    if labels.get("attached_to") == "vm-9":
        assert "vm-9, not in the inventory" in told.because


def test_a_volume_that_is_on_its_way_is_not_reported_yet() -> None:
    half = hours("storage", flat(500.0), 1000)
    fresh = stored(since=END - 20 * DAY, attached_to="")
    assert finding(half, resources=fresh).status is Status.RIGHT_SIZED
    old = finding(half, resources=stored(since=END - 40 * DAY, attached_to=""))
    assert old.because == "the volume is attached to nothing for 40 days"


@pytest.mark.parametrize(
    ("days", "labels", "reason"),
    [
        (10, {}, None),
        (100, {}, "stale_snapshot"),
        (40, {"snapshot_of": "vm-1"}, None),
        (40, {"snapshot_of": ["vm-0", "vm-1"]}, None),
        (40, {"snapshot_of": "gone"}, "orphan_snapshot"),
        (20, {"snapshot_of": "gone"}, None),
        (None, {}, None),
        (None, {"created": "2025-01-01"}, "stale_snapshot"),
        (400, {"created": "some day"}, None),
    ],
)
def test_a_snapshot_is_stale_by_its_age_and_needs_no_sample(
    days: int | None, labels: dict[str, object], reason: str | None
) -> None:
    since = None if days is None else END - days * DAY
    inputs = DecisionInputs(
        END, {}, resources=stored("snapshot", since, **labels), stated={"r0": {"storage": 100.0}}
    )
    decisions = decide(inputs)
    told = next(one for one in decisions.findings if one.resource == "r0")
    if reason is None:
        assert told.status is Status.UNKNOWN
        return
    assert (told.status, told.reasons) == (Status.IDLE, (f"snapshot:{reason}",))
    advice = next(one for one in decisions.recommendations if one.resource == "r0")
    assert advice.action is Action.STOP and advice.saving is not None and advice.saving > 0, (
        "its size is stated"
    )


def test_imbalance_and_drift_are_told_without_changing_the_status() -> None:
    names = "a b c d"
    load = np.array([[6.2], [1.6], [1.6], [1.6]]) * np.ones((4, HOURS))
    memory = np.array([[20.0], [20.0], [20.0], [40.0]]) * np.ones((4, HOURS))
    held = np.array([[32.0], [32.0], [32.0], [64.0]]) * np.ones((4, HOURS))
    frame = pl.DataFrame(
        [
            {"resource": n, "kind": "vm", "service": "shop", "provider": "on_premises", "site": "here"}
            for n in names.split()
        ],
        schema=RESOURCE_SCHEMA,
    )
    inputs = DecisionInputs(
        END,
        {"cpu": hours("cpu", load, 8, names), "memory": hours("memory", memory, held, names)},
        resources=frame,
    )
    told = {f.resource: f for f in decide(inputs).findings}
    assert "cpu:imbalance" in told["a"].reasons and told["a"].status is Status.RIGHT_SIZED
    assert "other members of shop are at 20%" in told["a"].because
    assert [n for n, f in told.items() if "size:drift" in f.reasons] == ["d"]
    assert "3 of 4 members of shop are 8 cores, 32 GiB" in told["d"].because
