"""Findings: is a resource too small, at risk, unknown, idle, too big, or right?

A metric is judged by what it did lately (28 days of hours), by its yearly peaks, by when it runs out and by
the size the policy would hold. A resource takes the most urgent status of its metrics: under-provisioning by
one metric beats saving on another. Rules are built to be quiet: one spike or one bad day is never enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np

from data.decision import Finding, MetricFinding, Size, Status
from data.exhaustion import Exhaustion, ExhaustionState
from data.outcome import Refusal
from data.series import STOCKS, UNITS, Metric
from models.estate import COMPUTE, Resource
from models.fitting import Fit, number
from models.usage import HOT, Usage


@dataclass(frozen=True, slots=True)
class FindingOptions:
    """What counts as too small, at risk, idle and too big."""

    window_days: int = 28
    """Days of hours that count as lately: four of every weekday."""
    reserve: float = 0.1
    """Share of capacity kept free: usable capacity is capacity x (1 - reserve)."""
    reserves: Mapping[str, float] = field(default_factory=dict)
    """Metric -> its own reserve, where it differs."""
    silent_hours: float = 48.0
    """Without a sample for longer, nothing is said: two days let a weekend's agent outage pass."""
    min_history_days: float = 7.0
    """Less history than a week has not seen every weekday."""
    hot_days: int = 4
    """Days of the window at the limit, in at least two of its weeks, that make it a habit."""
    hot_days_last_week: int = 3
    """Days of the last seven at the limit that make it a new state."""
    endpoint_saturated_share: float = 0.05
    """Endpoints run flat out now and then by nature: share of saturated hours that is too much."""
    risk_days: int = 90
    """Running out within this many days, or within the lead time where that is longer, is a risk."""
    risk_chance: float = 0.5
    """Corrected probability from which it is one."""
    idle_days: int = 14
    quiet_share: float = 0.97
    """Share of hours that must be quiet; the rest allows for updates and backups."""
    quiet_cpu: float = 0.03
    """Share of the cores under which an hour is quiet."""
    quiet_network_mbps: float = 0.5
    """Mbit/s under which an hour is quiet: what monitoring and time-keeping make."""
    quiet_network: float = 0.005
    """The same as a share of the bandwidth; the larger of both counts."""
    quiet_storage: float = 0.01
    """Share of a volume under which it counts as empty."""
    idle_after_use_days: int = 60
    """A resource that was used within the year is idle only after this many days without use."""
    over_share: float = 0.5
    """A metric is too big when what it needs is at most this share of what is held: half a size would do."""
    min_saving: float = 0.2
    """Share of its price that a smaller size must save to be worth a finding."""
    min_over_days: float = 14.0
    """History needed before something is called too big."""
    lead_days: int = 30
    """Days from order to use on premises, where the inventory names none."""
    lead_days_cloud: int = 1
    """The same in a cloud or in Kubernetes."""
    endpoints_too_big: bool = False
    """Whether endpoints (laptops, workstations) are advised to be smaller or stopped."""

    def reserve_of(self, metric: str) -> float:
        return self.reserves.get(metric, self.reserve)

    def lead_of(self, resource: Resource) -> int:
        if resource.lead_days is not None:
            return resource.lead_days
        return self.lead_days_cloud if resource.is_cloud or resource.kind == "workload" else self.lead_days

    def quiet_level(self, metric: str, capacity: float) -> float:
        """Mean demand under which an hour of that metric is quiet; NaN where it cannot be said."""
        match metric:
            case Metric.CPU:
                return self.quiet_cpu * capacity
            case Metric.NETWORK_IN | Metric.NETWORK_OUT:
                share = self.quiet_network * capacity
                return max(self.quiet_network_mbps, share if np.isfinite(share) else 0.0)
            case Metric.STORAGE:
                return self.quiet_storage * capacity
        return float("nan")


def judge_metric(
    resource: Resource,
    used: Usage,
    size: Size | Refusal | None,
    runs_out: Exhaustion | None,
    options: FindingOptions,
    as_of: date,
) -> MetricFinding:
    """The finding on one metric of one resource; `as_of` turns days ahead into dates."""
    status, reason, because = _judge(resource, used, size, runs_out, options, as_of)
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
) -> Finding:
    """The finding on a resource from those on its metrics.

    Args:
        metrics: one per metric that was measured, in any order.
        used: metric -> what it did.
        smaller: a size that holds all needs and saves enough, if there is one (`models.recommend.smaller`).
    """
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
    idle = _idle(resource, metrics, used, options)
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
    as_of: date,
) -> tuple[Status, str, str]:
    unit = UNITS.get(used.metric, "")
    if used.capacity == 0:
        days = used.off_hours / 24
        status = Status.IDLE if days >= options.idle_days else Status.UNKNOWN
        return status, "powered_off", f"switched off for {_days(days)}"
    if used.silent_hours > options.silent_hours:
        if np.isinf(used.silent_hours):
            return Status.UNKNOWN, "silent", f"no {used.metric} sample in the history"
        return Status.UNKNOWN, "silent", f"no {used.metric} sample for {_days(used.silent_hours / 24)}"
    if used.history_days < options.min_history_days:
        return (
            Status.UNKNOWN,
            "short_history",
            f"{_days(used.history_days)} of {used.metric} history, {_days(options.min_history_days)} needed",
        )
    if used.reported_hours < 72:
        return (
            Status.UNKNOWN,
            "sparse",
            f"{used.reported_hours} hours of {used.metric} reported in {options.window_days} days",
        )
    peaks = f"{used.metric} peaks at {number(used.peak)}"
    if not np.isfinite(used.capacity):
        return Status.UNKNOWN, "no_capacity", f"{peaks} {unit}, its capacity is not known"
    of = f"of {number(used.capacity)} {unit}"
    lately = f"over {_days(used.window_hours / 24)}"
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
    risk = _risk(resource, used, runs_out, options, as_of)
    if risk is not None:
        return Status.AT_RISK, *risk
    if _is_quiet(used, options):
        return Status.IDLE, "no_demand", f"{used.metric} averages {number(used.mean)} {of} {lately}"
    if need(used, size, options) <= options.over_share * used.capacity:
        year = f", never above {number(used.year_peak)}" if used.history_days > 90 else ""
        return Status.OVER_PROVISIONED, "need_below_half", seen + year
    return Status.RIGHT_SIZED, "fits", seen


def _is_under(resource: Resource, used: Usage, options: FindingOptions) -> bool:
    if used.metric in STOCKS:
        return used.last >= HOT * used.capacity
    if resource.kind == "endpoint":
        often = used.hot_days >= 2 * options.hot_days and used.hot_weeks >= 2
        return often and used.saturated_share >= options.endpoint_saturated_share
    habit = used.hot_days >= options.hot_days and used.hot_weeks >= 2
    return habit or used.hot_days_last_week >= options.hot_days_last_week


def _risk(
    resource: Resource, used: Usage, runs_out: Exhaustion | None, options: FindingOptions, as_of: date
) -> tuple[str, str] | None:
    """Reason and sentence where demand is about to reach usable capacity, or goes above it now and then."""
    unit = UNITS.get(used.metric, "")
    usable = used.capacity * (1 - options.reserve_of(used.metric))
    usable_text = f"the usable {number(usable)} of {number(used.capacity)} {unit}"
    if used.metric in STOCKS and used.last >= usable:
        return "above_usable", f"{used.metric} holds {number(used.last)}, above {usable_text}"
    if resource.kind != "endpoint" and used.metric not in STOCKS:
        habit = used.above_usable_days >= 2 * options.hot_days
        if habit or used.above_usable_last_week >= options.hot_days_last_week + 1:
            often = f"on {used.above_usable_days} of the last {_days(used.window_hours / 24)}"
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
            text += f", about {_day(as_of + timedelta(days=runs_out.days_mid))}"
        return "runs_out", text
    return None


def _day(moment: date) -> str:
    """As people write a day: 4 Dec 2026."""
    return f"{moment.day} {moment:%b %Y}"


def _is_quiet(used: Usage, options: FindingOptions) -> bool:
    enough = used.window_hours >= options.idle_days * 24 and used.reported_hours >= options.idle_days * 12
    return enough and used.quiet_share >= options.quiet_share


def _idle(
    resource: Resource,
    metrics: Sequence[MetricFinding],
    used: Mapping[str, Usage],
    options: FindingOptions,
) -> tuple[str, str] | None:
    """Reason and sentence where practically nobody uses the resource."""
    if resource.kind == "endpoint" and not options.endpoints_too_big:
        return None
    if resource.kind == "snapshot":
        return "stale_snapshot", "a snapshot nobody reads from any more"
    if resource.kind == "volume" and _is_unattached(resource):
        return "unattached", "the volume is attached to nothing"
    quiet = {m.metric for m in metrics if m.metric in used and _is_quiet(used[m.metric], options)}
    traffic = {Metric.NETWORK_IN, Metric.NETWORK_OUT} & set(used)
    if resource.kind in {"link", "volume"}:
        wanted = traffic if resource.kind == "link" else {Metric.STORAGE} & set(used)
        if wanted and wanted <= quiet:
            return "no_demand", "; ".join(m.because for m in metrics if m.metric in wanted)
        return None
    cpu = used.get(Metric.CPU)
    if cpu is None or Metric.CPU not in quiet or not traffic <= quiet:
        return None
    if cpu.robust_peak >= 0.25 * cpu.capacity or cpu.busy_days_ago < options.idle_after_use_days:
        return None
    if not traffic and cpu.p95 >= 0.01 * cpu.capacity:
        return None  # without network figures, a little cpu may be a whole job
    text = f"cpu averages {number(cpu.mean)} of {number(cpu.capacity)} cores"
    if traffic:
        text += f" and traffic {number(max(used[m].mean for m in traffic))} Mbit/s"
    return "no_demand", f"{text} over {_days(cpu.window_hours / 24)}"


def _is_unattached(resource: Resource) -> bool:
    attached = str(resource.labels.get("attached", "")).lower()
    return resource.is_labelled("unattached") or attached in {"false", "no", "0"}


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


def _days(days: float) -> str:
    whole = max(0, round(days))
    return "1 day" if whole == 1 else f"{whole} days"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
