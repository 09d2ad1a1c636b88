"""What if: the effect of a scenario on demand, exhaustion, sizes and money, next to the baseline.

The baseline is not today's bill but what today's demand needs: sizes that are too small already are enlarged
in both, so that the difference is the scenario's alone. Sizes only grow; what could be saved today is the
recommendations' matter. A migration and a consolidation are the exceptions: they are about size and price.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np
import polars as pl

from data.money import ZERO, amount
from data.reach import Reach
from data.series import STOCKS, Metric
from models.exhaustion import Correction
from models.fitting import describe, number
from models.moves import consolidated, launched, migrated
from models.node_caps import Nodes, nodes_of
from models.pricing import Pricer
from models.relations import UNCHANGED, Factors, Relations
from models.scenarios import (
    Consolidation,
    DriverGrowth,
    Launch,
    LostCapacity,
    Migration,
    Scenario,
    ServiceGrowth,
)
from models.standing import Held, Position, Standing, size_for

DEMAND_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "service": pl.String(),
    "metric": pl.String(),
    "capacity": pl.Float64(),
    "demand_now": pl.Float64(),
    "demand_low": pl.Float64(),
    "demand_then": pl.Float64(),
    "demand_high": pl.Float64(),
    "p28_now": pl.Float64(),
    "p90_now": pl.Float64(),
    "p365_now": pl.Float64(),
    "p28_then": pl.Float64(),
    "p90_then": pl.Float64(),
    "p365_then": pl.Float64(),
}
SIZE_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "service": pl.String(),
    "from_size": pl.String(),
    "to_type": pl.String(),
    "to_size": pl.String(),
    "cost_now": pl.Decimal(18, 2),
    "cost_baseline": pl.Decimal(18, 2),
    "cost_then": pl.Decimal(18, 2),
}
_MOVED = (Metric.CPU, Metric.MEMORY, Metric.NETWORK_IN, Metric.NETWORK_OUT)
"""What the other members take over when one is lost; a lost volume's content is not held by others."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer to a scenario."""

    name: str
    demands: pl.DataFrame
    """DEMAND_SCHEMA: a row per resource and metric whose demand changes; chances where paths are known."""
    sizes: pl.DataFrame
    """SIZE_SCHEMA: a row per resource whose size or price differs from today's, in the baseline or then."""
    cost_now: Decimal
    """Today's bill a month, of what has a known price."""
    cost_baseline: Decimal
    """Once everything that is too small today has the size it needs."""
    cost_then: Decimal
    """In the scenario."""
    currency: str
    assumptions: tuple[str, ...]
    """What was assumed, left out or could not be known; one sentence each."""

    @property
    def extra(self) -> Decimal:
        """What the scenario costs more a month than the baseline; below 0 where it saves."""
        return self.cost_then - self.cost_baseline


@dataclass(slots=True)
class _Effects:
    """What the events of a scenario do, gathered before sizes are taken."""

    loads: dict[str, Factors] = field(default_factory=dict)
    uniform: dict[str, Factors] = field(default_factory=dict)
    """Services whose every flow grows by the factor of their load."""
    added: dict[tuple[str, str], float] = field(default_factory=dict)
    """(resource, metric) -> demand that comes on top."""
    lost: set[str] = field(default_factory=set)
    new: list[Standing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def simulate(
    position: Position,
    scenario: Scenario,
    relations: Relations,
    pricer: Pricer,
    *,
    reach: Sequence[Reach] = (),
    correction: Correction | None = None,
    reserve: float = 0.1,
    assumed_elasticity: float | None = None,
) -> WhatIf:
    """Plays a scenario on the estate.

    Args:
        reach: of resources; where there is one, exhaustion is read from it at limits divided by the factor.
        correction: of the stated probabilities; the measured default where None.
        assumed_elasticity: stands in where none could be learned; None leaves demand unchanged and says so.
    """
    effects = _Effects()
    for event in scenario.events:
        match event:
            case DriverGrowth(service=service, factor=factor):
                _grow(effects.loads, service, factor)
            case ServiceGrowth(service=service, factor=factor):
                _grow(effects.loads, service, factor)
                effects.uniform[service] = UNCHANGED
            case Launch():
                _launch(effects, position, event, pricer, reserve)
            case LostCapacity(which=which):
                effects.lost |= {n for n, s in position.standings.items() if s.resource in which}
    passed, notes = relations.pass_on(effects.loads, assumed_elasticity)
    effects.notes += notes
    factors = _demand_factors(position, passed, effects, relations, assumed_elasticity)
    _hand_over(effects, position, factors)
    demands = _demand_rows(position, factors, effects, reach, correction or Correction(), reserve)
    sizes, totals = _sizes(position, scenario, factors, effects, pricer, reserve)
    return WhatIf(
        scenario.name, demands, sizes, *totals, pricer.currency, tuple(dict.fromkeys(effects.notes))
    )


def _grow(loads: dict[str, Factors], service: str, factor: float) -> None:
    low, middle, high = loads.get(service, UNCHANGED)
    loads[service] = (low * factor, middle * factor, high * factor)


def _demand_factors(
    position: Position,
    loads: Mapping[str, Factors],
    effects: _Effects,
    relations: Relations,
    assumed: float | None,
) -> dict[tuple[str, str], Factors]:
    """(resource, metric) -> factor of its demand, where it changes."""
    factors: dict[tuple[str, str], Factors] = {}
    for service, load in sorted(loads.items()):
        for standing in position.of_service(service):
            for metric in standing.demand:
                if service in effects.uniform:
                    found = load if metric not in STOCKS else UNCHANGED
                else:
                    known = relations.demand_factor(standing.resource.name, service, metric, load, assumed)
                    if known is None:
                        note = (
                            f"{metric} of {service} is taken as unchanged: no relation to its load is known"
                        )
                        effects.notes.append(note)
                    found = known or UNCHANGED
                if found != UNCHANGED:
                    factors[standing.resource.name, metric] = found
    return factors


def _launch(effects: _Effects, position: Position, event: Launch, pricer: Pricer, reserve: float) -> None:
    members = [s for s in position.of_service(event.service) if set(event.amounts) & set(s.held)]
    if event.provider is None and members:
        for metric, extra in event.amounts.items():
            total = sum(s.held.get(metric, 0.0) for s in members)
            if total <= 0:
                effects.notes.append(f"no member of {event.service} holds {metric}: it is left out")
            for standing in members:
                if metric in standing.held and total > 0:
                    key = (standing.resource.name, metric)
                    effects.added[key] = effects.added.get(key, 0.0) + extra * standing.held[metric] / total
        return

    effects.new.append(launched(event, pricer, reserve, effects.notes))


def _hand_over(effects: _Effects, position: Position, factors: Mapping[tuple[str, str], Factors]) -> None:
    """Demand of what is lost goes to what is left and can carry it; what nobody can carry is told."""
    alone: dict[str, set[str]] = {}
    for name in sorted(effects.lost):
        standing = position.standings[name]
        kind = standing.resource.kind
        left = _others(standing, position, effects.lost)
        if not left:
            alone.setdefault(kind, set()).add(standing.resource.service or name)
            continue
        for metric in _MOVED:
            moved = standing.demand.get(metric, 0.0) * factors.get((name, metric), UNCHANGED)[1]
            if moved <= 0:
                continue
            total = sum(s.held.get(metric, 0.0) for s in left)
            for other in left:
                # By capacity; by head where none is known, as for the network of most machines.
                share = other.held.get(metric, 0.0) / total if total > 0 else 1 / len(left)
                key = (other.resource.name, metric)
                effects.added[key] = effects.added.get(key, 0.0) + moved * share
    for kind, names in sorted(alone.items()):
        whose = ", ".join(sorted(names))
        if kind == "volume":
            effects.notes.append(f"the content of lost volumes is not held by others: {whose}")
        elif kind != "endpoint":
            effects.notes.append(f"no other {kind} takes over from what is lost: {whose}")


def _others(standing: Standing, position: Position, lost: Collection[str]) -> list[Standing]:
    """What takes over, of the same kind and running.

    Nodes of one pool of one cluster (labels `node_pool`, `cluster`), or of a cluster without pools, stand in
    for each other; else members of the same service; of a link those of its own site.
    """
    resource = standing.resource
    if resource.kind in {"volume", "snapshot", "endpoint"}:
        return []
    nodes = nodes_of(resource) if resource.kind == "server" else None
    if nodes is not None:
        near = [
            s
            for s in position.standings.values()
            if _runs_the_same(nodes_of(s.resource), nodes) and s.resource.site == resource.site
        ]
    elif resource.service is not None:
        near = position.of_service(resource.service)
    else:
        return []
    return [
        other
        for other in near
        if other.resource.kind == resource.kind
        and other.resource.name not in lost
        and not other.is_off
        and (resource.kind != "link" or other.resource.site == resource.site)
    ]


def _runs_the_same(others: Nodes | None, nodes: Nodes) -> bool:
    """Whether pods of the nodes may run on the others too: a cluster without a pool is all of its pools."""
    return others == nodes or (others is not None and nodes[1] is None and others[0] == nodes[0])


def _then(
    standing: Standing, metric: str, factors: Mapping[tuple[str, str], Factors], effects: _Effects
) -> Factors:
    """(low, middle, high) demand in the scenario."""
    now = standing.demand.get(metric, 0.0)
    key = (standing.resource.name, metric)
    extra = effects.added.get(key, 0.0)
    low, middle, high = factors.get(key, UNCHANGED)
    return now * low + extra, now * middle + extra, now * high + extra


def _demand_rows(
    position: Position,
    factors: Mapping[tuple[str, str], Factors],
    effects: _Effects,
    reach: Sequence[Reach],
    correction: Correction,
    reserve: float,
) -> pl.DataFrame:
    chances = {}
    for one in reach:
        days = np.array(one.days)
        wanted = [int(np.searchsorted(days, d)) for d in (28, 90, 365)]
        rows = [i for i, key in enumerate(one.keys) if key in factors or key in effects.added]
        limits, scaled = np.full(len(one.keys), np.nan), np.full(len(one.keys), np.nan)
        for i in rows:
            standing = position.standings.get(one.keys[i].subject)
            metric = one.keys[i].metric
            if standing is None or metric not in standing.held or standing.demand.get(metric, 0.0) <= 0:
                continue
            limits[i] = standing.held[metric] * (1 - reserve)
            factor = _then(standing, metric, factors, effects)[1] / standing.demand[metric]
            scaled[i] = limits[i] / factor if factor > 0 else np.inf
        for name, at in (("now", limits), ("then", scaled)):
            found = correction.apply(one.probability(at), days)
            for i in rows:
                for d, j in zip((28, 90, 365), wanted, strict=True):
                    if j < len(days) and days[j] == d and np.isfinite(found[i, j]):
                        chances[one.keys[i].subject, one.keys[i].metric, f"p{d}_{name}"] = float(found[i, j])
    rows_out = []
    for name, metric in sorted({*factors, *effects.added}):
        if name in effects.lost:
            continue
        standing = position.standings[name]
        low, middle, high = _then(standing, metric, factors, effects)
        rows_out.append(
            {
                "resource": name,
                "service": standing.resource.service,
                "metric": metric,
                "capacity": standing.held.get(metric),
                "demand_now": standing.demand.get(metric, 0.0),
                "demand_low": low,
                "demand_then": middle,
                "demand_high": high,
                **{c: chances.get((name, metric, c)) for c in DEMAND_SCHEMA if c.startswith("p")},
            }
        )
    return pl.DataFrame(rows_out, schema=DEMAND_SCHEMA)


def _sizes(
    position: Position,
    scenario: Scenario,
    factors: Mapping[tuple[str, str], Factors],
    effects: _Effects,
    pricer: Pricer,
    reserve: float,
) -> tuple[pl.DataFrame, tuple[Decimal, Decimal, Decimal]]:
    baseline: dict[str, Held] = {}
    then: dict[str, Held | None] = {}
    scaled: dict[str, Standing] = {}
    for name, standing in position.standings.items():
        baseline[name] = size_for(standing, standing.needs, pricer)
        if name in effects.lost:
            then[name] = None
            continue
        needs = dict(standing.needs)
        for metric in {m for n, m in (*factors, *effects.added) if n == name}:
            now, ahead = standing.demand.get(metric, 0.0), _then(standing, metric, factors, effects)[1]
            needs[metric] = needs[metric] * ahead / now if now > 0 else ahead / (1 - reserve)
        scaled[name] = replace(standing, needs=needs)
        then[name] = size_for(standing, needs, pricer)
    for event in scenario.events:
        if isinstance(event, Migration):
            then |= migrated(event, scaled, then, pricer, effects.notes)
        elif isinstance(event, Consolidation):
            then |= consolidated(event, scaled, then, effects.notes)
    rows, sums = [], [ZERO, ZERO, ZERO]
    unpriced = 0
    for name, standing in position.standings.items():
        after = then[name]
        prices = (standing.price, baseline[name].price, Decimal(0) if after is None else after.price)
        if any(price is None for price in prices):
            unpriced += 1
        else:
            for i, price in enumerate(prices):
                sums[i] += amount(price or 0)
        same = after is not None and _same(baseline[name], after) and _same(after, _today(standing))
        if not same:
            rows.append(
                (
                    name,
                    standing.resource.service,
                    describe(standing.held),
                    *_shown(after),
                    *map(_cents, prices),
                )
            )
    for standing in effects.new:
        after = Held(standing.resource.instance_type, standing.held, 1, standing.price)
        rows.append(
            (
                standing.resource.name,
                standing.resource.service,
                "nothing",
                *_shown(after),
                ZERO,
                ZERO,
                _cents(after.price),
            )
        )
        if after.price is None:
            unpriced += 1
        else:
            sums[2] += amount(after.price)
    gone = sum((amount(baseline[name].price or 0) for name in effects.lost), ZERO)
    if gone:
        effects.notes.append(
            f"what is lost costs {gone:,.2f} {pricer.currency} a month, which is not counted any more;"
            f" what is left costs {sums[2] - sums[1] + gone:+,.2f}"
        )
    if unpriced:
        effects.notes.append(f"{unpriced} resources without a known price are not part of the sums")
    frame = pl.DataFrame(rows, schema=SIZE_SCHEMA, orient="row").sort("resource")
    return frame, (sums[0], sums[1], sums[2])


def _today(standing: Standing) -> Held:
    return Held(standing.resource.instance_type, standing.held, 1, standing.price)


def _same(one: Held, other: Held) -> bool:
    return (one.text_type, dict(one.amounts), one.members, one.price) == (
        other.text_type,
        dict(other.amounts),
        other.members,
        other.price,
    )


def _shown(held: Held | None) -> tuple[str | None, str]:
    if held is None:
        return None, "nothing"
    times = f"{number(held.members)} × " if held.members > 1 else ""
    return held.text_type, times + describe(held.amounts)


def _cents(price: Decimal | None) -> Decimal | None:
    return None if price is None else amount(price)
