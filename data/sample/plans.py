"""Plans the demand of every series of the estate, fault by fault, and states the truth of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np

from data.sample.demand import Cut, Noise, SeriesPlan
from data.sample.estate import Estate, SampleResource
from data.sample.incidents import Event, Incidents, changed, purged, restarted
from data.sample.paths import USABLE_SHARE, Growth, leak, sawtooth
from data.sample.roles import Role
from data.sample.services import SampleService
from data.sample.shapes import Clock
from data.sample.truths import Truth, truth

SILENT_DAYS = 10
SHORT_DAYS = 9

_NOISE = {
    "cpu": Noise(hour=0.07, day=0.03, peak=0.05, bursts=0.001),
    "memory": Noise(hour=0.012, day=0.012, peak=0.006),
    "storage": Noise(hour=0.0008, day=0.003, peak=0.0004),
    "network_in": Noise(hour=0.08, day=0.03, peak=0.07, bursts=0.0015),
    "network_out": Noise(hour=0.08, day=0.03, peak=0.07, bursts=0.0015),
}
_CALM = Noise(hour=0.006, day=0.003, peak=0.006)
"""Noise of planted growth: little, so that its date is a fact."""
_NETWORK_REFERENCE = 400.0
"""Mbit/s a machine of 8 cores moves in its busy hours; interfaces of machines state no limit."""
_DRIVEN_KINDS = ("vm", "workload")


@dataclass(slots=True)
class Plans:
    """Everything that will be simulated, and what is true of it."""

    series: list[SeriesPlan] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def plan_drivers(services: tuple[SampleService, ...], incidents: Incidents) -> list[SeriesPlan]:
    """Requests and users of the services that people use; requests first, in the order of services."""
    plans = []
    for metric in ("requests", "users"):
        for service in services:
            busy = getattr(service, metric)
            if not busy:
                continue
            shift = incidents.shifts.get(service.name, (0, 1.0))
            plans.append(
                SeriesPlan(
                    service.name, metric, busy, limited=False, profile=service.profile, utc_offset=1,
                    yearly=0.04, year_end=service.yearly, month_end=service.month_end, growth=0.05,
                    shift_hour=shift[0], shift=shift[1],
                    noise=Noise(hour=0.04, day=0.03, peak=0.04, bursts=0.0005), target=1.0,
                    cuts=tuple(incidents.outages.get(service.name, [])),
                )
            )  # fmt: skip
    return plans


def plan_resources(
    estate: Estate, clock: Clock, incidents: Incidents, drivers: list[SeriesPlan], rng: np.random.Generator
) -> Plans:
    """Plans every metric of every resource."""
    plans = Plans()
    rows = {plan.subject: row for row, plan in enumerate(drivers) if plan.metric == "requests"}
    for resource in estate.resources:
        made = [_plan(resource, metric, clock, incidents, rows, rng) for metric in resource.sizes]
        made = [_plant(plan, resource, clock, rng, plans) for plan in made]
        plans.series += made
        plans.truths += [_driven(plan, drivers) for plan in made if plan.driver is not None]
        _state(resource, clock, plans)
    for service, (hour, share) in incidents.shifts.items():
        plans.truths.append(
            truth(
                service, "shift", f"demand before was {share:g} times that after", scope="service",
                when=clock.time_of(hour).date(), value=share,
            )
        )  # fmt: skip
    return plans


def _plan(
    resource: SampleResource,
    metric: str,
    clock: Clock,
    incidents: Incidents,
    drivers: dict[str, int],
    rng: np.random.Generator,
) -> SeriesPlan:
    """A healthy series of that kind: the right size, with the seasons of its service."""
    size = resource.sizes[metric]
    service = resource.service
    endpoint = resource.kind == "endpoint"
    reference = _NETWORK_REFERENCE * (resource.sizes.get("cpu") or 8) / 8
    plan = SeriesPlan(
        resource.name, metric,
        full=size if size is not None else reference,
        limited=size is not None,
        profile="office" if endpoint else service.profile,
        utc_offset=resource.utc_offset,
        yearly=float(rng.uniform(0, 0.05)),
        year_end=service.yearly,
        month_end=service.month_end,
        growth=float(rng.uniform(-0.03, 0.06)),
        target=float(rng.uniform(0.56, 0.68)),
        ceiling=float(rng.uniform(0.74, 0.83)),
        cuts=incidents.cuts(resource, metric),
        noise=_NOISE[metric],
    )  # fmt: skip
    if metric == "memory":
        plan = replace(
            plan, depth=float(rng.uniform(0.08, 0.2)), yearly=0.0, year_end=0.0, month_end=0.0, growth=0.0,
            ceiling=float(rng.uniform(0.72, 0.80)),
        )  # fmt: skip
    elif metric == "storage":
        plan = replace(
            plan, profile="steady", depth=0.0, yearly=0.0, year_end=0.0, month_end=0.0,
            growth=float(rng.uniform(0.0, 0.04)), ceiling=None,
        )  # fmt: skip
    elif resource.kind in _DRIVEN_KINDS and service.name in drivers and metric == "cpu":
        plan = replace(
            plan, driver=drivers[service.name], elasticity=float(rng.choice([0.6, 0.8, 1.0, 1.1])),
            noise=Noise(hour=0.04, day=0.01, peak=0.05),
        )  # fmt: skip
    elif not endpoint and service.name in incidents.shifts:
        hour, share = incidents.shifts[service.name]
        plan = replace(plan, shift_hour=hour, shift=share)
    if endpoint:
        plan = replace(
            plan, year_end=0.0, month_end=0.0, growth=0.0, cuts=(*plan.cuts, *_absences(resource, clock, rng))
        )
    return plan


def _absences(resource: SampleResource, clock: Clock, rng: np.random.Generator) -> list[Cut]:
    """Laptops report nothing while their owner is away: a few weeks a year, none of them the last."""
    if resource.labels.get("model") != "laptop":
        return []
    starts = rng.integers(0, clock.hours - 21 * 24, int(rng.integers(1, 4)))
    return [Cut(int(hour), int(hour) + 24 * int(rng.integers(2, 15)), float("nan")) for hour in starts]


def _plant(
    plan: SeriesPlan, resource: SampleResource, clock: Clock, rng: np.random.Generator, plans: Plans
) -> SeriesPlan:
    """The series with its resource's fault in it."""
    planted = resource.planted
    chosen = planted.metric in (None, plan.metric)
    flat = replace(plan, shift=1.0, driver=None)
    match planted.role:
        case Role.TOO_BIG:
            return _too_big(flat, rng)
        case Role.TOO_SMALL if chosen:
            return replace(
                flat,
                target=float(rng.uniform(0.975, 0.995)),
                ceiling=1.06,
                growth=0.0,
                cuts=_recent(plan, clock),
            )
        case Role.SATURATED if chosen:
            return replace(
                flat,
                target=float(rng.uniform(1.25, 1.45)),
                ceiling=None,
                growth=0.0,
                cuts=_recent(plan, clock),
            )
        case Role.IDLE:
            return _idle(flat, rng)
        case Role.LEAK if chosen:
            path, restarts = leak(clock.hours, rng)
            plans.events += restarted(resource, clock, restarts)
            return replace(_on_path(flat), path=path, noise=Noise(hour=0.006, day=0.0, peak=0.004))
        case Role.SAWTOOTH if chosen:
            path, purges = sawtooth(clock.hours, rng)
            plans.events += purged(resource, clock, purges)
            return replace(_on_path(flat), path=path, noise=Noise(hour=0.002, day=0.0, peak=0.0004))
        case Role.EXHAUSTING if chosen:
            return _growing(flat, resource, clock)
        case Role.SILENT:
            silent = Cut(clock.hours - 24 * SILENT_DAYS, clock.hours, float("nan"))
            return replace(plan, cuts=(*plan.cuts, silent))
        case Role.SHORT_HISTORY:
            before = Cut(0, clock.hours - 24 * SHORT_DAYS, float("nan"))
            return replace(flat, cuts=(*plan.cuts, before))
        case Role.POWERED_OFF | Role.RESIZED if resource.changed_at is not None:
            hour = clock.hour_of(resource.changed_at)
            if planted.role is Role.POWERED_OFF:
                return replace(flat, cuts=(*plan.cuts, Cut(hour, clock.hours, 0.0)))
            if plan.limited:
                # What was too small before the resize is why there was one.
                return replace(flat, growth=0.0, shift_hour=hour, shift=0.85, former=(hour, plan.full / 2))
    return plan


def _recent(plan: SeriesPlan, clock: Clock) -> tuple[Cut, ...]:
    """Without gaps and outages in the last four weeks, which the label is about."""
    return tuple(cut for cut in plan.cuts if cut.last < clock.hours - 28 * 24)


def _too_big(plan: SeriesPlan, rng: np.random.Generator) -> SeriesPlan:
    if plan.metric == "cpu":
        highest = float(rng.uniform(0.17, 0.31))
        return replace(plan, target=0.75 * highest, ceiling=highest, noise=replace(plan.noise, bursts=0.0))
    if plan.metric == "memory":
        highest = float(rng.uniform(0.20, 0.35))
        return replace(plan, target=0.85 * highest, ceiling=highest)
    if plan.metric == "storage" and plan.subject.rpartition("-")[0].endswith("-vol"):
        return replace(plan, target=float(rng.uniform(0.10, 0.18)), growth=0.0)
    if plan.limited:
        return plan
    return replace(plan, target=0.2)


def _idle(plan: SeriesPlan, rng: np.random.Generator) -> SeriesPlan:
    calm = replace(
        plan, profile="steady", depth=0.0, yearly=0.0, year_end=0.0, month_end=0.0, growth=0.0,
        noise=replace(plan.noise, day=0.01, bursts=0.0),
    )  # fmt: skip
    match plan.metric:
        case "cpu":
            return replace(calm, target=float(rng.uniform(0.003, 0.008)), ceiling=0.016)
        case "memory":
            return replace(calm, target=float(rng.uniform(0.03, 0.06)), ceiling=0.075)
        case "storage":
            return replace(calm, target=0.05, ceiling=None)
    # 0.0002 Mbit/s is 2 MB a day: keep-alives and time synchronisation.
    return replace(calm, full=1.0, target=float(rng.uniform(0.0001, 0.0003)), ceiling=None)


def _on_path(plan: SeriesPlan) -> SeriesPlan:
    return replace(
        plan, profile="steady", depth=0.0, yearly=0.0, year_end=0.0, month_end=0.0, growth=0.0,
        noise=replace(plan.noise, bursts=0.0), target=None, ceiling=None,
        cuts=tuple(cut for cut in plan.cuts if np.isnan(cut.share)),
    )  # fmt: skip


def _growing(plan: SeriesPlan, resource: SampleResource, clock: Clock) -> SeriesPlan:
    planted = resource.planted
    path = Growth(planted.days).path(clock.hours)
    if plan.metric == "storage":
        return replace(_on_path(plan), path=path, noise=replace(plan.noise, day=0.001))
    shaped = replace(_on_path(plan), path=path, depth=1.0, peaks_on_path=True, weekly=planted.weekly)
    noise = replace(_CALM, hour=0.015, day=0.008) if planted.weekly else _CALM
    return replace(shaped, profile="business" if planted.weekly else "daily", noise=noise)


def _driven(plan: SeriesPlan, drivers: list[SeriesPlan]) -> Truth:
    assert plan.driver is not None
    service = drivers[plan.driver].subject
    return truth(
        plan.subject, "driven",
        f"{plan.metric} grows by {plan.elasticity:g} % per 1 % of requests of {service}",
        metric=plan.metric, value=plan.elasticity,
    )  # fmt: skip


def _state(resource: SampleResource, clock: Clock, plans: Plans) -> None:
    """Adds the truth about a resource, and the events that tell of it."""
    planted, name, end = resource.planted, resource.name, clock.end.date()
    role = planted.role
    match role:
        case Role.HEALTHY:
            return
        case Role.EXHAUSTING:
            growth = Growth(planted.days)
            when = end + timedelta(days=planted.days)
            detail = (
                f"gains {100 * growth.per_day:.2f} % of capacity a day for"
                f" {growth.began_days_ago(clock.hours)} days, reaches {100 * USABLE_SHARE:.0f} % on {when}"
            )
            plans.truths.append(
                truth(
                    name, role, detail, metric=planted.metric, clean=not planted.weekly, when=when,
                    days_remaining=planted.days, value=growth.per_day,
                )
            )  # fmt: skip
        case Role.SILENT | Role.SHORT_HISTORY:
            days = SILENT_DAYS if role is Role.SILENT else SHORT_DAYS
            detail = "reported last" if role is Role.SILENT else "reported first"
            when = end - timedelta(days=days)
            plans.truths.append(truth(name, role, f"{detail} {days} days ago", when=when))
        case Role.POWERED_OFF | Role.RESIZED:
            assert resource.changed_at is not None
            off = role is Role.POWERED_OFF
            former = resource.former_type or "half of it"
            detail = "switched off" if off else f"from {former} to {resource.instance_type or 'twice that'}"
            plans.events.append(changed(resource, detail))
            plans.truths.append(
                truth(name, role, detail, when=resource.changed_at.date(), value=None if off else 0.5)
            )
        case _:
            plans.truths.append(truth(name, role, _MEANING[role], metric=planted.metric))


_MEANING = {
    Role.TOO_BIG: "the highest peak of the year is under 35 % of cpu and 40 % of memory, or 20 % of storage",
    Role.TOO_SMALL: "peaks above 95 % of capacity on every busy day",
    Role.SATURATED: "demand is cut off at capacity for hours on every busy day",
    Role.IDLE: "cpu under 2 %, memory under 8 %, a few MB a day on the network",
    Role.LEAK: "grows to the limit within four to nine days, is killed and starts again",
    Role.SAWTOOTH: "purged at 72 to 80 % every few weeks, does not run out",
}
