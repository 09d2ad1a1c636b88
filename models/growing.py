"""Growing: how much ends a shortage, and whether as a larger size or as more members."""

from __future__ import annotations

import math
from datetime import date

import numpy as np

from data.decision import Finding, Size, Status
from data.recommendation import Recommendation
from data.series import STOCKS, Metric
from models.adviser import Adviser
from models.case import Case
from models.estate import replicas_of, shrinkable
from models.finding_options import FindingOptions
from models.fitting import describe, fit
from models.pricing import Amounts
from models.resizing import resized

_CENSORED_STEP = 1.25
"""Demand that is cut off is larger than what was seen: at least a quarter more is held …"""
_CENSORED_OFTEN_STEP = 1.5
"""… and half as much again where a twentieth of the hours is cut off."""


def larger(case: Case, finding: Finding, adviser: Adviser) -> Recommendation | None:
    """What ends the shortage; None where the next size holds no more of what is short."""
    held, pricer = case.held, adviser.pricer
    short = needs_ahead(case, finding, adviser.options)
    needs = {m: held[m] for m in shrinkable(case.resource) if m in held}
    # What one metric is short of is no reason to give any of another back.
    needs |= {m: max(amount, held.get(m, 0.0)) for m, amount in short.items()}
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
    by = adviser.order_by(wait)
    if (members := _replicas_for(case, needs)) is not None:
        return _more_replicas(case, finding, needs, members, adviser, by)
    size = fit(case.resource, held, needs, pricer)
    if size is None:
        # No type is large enough: as many of today's size as hold the needs together.
        members = max(2, *(int(np.ceil(needs[m] / held[m])) for m in needs if m in held))
        return adviser.multiply(case, finding, members, by)
    if all(size.amounts.get(m, 0.0) <= held[m] * (1 + 1e-9) for m in short if m in held):
        return None
    return resized(case, finding, size, adviser, by)


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


def _replicas_for(case: Case, needs: Amounts) -> int | None:
    """How many replicas hold the needs where as many as today would each outgrow their node; else None."""
    if case.resource.kind != "workload" or not case.cap:
        return None
    today = replicas_of(case.resource)
    wanted = [math.ceil(needs[m] / cap - 1e-9) for m, cap in case.cap.items() if m in needs and cap > 0]
    members = max(wanted, default=0)
    return members if members > today else None


def _more_replicas(
    case: Case, finding: Finding, needs: Amounts, members: int, adviser: Adviser, by: date
) -> Recommendation:
    """No node is large enough for one of today's replicas: more of them, each as large as its share."""
    one = {m: min(needs.get(m, v) / members, case.cap.get(m, math.inf)) for m, v in case.held.items()}
    size = fit(case.resource, one, one, adviser.pricer)
    unit = one if size is None else {m: min(v, case.cap.get(m, v)) for m, v in size.amounts.items()}
    limits = describe(case.cap)
    because = f"{finding.because}; of its largest node one replica can have {limits}: it takes {members}"
    return adviser.replicate(case, finding, members, unit, by, because)
