"""Decide: findings, recommendations and costs of a whole estate, from one set of inputs. Pure."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.alternative import Alternative
from data.decision import Finding, MetricFinding, Size, Status
from data.exhaustion import Exhaustion
from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA, empty
from data.money import Exchange
from data.on_premises import OnPremisesModel
from data.outcome import Refusal
from data.panel import HOUR, FloatArray, Panel
from data.prices import PriceCatalog
from data.reach import Reach
from data.recommendation import Recommendation, ResourceCost
from data.series import STOCKS, Metric
from models.adviser import Adviser
from models.alternatives import alternative_rows, alternatives_of
from models.case import Case
from models.cost import Growth, monthly_costs, resource_cost
from models.counted_hours import only_counted
from models.cut_off import days_uncut
from models.decision_frames import decision_frames
from models.estate import Estate, read_estate
from models.finding_options import FindingOptions
from models.findings import judge_metric, judge_resource
from models.fitting import fit
from models.headcount import told_of_pools
from models.members import compare_members
from models.node_caps import known_capacities, node_caps
from models.pools import pools_of
from models.pricing import Amounts, Pricer
from models.recommend import recommend
from models.resizing import smaller
from models.usage import Usage, in_counted_hours, usage

_AHEAD_LEVEL = 0.8
"""An order is sized for the demand of four in five futures."""
_GROWTH_STEP = 1.25
"""Where demand may outgrow a size and nothing is advised yet, the next size is taken as a quarter larger."""


@dataclass(frozen=True, slots=True)
class CostSettings:
    """What prices a snapshot is made with."""

    on_premises: OnPremisesModel = field(default_factory=OnPremisesModel)
    exchange: Exchange = field(default_factory=Exchange)


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """All that decisions are made from; the same inputs give the same bytes."""

    as_of: datetime
    """End of the newest complete hour measured, with a time zone."""
    hourly: Mapping[str, Panel]
    """Metric -> hourly panel of resources. 28 days are used, more are read for the age of a series."""
    daily: Mapping[str, Panel] = field(default_factory=dict)
    """Metric -> daily panel of resources (peak = the day's highest value) as long as there is."""
    sizes: Mapping[str, Sequence[Size | Refusal]] = field(default_factory=dict)
    """Metric -> what the policy would hold, aligned with the rows of the hourly panel."""
    exhaustions: Sequence[Exhaustion] = ()
    """Of resources (not of services)."""
    reach: Sequence[Reach] = ()
    """Of resources; sizes the orders where it is there."""
    resources: pl.DataFrame = field(default_factory=lambda: empty(RESOURCE_SCHEMA))
    services: pl.DataFrame = field(default_factory=lambda: empty(SERVICE_SCHEMA))
    catalog: PriceCatalog = field(default_factory=PriceCatalog.shipped)
    costs: CostSettings = field(default_factory=CostSettings)
    options: FindingOptions = field(default_factory=FindingOptions)
    policy: str = "none"
    """Name of the policy that made the sizes."""
    stated: Mapping[str, Amounts] = field(default_factory=dict)
    """Resource -> metric -> capacity the inventory states; counts where nothing was measured."""
    counted: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Resource -> which hours of the hourly panels count for its size and its shortages; absent = all."""
    nodes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Node pool or cluster -> metric -> amount of its largest node, where the inventory does not list it."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided, one entry per resource, by name."""

    estate: Estate
    findings: tuple[Finding, ...]
    recommendations: tuple[Recommendation, ...]
    costs: tuple[ResourceCost, ...]
    monthly: pl.DataFrame
    """MONTHLY_COST_SCHEMA."""
    alternatives: tuple[Alternative, ...] = ()
    """Advice for several resources together, by name."""

    def frames(self) -> dict[str, pl.DataFrame]:
        """Table -> rows, for findings, metric_findings, recommendations, alternatives, resource_costs,
        monthly_costs."""
        return {
            **decision_frames(self.findings, self.recommendations, self.costs, self.monthly),
            "alternatives": alternative_rows(self.alternatives),
        }


def decide(inputs: DecisionInputs) -> Decisions:
    """Judges every resource of the inventory and of the panels, prices it and advises on it."""
    options = inputs.options
    measured = _usages(inputs)
    estate = read_estate(inputs.resources, inputs.services, inputs.as_of, measured)
    pricer = Pricer(inputs.catalog, inputs.costs.on_premises, inputs.costs.exchange)
    ahead_from = min(
        (reach.start.date() for reach in inputs.reach if reach.keys), default=inputs.as_of.date()
    )
    # At midnight the newest hour is yesterday's, and so is the day that people read this as.
    today = (inputs.as_of - timedelta.resolution).date()
    adviser = Adviser(pricer, options, inputs.policy, today, ahead_from)
    sizes: dict[str, dict[str, Size | Refusal]] = {}
    for metric, answers in inputs.sizes.items():
        for key, answer in zip(inputs.hourly[metric].keys, answers, strict=True):
            sizes.setdefault(key.subject, {})[metric] = answer
    exhaustions: dict[str, dict[str, Exhaustion]] = {}
    for one in inputs.exhaustions:
        if one.key.metric in STOCKS or one.key.subject not in inputs.counted:
            exhaustions.setdefault(one.key.subject, {})[one.key.metric] = one
    ahead = _demands_ahead(inputs.reach, estate, options, inputs.counted)

    used_of = {name: {m: u.capacity for m, u in used.items()} for name, used in measured.items()}
    caps = node_caps(estate.current, known_capacities(inputs.stated, used_of), inputs.nodes)
    names = frozenset(resource.name for resource in estate.current)
    uncut = days_uncut(inputs.hourly, options.window_days)

    cases: list[Case] = []
    findings: list[Finding] = []
    fits = []
    for resource in estate.current:
        used = measured.get(resource.name, {})
        capacity = {m: u.capacity for m, u in used.items() if u.capacity >= 0}
        case = Case(
            resource,
            used,
            sizes.get(resource.name, {}),
            exhaustions.get(resource.name, {}),
            ahead.get(resource.name, {}),
            pricer.current(resource, capacity or inputs.stated.get(resource.name, {})),
            inputs.stated.get(resource.name, {}),
            caps.get(resource.name, {}),
            uncut.get(resource.name, math.inf),
        )
        metrics = [
            judge_metric(resource, u, case.sizes.get(m), case.exhaustions.get(m), options, ahead_from)
            for m, u in sorted(used.items())
        ]
        size = None if _is_urgent(metrics) else smaller(case, pricer, options)
        cases.append(case)
        fits.append(size)
        findings.append(judge_resource(resource, metrics, used, size, options, inputs.as_of, names))
    findings = compare_members([c.resource for c in cases], findings, [c.held for c in cases])
    pools = pools_of(cases, inputs.hourly, inputs.daily, options.window_days)
    findings = told_of_pools(findings, pools, options)
    recommendations = [
        recommend(case, finding, size, adviser)
        for case, finding, size in zip(cases, findings, fits, strict=True)
    ]
    alternatives = alternatives_of(
        cases,
        pools,
        {finding.resource: finding for finding in findings},
        {advice.resource: advice for advice in recommendations},
        adviser,
    )
    costs = [
        resource_cost(case.resource, case.price, advice, pricer.currency)
        for case, advice in zip(cases, recommendations, strict=True)
    ]
    held_now = {case.resource.name: case.capacity or case.stated for case in cases}
    growth = [
        grown
        for case, advice in zip(cases, recommendations, strict=True)
        if (grown := _growth(case, advice, pricer, options)) is not None
    ]
    monthly = monthly_costs(estate, held_now, inputs.daily, growth, pricer)
    return Decisions(estate, tuple(findings), tuple(recommendations), tuple(costs), monthly, alternatives)


def _usages(inputs: DecisionInputs) -> dict[str, dict[str, Usage]]:
    """Resource -> metric -> what it did, for the metrics something has a capacity of."""
    options = inputs.options
    measured: dict[str, dict[str, Usage]] = {}
    for metric, panel in inputs.hourly.items():
        if metric not in {str(m) for m in Metric}:
            continue
        quiet = np.array([options.quiet_level(metric, _last_known(row)) for row in panel.capacity])
        for used in usage(
            panel,
            inputs.daily.get(metric),
            inputs.as_of,
            window_days=options.window_days,
            reserve=options.reserve_of(metric),
            quiet_level=quiet,
        ):
            measured.setdefault(used.resource, {})[metric] = used
        limited = np.array([key.subject in inputs.counted for key in panel.keys], bool)
        # What accumulates is held at every hour, whichever of them count for cores and memory.
        if limited.any() and metric not in STOCKS:
            part = only_counted(panel.take(limited), inputs.counted)
            late = max(0.0, (inputs.as_of - panel.end) / HOUR)
            for used in usage(
                part,
                None,
                inputs.as_of,
                window_days=options.window_days,
                reserve=options.reserve_of(metric),
                quiet_level=quiet[limited],
            ):
                whole = measured[used.resource]
                counts = inputs.counted[used.resource]
                whole[metric] = in_counted_hours(whole[metric], used, counts, late)
    return measured


def _last_known(row: FloatArray) -> float:
    known = np.flatnonzero(np.isfinite(row))
    return float(row[known[-1]]) if len(known) else float("nan")


def _is_urgent(metrics: Iterable[MetricFinding]) -> bool:
    return any(m.status in {Status.UNDER_PROVISIONED, Status.AT_RISK} for m in metrics)


def _demands_ahead(
    reaches: Iterable[Reach], estate: Estate, options: FindingOptions, counted: Container[str]
) -> dict[str, dict[str, float]]:
    """Resource -> metric -> the highest demand of four in five futures until lead time and horizon end."""
    resources = {r.name: r for r in estate.current}
    ahead: dict[str, dict[str, float]] = {}
    for reach in reaches:
        level = int(np.argmin(np.abs(np.asarray(reach.levels) - _AHEAD_LEVEL)))
        days = np.asarray(reach.days)
        for row, key in enumerate(reach.keys):
            resource = resources.get(key.subject)
            if resource is None or (key.subject in counted and key.metric not in STOCKS):
                continue
            wanted = options.lead_of(resource) + options.risk_days
            day = min(int(np.searchsorted(days, wanted)), len(days) - 1)
            demand = float(reach.amounts[row, day, level])
            if np.isfinite(demand):
                ahead.setdefault(key.subject, {})[key.metric] = demand
    return ahead


def _growth(case: Case, advice: Recommendation, pricer: Pricer, options: FindingOptions) -> Growth | None:
    """What following demand will cost more, where advice asks for more or running out is in sight."""
    ahead = [e for e in case.exhaustions.values() if e.days_low is not None]
    saving = advice.saving
    if saving is not None and saving < 0:
        extra = -saving
    elif not ahead or case.price.month is None:
        return None
    else:
        held = case.held
        needs = {e.key.metric: held[e.key.metric] * _GROWTH_STEP for e in ahead if e.key.metric in held}
        size = fit(case.resource, held, {**held, **needs}, pricer)
        today = pricer.listed(case.resource, held, case.resource.instance_type)
        if size is None or size.price.month is None or not today.month:
            return None
        extra = case.price.month * (size.price.month / today.month - 1)
    if extra <= 0:
        return None
    if not ahead:
        return Growth(case.resource.name, Decimal(extra), ((max(1, options.lead_of(case.resource)), 1.0),))
    chances = [
        (days, max((p for e in ahead if (p := getattr(e, name)) is not None), default=None))
        for days, name in ((28, "p28"), (90, "p90"), (365, "p365"))
    ]
    known = tuple((days, chance) for days, chance in chances if chance is not None)
    return Growth(case.resource.name, Decimal(extra), known)
