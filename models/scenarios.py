"""What might happen, as data: growth, a launch, lost capacity, a migration, a consolidation."""

from __future__ import annotations

from collections.abc import Mapping
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
        ConfigError: a field is missing, unknown, or not a number above 0 where one is needed.
    """
    events = []
    for saved in document.get("events", ()):
        values = dict(saved)
        kind = str(values.pop("event", ""))
        if kind not in EVENTS:
            raise UnknownName("scenario event", kind, EVENTS)
        unknown = set(values) - {f.name for f in fields(EVENTS[kind])}
        if unknown:
            raise ConfigError(f"{kind} has no {sorted(unknown)[0]!r}")
        if isinstance(values.get("which"), Mapping):
            values["which"] = Which(**{k: tuple(v) for k, v in values["which"].items()})
        try:
            event = EVENTS[kind](**values)
        except TypeError as error:
            raise ConfigError(f"{kind}: {str(error).split('__init__() ')[-1]}") from error
        check(event)
        events.append(event)
    return Scenario(str(document.get("name", "")), tuple(events))


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
