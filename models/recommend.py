"""Recommendations: what to do about a finding, at which price, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from data.decision import Action, Finding, Size, Status
from data.exhaustion import Exhaustion, ExhaustionState
from data.money import amount
from data.outcome import Refusal
from data.recommendation import Recommendation
from data.series import STOCKS, Metric
from models.estate import COMPUTE, Resource, replicas_of
from models.finding_options import FindingOptions
from models.findings import need
from models.fitting import Fit, describe, fit
from models.pricing import Amounts, Basis, Price, Pricer
from models.usage import SATURATED, Usage

_CENSORED_STEP = 1.25
"""Demand that is cut off is larger than what was seen: at least a quarter more is held …"""
_CENSORED_OFTEN_STEP = 1.5
"""… and half as much again where a twentieth of the hours is cut off."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known about one resource when something is advised about it."""

    resource: Resource
    used: Mapping[str, Usage]
    """Metric -> what it did."""
    sizes: Mapping[str, Size | Refusal]
    """Metric -> what the policy would hold."""
    exhaustions: Mapping[str, Exhaustion]
    """Metric -> when it runs out."""
    ahead: Mapping[str, float]
    """Metric -> demand to expect at the end of lead time and horizon, where paths were drawn."""
    price: Price
    """Of today's size."""
    stated: Amounts = field(default_factory=dict)
    """Metric -> capacity the inventory states; counts where nothing was measured."""
    cap: Amounts = field(default_factory=dict)
    """Metric -> the most one replica of a workload can hold: what its largest node has for it."""

    @property
    def held(self) -> Amounts:
        """Metric -> capacity now, where it is known and the resource is switched on."""
        if not self.used:
            return {m: v for m, v in self.stated.items() if v > 0}
        return {m: u.capacity for m, u in self.used.items() if u.capacity > 0}

    @property
    def capacity(self) -> Amounts:
        """Like `held`, with 0 for what is switched off."""
        return {m: u.capacity for m, u in self.used.items() if u.capacity >= 0}


def smaller(case: Case, pricer: Pricer, options: FindingOptions) -> Fit | None:
    """A size that holds every need and saves enough, where half of something would do; else None.

    Growing demand (a date is named within the year) is never shrunk. What was not measured stays.
    """
    resource, held = case.resource, case.held
    if not case.used or (resource.kind == "endpoint" and not options.endpoints_too_big):
        return None
    wanted = [m for m in shrinkable(resource) if m in held]
    if not wanted or (resource.kind in COMPUTE and Metric.CPU not in wanted):
        return None
    if any(case.used[m].history_days < options.min_over_days for m in wanted):
        return None
    if any(e.state is ExhaustionState.DATED for e in case.exhaustions.values()):
        return None
    if resource.kind == "volume" and np.isnan(case.used[Metric.STORAGE].grown):
        return None  # what accumulates needs a history that shows how fast
    needs = {m: min(need(case.used[m], case.sizes.get(m), options), held[m]) for m in wanted}
    if all(needs[m] > options.over_share * held[m] for m in wanted):
        return None
    if resource.is_cloud and resource.kind in COMPUTE:
        for metric in (Metric.NETWORK_IN, Metric.NETWORK_OUT):
            if metric in case.used and np.isfinite(case.used[metric].peak):
                needs[metric] = case.used[metric].peak
    size = fit(resource, held, needs, pricer)
    if size is None or any(size.amounts[m] > held[m] + 1e-9 for m in wanted):
        return None
    if all(size.amounts[m] > held[m] - 1e-9 for m in wanted):
        return None
    if resource.kind == "endpoint":
        return size  # bought whole: a smaller one is for the next replacement, whatever it saves
    today = pricer.listed(resource, held, resource.instance_type)
    if today.month is None or size.price.month is None:
        return size  # the finding is about the size; what it saves is said to be unknown
    saves = today.month - size.price.month
    return size if saves >= Decimal(str(options.min_saving)) * today.month and saves > 0 else None


def recommend(
    case: Case,
    finding: Finding,
    cheaper: Fit | None,
    pricer: Pricer,
    options: FindingOptions,
    as_of: date,
    policy: str,
) -> Recommendation:
    """The one recommendation for a resource. `cheaper` is what `smaller` found."""
    match finding.status:
        case Status.IDLE:
            return _stop(case, finding, pricer, options, policy)
        case Status.OVER_PROVISIONED if cheaper is not None:
            return _resized(case, finding, cheaper, pricer, options, None, policy)
        case Status.UNDER_PROVISIONED | Status.AT_RISK:
            return _larger(case, finding, pricer, options, as_of, policy)
    return _keep(case, finding, pricer, options, as_of, policy)


def needs_ahead(case: Case, finding: Finding, options: FindingOptions) -> dict[str, float]:
    """Metric -> amount that ends a shortage, for the metrics that are short; other metrics keep theirs."""
    short = {m.metric: m for m in finding.metrics if m.status in {Status.UNDER_PROVISIONED, Status.AT_RISK}}
    needs = {}
    for metric in short:
        used = case.used[metric]
        usable = 1 - options.reserve_of(metric)
        top = used.last if metric in STOCKS else used.peak
        wanted = [top / usable]
        if isinstance(size := case.sizes.get(metric), Size):
            wanted.append(size.target)
        if metric not in STOCKS and used.saturated_share > 0:
            often = used.saturated_share >= 0.05
            wanted.append(used.capacity * (_CENSORED_OFTEN_STEP if often else _CENSORED_STEP))
        wanted.append(_demand_ahead(case, metric, options) / usable)
        needs[metric] = max(wanted)
    return needs


def confidence(case: Case, finding: Finding, options: FindingOptions) -> str:
    """How sure the advice is.

    high: every main metric was measured, at least 90 % of the window's hours and 90 days of history, and no
    demand was cut off. low: under 14 days of history, a main metric missing, unknown price, or a physical
    server that cannot be cut (its saving comes only when a whole machine is freed). Else medium.
    """
    main = [m for m in shrinkable(case.resource) if m in case.used]
    complete = len(main) == len(shrinkable(case.resource))
    if finding.status is Status.UNKNOWN or not main or not complete or case.price.month is None:
        return "low"
    if case.resource.kind == "server" and finding.status is Status.OVER_PROVISIONED:
        return "low"
    if min(case.used[m].history_days for m in main) < 14:
        return "low"
    full = all(
        u.reported_hours >= 0.9 * options.window_days * 24 and u.history_days >= 90
        for u in (case.used[m] for m in main)
    )
    cut_off = any(u.saturated_share >= 0.01 for u in (case.used[m] for m in main))
    recent = finding.status is Status.IDLE and case.used[main[0]].busy_days_ago < 180
    return "high" if full and not cut_off and not recent else "medium"


def shrinkable(resource: Resource) -> tuple[str, ...]:
    """The metrics whose amount makes the size of a resource of that kind."""
    if resource.kind in COMPUTE:
        return (Metric.CPU, Metric.MEMORY)
    return (Metric.NETWORK_IN, Metric.NETWORK_OUT) if resource.kind == "link" else (Metric.STORAGE,)


def breach(used: Mapping[str, Usage], amounts: Amounts) -> float | None:
    """Largest share, over the metrics, of recent hours whose peak reached the amount; None = no metric."""
    shares = [
        float((used[m].hours >= SATURATED * held).mean())
        for m, held in amounts.items()
        if m in used and held > 0 and len(used[m].hours)
    ]
    return max(shares, default=None)


def _demand_ahead(case: Case, metric: str, options: FindingOptions) -> float:
    """Demand to hold for at the end of lead time and horizon.

    From the sample paths where there are some; else the line from today's demand to the limit on the named
    day, which is only used to size an order, never to name a date.
    """
    if metric in case.ahead:
        return case.ahead[metric]
    runs_out = case.exhaustions.get(metric)
    if runs_out is None or runs_out.days_mid is None or runs_out.limit is None:
        return 0.0
    now = runs_out.demand_now or 0.0
    days = options.lead_of(case.resource) + options.risk_days
    rate = max(0.0, runs_out.limit - now) / max(runs_out.days_mid, 1)
    return now + rate * max(days, runs_out.days_mid)


def _larger(
    case: Case, finding: Finding, pricer: Pricer, options: FindingOptions, as_of: date, policy: str
) -> Recommendation:
    held = case.held
    short = needs_ahead(case, finding, options)
    needs = {m: held[m] for m in shrinkable(case.resource) if m in held} | short
    if (today := pricer.type_of(case.resource)) is not None:
        # Measured cores may be fewer than the type has (a limit inside it): a shortage never gives any back.
        needs[Metric.CPU] = max(needs.get(Metric.CPU, 0.0), today.vcpu)
        needs[Metric.MEMORY] = max(needs.get(Metric.MEMORY, 0.0), today.memory_gib)
    order = [
        e.order_by_days
        for m in short
        if (e := case.exhaustions.get(m)) is not None and e.order_by_days is not None
    ]
    wait = min(order, default=0) if finding.status is Status.AT_RISK else 0
    by = as_of + timedelta(days=max(0, wait))
    if (members := _replicas_for(case, needs)) is not None:
        return _more_replicas(case, finding, needs, members, pricer, options, by, policy)
    size = fit(case.resource, held, needs, pricer)
    if size is None:
        return _more_members(case, finding, needs, pricer, options, by, policy)
    if all(size.amounts.get(m, 0.0) <= held[m] * (1 + 1e-9) for m in short if m in held):
        return _keep(case, finding, pricer, options, as_of, policy)
    return _resized(case, finding, size, pricer, options, by, policy)


def _resized(
    case: Case,
    finding: Finding,
    size: Fit,
    pricer: Pricer,
    options: FindingOptions,
    by: date | None,
    policy: str,
) -> Recommendation:
    resource, held = case.resource, case.held
    changed = size.instance_type is not None and size.instance_type != resource.instance_type
    bought = (
        by is not None
        and not resource.is_cloud
        and (resource.kind in {"server", "link", "endpoint"} or finding.status is Status.AT_RISK)
    )
    action = Action.BUY if bought else Action.RESIZE_TYPE if changed else Action.RESIZE_AMOUNT
    then = _price_then(case, size, pricer)
    shown = [m for m in held if m in size.amounts]
    return advice_for(
        case,
        finding,
        pricer,
        options,
        policy,
        action,
        to_type=size.instance_type or resource.instance_type,
        to_size=describe(size.amounts, shown),
        amounts=size.amounts,
        then=then,
        by=by,
    )


def _replicas_for(case: Case, needs: Amounts) -> int | None:
    """How many replicas hold the needs where as many as today would each outgrow their node; else None."""
    if case.resource.kind != "workload" or not case.cap:
        return None
    today = replicas_of(case.resource)
    wanted = [math.ceil(needs[m] / cap - 1e-9) for m, cap in case.cap.items() if m in needs and cap > 0]
    members = max(wanted, default=0)
    return members if members > today else None


def _more_replicas(
    case: Case,
    finding: Finding,
    needs: Amounts,
    members: int,
    pricer: Pricer,
    options: FindingOptions,
    by: date,
    policy: str,
) -> Recommendation:
    """No node is large enough for one of today's replicas: more of them, each as large as its share."""
    held = case.held
    one = {m: min(needs.get(m, v) / members, case.cap.get(m, math.inf)) for m, v in held.items()}
    size = fit(case.resource, one, one, pricer)
    unit = one if size is None else {m: min(v, case.cap.get(m, v)) for m, v in size.amounts.items()}
    amounts = {m: v * members for m, v in unit.items()}
    today, listed = (pricer.listed(case.resource, a, None).month for a in (held, amounts))
    then = None
    if case.price.month is not None and listed is not None and today:
        then = case.price.month * listed / today
    limits = describe(case.cap)
    return advice_for(
        case,
        finding,
        pricer,
        options,
        policy,
        Action.ADD_MEMBERS,
        to_type=case.resource.instance_type,
        to_size=f"{members} × {describe(unit)}",
        amounts=amounts,
        then=then,
        by=by,
        because=f"{finding.because}; of its largest node one replica can have {limits}: it takes {members}",
    )


def _more_members(
    case: Case,
    finding: Finding,
    needs: Amounts,
    pricer: Pricer,
    options: FindingOptions,
    by: date,
    policy: str,
) -> Recommendation:
    """No type is large enough: as many of today's size as hold the needs together."""
    held = case.held
    members = max(2, *(int(np.ceil(needs[m] / held[m])) for m in needs if m in held))
    total = {m: held[m] * members for m in held}
    then = None if case.price.month is None else case.price.month * members
    return advice_for(
        case,
        finding,
        pricer,
        options,
        policy,
        Action.ADD_MEMBERS,
        to_type=case.resource.instance_type,
        to_size=f"{members} × {describe(held)}",
        amounts=total,
        then=then,
        by=by,
    )


def _stop(
    case: Case, finding: Finding, pricer: Pricer, options: FindingOptions, policy: str
) -> Recommendation:
    then = None if case.price.month is None else Decimal(0)
    return advice_for(case, finding, pricer, options, policy, Action.STOP, None, "nothing", {}, then, None)


def _keep(
    case: Case, finding: Finding, pricer: Pricer, options: FindingOptions, as_of: date, policy: str
) -> Recommendation:
    return advice_for(
        case,
        finding,
        pricer,
        options,
        policy,
        Action.KEEP,
        case.resource.instance_type,
        describe(case.held),
        case.held,
        case.price.month,
        _order_by(case, as_of),
    )


def _order_by(case: Case, as_of: date) -> date | None:
    """The last day to order for what runs out later than the risk window; None where no day is named."""
    order = [e.order_by_days for e in case.exhaustions.values() if e.order_by_days is not None]
    dated = any(e.state is ExhaustionState.DATED for e in case.exhaustions.values())
    return as_of + timedelta(days=max(0, min(order))) if dated and order else None


def advice_for(
    case: Case,
    finding: Finding,
    pricer: Pricer,
    options: FindingOptions,
    policy: str,
    action: Action,
    to_type: str | None,
    to_size: str,
    amounts: Amounts,
    then: Decimal | None,
    by: date | None = None,
    because: str | None = None,
    breach_then: float | None = None,
) -> Recommendation:
    """The recommendation of a case: what is held and paid now, what then.

    Args:
        amounts: metric -> what is held then; nothing where the resource goes.
        then: what that costs a month; None = unknown.
        because: why, where it is not the finding that says so.
        breach_then: expected breaches, where they are not those of today's hours at the new size.
    """
    held = case.held
    now = None if case.price.month is None else amount(case.price.month)
    cost_then = None if then is None else amount(then)
    ends = action is Action.STOP or (action is Action.REMOVE_MEMBERS and not amounts)
    targets = dict.fromkeys(held, 0.0) if ends else dict(amounts)
    why = finding.because if because is None else because
    if action is not Action.KEEP and (now is None or cost_then is None):
        why += f"; cost unknown: {case.price.note or 'the new size has no price'}"
    after = breach_then
    if after is None and not ends:
        after = breach(case.used, amounts)
    return Recommendation(
        case.resource.name,
        action,
        describe(held),
        to_size,
        confidence(case, finding, options),
        policy,
        why,
        pricer.currency,
        case.resource.instance_type,
        to_type,
        targets,
        now,
        cost_then,
        breach(case.used, held),
        after,
        by,
    )


def _price_then(case: Case, size: Fit, pricer: Pricer) -> Decimal | None:
    """Price of the new size; where the inventory states today's, its ratio to the list price is kept."""
    if case.price.basis is not Basis.INVENTORY:
        return size.price.month if case.price.month is not None else None
    today = pricer.listed(case.resource, case.held, case.resource.instance_type)
    if case.price.month is None or size.price.month is None or not today.month:
        return None
    return case.price.month * size.price.month / today.month
