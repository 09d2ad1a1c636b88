"""What might happen, as data: growth, a launch, lost capacity, a migration, a consolidation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any

from data.errors import ConfigError, UnknownName
from data.series import Metric
from models.estate import Resource


@dataclass(frozen=True, slots=True)
class Which:
    """Selects resources: each list that is not empty must name the resource's value."""

    resources: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()

    def __contains__(self, resource: Resource) -> bool:
        pairs = (
            (self.resources, resource.name),
            (self.services, resource.service),
            (self.sites, resource.site),
            (self.providers, resource.provider),
        )
        return any(names for names, _ in pairs) and all(not names or one in names for names, one in pairs)

    def __str__(self) -> str:
        return ", ".join((*self.resources, *self.services, *self.sites, *self.providers)) or "nothing"


@dataclass(frozen=True, slots=True)
class DriverGrowth:
    """The driver of a service (its requests or users) becomes `factor` times as large."""

    service: str
    factor: float


@dataclass(frozen=True, slots=True)
class ServiceGrowth:
    """Everything that flows through a service (cpu, memory, network) becomes `factor` times as large."""

    service: str
    factor: float


@dataclass(frozen=True, slots=True)
class Launch:
    """Something new asks for capacity: shared by the members of a service, or held by a new resource."""

    service: str
    amounts: Mapping[str, float]
    """Metric -> peak demand it brings, in the metric's unit."""
    provider: str | None = None
    """Of a new resource; None = the members the service has."""
    site: str | None = None
    kind: str = "vm"


@dataclass(frozen=True, slots=True)
class LostCapacity:
    """A site or some resources fail; the other members of each service take over their demand."""

    which: Which


@dataclass(frozen=True, slots=True)
class Migration:
    """Machines, workloads and volumes move to another provider or region, at prices from there."""

    which: Which
    provider: str
    region: str
    keep_sizes: bool = False
    """True: as large as today. False: as large as needed."""


@dataclass(frozen=True, slots=True)
class Consolidation:
    """What runs on physical servers on premises is packed onto as few of them as hold it."""

    which: Which
    spare_servers: int = 1
    """Servers kept free for the failure of one, per site."""


Event = DriverGrowth | ServiceGrowth | Launch | LostCapacity | Migration | Consolidation

EVENTS: Mapping[str, type[Event]] = MappingProxyType(
    {
        "driver_growth": DriverGrowth,
        "service_growth": ServiceGrowth,
        "launch": Launch,
        "lost_capacity": LostCapacity,
        "migration": Migration,
        "consolidation": Consolidation,
    }
)
"""Name in a saved scenario -> its class."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Some events that happen together, under a name."""

    name: str
    events: tuple[Event, ...] = field(default_factory=tuple)

    def document(self) -> dict[str, Any]:
        """As plain values that JSON can hold; `scenario_of` reads it back."""
        kinds = {kind: name for name, kind in EVENTS.items()}
        return {
            "name": self.name,
            "events": [{"event": kinds[type(event)], **asdict(event)} for event in self.events],
        }


def scenario_of(document: Mapping[str, Any]) -> Scenario:
    """Reads a saved scenario.

    Raises:
        UnknownName: an event of a kind that does not exist.
        ConfigError: a field is missing, unknown, of another kind than it should be, or a figure that no world
            can have.
    """
    saved = document.get("events", []) if isinstance(document, Mapping) else None
    if not isinstance(saved, Sequence) or not all(isinstance(one, Mapping) for one in saved):
        raise ConfigError("a scenario holds a list of events, each with its fields by name")
    return Scenario(str(document.get("name") or ""), tuple(_event(one) for one in saved))


def _event(saved: Mapping[str, Any]) -> Event:
    values = dict(saved)
    kind = str(values.pop("event", ""))
    if kind not in EVENTS:
        raise UnknownName("scenario event", kind, EVENTS)
    known = [f.name for f in fields(EVENTS[kind])]
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{kind} has no {name!r}")
        if not _fits(name, value):
            raise ConfigError(f"{kind}: {name} is {_KINDS.get(name, 'a name')}, not {value!r}")
        if name == "which":
            values[name] = Which(**{list_: tuple(names) for list_, names in value.items()})
    try:
        event = EVENTS[kind](**values)
    except TypeError as error:
        raise ConfigError(f"{kind}: {str(error).split('__init__() ')[-1]}") from error
    check(event)
    return event


_KINDS = {
    "factor": "a number",
    "amounts": "numbers by metric",
    "which": "lists of resources, services, sites or providers",
    "keep_sizes": "true or false",
    "spare_servers": "a whole number",
}
"""Fields of events that are no names -> what they are."""
_MAY_BE_ABSENT = frozenset({"provider", "site"})


def _fits(name: str, value: object) -> bool:
    """Whether a saved value is of the kind that its field needs."""
    match name:
        case "factor":
            return _is_number(value)
        case "amounts":
            return isinstance(value, Mapping) and all(_is_number(amount) for amount in value.values())
        case "which":
            lists = {f.name for f in fields(Which)}
            return isinstance(value, Mapping) and all(
                key in lists and isinstance(names, list | tuple) and all(isinstance(n, str) for n in names)
                for key, names in value.items()
            )
        case "keep_sizes":
            return isinstance(value, bool)
        case "spare_servers":
            return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str) or (value is None and name in _MAY_BE_ABSENT)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check(event: Event) -> None:
    """Raises ConfigError for figures no world can have."""
    match event:
        case DriverGrowth(factor=factor) | ServiceGrowth(factor=factor):
            if not 0 < factor <= 1000:
                raise ConfigError(f"a growth factor is above 0 and at most 1000, not {factor:g}")
        case Launch(amounts=amounts):
            for metric, amount in amounts.items():
                if metric not in {str(m) for m in Metric}:
                    raise UnknownName("metric", metric, [str(m) for m in Metric])
                if not 0 <= amount < float("inf"):
                    raise ConfigError(f"a launch brings an amount of {metric} of at least 0, not {amount:g}")
        case Consolidation(spare_servers=spare):
            if spare < 0:
                raise ConfigError(f"spare servers are at least 0, not {spare}")
