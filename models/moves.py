"""Scenarios that move things: a launch on something new, a migration, a consolidation of servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from data.prices import InstanceType
from data.series import Metric
from models.estate import COMPUTE, Resource
from models.fitting import fit
from models.packing import pack
from models.pricing import Amounts, Pricer
from models.scenarios import Consolidation, Launch, Migration
from models.standing import Held, Standing


def launched(event: Launch, pricer: Pricer, reserve: float, notes: list[str]) -> Standing:
    """A new resource that holds what a launch brings, with the reserve on top."""
    needs = {metric: extra / (1 - reserve) for metric, extra in event.amounts.items()}
    name = f"{event.service} (new)"
    resource = Resource(
        name,
        kind=event.kind,
        service=event.service,
        provider=event.provider or "on_premises",
        site=event.site,
    )
    held, kind = _at(resource, needs, pricer)
    resource = replace(resource, instance_type=kind.name if kind else None)
    price = pricer.listed(resource, held, resource.instance_type)
    if price.month is None:
        notes.append(f"{name} has no price: {price.note}")
    return Standing(resource, held, dict(event.amounts), needs, price.month)


def migrated(
    event: Migration,
    standings: Mapping[str, Standing],
    then: Mapping[str, Held | None],
    pricer: Pricer,
    notes: list[str],
) -> dict[str, Held | None]:
    """Sizes and prices of what moves, over there; what cannot move stays and is named.

    The cheapest listed type that holds the needs is taken, of whatever family: check that software runs.
    A price that the inventory states is left behind.
    """
    moved: dict[str, Held | None] = {}
    chosen: set[str] = set()
    for name, standing in standings.items():
        if standing.resource not in event.which or then.get(name) is None:
            continue
        if standing.resource.kind in {"link", "endpoint"}:
            notes.append(f"{name} stays: a {standing.resource.kind} does not move to another provider")
            continue
        there = replace(
            standing.resource,
            provider=event.provider,
            site=event.region,
            instance_type=None,
            monthly_price=None,
        )
        if standing.resource.kind == "workload":
            there = replace(there, provider="kubernetes")
        counted = {m: v for m, v in standing.held.items() if m in (Metric.CPU, Metric.MEMORY, Metric.STORAGE)}
        needs = counted if event.keep_sizes else {m: standing.needs.get(m, v) for m, v in counted.items()}
        held, kind = _at(there, needs, pricer)
        if kind is None and there.kind in COMPUTE - {"workload"} and there.is_cloud:
            notes.append(f"{name} stays: no type in {event.provider} {event.region} is large enough")
            continue
        price = pricer.listed(there, held, kind.name if kind else None)
        if price.month is None:
            notes.append(f"{name} has no price in {event.provider} {event.region}: {price.note}")
        if kind is not None:
            chosen.add(kind.family)
        moved[name] = Held(kind.name if kind else None, held, 1, price.month)
    if chosen:
        notes.append(
            f"machines move to the families {', '.join(sorted(chosen))}: check that software runs there"
        )
    if not moved:
        notes.append(f"nothing is moved by a migration of {event.which}")
    return moved


def consolidated(
    event: Consolidation,
    standings: Mapping[str, Standing],
    then: Mapping[str, Held | None],
    notes: list[str],
) -> dict[str, Held | None]:
    """Servers that are freed when the needs of all are packed onto as few of them as possible, site by site.

    First fit by decreasing need onto the largest servers first. What a server needs stays together: it is one
    load, as today. The price of a freed server is saved only when it is given back.
    """
    freed: dict[str, Held | None] = {}
    sites: dict[str | None, list[Standing]] = {}
    for name, standing in standings.items():
        resource = standing.resource
        if resource in event.which and resource.kind == "server" and not resource.is_cloud and then.get(name):
            sites.setdefault(resource.site, []).append(standing)
    for site, servers in sorted(sites.items(), key=lambda item: item[0] or ""):
        hosts = pack({s.resource.name: s.needs for s in servers}, {s.resource.name: s.held for s in servers})
        used = set(hosts.values())
        closed = sorted(
            (s for s in servers if s.resource.name not in used),
            key=lambda s: (-s.held.get(Metric.CPU, 0.0), s.resource.name),
        )
        spare = closed[: event.spare_servers]
        gone = closed[event.spare_servers :]
        notes.append(
            f"{len(servers)} servers in {site or 'an unnamed site'} fit on {len(used)};"
            f" {len(spare)} kept spare, {len(gone)} freed; their cost is saved when they are given back"
        )
        freed |= {server.resource.name: None for server in gone}
    if not sites:
        notes.append(f"no servers on premises are in a consolidation of {event.which}")
    return freed


def _at(resource: Resource, needs: Amounts, pricer: Pricer) -> tuple[Amounts, InstanceType | None]:
    """What is held of a new size, and its type where it is one of a price list."""
    if resource.is_cloud and resource.kind in COMPUTE - {"workload"}:
        kind = pricer.catalog.cheapest(
            resource.provider or "",
            resource.site or "",
            needs.get(Metric.CPU, 0.0),
            needs.get(Metric.MEMORY, 0.0),
        )
        if kind is not None:
            held = {**needs, Metric.CPU: kind.vcpu, Metric.MEMORY: kind.memory_gib}
            return held, kind
    size = fit(resource, needs, needs, pricer)
    return (size.amounts if size else needs), None
