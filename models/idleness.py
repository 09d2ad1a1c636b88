"""Idle: what practically nobody uses, and storage that somebody left behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from data.decision import MetricFinding
from data.series import Metric
from models.estate import Resource
from models.finding_options import FindingOptions
from models.fitting import number
from models.usage import Usage

_NO = frozenset({"false", "no", "0"})


def is_quiet(used: Usage, options: FindingOptions) -> bool:
    """Whether nearly every hour was quiet, of enough hours to say so: of all, and of those that count.

    What works a few hours a week is quiet in nearly all hours, and yet used in every hour that counts.
    """
    return all(
        one.window_hours >= options.idle_days * 24
        and one.reported_hours >= options.idle_days * 12 * one.countable_share
        and one.quiet_share >= options.quiet_share
        for one in (used, used.all_hours)
    )


def forgotten(
    resource: Resource, options: FindingOptions, as_of: datetime | None, names: Collection[str]
) -> tuple[str, str] | None:
    """Reason and sentence for storage that was left behind; None where it was not. Needs no sample.

    A volume says what it is attached to by the label `attached_to` (names, comma between them), or by
    `attached` or `unattached` (true, false); a snapshot what it was made of by `snapshot_of`, and when by
    `created` (a day). Without such a label nothing is said. Where the inventory knows since when that holds,
    it must have held for a while.
    """
    if resource.kind == "snapshot" or resource.labels.get("snapshot_of"):
        return _stale(resource, options, as_of, names)
    if resource.kind != "volume":
        return None
    hosts = resource.labels.get("attached_to")
    gone: list[str] = []
    if hosts is not None:
        gone = _named(hosts)
        loose = not gone or (bool(names) and not any(name in names for name in gone))
    else:
        said = str(resource.labels.get("attached", "")).lower()
        loose = resource.is_labelled("unattached") or said in _NO
    age = _age(resource, as_of)
    if not loose or (age is not None and age < options.unattached_days):
        return None
    since = f" for {days_text(age)}" if age is not None else ""
    if gone:
        return "unattached", f"the volume is attached to {', '.join(gone)}, not in the inventory{since}"
    return "unattached", f"the volume is attached to nothing{since}"


def unused(
    resource: Resource,
    metrics: Sequence[MetricFinding],
    used: Mapping[str, Usage],
    options: FindingOptions,
) -> tuple[str, str] | None:
    """Reason and sentence where practically nobody uses the resource."""
    if resource.kind == "endpoint" and not options.endpoints_too_big:
        return None
    quiet = {m.metric for m in metrics if m.metric in used and is_quiet(used[m.metric], options)}
    traffic = {Metric.NETWORK_IN, Metric.NETWORK_OUT} & set(used)
    if resource.kind in {"link", "volume"}:
        wanted = traffic if resource.kind == "link" else {Metric.STORAGE} & set(used)
        if wanted and wanted <= quiet:
            return "no_demand", "; ".join(m.because for m in metrics if m.metric in wanted)
        return None
    if Metric.CPU not in quiet or not traffic <= quiet:
        return None
    cpu = used[Metric.CPU].all_hours
    if cpu.robust_peak >= 0.25 * cpu.capacity or cpu.busy_days_ago < options.idle_after_use_days:
        return None
    if not traffic and cpu.p95 >= 0.01 * cpu.capacity:
        return None  # without network figures, a little cpu may be a whole job
    text = f"cpu averages {number(cpu.mean)} of {number(cpu.capacity)} cores"
    if traffic:
        text += f" and traffic {number(max(used[m].all_hours.mean for m in traffic))} Mbit/s"
    return "no_demand", f"{text} over {days_text(cpu.window_hours / 24)}"


def days_text(days: float) -> str:
    """As people say it: `1 day`, `28 days`."""
    whole = max(0, round(days))
    return "1 day" if whole == 1 else f"{whole} days"


def span_text(used: Usage) -> str:
    """What a figure of the window is about: `28 days`, `the counted hours of 28 days`."""
    days = days_text(used.window_hours / 24)
    return days if used.whole is None else f"the counted hours of {days}"


def _named(value: object) -> list[str]:
    """The names that a label holds: a list, or text with commas between them; no names where it says no."""
    if isinstance(value, list | tuple):
        parts = [str(part) for part in value]
    else:
        parts = [] if value is None or value is False else str(value).split(",")
    return [name for part in parts if (name := part.strip())]


def _stale(
    resource: Resource, options: FindingOptions, as_of: datetime | None, names: Collection[str]
) -> tuple[str, str] | None:
    """A snapshot older than backups are usually kept, or whose source is gone; how old must be known."""
    age = _age(resource, as_of, str(resource.labels.get("created") or ""))
    if age is None:
        return None
    sources = _named(resource.labels.get("snapshot_of"))
    lost = bool(sources and names) and not any(source in names for source in sources)
    if lost and age >= options.unattached_days:
        which = ", ".join(sources)
        return "orphan_snapshot", f"a snapshot of {which}, which is gone, {days_text(age)} old"
    if age < options.snapshot_days:
        return None
    return "stale_snapshot", f"a snapshot {days_text(age)} old, {days_text(options.snapshot_days)} are usual"


def _age(resource: Resource, as_of: datetime | None, created: str = "") -> float | None:
    """Days since the stated day of making, else since the inventory's version began; None = not known."""
    start = resource.valid_from
    if created:
        try:
            start = datetime.fromisoformat(created)
        except ValueError:
            return None  # a label is free text; what is no day says nothing about age
        if start.tzinfo is None and as_of is not None:
            start = start.replace(tzinfo=as_of.tzinfo)
    if start is None or as_of is None or start.year <= 1970:
        return None  # the inventory has known it for ever
    return max(0.0, (as_of - start).total_seconds() / 86_400)
