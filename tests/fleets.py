"""Fleets written by hand: a balanced pool, servers of one site, short price lists; and random ones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import polars as pl

from data.choice import Choice
from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA
from data.on_premises import OnPremisesModel
from data.panel import HOUR, FloatArray, Panel
from data.plan import Plan
from data.prices import InstanceType, PriceCatalog, StoragePrice
from data.series import SeriesKey
from models.decide import CostSettings, DecisionInputs, Decisions
from models.finding_options import FindingOptions
from models.proposals import plan_of
from models.verdicts import Verdicts

START = datetime(2026, 1, 5, tzinfo=UTC)
HOURS = 40 * 24
END = START + HOURS * HOUR
MODEL = OnPremisesModel(
    server_price=Decimal(0), server_watts=0, rack_unit_price=Decimal(10), server_rack_units=30,
    server_cores=15, server_memory_gib=300, memory_share=Decimal("0.5"), usable_share=Decimal(1),
)  # fmt: skip
"""A core is 10 a month, a GiB of memory 0.50."""

DAY_SHAPE = 0.75 + 0.25 * np.sin(np.arange(HOURS) / 24 * 2 * np.pi)


def fleet(
    names: list[str],
    cpu: FloatArray,
    memory: FloatArray,
    held: tuple[float, float] = (4.0, 16.0),
    tier: int = 1,
    **fields: object,
) -> DecisionInputs:
    """Machines of the service shop; cpu and memory are (n, HOURS)."""
    row = {"kind": "vm", "service": "shop", "provider": "on_premises", "site": "here", **fields}
    return DecisionInputs(
        END,
        {
            metric: Panel.of(
                [SeriesKey(name, metric) for name in names],
                START,
                HOUR,
                demand,
                capacity=np.full(demand.shape, amount),
            )
            for metric, demand, amount in (("cpu", cpu, held[0]), ("memory", memory, held[1]))
        },
        resources=pl.DataFrame([{"resource": name, **row} for name in names], schema=RESOURCE_SCHEMA),
        services=pl.DataFrame([{"service": "shop", "tier": tier}], schema=SERVICE_SCHEMA),
        costs=CostSettings(on_premises=MODEL),
    )


def webs(count: int = 8, cpu: float = 1.9, memory: float = 9.0, **more: object) -> DecisionInputs:
    """A balanced pool: every member peaks at `cpu` at the same hour."""
    names = [f"web-{i + 1}" for i in range(count)]
    shape = np.tile(DAY_SHAPE, (count, 1))
    return fleet(names, cpu * shape, np.full((count, HOURS), memory), **more)  # type: ignore[arg-type]


def servers(cpu: list[float], tier: int = 3, **more: object) -> DecisionInputs:
    names = [f"srv-{i + 1:02d}" for i in range(len(cpu))]
    flat = np.array(cpu)[:, None] * np.ones((len(cpu), HOURS))
    return fleet(names, flat, 4 * flat, (32.0, 256.0), tier, kind="server", **more)


def listed(*kinds: tuple[str, str, float, float, str], region: str = "r") -> tuple[InstanceType, ...]:
    return tuple(
        InstanceType("aws", region, name, family, vcpu, memory, None, 0.0, Decimal(price), "USD",
                     date(2026, 1, 1), "test")
        for name, family, vcpu, memory, price in kinds
    )  # fmt: skip


CLOUD = {"provider": "aws", "site": "r"}


def with_catalog(inputs: DecisionInputs, *types: InstanceType, **options: object) -> DecisionInputs:
    return replace(inputs, catalog=PriceCatalog(types), options=FindingOptions(**options))  # type: ignore[arg-type]


def storage(region: str, price: str, currency: str = "USD") -> StoragePrice:
    """Price of a GiB of disk a month."""
    return StoragePrice("aws", region, "ssd", Decimal(price), currency, date(2026, 1, 1), "test")


def with_disk(inputs: DecisionInputs, gib: list[float]) -> DecisionInputs:
    """The machines with a disk each, seven tenths full, in the order of their series."""
    keys = tuple(SeriesKey(key.subject, "storage") for key in inputs.hourly["cpu"].keys)
    held = np.array(gib)[:, None] * np.ones((1, HOURS))
    disk = Panel.of(keys, START, HOUR, 0.7 * held, capacity=held)
    return replace(inputs, hourly={**inputs.hourly, "storage": disk})


def planned(
    inputs: DecisionInputs, decisions: Decisions, choices: dict[str, Choice] | None = None, **limits: float
) -> Plan:
    frames = decisions.frames()
    return plan_of(
        frames["recommendations"],
        frames["findings"],
        frames["resource_costs"],
        inputs.resources,
        inputs.services,
        Verdicts.of((choices or {}).values()),
        date(2026, 2, 14),
        alternatives=frames["alternatives"],
        **limits,  # type: ignore[arg-type]
    )


def random_fleet(seed: int) -> DecisionInputs:
    """Pools, servers and single machines, on premises and in a cloud of three families."""
    rng = np.random.default_rng(seed)
    types = (
        *listed(("m5.large", "m5", 2, 8, "0.10"), ("m5.xlarge", "m5", 4, 16, "0.20"),
                ("m5.4xlarge", "m5", 16, 64, "0.70"), ("m7a.large", "m7a", 2, 8, "0.08"),
                ("m7a.xlarge", "m7a", 4, 16, "0.14")),
    )  # fmt: skip
    rows, loads, memories, cores, gib = [], [], [], [], []
    for pool in range(4):
        cloud = bool(rng.integers(2))
        kind = str(rng.choice(["vm", "vm", "server", "workload"]))
        count = int(rng.integers(1, 9))
        size = (4.0, 16.0) if cloud else (float(rng.choice([4, 8, 32])), float(rng.choice([16, 64])))
        load = rng.uniform(0.05, 1.0)
        for i in range(count):
            labelled = {"pool": "x"} if rng.random() < 0.2 else {}
            price = Decimal(int(rng.integers(50, 3000))) / 10 if rng.random() < 0.3 else None
            rows.append(
                {
                    "resource": f"p{pool}-{i + 1}",
                    "kind": kind,
                    "service": f"s{pool % 3}",
                    "provider": "kubernetes" if kind == "workload" else "aws" if cloud else "on_premises",
                    "site": "r" if cloud else "here",
                    "instance_type": "m5.xlarge" if cloud and kind != "workload" else None,
                    "monthly_price": price,
                    "currency": None if price is None else "USD",
                    "labels": json.dumps({"replicas": str(int(rng.integers(1, 7))), **labelled}),
                }
            )  # fmt: skip
            noise = rng.uniform(0.9, 1.0, HOURS)
            loads.append(size[0] * load * DAY_SHAPE * noise)
            memories.append(size[1] * rng.uniform(0.1, 0.9) * np.ones(HOURS))
            cores.append(size[0])
            gib.append(size[1])
    names = [str(row["resource"]) for row in rows]
    # A tenth is known by the inventory only.
    seen = np.flatnonzero(rng.random(len(names)) < 0.9)
    hourly = {
        metric: Panel.of(
            [SeriesKey(names[i], metric) for i in seen],
            START,
            HOUR,
            np.array(demand)[seen],
            capacity=np.repeat(np.array(held)[seen, None], HOURS, axis=1),
        )
        for metric, demand, held in (("cpu", loads, cores), ("memory", memories, gib))
    }
    services = pl.DataFrame([{"service": f"s{i}", "tier": i + 1} for i in range(3)], schema=SERVICE_SCHEMA)
    return DecisionInputs(
        END,
        hourly,
        resources=pl.DataFrame(rows, schema=RESOURCE_SCHEMA),
        services=services,
        catalog=PriceCatalog(types),
        costs=CostSettings(on_premises=MODEL),
        stated={name: {"cpu": cores[i], "memory": gib[i]} for i, name in enumerate(names)},
    )
