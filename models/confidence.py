"""How sure a piece of advice is."""

from __future__ import annotations

from data.decision import Finding, Status
from models.case import Case
from models.estate import shrinkable
from models.finding_options import FindingOptions


def confidence(case: Case, finding: Finding, options: FindingOptions) -> str:
    """How sure the advice is.

    high: every main metric was measured, at least 90 % of the window's hours that count and 90 days of
    history, and no demand was cut off. low: under 14 days of history, a main metric missing, unknown price,
    or a physical server that cannot be cut (its saving comes only when a whole machine is freed). Else
    medium.
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
        u.reported_hours >= 0.9 * options.window_days * 24 * u.countable_share and u.history_days >= 90
        for u in (case.used[m] for m in main)
    )
    cut_off = any(u.saturated_share >= 0.01 for u in (case.used[m] for m in main))
    recent = finding.status is Status.IDLE and case.used[main[0]].busy_days_ago < 180
    return "high" if full and not cut_off and not recent else "medium"
