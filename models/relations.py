"""How services hang together: what each metric does when its driver moves, and how load passes to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.outcome import Refusal
from data.panel import DAY, FloatArray, Panel
from data.series import STOCKS, Driver, Metric
from models.elasticity import Elasticity, Learner

Factors = tuple[float, float, float]
"""(low, middle, high) factor of demand or of a driver."""
UNCHANGED: Factors = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Relations:
    """Elasticities learned from history, or the reasons why there are none."""

    own: Mapping[tuple[str, str], Elasticity | Refusal] = field(default_factory=dict)
    """(service or resource, metric) -> its demand against the load of the service."""
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Service -> resources in `own`."""
    links: Mapping[tuple[str, str], Elasticity | Refusal] = field(default_factory=dict)
    """(caller, callee) -> load of the callee against load of the caller."""
    loads: Mapping[str, float] = field(default_factory=dict)
    """Service -> mean load of the last 28 days."""
    depends_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Service -> services it calls."""

    def demand_factor(
        self, resource: str, service: str, metric: str, load: Factors, assumed: float | None
    ) -> Factors | None:
        """Factor of one metric of a resource when the load of its service changes; None = not known.

        The resource's own relation counts first. One that does not follow while other members of the service
        do (a cache, a scheduler) is unchanged. Else the relation of the service as a whole counts, and
        `assumed` stands in for an elasticity that could not be learned at all.
        """
        own = self.own.get((resource, metric))
        if isinstance(own, Elasticity):
            return _through(own, load, assumed)
        others = (self.own.get((member, metric)) for member in self.members.get(service, ()))
        if own is not None and any(isinstance(other, Elasticity) for other in others):
            return UNCHANGED
        return _through(self.own.get((service, metric)), load, None if metric in STOCKS else assumed)

    def pass_on(
        self, start: Mapping[str, Factors], assumed: float | None
    ) -> tuple[dict[str, Factors], list[str]]:
        """Loads of all services that the changed ones call, directly or not; and what had to be left out.

        A callee's load moves with each caller by their elasticity, weighted by the caller's share of the load
        of all its callers (equal shares where loads are unknown). Callers come before callees; a circle of
        calls is cut where it closes.
        """
        loads = dict(start)
        notes: list[str] = []
        callers: dict[str, list[str]] = {}
        for service, called in sorted(self.depends_on.items()):
            for callee in called:
                callers.setdefault(callee, []).append(service)
        for callee in self._after(start):
            if callee in start:
                continue
            change = np.zeros(3)
            for caller in callers.get(callee, ()):
                if caller not in loads:
                    continue
                passed = _through(self.links.get((caller, callee)), loads[caller], assumed)
                if passed is None:
                    reason = self.links.get((caller, callee))
                    why = reason.reason if isinstance(reason, Refusal) else "it was never measured"
                    notes.append(f"{callee} is called by {caller}; how its load follows is not known: {why}")
                    continue
                change += self._share(caller, callers[callee]) * (np.array(passed) - 1)
            if change.any():
                low, middle, high = (float(max(0.0, 1 + c)) for c in change)
                loads[callee] = (low, middle, high)
        return loads, notes

    def _share(self, caller: str, callers: Sequence[str]) -> float:
        known = {c: self.loads[c] for c in callers if self.loads.get(c, 0) > 0}
        if len(known) < len(callers):
            return 1 / len(callers)
        return known[caller] / sum(known.values())

    def _after(self, start: Mapping[str, Factors]) -> list[str]:
        """Services reachable from `start`, callers before callees as far as there is no circle."""
        order: list[str] = []
        seen: set[str] = set()

        def visit(service: str) -> None:
            seen.add(service)
            for callee in sorted(self.depends_on.get(service, ())):
                if callee not in seen:
                    visit(callee)
            order.append(service)

        for service in sorted(start):
            if service not in seen:
                visit(service)
        return order[::-1]


def learn_relations(
    demand: Mapping[str, Panel],
    drivers: Mapping[str, Panel],
    depends_on: Mapping[str, Sequence[str]],
    learner: Learner | None = None,
    resources: Mapping[str, Panel] | None = None,
    service_of: Mapping[str, str] | None = None,
) -> Relations:
    """Learns from daily history of services.

    The load of a service is its requests, else its users, else its cpu demand.

    Args:
        demand: metric -> daily panel of services (demand = mean of the day).
        drivers: driver -> daily panel of services; may lack most of them.
        depends_on: service -> services it calls.
        resources: metric -> daily panel of resources, for relations of their own.
        service_of: resource -> service.

    All panels must be daily; days are matched by date.
    """
    learner, resources, service_of = learner or Learner(), resources or {}, service_of or {}
    panels = [*demand.values(), *drivers.values(), *resources.values()]
    if any(panel.step != DAY for panel in panels):
        raise ValueError("relations are learned from daily panels")
    if not panels:
        return Relations(depends_on={s: tuple(c) for s, c in depends_on.items()})
    start, end = min(p.start for p in panels), max(p.end for p in panels)
    slots = (end - start) // DAY

    def by_day(named: Iterable[tuple[str, Panel]]) -> dict[tuple[str, str], FloatArray]:
        rows = {}
        for metric, panel in named:
            offset = (panel.start - start) // DAY
            for key, values in zip(panel.keys, panel.demand, strict=True):
                row = np.full(slots, np.nan)
                row[offset : offset + panel.slots] = values
                rows[key.subject, str(metric)] = row
        return rows

    rows = by_day((*demand.items(), *drivers.items()))
    services = sorted({service for service, _ in rows})
    load = {}
    for service in services:
        for measure in (Driver.REQUESTS, Driver.USERS, Metric.CPU):
            if (service, str(measure)) in rows:
                load[service] = rows[service, str(measure)]
                break
    own = {
        (service, metric): learner.learn(row, load[service])
        for (service, metric), row in rows.items()
        if service in load and metric in demand
    }
    members: dict[str, set[str]] = {}
    for (name, metric), row in by_day(resources.items()).items():
        service = service_of.get(name, "")
        if service in load:
            own[name, metric] = learner.learn(row, load[service])
            members.setdefault(service, set()).add(name)
    links = {
        (caller, callee): learner.learn(load[callee], load[caller])
        for caller, called in depends_on.items()
        for callee in called
        if caller in load and callee in load
    }
    recent = {service: row[-28:][np.isfinite(row[-28:])] for service, row in load.items()}
    return Relations(
        own,
        {service: tuple(sorted(names)) for service, names in members.items()},
        links,
        {service: float(days.mean()) for service, days in recent.items() if len(days)},
        {service: tuple(called) for service, called in depends_on.items()},
    )


def _through(relation: Elasticity | Refusal | None, load: Factors, assumed: float | None) -> Factors | None:
    """A factor passed through a relation: lowest load at the low end to highest load at the high end."""
    if load == UNCHANGED:
        return UNCHANGED
    at = [max(factor, 1e-6) for factor in load]
    if isinstance(relation, Elasticity):
        low, middle, high = (relation.ratio(factor) for factor in at)
        return min(low), middle[1], max(high)
    if assumed is None:
        return None
    return at[0] ** assumed, at[1] ** assumed, at[2] ** assumed
