"""Recommendations: the one thing to do about a finding."""

from __future__ import annotations

from datetime import date

from data.decision import Action, Finding, Status
from data.recommendation import Recommendation
from models.adviser import Adviser
from models.case import Case
from models.fitting import Fit
from models.growing import larger
from models.resizing import resized


def recommend(case: Case, finding: Finding, cheaper: Fit | None, adviser: Adviser) -> Recommendation:
    """The one recommendation for a resource. `cheaper` is what `smaller` found."""
    match finding.status:
        case Status.IDLE:
            return adviser.end(case, finding, Action.STOP)
        case Status.OVER_PROVISIONED if cheaper is not None:
            return resized(case, finding, cheaper, adviser)
        case Status.UNDER_PROVISIONED | Status.AT_RISK:
            if (more := larger(case, finding, adviser)) is not None:
                return more
    return adviser.keep(case, finding, by=_order_by(case, adviser))


def _order_by(case: Case, adviser: Adviser) -> date | None:
    """The last day to order for what runs out later than the risk window; None where no day is named."""
    order = [e.order_by_days for e in case.exhaustions.values() if e.order_by_days is not None]
    return adviser.order_by(min(order)) if case.is_dated and order else None
