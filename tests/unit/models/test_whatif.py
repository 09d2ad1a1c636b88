"""Scenarios on an estate small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError, UnknownName
from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA
from data.on_premises import OnPremisesModel
from data.outcome import Refusal
from data.panel import DAY, Panel
from data.prices import PriceCatalog
from data.reach import REACH_DAYS, REACH_LEVELS, Reach
from data.series import SeriesKey
from models.decision_frames import METRIC_FINDING_SCHEMA
from models.elasticity import Elasticity, Form
from models.estate import Resource
from models.exhaustion import Correction
from models.pricing import Pricer
from models.relations import Relations, learn_relations
from models.scenarios import (
    Consolidation,
    DriverGrowth,
    Event,
    Launch,
    LostCapacity,
    Migration,
    Scenario,
    ServiceGrowth,
    Which,
    scenario_of,
)
from models.standing import Position, Standing, position_of
from models.whatif import WhatIf, simulate

MODEL = OnPremisesModel(
    server_price=Decimal(0), server_watts=0, rack_unit_price=Decimal(10), server_rack_units=30,
    server_cores=15, server_memory_gib=300, memory_share=Decimal("0.5"), usable_share=Decimal(1),
)  # fmt: skip
"""A core is 10 a month, a GiB of memory 0.50."""
PRICER = Pricer(PriceCatalog.shipped(), MODEL)


def machine(
    name: str,
    service: str,
    cores: float,
    used: float,
    kind: str = "vm",
    site: str = "north",
    memory: float = 16,
) -> Standing:
    """A machine on premises whose needs are 1.25 times what it uses; half of its memory is used."""
    resource = Resource(name, kind=kind, service=service, provider="on_premises", site=site)
    held = {"cpu": cores, "memory": memory}
    demand = {"cpu": used, "memory": memory / 2}
    needs = {metric: 1.25 * value for metric, value in demand.items()}
    return Standing(resource, held, demand, needs, PRICER.current(resource, held).month)


def position(*standings: Standing) -> Position:
    return Position({s.resource.name: s for s in standings}, datetime(2026, 4, 1, tzinfo=UTC))


def exactly(exponent: float) -> Elasticity:
    return Elasticity(Form.PROPORTIONAL, exponent, exponent, exponent, 1.0, 1.0, 100, 2.0)


def played(estate: Position, *events: Event, relations: Relations | None = None, **more: object) -> WhatIf:
    return simulate(estate, Scenario("test", events), relations or Relations(), PRICER, **more)  # type: ignore[arg-type]


def demand(answer: WhatIf) -> Mapping[tuple[str, str], float]:
    rows = answer.demands.select("resource", "metric", "demand_then").iter_rows()
    return {(name, metric): value for name, metric, value in rows}


def test_growth_of_a_service_grows_what_flows_and_buys_what_is_missing() -> None:
    estate = position(machine("a", "shop", 8, 4.0), machine("b", "bank", 8, 4.0))
    answer = played(estate, ServiceGrowth("shop", 2.0))
    assert demand(answer) == {("a", "cpu"): 8.0, ("a", "memory"): 16.0}
    # Needs 10 cores and 20 GiB: 100 + 10 instead of 80 + 8.
    row = answer.sizes.row(0, named=True)
    assert (row["resource"], row["from_size"], row["to_size"]) == ("a", "8 cores, 16 GiB", "10 cores, 20 GiB")
    assert (answer.cost_now, answer.cost_then) == (Decimal("176.00"), Decimal("198.00"))
    assert answer.extra == Decimal("22.00")


def test_a_shortage_of_today_is_in_the_baseline_too() -> None:
    estate = position(machine("a", "shop", 8, 8.0))
    answer = played(estate, ServiceGrowth("shop", 1.2))
    # 10 cores are needed today, 12 in the scenario; memory fits.
    assert (answer.cost_now, answer.cost_baseline, answer.cost_then) == (
        Decimal("88.00"), Decimal("108.00"), Decimal("128.00"),
    )  # fmt: skip


def test_a_driver_acts_through_its_elasticity_and_refusals_are_told() -> None:
    estate = position(machine("a", "shop", 8, 4.0))
    relations = Relations({("shop", "cpu"): exactly(0.5), ("shop", "memory"): Refusal("no relation")})
    answer = played(estate, DriverGrowth("shop", 4.0), relations=relations)
    assert demand(answer) == {("a", "cpu"): pytest.approx(8.0)}  # 4 to the power of one half is 2
    assert answer.assumptions == ("memory of shop is taken as unchanged: no relation to its load is known",)
    assumed = played(estate, DriverGrowth("shop", 4.0), relations=relations, assumed_elasticity=1.0)
    assert demand(assumed)["a", "memory"] == pytest.approx(32.0)


def test_a_member_that_does_not_follow_stays_as_it_is() -> None:
    estate = position(machine("a", "shop", 8, 4.0), machine("cache", "shop", 8, 4.0))
    relations = Relations(
        own={
            ("a", "cpu"): exactly(1.0), ("cache", "cpu"): Refusal("flat"), ("shop", "cpu"): exactly(0.5),
            ("a", "memory"): Refusal("flat"), ("cache", "memory"): Refusal("flat"),
            ("shop", "memory"): exactly(0.5),
        },
        members={"shop": ("a", "cache")},
    )  # fmt: skip
    answer = played(estate, DriverGrowth("shop", 4.0), relations=relations)
    # cpu: a follows, the cache does not. memory: neither alone, the service as a whole does.
    assert demand(answer) == {
        ("a", "cpu"): pytest.approx(16.0), ("a", "memory"): pytest.approx(16.0),
        ("cache", "memory"): pytest.approx(16.0),
    }  # fmt: skip


def test_effects_pass_along_the_graph_by_the_share_of_the_caller() -> None:
    estate = position(machine("w", "web", 8, 2.0), machine("d", "db", 8, 2.0), machine("l", "log", 8, 2.0))
    one = exactly(1.0)
    relations = Relations(
        own={(s, "cpu"): one for s in ("web", "db", "log")},
        links={("web", "db"): one, ("db", "log"): one},
        loads={"web": 300.0, "batch": 100.0, "db": 50.0},
        depends_on={"web": ("db",), "batch": ("db",), "db": ("log", "web")},
    )
    answer = played(estate, DriverGrowth("web", 2.0), relations=relations)
    # web makes three quarters of db's load: 1 + 0.75 x (2 - 1); all of log's comes from db. The call back
    # from db to web closes a circle and is cut.
    cpu = {name: value for (name, metric), value in demand(answer).items() if metric == "cpu"}
    assert cpu == {"w": pytest.approx(4.0), "d": pytest.approx(3.5), "l": pytest.approx(3.5)}


def test_an_unknown_link_is_left_out_and_told() -> None:
    estate = position(machine("w", "web", 8, 2.0), machine("d", "db", 8, 2.0))
    relations = Relations(
        own={("web", "cpu"): exactly(1.0)},
        links={("web", "db"): Refusal("30 days with both")},
        depends_on={"web": ("db",)},
    )
    answer = played(estate, DriverGrowth("web", 2.0), relations=relations)
    assert ("d", "cpu") not in demand(answer)
    assert any("db is called by web" in note and "30 days with both" in note for note in answer.assumptions)


def test_a_lost_site_is_taken_over_by_the_members_that_are_left() -> None:
    estate = position(
        machine("a", "shop", 8, 4.0, site="north"),
        machine("b", "shop", 8, 3.0, site="south"),
        machine("c", "shop", 4, 2.0, site="south", memory=8),
        machine("x", "alone", 4, 2.0, site="north"),
    )
    answer = played(estate, LostCapacity(Which(sites=("north",))))
    # 4 cores go to 8 and 4 held ones: two thirds and one third.
    found = demand(answer)
    assert found["b", "cpu"] == pytest.approx(3 + 4 * 8 / 12)
    assert found["c", "cpu"] == pytest.approx(2 + 4 * 4 / 12)
    assert ("a", "cpu") not in found
    # c needs 5 cores and 9 GiB, b 17 GiB: 10 + 0.50 + 0.50. a costs 88, x 48.
    assert answer.assumptions == (
        "no other vm takes over from what is lost: alone",
        "what is lost costs 136.00 USD a month, which is not counted any more; what is left costs +11.00",
    )
    assert answer.extra == 11 - 136
    lost = answer.sizes.filter(pl.col("resource").is_in(["a", "x"]))
    assert set(lost["to_size"]) == {"nothing"} and set(lost["cost_then"]) == {Decimal("0.00")}


def test_load_goes_neither_to_what_is_switched_off_nor_to_links_of_other_sites() -> None:
    off = replace(machine("off", "shop", 8, 0.0, site="south"), held={}, demand={}, needs={}, is_off=True)
    links = [
        Standing(
            Resource(name, kind="link", service="wan", provider="on_premises", site=site),
            {"network_in": 1000.0}, {"network_in": 300.0}, {"network_in": 333.0}, Decimal(100),
        )
        for name, site in (("n-1", "north"), ("n-2", "north"), ("s-1", "south"))
    ]  # fmt: skip
    estate = position(machine("a", "shop", 8, 4.0), off, *links)
    answer = played(estate, LostCapacity(Which(resources=("n-1", "a"))))
    assert demand(answer) == {("n-2", "network_in"): 600.0}
    assert "no other vm takes over from what is lost: shop" in answer.assumptions
    site = played(estate, LostCapacity(Which(sites=("north",))))
    assert demand(site) == {} and "no other link takes over from what is lost: wan" in site.assumptions


def test_the_nodes_of_a_pool_take_over_from_one_that_is_lost() -> None:
    nodes = [
        replace(one, resource=replace(one.resource, service=None, labels={"node_pool": pool}))
        for one, pool in (
            (machine("n1", "", 8, 6.0, "server"), "large"),
            (machine("n2", "", 8, 2.0, "server"), "large"),
            (machine("n3", "", 16, 2.0, "server"), "large"),
            (machine("g1", "", 8, 2.0, "server"), "small"),
        )
    ]
    answer = played(position(*nodes), LostCapacity(Which(resources=("n1",))))
    found = demand(answer)
    assert (found["n2", "cpu"], found["n3", "cpu"]) == (pytest.approx(4.0), pytest.approx(6.0))
    assert not any(name == "g1" for name, _ in found)


def test_pools_of_the_same_name_in_two_clusters_do_not_stand_in_for_each_other() -> None:
    nodes = [
        replace(one, resource=replace(one.resource, service=None, labels=labels))
        for one, labels in (
            (machine("e1", "", 8, 6.0, "server"), {"cluster": "east", "node_pool": "default"}),
            (machine("e2", "", 8, 2.0, "server"), {"cluster": "east", "node_pool": "default"}),
            (machine("w1", "", 8, 2.0, "server"), {"cluster": "west", "node_pool": "default"}),
            (machine("e3", "", 8, 2.0, "server"), {"cluster": "east"}),
        )
    ]
    of_pool = demand(played(position(*nodes), LostCapacity(Which(resources=("e1",)))))
    assert {name for name, _ in of_pool} == {"e2"}
    of_cluster = demand(played(position(*nodes), LostCapacity(Which(resources=("e3",)))))
    assert {name for name, _ in of_cluster} == {"e1", "e2"}


def test_what_is_switched_off_has_no_demand() -> None:
    rows = pl.DataFrame(
        {"resource": ["a", "a"], "metric": ["cpu", "network_in"], "capacity": [0.0, None],
         "demand_peak": [3.0, 50.0], "size_target": [None, None]},
        schema_overrides={"size_target": pl.Float64},
    )  # fmt: skip
    resources = pl.DataFrame([{"resource": "a", "kind": "vm", "service": "shop"}], schema=RESOURCE_SCHEMA)
    found = position_of(
        rows, resources, pl.DataFrame(schema=SERVICE_SCHEMA), datetime(2026, 4, 1, tzinfo=UTC), PRICER
    )
    assert found.standings["a"].is_off and found.standings["a"].demand == {}


def test_a_launch_is_shared_by_members_or_gets_its_own() -> None:
    estate = position(machine("a", "shop", 8, 4.0), machine("b", "shop", 4, 1.0))
    shared = played(estate, Launch("shop", {"cpu": 3.0}))
    assert demand(shared) == {("a", "cpu"): pytest.approx(6.0), ("b", "cpu"): pytest.approx(2.0)}
    own = played(estate, Launch("new", {"cpu": 3.0, "memory": 9.0}, provider="aws", site="eu-west-1"))
    row = own.sizes.row(0, named=True)
    # 3.33 cores and 10 GiB: m6i.xlarge at 0.214 an hour.
    assert (row["resource"], row["to_type"], row["cost_then"]) == (
        "new (new)",
        "m6i.xlarge",
        Decimal("156.22"),
    )
    assert own.extra == Decimal("156.22")


def test_a_migration_takes_the_prices_of_the_other_side() -> None:
    endpoint = Standing(
        Resource("laptop", kind="endpoint", service="shop"), {"cpu": 8.0}, {}, {}, Decimal(37)
    )
    estate = position(machine("a", "shop", 8, 2.0, memory=32), endpoint)
    shop = Which(services=("shop",))
    needed = played(estate, Migration(shop, "aws", "eu-west-1"))
    kept = played(estate, Migration(shop, "aws", "eu-west-1", keep_sizes=True))
    # Needs 2.5 cores and 20 GiB: r6i.xlarge, 0.282 x 730. As large as today: m6i.2xlarge, 0.428 x 730.
    assert needed.sizes.row(0, named=True)["to_type"] == "r6i.xlarge"
    assert needed.cost_then == Decimal("205.86") + 37
    assert kept.cost_then == Decimal("312.44") + 37
    assert any("laptop stays" in note for note in needed.assumptions)
    nowhere = played(estate, Migration(shop, "aws", "moon"))
    assert any("no type in aws moon is large enough" in note for note in nowhere.assumptions)
    assert nowhere.extra == 0


def test_a_consolidation_frees_servers_and_keeps_a_spare() -> None:
    servers = [machine(f"s{i}", "farm", 16, 3.0, kind="server", memory=64) for i in range(4)]
    for server in servers:
        assert server.needs == {"cpu": 3.75, "memory": 40.0}
    light = [Standing(s.resource, s.held, s.demand, {"cpu": 3.75, "memory": 20.0}, s.price) for s in servers]
    answer = played(position(*light), Consolidation(Which(sites=("north",))))
    # 20 GiB each: three loads a server, so two servers; one spare; one of four is freed.
    assert answer.sizes["to_size"].to_list() == ["nothing"]
    assert answer.extra == -light[0].price  # type: ignore[operator]
    assert "4 servers in north fit on 2; 1 kept spare, 1 freed" in answer.assumptions[0]


def test_a_server_that_is_too_small_stays_alone_in_a_consolidation() -> None:
    servers = [machine(f"s{i}", "farm", 16, 3.0, kind="server", memory=64) for i in range(4)]
    needs = [{"cpu": 20.0, "memory": 20.0}] + [{"cpu": 3.75, "memory": 20.0}] * 3
    mixed = [Standing(s.resource, s.held, s.demand, n, s.price) for s, n in zip(servers, needs, strict=True)]
    answer = played(position(*mixed), Consolidation(Which(sites=("north",)), spare_servers=0))
    assert "4 servers in north fit on 2; 0 kept spare, 2 freed" in answer.assumptions[0]


def test_exhaustion_is_read_at_the_limit_over_the_factor() -> None:
    estate = position(machine("a", "shop", 8, 4.0))
    key = SeriesKey("a", "cpu")
    # Every future stays between 4 and 5 cores at all levels: 7.2 usable are never reached, 3.6 always.
    levels = np.linspace(4, 5, len(REACH_LEVELS))
    reach = Reach((key,), datetime(2026, 4, 1, tzinfo=UTC), REACH_DAYS, REACH_LEVELS, np.broadcast_to(
        levels, (1, len(REACH_DAYS), len(REACH_LEVELS))).copy())  # fmt: skip
    answer = played(estate, ServiceGrowth("shop", 2.0), reach=[reach], correction=Correction.none())
    row = answer.demands.filter(pl.col("metric") == "cpu").row(0, named=True)
    assert (row["p90_now"], row["p90_then"]) == (0.0, pytest.approx(0.995))
    half = played(estate, ServiceGrowth("shop", 1.6), reach=[reach], correction=Correction.none())
    then = half.demands.filter(pl.col("metric") == "cpu").row(0, named=True)["p90_then"]
    assert then == pytest.approx(0.5, abs=0.02)  # 7.2 / 1.6 = 4.5, the middle


def test_nothing_happens_where_nothing_is_said() -> None:
    answer = played(position(machine("a", "shop", 8, 4.0)))
    assert answer.extra == 0 and answer.demands.height == 0 and answer.sizes.height == 0


def test_the_position_comes_from_the_published_tables() -> None:
    rows = [("a", "cpu", 8.0, 4.0, 6.0), ("a", "memory", 16.0, 9.0, None), ("a", "storage", None, 3.0, None)]
    findings = pl.DataFrame(
        [
            {"resource": n, "metric": m, "capacity": c, "demand_peak": p, "size_target": s}
            for n, m, c, p, s in rows
        ],
        schema=METRIC_FINDING_SCHEMA,
    )
    inventory = pl.DataFrame(
        [{"resource": "a", "kind": "vm", "provider": "on_premises", "service": "shop"}],
        schema=RESOURCE_SCHEMA,
    )
    now = datetime(2026, 4, 1, tzinfo=UTC)
    found = position_of(findings, inventory, pl.DataFrame(schema=SERVICE_SCHEMA), now, PRICER).standings["a"]
    assert found.held == {"cpu": 8.0, "memory": 16.0}
    assert found.needs["cpu"] == 6.0 and found.needs["memory"] == pytest.approx(10.0)
    assert found.price == Decimal("88.0")


def test_relations_are_learned_between_the_services_that_call_each_other() -> None:
    rng = np.random.default_rng(1)
    days = 150
    week = np.resize([1.0, 1.0, 1.1, 1.0, 0.9, 0.4, 0.4], days)
    web = 100 * week * np.exp(rng.normal(0, 0.1, days))
    database = 5 * web**0.5 * np.exp(rng.normal(0, 0.01, days))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    requests = Panel.of([SeriesKey("web", "requests")], start, DAY, web[None])
    cpu = Panel.of(
        [SeriesKey("db", "cpu"), SeriesKey("web", "cpu")], start + 10 * DAY, DAY,
        np.array([database[10:], 0.02 * web[10:]]),
    )  # fmt: skip
    machines = Panel.of(
        [SeriesKey("w1", "cpu"), SeriesKey("w2", "cpu")], start, DAY, np.array([web, web * 0 + 3])
    )
    found = learn_relations(
        {"cpu": cpu}, {"requests": requests}, {"web": ("db",)},
        resources={"cpu": machines}, service_of={"w1": "web", "w2": "web"},
    )  # fmt: skip
    assert isinstance(found.own["w1", "cpu"], Elasticity) and isinstance(found.own["w2", "cpu"], Refusal)
    assert found.members == {"web": ("w1", "w2")}
    link, own = found.links["web", "db"], found.own["web", "cpu"]
    assert isinstance(link, Elasticity) and link.exponent == pytest.approx(0.5, abs=0.05)
    assert isinstance(own, Elasticity) and own.exponent == pytest.approx(1.0, abs=0.01)
    assert found.loads["web"] == pytest.approx(web[-28:].mean())


def test_scenarios_survive_being_saved() -> None:
    scenario = Scenario(
        "next year",
        (
            DriverGrowth("shop", 4.0), ServiceGrowth("bank", 1.5), Launch("x", {"cpu": 2.0}),
            LostCapacity(Which(sites=("north",))), Migration(Which(services=("a", "b")), "aws", "eu-west-1"),
            Consolidation(Which(sites=("south",)), 2),
        ),
    )  # fmt: skip
    assert scenario_of(scenario.document()) == scenario


@pytest.mark.parametrize(
    ("saved", "error", "words"),
    [
        ({"event": "flood"}, UnknownName, "unknown scenario event 'flood'"),
        ({"event": "service_growth", "service": "a", "factor": 0}, ConfigError, "above 0"),
        ({"event": "service_growth", "service": "a", "times": 2}, ConfigError, "no 'times'"),
        ({"event": "service_growth", "service": "a"}, ConfigError, "factor"),
        ({"event": "launch", "service": "a", "amounts": {"gpu": 1}}, UnknownName, "unknown metric 'gpu'"),
        (
            {"event": "service_growth", "service": "a", "factor": "2"},
            ConfigError,
            "factor is a number, not '2'",
        ),
        ({"event": "service_growth", "service": ["a"], "factor": 2}, ConfigError, "service is a name"),
        ({"event": "launch", "service": "a", "amounts": [1]}, ConfigError, "numbers by metric"),
        ({"event": "launch", "service": "a", "amounts": {"cpu": True}}, ConfigError, "numbers by metric"),
        ({"event": "lost_capacity", "which": ["a"]}, ConfigError, "which is lists of"),
        ({"event": "lost_capacity", "which": {"sites": "abc"}}, ConfigError, "which is lists of"),
        ({"event": "lost_capacity", "which": {"hosts": ["a"]}}, ConfigError, "which is lists of"),
        ({"event": "consolidation", "which": {}, "spare_servers": 1.5}, ConfigError, "a whole number"),
        (
            {"event": "migration", "which": {}, "provider": "aws", "region": None},
            ConfigError,
            "region is a name, not None",
        ),
    ],
)
def test_a_broken_scenario_is_an_error(saved: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        scenario_of({"name": "x", "events": [saved]})


@pytest.mark.parametrize(
    "document", [[], {"events": 3}, {"events": {"event": "launch"}}, {"events": ["launch"]}]
)
def test_what_is_no_scenario_at_all_is_an_error(document: Any) -> None:
    with pytest.raises(ConfigError, match="a list of events"):
        scenario_of(document)
