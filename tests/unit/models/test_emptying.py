"""Servers that are emptied onto others, and the spares that stay."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import polars as pl

from data.alternative import AlternativeKind
from data.decision import Action
from data.panel import HOUR, Panel
from data.series import SeriesKey
from models.decide import DecisionInputs, decide
from models.finding_options import FindingOptions
from tests.fleets import HOURS, START, servers


def test_servers_are_emptied_onto_others_of_their_site() -> None:
    inputs = servers([9.0, 18.0, 18.0, 9.0])
    told = [one for one in decide(inputs).alternatives if one.kind is AlternativeKind.CONSOLIDATION]
    # 18 / 0.9 = 20 and 9 / 0.9 = 10 of 32 cores: a 20 and a 10 share a server.
    assert [one.name for one in told] == ["servers in here: 2 of 4 emptied onto others"]
    gone = {row.resource: row.because for row in told[0].advice if row.action is Action.REMOVE_MEMBERS}
    assert set(gone) == {"srv-01", "srv-04"}
    assert all("fits onto srv-0" in why for why in gone.values())
    assert told[0].saving == 2 * (32 * 10 + 256 * Decimal("0.5"))
    spared = [one.name for one in decide(servers([9.0, 18.0, 18.0, 9.0], tier=1)).alternatives]
    assert spared == ["servers in here: 1 of 4 emptied onto others"]
    assert decide(servers([9.0, 18.0, 18.0, 9.0], labels='{"stays": "yes"}')).alternatives == ()


def unlike(cores: list[float], load: list[float], tier: int, **options: object) -> DecisionInputs:
    """Servers a, b, c … with different numbers of cores, and eight GiB of memory for each."""
    names = [chr(ord("a") + i) for i in range(len(cores))]
    base = servers(load, tier)
    every = np.ones((1, HOURS))
    hourly = {
        metric: Panel.of(
            [SeriesKey(name, metric) for name in names],
            START,
            HOUR,
            np.array(load)[:, None] * every,
            capacity=times * np.array(cores)[:, None] * every,
        )
        for metric, times in (("cpu", 1), ("memory", 8))
    }
    listed = base.resources.with_columns(pl.Series("resource", names))
    return replace(base, hourly=hourly, resources=listed, options=FindingOptions(**options))  # type: ignore[arg-type]


def given_back(inputs: DecisionInputs) -> list[str]:
    return [
        row.resource
        for told in decide(inputs).alternatives
        if told.kind is AlternativeKind.CONSOLIDATION
        for row in told.advice
        if row.action is Action.REMOVE_MEMBERS
    ]


def test_the_largest_that_is_emptied_stays_as_the_spare() -> None:
    # a and b do 60 of 96 cores and take over 4 and 8: of the emptied c (32) and d (64), d can replace more.
    cores, load = [96.0, 96.0, 32.0, 64.0], [60.0, 60.0, 4.0, 8.0]
    assert given_back(unlike(cores, load, tier=1)) == ["c"]
    assert given_back(unlike(cores, load, tier=3)) == ["c", "d"]


def test_spares_are_those_the_options_ask_for_the_most_important_tier() -> None:
    cores, load = [96.0, 96.0, 32.0, 64.0], [60.0, 60.0, 4.0, 8.0]
    assert given_back(unlike(cores, load, tier=1, spare_members={1: 0})) == ["c", "d"]
    assert given_back(unlike(cores, load, tier=1, spare_members={1: 2})) == []
    (told,) = decide(unlike([*cores, 32.0], [*load, 4.0], tier=1, spare_members={1: 2, 3: 0})).alternatives
    assert told.name == "servers in here: 1 of 5 emptied onto others"
    assert "2 are kept as spares" in told.because


def test_a_server_that_was_full_until_lately_takes_part_in_nothing() -> None:
    inputs = servers([9.0, 18.0, 18.0, 9.0])
    memory = inputs.hourly["memory"]
    demand, capacity = memory.demand.copy(), memory.capacity.copy()
    demand[3, :-100], capacity[3, :-100] = 128.0, 128.0  # of 256 GiB since four days
    hourly = {**inputs.hourly, "memory": Panel.of(memory.keys, START, HOUR, demand, capacity=capacity)}
    assert given_back(inputs) == ["srv-01", "srv-04"]
    (told,) = decide(replace(inputs, hourly=hourly)).alternatives
    assert [row.resource for row in told.advice] == ["srv-01", "srv-02", "srv-03"]
