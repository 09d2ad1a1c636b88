"""Resizing: a smaller size that is worth it, and what to do for one that was chosen."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np

from data.decision import Action, Finding, Status
from data.recommendation import Recommendation
from data.series import Metric
from models.adviser import Adviser
from models.case import Case
from models.estate import COMPUTE, shrinkable
from models.finding_options import FindingOptions
from models.findings import need
from models.fitting import Fit, describe, fit
from models.pricing import Pricer


def smaller(case: Case, pricer: Pricer, options: FindingOptions) -> Fit | None:
    """A size that holds every need and saves enough, where half of something would do; else None.

    Growing demand (a date is named within the year) is never shrunk, nor what was made larger lately because
    it was full. What was not measured stays.
    """
    resource, held = case.resource, case.held
    if not case.used or (resource.kind == "endpoint" and not options.endpoints_too_big):
        return None
    wanted = [m for m in shrinkable(resource) if m in held]
    if not wanted or (resource.kind in COMPUTE and Metric.CPU not in wanted):
        return None
    if any(case.used[m].history_days < options.min_over_days for m in wanted):
        return None
    if case.is_dated or case.days_uncut < options.min_over_days:
        return None
    if resource.kind == "volume" and np.isnan(case.used[Metric.STORAGE].grown):
        return None  # what accumulates needs a history that shows how fast
    needs = {m: min(need(case.used[m], case.sizes.get(m), options), held[m]) for m in wanted}
    if not all(np.isfinite(amount) for amount in needs.values()):
        return None  # none of the hours that count reported: nobody knows what is needed then
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


def resized(
    case: Case, finding: Finding, size: Fit, adviser: Adviser, by: date | None = None
) -> Recommendation:
    """It takes another size, by type or by amount; hardware that must be there `by` a day is bought."""
    resource, held = case.resource, case.held
    changed = size.instance_type is not None and size.instance_type != resource.instance_type
    bought = (
        by is not None
        and not resource.is_cloud
        and (resource.kind in {"server", "link", "endpoint"} or finding.status is Status.AT_RISK)
    )
    return adviser.advise(
        case,
        finding,
        Action.BUY if bought else Action.RESIZE_TYPE if changed else Action.RESIZE_AMOUNT,
        to_type=size.instance_type or resource.instance_type,
        to_size=describe(size.amounts, [m for m in held if m in size.amounts]),
        amounts=size.amounts,
        then=adviser.price_of(case, size),
        by=by,
    )
