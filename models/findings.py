"""Findings: is a resource too small, at risk, unknown, idle, too big, or right?

A metric is judged by what it did lately (28 days of hours), by its yearly peaks, by when it runs out and by
the size the policy would hold. A resource takes the most urgent status of its metrics: under-provisioning by
one metric beats saving on another. Rules are built to be quiet: one spike or one bad day is never enough.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import numpy as np

from data.decision import Finding, MetricFinding, Size, Status
from data.exhaustion import Exhaustion, ExhaustionState, day_of
from data.outcome import Refusal
from data.series import STOCKS, UNITS, Metric
from models.estate import COMPUTE, Resource
from models.finding_options import FindingOptions
from models.fitting import Fit, number
from models.idleness import days_text, forgotten, is_quiet, span_text, unused
from models.usage import HOT, Usage


def judge_metric(
    resource: Resource,
    used: Usage,
    size: Size | Refusal | None,
    runs_out: Exhaustion | None,
    options: FindingOptions,
    ahead_from: date,
) -> MetricFinding:
    """The finding on one metric of one resource; days ahead are counted from `ahead_from`."""
    status, reason, because = _judge(resource, used, size, runs_out, options, ahead_from)
    return MetricFinding(
        used.resource,
        used.metric,
        status,
        reason,
        because,
        _known(used.capacity),
        _known(used.mean),
        _known(used.p95),
        _known(used.peak),
        used.saturated_share if used.reported_hours and used.capacity > 0 else None,
        size if isinstance(size, Size) else None,
    )


def need(used: Usage, size: Size | Refusal | None, options: FindingOptions) -> float:
    """How much to hold so that lately, the yearly peak and the policy are all served; in the metric's unit.

    Usable capacity must cover the highest value of all history (of cpu, one lone day is left out: it
    throttles where memory kills); what accumulates must cover another year of its growth as well.
    """
    top = used.robust_year_peak if used.metric == Metric.CPU else used.year_peak
    if not np.isfinite(top):
        top = used.peak
    if used.metric in STOCKS and used.grown > 0:
        top += used.grown
    amount = top / (1 - options.reserve_of(used.metric))
    return max(amount, size.target) if isinstance(size, Size) else amount


def judge_resource(
    resource: Resource,
    metrics: Sequence[MetricFinding],
    used: Mapping[str, Usage],
    smaller: Fit | None,
    options: FindingOptions,
    as_of: datetime | None = None,
    names: Collection[str] = (),
) -> Finding:
    """The finding on a resource from those on its metrics.

    Args:
        metrics: one per metric that was measured, in any order.
        used: metric -> what it did.
        smaller: a size that holds all needs and saves enough, if there is one (`models.resizing.smaller`).
        as_of: turns a version's start into an age; without it, ages are not known.
        names: all resources there are: what a volume is attached to may be gone.
    """
    if (left := forgotten(resource, options, as_of, names)) is not None:
        return _finding(resource, Status.IDLE, (), left[1], metrics, left[0])
    if not metrics:
        reason = "no_samples"
        return _finding(resource, Status.UNKNOWN, (), "nothing was ever measured", metrics, reason)
    for status in (Status.UNDER_PROVISIONED, Status.AT_RISK):
        hits = [m for m in metrics if m.status is status]
        if hits:
            hits.sort(key=lambda m: (-(m.saturated_share or 0.0), m.metric))
            return _finding(resource, status, hits, "; ".join(m.because for m in hits), metrics)
    off = [m for m in metrics if m.reason == "powered_off"]
    if off:
        return _finding(resource, off[0].status, off[:1], off[0].because, metrics)
    main = [m for m in metrics if m.metric in _main_metrics(resource)]
    blind = [m for m in main if m.reason in {"silent", "short_history", "sparse"}]
    if blind or all(m.status is Status.UNKNOWN for m in metrics):
        hits = blind or list(metrics)
        return _finding(resource, Status.UNKNOWN, hits, hits[0].because, metrics)
    idle = unused(resource, metrics, used, options)
    if idle is not None:
        return _finding(resource, Status.IDLE, (), idle[1], metrics, idle[0])
    if smaller is not None:
        hits = [m for m in metrics if m.status is Status.OVER_PROVISIONED] or main
        return _finding(resource, Status.OVER_PROVISIONED, hits, "; ".join(m.because for m in hits), metrics)
    known = [m for m in main if m.status is not Status.UNKNOWN] or list(metrics)
    calm = [
        replace(m, status=Status.RIGHT_SIZED) if m.status in {Status.OVER_PROVISIONED, Status.IDLE} else m
        for m in known
    ]
    return _finding(resource, Status.RIGHT_SIZED, calm, "; ".join(m.because for m in calm), metrics)


def severity(resource: Resource, status: Status, worst: float = 0.0) -> int:
    """0 quiet … 3 act today, by status and by the tier of the service (1 = most important).

    `worst` is the largest share of saturated hours: from 10 % on, a shortage is felt every day.
    """
    match status:
        case Status.UNDER_PROVISIONED:
            level = 3 if resource.tier <= 1 or worst >= 0.1 else 2
        case Status.AT_RISK:
            level = 2 if resource.tier <= 2 else 1
        case Status.UNKNOWN:
            level = 1 if resource.tier <= 1 else 0
        case Status.OVER_PROVISIONED | Status.IDLE:
            level = 1
        case _:
            level = 0
    return min(level, 1) if resource.kind == "endpoint" else level


def _judge(
    resource: Resource,
    used: Usage,
    size: Size | Refusal | None,
    runs_out: Exhaustion | None,
    options: FindingOptions,
    ahead_from: date,
) -> tuple[Status, str, str]:
    unit = UNITS.get(used.metric, "")
    if used.capacity == 0:
        days = used.off_hours / 24
        status = Status.IDLE if days >= options.idle_days else Status.UNKNOWN
        return status, "powered_off", f"switched off for {days_text(days)}"
    missed = used.missed_hours > options.silent_hours * used.countable_share
    if used.silent_hours > options.silent_hours and missed:
        if np.isinf(used.silent_hours):
            return Status.UNKNOWN, "silent", f"no {used.metric} sample in the history"
        return Status.UNKNOWN, "silent", f"no {used.metric} sample for {days_text(used.silent_hours / 24)}"
    if used.history_days < options.min_history_days:
        return (
            Status.UNKNOWN,
            "short_history",
            f"{days_text(used.history_days)} of {used.metric} history,"
            f" {days_text(options.min_history_days)} needed",
        )
    if used.is_sparse:
        some = "" if used.whole is None else f"of the {used.countable_hours} that count "
        text = f"{used.reported_hours} hours {some}of {used.metric} reported in {options.window_days} days"
        return Status.UNKNOWN, "sparse", text
    peaks = f"{used.metric} peaks at {number(used.peak)}"
    if not np.isfinite(used.capacity):
        return Status.UNKNOWN, "no_capacity", f"{peaks} {unit}, its capacity is not known"
    of = f"of {number(used.capacity)} {unit}"
    lately = f"over {span_text(used)}"
    seen = f"{peaks} {of} (p95 {number(used.p95)}) {lately}"

    if _is_under(resource, used, options):
        if used.metric in STOCKS:
            return Status.UNDER_PROVISIONED, "nearly_full", f"{used.metric} holds {number(used.last)} {of}"
        if used.saturated_share >= 0.01:
            text = (
                f"{used.metric} is at its capacity {of} in {_percent(used.saturated_share)} of hours {lately}"
            )
            return Status.UNDER_PROVISIONED, "saturated", text
        text = f"{seen}, at the limit on {used.hot_days} days"
        return Status.UNDER_PROVISIONED, "peaks_at_capacity", text
    risk = _risk(resource, used, runs_out, options, ahead_from)
    if risk is not None:
        return Status.AT_RISK, *risk
    if is_quiet(used, options):
        return Status.IDLE, "no_demand", f"{used.metric} averages {number(used.mean)} {of} {lately}"
    if need(used, size, options) <= options.over_share * used.capacity:
        # Daily peaks know no hours: nobody knows what was highest in those that count.
        known = used.history_days > 90 and used.whole is None
        year = f", never above {number(used.year_peak)}" if known else ""
        return Status.OVER_PROVISIONED, "need_below_half", seen + year
    return Status.RIGHT_SIZED, "fits", seen


def _is_under(resource: Resource, used: Usage, options: FindingOptions) -> bool:
    if used.metric in STOCKS:
        return used.last >= HOT * used.capacity
    if resource.kind == "endpoint":
        often = used.hot_days >= used.days_of_habit(2 * options.hot_days) and used.hot_weeks >= 2
        return often and used.saturated_share >= options.endpoint_saturated_share
    habit = used.hot_days >= used.days_of_habit(options.hot_days) and used.hot_weeks >= 2
    return habit or used.hot_days_last_week >= options.hot_days_last_week


def _risk(
    resource: Resource, used: Usage, runs_out: Exhaustion | None, options: FindingOptions, ahead_from: date
) -> tuple[str, str] | None:
    """Reason and sentence where demand is about to reach usable capacity, or goes above it now and then."""
    unit = UNITS.get(used.metric, "")
    usable = used.capacity * (1 - options.reserve_of(used.metric))
    usable_text = f"the usable {number(usable)} of {number(used.capacity)} {unit}"
    if used.metric in STOCKS and used.last >= usable:
        return "above_usable", f"{used.metric} holds {number(used.last)}, above {usable_text}"
    if resource.kind != "endpoint" and used.metric not in STOCKS:
        habit = used.above_usable_days >= used.days_of_habit(2 * options.hot_days)
        if habit or used.above_usable_last_week >= options.hot_days_last_week + 1:
            often = f"on {used.above_usable_days} of the last {days_text(used.window_hours / 24)}"
            return "above_usable", f"{used.metric} goes above {usable_text} {often}"
    if runs_out is None or runs_out.state is not ExhaustionState.DATED:
        return None
    lead = options.lead_of(resource)
    within = max(options.risk_days, lead)
    soon = runs_out.days_mid is not None and runs_out.days_mid <= within
    if (runs_out.p90 or 0.0) >= options.risk_chance or soon:
        chance = runs_out.p90 if runs_out.p90 is not None else options.risk_chance
        text = f"{used.metric} reaches {usable_text} within 90 days with {_percent(chance)} probability"
        if runs_out.days_mid is not None:
            text += f", about {_day(day_of(ahead_from, runs_out.days_mid))}"
        return "runs_out", text
    return None


def _day(moment: date) -> str:
    """As people write a day: 4 Dec 2026."""
    return f"{moment.day} {moment:%b %Y}"


def _main_metrics(resource: Resource) -> frozenset[str]:
    """Metrics without which nothing can be said about a resource of that kind."""
    if resource.kind in COMPUTE:
        return frozenset({str(Metric.CPU), str(Metric.MEMORY)})
    if resource.kind == "link":
        return frozenset({str(Metric.NETWORK_IN), str(Metric.NETWORK_OUT)})
    return frozenset({str(Metric.STORAGE)})


def _finding(
    resource: Resource,
    status: Status,
    hits: Sequence[MetricFinding],
    because: str,
    metrics: Sequence[MetricFinding],
    reason: str | None = None,
) -> Finding:
    codes = tuple(f"{m.metric}:{m.reason}" for m in hits) or (f"{resource.kind}:{reason}",)
    worst = max((m.saturated_share or 0.0 for m in hits), default=0.0)
    return Finding(resource.name, status, severity(resource, status, worst), codes, because, tuple(metrics))


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
