"""Hours that count, and nodes that limit a replica."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.decision import Action, Status
from data.errors import ConfigError
from data.exhaustion import Exhaustion, ExhaustionState
from data.frames import RESOURCE_SCHEMA
from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey
from models.counted_hours import CountedHours, counted_hours, counted_slots, only_counted
from models.decide import DecisionInputs, decide
from models.estate import Resource

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOURS = 42 * 24
END = MONDAY + HOURS * HOUR
OFFICE = CountedHours.of("Mon-Fri 08:00-18:00")


def panel(demand: FloatArray, capacity: float, metric: str = "cpu", name: str = "r0") -> Panel:
    rows = np.atleast_2d(demand)
    return Panel.of([SeriesKey(name, metric)], MONDAY, HOUR, rows, capacity=np.full(rows.shape, capacity))


def inventory(**fields: object) -> pl.DataFrame:
    row = {"resource": "r0", "kind": "vm", "service": "shop", "provider": "on_premises", **fields}
    return pl.DataFrame([row], schema=RESOURCE_SCHEMA)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Mon-Fri 08:00-18:00", {d * 24 + h for d in range(5) for h in range(8, 18)}),
        ("mon-fri 8-18", {d * 24 + h for d in range(5) for h in range(8, 18)}),
        ("Sat 09:30-10:15", {5 * 24 + 9, 5 * 24 + 10}),
        ("Sun-Mon 00:00-01:00", {0, 6 * 24}),
        ("Mon 00-24, Wed 00-01", {*range(24), 48}),
        ("Mon – Tue 0800 – 09:00", {8, 32}),
        ("Mon 08-10, Mon-Mon 09-11", {8, 9, 10}),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, hours: set[int]) -> None:
    assert CountedHours.of(text).hours == hours


@pytest.mark.parametrize(
    "text",
    [
        "",
        "business",
        "Mon-Fri",
        "Mon-Fri 18-08",
        "Foo 08-18",
        "Mon 08-25",
        "8-18",
        "Mon 08:75-12:00",
        "Mon 8:-9:",
        "Mon 09-09",
        "Mon 08-12,",
        "Mon-Fri 08-18 UTC",
    ],
)
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(ConfigError, match="hours"):
        CountedHours.of(text)


@pytest.mark.parametrize(
    "zone",
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu"],
)
@pytest.mark.parametrize("start", [datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)])
def test_hours_that_are_touched_count_on_the_clock_of_the_zone(zone: str, start: datetime) -> None:
    changing = Panel.of([], start, HOUR, np.empty((0, 40 * 24)))
    for slot, counts in enumerate(OFFICE.mask(changing, zone)):
        minutes = [start + timedelta(hours=slot, minutes=minute) for minute in range(60)]
        local = [moment.astimezone(ZoneInfo(zone)) for moment in minutes]
        assert counts == any(one.weekday() < 5 and 8 <= one.hour < 18 for one in local)


def test_an_hour_that_the_clock_skips_or_repeats() -> None:
    at_two = CountedHours.of("Sun 02-03")
    for start, hours in ((datetime(2026, 3, 29, tzinfo=UTC), 0), (datetime(2026, 10, 25, tzinfo=UTC), 2)):
        day = Panel.of([], start, HOUR, np.empty((0, 24)))
        assert at_two.mask(day, "Europe/Berlin").sum() == hours


def test_the_nearest_zone_is_the_clock_of_the_hours() -> None:
    resources = [
        Resource("a", site="berlin", service="shop", labels={"hours": "Mon 08-10"}),
        Resource("b", site="berlin", labels={"hours": "Mon 08-10"}),
        Resource("c", labels={"hours": "business"}),
        Resource("d", labels={"hours": "sometimes"}),
        Resource("e"),
    ]
    day = Panel.of([], MONDAY, HOUR, np.empty((0, 24)))
    zones = {"shop": "America/New_York", "berlin": "Europe/Berlin"}
    counted, unread = counted_slots(resources, day, "Mon 09-10", zones)
    assert {name: np.flatnonzero(slots).tolist() for name, slots in counted.items()} == {
        "a": [13, 14], "b": [7, 8], "c": [9],
    }  # fmt: skip
    assert unread == ["d"]
    assert counted_slots(resources, day)[0]["a"].nonzero()[0].tolist() == [8, 9]
    with pytest.raises(ConfigError, match="Mars"):
        counted_slots(resources, day, zones={"*": "Mars/Base"})


def test_labels_that_cannot_be_read_are_named() -> None:
    named = {"a": "business", "b": "Sat 09-12", "c": "when we are in", "d": "always", "e": ""}
    named |= {"g": "Mon-Sun 00-24", "h": "Mon-Wed 00-24, Thu-Sun 00-24"}
    resources = [Resource(name, labels={"hours": text}) for name, text in named.items()]
    found, unread = counted_hours([*resources, Resource("f")], "Mon-Thu 07-15")
    assert set(found) == {"a", "b"} and unread == ["c"]
    assert len(found["a"].hours) == 4 * 8


def test_a_nightly_batch_is_no_shortage_where_only_office_hours_count() -> None:
    hour = np.arange(HOURS) % 24
    demand = np.where((hour >= 1) & (hour < 3), 8.0, 3.0)
    memory = np.full(HOURS, 16.0)
    hourly = {"cpu": panel(demand, 8.0), "memory": panel(memory, 32.0, "memory")}
    ahead = [
        Exhaustion(
            SeriesKey("r0", "cpu"), 7.2, 8.0, 3.0, 0.9, 0.9, 0.9, 1, 5, 9, ExhaustionState.DATED, 1, "x", ""
        )
    ]
    inputs = DecisionInputs(END, hourly, resources=inventory(), exhaustions=ahead)
    assert decide(inputs).findings[0].status is Status.UNDER_PROVISIONED
    mask = OFFICE.mask(hourly["cpu"])
    counted = decide(replace(inputs, counted={"r0": mask}))
    assert counted.findings[0].status is Status.OVER_PROVISIONED
    told = counted.recommendations[0]
    # 3 / 0.9 -> 4 of 8 cores; memory as it is.
    assert (told.action, told.targets["cpu"]) == (Action.RESIZE_AMOUNT, 4.0)
    (cpu, _) = counted.findings[0].metrics
    assert (cpu.demand_peak, cpu.demand_mean) == (3.0, 3.0)


def test_whether_anybody_uses_it_is_judged_by_all_hours() -> None:
    hour = np.arange(HOURS) % 24
    demand = np.where(hour < 6, 2.0, 0.01)
    hourly = {"cpu": panel(demand, 8.0), "memory": panel(np.full(HOURS, 20.0), 32.0, "memory")}
    inputs = DecisionInputs(END, hourly, resources=inventory(), counted={"r0": OFFICE.mask(hourly["cpu"])})
    assert decide(inputs).findings[0].status is not Status.IDLE


def test_none_of_the_hours_that_count_reported_is_no_reason_to_shrink_it() -> None:
    demand = np.full(HOURS, 3.0)
    saturdays = CountedHours.of("Sat 09-17").mask(panel(demand, 8.0))
    demand[saturdays] = np.nan
    silent = {"cpu": panel(demand, 8.0)}
    inputs = DecisionInputs(END, silent, resources=inventory(), counted={"r0": saturdays})
    (told,) = decide(inputs).recommendations
    assert told.action is Action.KEEP


def test_storage_is_held_at_every_hour_whichever_of_them_count() -> None:
    demand = np.full(HOURS, 100.0)
    counted = OFFICE.mask(panel(demand, 1000.0))
    demand[~counted] = 850.0  # a nightly dump, removed in the morning
    storage = {"storage": panel(demand, 1000.0, "storage")}
    volume = inventory(kind="volume")
    statuses = {
        decide(DecisionInputs(END, storage, resources=volume, counted=some)).findings[0].status
        for some in ({}, {"r0": counted})
    }
    assert statuses == {Status.RIGHT_SIZED}


def test_what_does_not_count_is_unreported_to_the_policy() -> None:
    one = panel(np.arange(HOURS, dtype=float), 8.0)
    mask = OFFICE.mask(one)
    seen = only_counted(one, {"r0": mask})
    assert np.isfinite(seen.demand[0]).sum() == mask.sum() == 6 * 50
    assert only_counted(one, {"other": mask}) is one
    storage = panel(np.arange(HOURS, dtype=float), 8.0, "storage")
    assert only_counted(storage, {"r0": mask}) is storage
    assert np.isfinite(one.demand).all(), "the panel itself stays as it is"


def workload(replicas: str, demand: float) -> DecisionInputs:
    hourly = {
        "cpu": panel(np.full(HOURS, demand), 8.0),
        "memory": panel(np.full(HOURS, 8.0), 16.0, "memory"),
    }
    labels = f'{{"cluster": "k8s", "replicas": "{replicas}"}}'
    return DecisionInputs(
        END, hourly, resources=inventory(kind="workload", provider="kubernetes", labels=labels)
    )


def test_a_replica_is_never_advised_to_outgrow_its_node() -> None:
    inputs = workload("2", 8.0)
    free = decide(inputs).recommendations[0]
    assert free.action is Action.RESIZE_AMOUNT and free.targets["cpu"] == 12.0
    capped = decide(replace(inputs, nodes={"k8s": {"cpu": 5.0, "memory": 32.0}})).recommendations[0]
    # 12 cores at 4.5 of a node for each replica: three of 4 cores.
    assert capped.action is Action.ADD_MEMBERS and capped.to_size.startswith("3 × 4 cores")
    assert capped.targets["cpu"] == pytest.approx(12.0) and "one replica can have 4.5 cores" in capped.because
    assert capped.cost_then is not None and capped.cost_now is not None and capped.cost_then > capped.cost_now
    roomy = decide(replace(inputs, nodes={"k8s": {"cpu": 16.0, "memory": 64.0}})).recommendations[0]
    assert roomy.targets == free.targets and roomy.action is free.action


@given(st.floats(4.0, 8.0), st.integers(1, 6), st.floats(1.0, 20.0))
def test_no_replica_is_larger_than_nine_tenths_of_a_node(demand: float, replicas: int, node: float) -> None:
    told = decide(replace(workload(str(replicas), demand), nodes={"k8s": {"cpu": node, "memory": 64.0}}))
    advice = told.recommendations[0]
    if advice.action is Action.ADD_MEMBERS:
        count = int(advice.to_size.split(" ×")[0])
        assert count > replicas and advice.targets["cpu"] / count <= 0.9 * node + 1e-6
    elif advice.action is not Action.KEEP and advice.targets["cpu"] > 8.0:
        assert advice.targets["cpu"] / replicas <= 0.9 * node + 0.05 + 1e-6
