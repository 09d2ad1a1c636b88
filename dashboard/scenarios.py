"""Scenarios in the address: what the query string of the what-if page stands for, and what is saved of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from dashboard.simulation import Simulation
from data.app_state import AppState
from data.errors import ConfigError, UnknownName
from data.series import Metric
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
    check,
    scenario_of,
)
from models.whatif import WhatIf

KINDS: Mapping[str, str] = {
    "driver": "More load",
    "grow": "More of everything",
    "launch": "A launch",
    "lose": "Lost capacity",
    "migrate": "A migration",
    "consolidate": "Consolidation",
}
"""Event in the address -> its name on the page."""

WHICH = ("service", "site", "provider", "resource")
"""What can be lost, moved or packed together."""


def read_scenario(search: str, simulation: Simulation, state: AppState | None) -> Scenario:
    """The scenario of a query string. See `scenario_from`."""
    return scenario_from(dict(parse_qsl(search.lstrip("?"))), simulation, state)


def scenario_from(query: Mapping[str, str], simulation: Simulation, state: AppState | None) -> Scenario:
    """What an address asks for: a saved scenario by name, or one event; without events where it asks nothing.

    Raises:
        UnknownName: it names a scenario, service, site, provider or resource that is not there.
        ConfigError: a number is missing or makes no sense.
    """
    if query.get("saved"):
        if state is None:
            raise ConfigError("the server keeps no scenarios")
        found = scenario_of(state.scenario(query["saved"]).document)
        scenario = Scenario(query["saved"], found.events)
    else:
        event = _event(query, simulation)
        scenario = Scenario("", (event,) if event else ())
    for event in scenario.events:
        check(event)
    check_names(scenario, simulation)
    return scenario


def _event(query: Mapping[str, str], simulation: Simulation) -> Event | None:
    kind = query.get("event", "driver")
    service, subject = query.get("service", ""), query.get("subject", "")
    match kind:
        case "driver" | "grow":
            if not service or not (query.get("goal") or query.get("factor")):
                return None
            factor = _factor(query, service, simulation)
            return DriverGrowth(service, factor) if kind == "driver" else ServiceGrowth(service, factor)
        case "launch":
            amounts = {str(metric): _number(query[metric], metric) for metric in Metric if query.get(metric)}
            return Launch(service, amounts) if service and amounts else None
        case "lose" if subject:
            return LostCapacity(_which(query, subject))
        case "migrate" if subject and query.get("to"):
            provider, _, region = query["to"].partition("/")
            if not region:
                raise ConfigError(f"{query['to']!r} is no place; write provider/region, e.g. aws/eu-west-1")
            return Migration(_which(query, subject), provider, region)
        case "consolidate" if subject:
            spare = _number(query.get("spare") or "1", "spare servers")
            return Consolidation(_which(query, subject), int(spare))
    return None


def query_of(event: Event, simulation: Simulation) -> dict[str, str]:
    """The address that stands for an event: `scenario_from` reads it back."""
    match event:
        case DriverGrowth(service=service, factor=factor) | ServiceGrowth(service=service, factor=factor):
            kind = "driver" if isinstance(event, DriverGrowth) else "grow"
            asked = {"event": kind, "service": service}
            load = simulation.relations.loads.get(service)
            if not load:
                return asked | {"factor": f"{factor:g}"}
            return asked | {"base": f"{load:.6g}", "goal": f"{load * factor:.6g}"}
        case Launch(service=service, amounts=amounts):
            brought = {metric: f"{amount:g}" for metric, amount in amounts.items()}
            return {"event": "launch", "service": service} | brought
        case LostCapacity(which=which):
            return {"event": "lose"} | _named(which)
        case Migration(which=which, provider=provider, region=region):
            return {"event": "migrate", "to": f"{provider}/{region}"} | _named(which)
        case Consolidation(which=which, spare_servers=spare):
            return {"event": "consolidate", "spare": str(spare)} | _named(which)


def _named(which: Which) -> dict[str, str]:
    for of in WHICH:
        if names := getattr(which, f"{of}s"):
            return {"of": of, "subject": names[0]}
    return {}


def _factor(query: Mapping[str, str], service: str, simulation: Simulation) -> float:
    """From a load to a load (100 to 400 users), or the factor itself."""
    if not query.get("goal"):
        return _number(query["factor"], "factor")
    base = query.get("base") or str(simulation.relations.loads.get(service, ""))
    if not base:
        raise ConfigError(f"the load of {service} was never measured: say from how much it grows")
    start = _number(base, "from")
    if start <= 0:
        raise ConfigError("growth starts from a load above 0")
    return _number(query["goal"], "to") / start


def _which(query: Mapping[str, str], subject: str) -> Which:
    of = query.get("of", WHICH[0])
    if of not in WHICH:
        raise UnknownName("kind of selection", of, WHICH)
    return Which(**{f"{of}s": (subject,)})


def _number(text: str, what: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError as error:
        raise ConfigError(f"{what}: {text!r} is not a number") from error


def check_names(scenario: Scenario, simulation: Simulation) -> None:
    """Raises UnknownName or ConfigError where a scenario is about something that is not there."""
    known = names_of(simulation)
    for event in scenario.events:
        if isinstance(event, DriverGrowth | ServiceGrowth) and event.service not in known["service"]:
            raise UnknownName("service", event.service, known["service"])
        if isinstance(event, DriverGrowth | ServiceGrowth | Launch):
            continue
        for kind, names in known.items():
            for name in getattr(event.which, f"{kind}s"):
                if name not in names:
                    raise UnknownName(kind, name, names)
        standings = simulation.position.standings.values()
        if not any(standing.resource in event.which for standing in standings):
            raise ConfigError(f"no resource is in {event.which}")
        if isinstance(event, Migration):
            places = places_of(simulation)
            if f"{event.provider}/{event.region}" not in places:
                raise UnknownName("place", f"{event.provider}/{event.region}", places)


def names_of(simulation: Simulation) -> dict[str, set[str]]:
    """What there is: services, sites, providers and resources by name."""
    resources = [standing.resource for standing in simulation.position.standings.values()]
    return {
        "service": {one.service for one in resources if one.service},
        "site": {one.site for one in resources if one.site},
        "provider": {one.provider for one in resources if one.provider},
        "resource": {one.name for one in resources},
    }


def places_of(simulation: Simulation) -> list[str]:
    """Where prices are known: provider/region."""
    return sorted({f"{kind.provider}/{kind.region}" for kind in simulation.pricer.catalog.types})


def saved_document(scenario: Scenario, answer: WhatIf) -> dict[str, Any]:
    """What is kept: the scenario, and what it came to when it was saved."""
    outcome = {
        "extra": str(answer.extra),
        "cost_baseline": str(answer.cost_baseline),
        "cost_then": str(answer.cost_then),
        "currency": answer.currency,
    }
    return {**scenario.document(), "outcome": outcome}
