"""Recommendations and their money, by hand and over random fleets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decision import Action, Size, Status
from data.exhaustion import Exhaustion, ExhaustionState
from data.frames import RESOURCE_SCHEMA
from data.money import Exchange
from data.panel import HOUR, Panel
from data.prices import PriceCatalog
from data.reach import REACH_DAYS, REACH_LEVELS, Reach
from data.recommendation import Recommendation
from data.series import SeriesKey
from models.decide import CostSettings, DecisionInputs, Decisions, decide
from models.estate import Resource
from models.fitting import describe, fit, is_sibling
from models.pricing import Basis, Pricer
from tests.fleets import END, HOURS, MODEL, START


def panels(demand: dict[str, float], capacity: dict[str, float], name: str = "r0") -> dict[str, Panel]:
    """Flat demand, in hourly panels of one resource."""
    return {
        metric: Panel.of(
            [SeriesKey(name, metric)],
            START,
            HOUR,
            np.full((1, HOURS), level),
            capacity=np.full((1, HOURS), capacity[metric]),
        )
        for metric, level in demand.items()
    }


def inventory(**fields: object) -> pl.DataFrame:
    row = {"resource": "r0", "kind": "vm", "provider": "on_premises", "site": "here", **fields}
    return pl.DataFrame([row], schema=RESOURCE_SCHEMA)


def decided(hourly: dict[str, Panel], resources: pl.DataFrame, **more: object) -> Decisions:
    costs = CostSettings(on_premises=MODEL)
    return decide(DecisionInputs(END, hourly, resources=resources, costs=costs, **more))  # type: ignore[arg-type]


def advised(hourly: dict[str, Panel], resources: pl.DataFrame, **more: object) -> Recommendation:
    return decided(hourly, resources, **more).recommendations[0]


AWS = {"provider": "aws", "site": "eu-west-1", "instance_type": "m6i.2xlarge"}


def test_a_cloud_machine_goes_to_the_cheapest_sibling_that_holds_all_its_needs() -> None:
    hourly = panels({"cpu": 2.0, "memory": 9.0}, {"cpu": 8, "memory": 32})
    told = advised(hourly, inventory(**AWS))
    # Needs 2 / 0.9 = 2.2 cores and 10 GiB: m6i.xlarge (4, 16) at 0.214; c6i.xlarge has 8 GiB only.
    assert (told.action, told.from_type, told.to_type) == (Action.RESIZE_TYPE, "m6i.2xlarge", "m6i.xlarge")
    assert (told.from_size, told.to_size) == ("8 cores, 32 GiB", "4 cores, 16 GiB")
    assert told.cost_now == Decimal("312.44")  # 0.428 x 730
    assert told.cost_then == Decimal("156.22")
    assert told.saving == Decimal("156.22")
    assert (told.breach_now, told.breach_then) == (0.0, 0.0)


def test_the_policys_targets_are_held() -> None:
    hourly = panels({"cpu": 2.0, "memory": 9.0}, {"cpu": 8, "memory": 32})
    sizes = {"cpu": [Size(2, 3, 4, "x")], "memory": [Size(9, 17, 18, "x")]}
    told = advised(hourly, inventory(**AWS), sizes=sizes)
    # Nothing of 3 cores and 17 GiB saves a fifth: r6i.xlarge is 0.282 of 0.428, a third less.
    assert told.to_type == "r6i.xlarge"


def test_traffic_is_a_need_too() -> None:
    hourly = panels(
        {"cpu": 2.0, "memory": 9.0, "network_in": 2500.0},
        {"cpu": 8, "memory": 32, "network_in": float("nan")},
    )
    # m6i.xlarge has a baseline of 1,562 Mbit/s: no smaller sibling carries 2,500.
    assert advised(hourly, inventory(**AWS)).action is Action.KEEP


def test_what_the_inventory_pays_keeps_its_ratio_to_the_list() -> None:
    hourly = panels({"cpu": 2.0, "memory": 9.0}, {"cpu": 8, "memory": 32})
    told = advised(hourly, inventory(**AWS, monthly_price=Decimal("200.00"), currency="USD"))
    assert (told.cost_now, told.cost_then) == (Decimal("200.00"), Decimal("100.00"))


def test_an_on_premises_machine_gets_an_amount() -> None:
    hourly = panels({"cpu": 1.0, "memory": 9.0}, {"cpu": 8, "memory": 32})
    told = advised(hourly, inventory())
    # 1 / 0.9 -> 2 cores, 9 / 0.9 = 10 GiB: 20 + 5 of 80 + 16.
    assert (told.action, told.to_size) == (Action.RESIZE_AMOUNT, "2 cores, 10 GiB")
    assert (told.cost_now, told.cost_then, told.saving) == (
        Decimal("96.00"),
        Decimal("25.00"),
        Decimal("71.00"),
    )


def test_a_workload_is_cut_in_fine_steps_at_node_prices() -> None:
    hourly = panels({"cpu": 0.3, "memory": 1.0}, {"cpu": 2, "memory": 8})
    told = advised(hourly, inventory(kind="workload", provider="kubernetes", site="eu-west-1"))
    assert told.targets["cpu"] == pytest.approx(0.35)
    assert told.targets["memory"] == pytest.approx(1.125)
    units = Pricer(PriceCatalog.shipped()).unit_price("aws", "eu-west-1")
    assert units is not None
    expected = units.core_month * 2 + units.memory_gib_month * 8
    assert told.cost_now == round(expected, 2)


def test_a_shortage_is_ended_and_other_metrics_keep_theirs() -> None:
    hourly = panels({"cpu": 8.0, "memory": 3.0}, {"cpu": 8, "memory": 32})
    told = advised(hourly, inventory())
    # Always at the limit: demand is cut off, half as much again is held.
    assert (told.action, told.to_size) == (Action.RESIZE_AMOUNT, "12 cores, 32 GiB")
    assert told.saving == Decimal("-40.00")
    assert (told.breach_now, told.breach_then) == (1.0, 0.0)
    assert told.confidence == "medium"


def test_a_shortage_in_the_cloud_takes_the_next_type_and_more_members_where_there_is_none() -> None:
    hourly = panels({"cpu": 7.9, "memory": 20.0}, {"cpu": 8, "memory": 32})
    told = advised(hourly, inventory(**AWS))
    assert (told.action, told.to_type) == (Action.RESIZE_TYPE, "c6i.4xlarge")  # 16 cores, 32 GiB
    top = {**AWS, "instance_type": "m6i.8xlarge"}
    told = advised(panels({"cpu": 31.9, "memory": 60.0}, {"cpu": 32, "memory": 128}), inventory(**top))
    assert (told.action, told.to_size) == (Action.ADD_MEMBERS, "2 × 32 cores, 128 GiB")
    assert told.cost_now is not None and told.cost_then == 2 * told.cost_now


def test_a_physical_server_is_bought_now() -> None:
    hourly = panels({"cpu": 8.0, "memory": 3.0}, {"cpu": 8, "memory": 32})
    told = advised(hourly, inventory(kind="server"))
    assert (told.action, told.buy_by) == (Action.BUY, END.date() - timedelta(days=1)), "the last day measured"


def test_an_order_is_dated_and_sized_for_lead_time_and_horizon() -> None:
    key = SeriesKey("r0", "storage")
    runs_out = Exhaustion(
        key, 900.0, 1000.0, 600.0, 0.2, 0.7, 0.9, 40, 60, 80, ExhaustionState.DATED, 10, "", ""
    )
    volume = inventory(kind="volume")
    told = advised(panels({"storage": 600.0}, {"storage": 1000.0}), volume, exhaustions=[runs_out])
    assert (told.action, told.buy_by) == (Action.BUY, END.date() + timedelta(days=9))
    # 5 GiB a day for 30 + 90 days: 600 + 600 = 1,200, of which nine tenths may be used.
    assert told.targets["storage"] == pytest.approx(1340)
    amounts = np.full((1, len(REACH_DAYS), len(REACH_LEVELS)), 1080.0)
    reach = Reach((key,), END, REACH_DAYS, REACH_LEVELS, amounts)
    told = advised(
        panels({"storage": 600.0}, {"storage": 1000.0}), volume, exhaustions=[runs_out], reach=[reach]
    )
    assert told.targets["storage"] == pytest.approx(1200)


def test_idle_is_stopped_and_saves_all_it_costs() -> None:
    hourly = panels(
        {"cpu": 0.01, "memory": 1.0, "network_in": 0.0}, {"cpu": 8, "memory": 32, "network_in": 1000}
    )
    decisions = decided(hourly, inventory())
    told = decisions.recommendations[0]
    assert (told.action, told.to_size, told.saving) == (Action.STOP, "nothing", told.cost_now)
    assert decisions.costs[0].unused_cost == decisions.costs[0].monthly_cost


def test_a_price_in_a_currency_without_a_rate_is_unknown_and_said() -> None:
    hourly = panels({"cpu": 1.0, "memory": 9.0}, {"cpu": 8, "memory": 32})
    euro = inventory(monthly_price=Decimal(50), currency="EUR")
    decisions = decided(hourly, euro)
    told, cost = decisions.recommendations[0], decisions.costs[0]
    assert (told.cost_now, told.saving, cost.basis) == (None, None, Basis.UNKNOWN)
    assert told.action is Action.RESIZE_AMOUNT and "no exchange rate is set" in told.because
    rated = CostSettings(MODEL, Exchange("USD", {"EUR": Decimal("1.10")}))
    told = decide(DecisionInputs(END, hourly, resources=euro, costs=rated)).recommendations[0]
    assert told.cost_now == Decimal("55.00")


def test_confidence_states_how_much_was_seen() -> None:
    assert advised(panels({"cpu": 1.0}, {"cpu": 8}), inventory()).confidence == "low"  # no memory measured
    both = panels({"cpu": 4.0, "memory": 20.0}, {"cpu": 8, "memory": 32})
    assert advised(both, inventory()).confidence == "medium"  # 40 days of history
    assert advised(both, inventory(provider="aws", site="moon")).confidence == "low"  # no price


def test_another_architecture_is_not_a_sibling() -> None:
    catalog = PriceCatalog.shipped()
    one = catalog.require("aws", "m6i.large", "eu-west-1")
    assert is_sibling(one, catalog.require("aws", "r6i.large", "eu-west-1"))
    arm = replace(one, name="m6g.large", family="m6g")
    assert not is_sibling(one, arm)
    d, e, f = (
        catalog.require("azure", f"Standard_{n}", "westeurope") for n in ("D2s_v5", "E2s_v5", "F2s_v2")
    )
    assert is_sibling(d, e) and not is_sibling(d, f) and not is_sibling(one, d)


def test_sizes_read_as_people_say_them() -> None:
    assert describe({"cpu": 1.0, "memory": 0.5}) == "1 core, 0.5 GiB"
    assert describe({"storage": 16384.0}) == "16,384 GiB disk"
    assert describe({}) == "unknown"


@given(need=st.floats(0.01, 16), held=st.floats(1, 64))
def test_a_fit_holds_what_is_needed(need: float, held: float) -> None:
    pricer = Pricer(PriceCatalog.shipped())
    for provider, site, kind, named in (
        ("aws", "eu-west-1", "vm", "m6i.4xlarge"),
        ("on_premises", "here", "vm", None),
        ("kubernetes", "eu-west-1", "workload", None),
    ):
        resource = Resource("r", kind=kind, provider=provider, site=site, instance_type=named)
        size = fit(resource, {"cpu": held, "memory": 64.0}, {"cpu": need, "memory": need}, pricer)
        assert size is not None
        assert size.amounts["cpu"] >= need * (1 - 1e-6) and size.amounts["memory"] >= need * (1 - 1e-6)


def _random_fleet(seed: int) -> DecisionInputs:
    rng = np.random.default_rng(seed)
    n = 24
    names = [f"r{i}" for i in range(n)]
    kinds = rng.choice(["vm", "server", "database", "workload", "volume", "link", "endpoint"], n)
    clouds = rng.choice(["aws", "on_premises", "azure"], n)
    types = {"aws": ("eu-west-1", "m6i.2xlarge"), "azure": ("westeurope", "Standard_D4s_v5")}
    rows = []
    for name, kind, cloud in zip(names, kinds, clouds, strict=True):
        site, named = types.get(str(cloud), ("here", None))
        price = Decimal(int(rng.integers(1, 9000))) / 10 if rng.random() < 0.3 else None
        rows.append(
            {
                "resource": name,
                "kind": str(kind),
                "service": f"s{rng.integers(4)}",
                "provider": "kubernetes" if kind == "workload" else str(cloud),
                "site": site,
                "instance_type": named if kind in {"vm", "server", "database"} else None,
                "monthly_price": price,
                "currency": None if price is None else "USD",
            }
        )
    hourly = {}
    for metric in ("cpu", "memory", "storage", "network_in", "network_out"):
        capacity = np.where(rng.random(n) < 0.1, np.nan, rng.choice([0.0, 2.0, 8.0, 64.0, 1000.0], n))
        load = rng.choice([0.0, 0.01, 0.2, 0.5, 0.8, 1.0, 1.3], n)
        demand = load[:, None] * np.nan_to_num(capacity, nan=5.0)[:, None] * rng.uniform(0.8, 1, (n, HOURS))
        demand[rng.random((n, HOURS)) < 0.02] = np.nan
        keys = [SeriesKey(name, metric) for name in names]
        held = np.repeat(capacity[:, None], HOURS, axis=1)
        hourly[metric] = Panel.of(keys, START, HOUR, demand, capacity=held)
    return DecisionInputs(END, hourly, resources=pl.DataFrame(rows, schema=RESOURCE_SCHEMA))


@pytest.mark.parametrize(
    ("days", "level", "action"),
    [
        pytest.param(5, 4.0, Action.KEEP, id="full until five days ago: nobody knows what it wants"),
        pytest.param(20, 4.0, Action.RESIZE_AMOUNT, id="twenty days at its new size say enough"),
        pytest.param(5, 3.0, Action.RESIZE_AMOUNT, id="it was never full"),
    ],
)
def test_what_was_enlarged_because_it_was_full_is_not_shrunk_at_once(
    days: int, level: float, action: Action
) -> None:
    hourly = panels({"cpu": 3.5, "memory": 9.0}, {"cpu": 32, "memory": 32})
    cpu = hourly["cpu"]
    demand, capacity = cpu.demand.copy(), cpu.capacity.copy()
    demand[:, : -24 * days], capacity[:, : -24 * days] = level, 4.0
    hourly["cpu"] = Panel.of(cpu.keys, START, HOUR, demand, capacity=capacity)
    assert advised(hourly, inventory()).action is action


def test_what_is_short_of_one_thing_gives_nothing_of_another_back() -> None:
    """Memory is full; cores are at risk at a limit from before they were doubled."""
    old = Exhaustion(
        SeriesKey("r0", "cpu"), 7.2, 8.0, 4.0, 0.1, 0.6, 0.9, 20, 60, None, ExhaustionState.DATED, 5, "", ""
    )
    hourly = panels({"cpu": 4.0, "memory": 31.9}, {"cpu": 32, "memory": 32})
    told = advised(hourly, inventory(), exhaustions=[old])
    assert told.targets["memory"] > 32 and told.targets["cpu"] == 32
    assert told.saving is not None and told.saving < 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_savings_never_exceed_cost(seed: int) -> None:
    decisions = decide(_random_fleet(seed))
    known = [r for r in decisions.recommendations if r.saving is not None and r.cost_now is not None]
    assert known
    for told in known:
        assert told.saving is not None and told.cost_now is not None and told.cost_then is not None
        assert told.cost_then >= 0 and told.saving <= told.cost_now
        if told.action is Action.KEEP:
            assert told.saving == 0
    saved = sum(r.saving for r in known if r.saving is not None and r.saving > 0)
    assert saved <= sum(r.cost_now for r in known if r.cost_now is not None)
    for cost in decisions.costs:
        if cost.unused_cost is not None and cost.monthly_cost is not None:
            assert 0 <= cost.unused_cost <= cost.monthly_cost
    short = {f.resource for f in decisions.findings if f.status is Status.UNDER_PROVISIONED}
    unused = {c.resource for c in decisions.costs if c.unused_cost}
    assert not short & unused


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_same_inputs_give_the_same_rows(seed: int) -> None:
    one, other = (decide(_random_fleet(seed)).frames() for _ in range(2))
    assert {t: f.write_json() for t, f in one.items()} == {t: f.write_json() for t, f in other.items()}
