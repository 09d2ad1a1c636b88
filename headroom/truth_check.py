"""Holds what was concluded about the sample fleet against what was planted in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import polars as pl

from data.decision import Status
from data.exhaustion import ExhaustionState
from data.sample.roles import Role
from data.snapshot import Snapshot

REQUIRED: Mapping[str, frozenset[Status]] = MappingProxyType(
    {
        Role.TOO_BIG: frozenset({Status.OVER_PROVISIONED}),
        Role.TOO_SMALL: frozenset({Status.UNDER_PROVISIONED}),
        Role.SATURATED: frozenset({Status.UNDER_PROVISIONED}),
        Role.IDLE: frozenset({Status.IDLE}),
        Role.LEAK: frozenset({Status.UNDER_PROVISIONED, Status.AT_RISK}),
        Role.SILENT: frozenset({Status.UNKNOWN}),
    }
)
"""The statuses that count as having found a planted fault."""

_TOLERATED: Mapping[str, frozenset[Status]] = MappingProxyType(
    {
        Role.TOO_SMALL: frozenset({Status.AT_RISK}),
        Role.SATURATED: frozenset({Status.AT_RISK}),
        Role.IDLE: frozenset({Status.OVER_PROVISIONED}),
        Role.EXHAUSTING: frozenset({Status.AT_RISK, Status.UNDER_PROVISIONED}),
        Role.POWERED_OFF: frozenset({Status.IDLE}),
    }
)
"""Statuses that are not what was asked for, but not wrong either."""

_ASSERTED = (Status.OVER_PROVISIONED, Status.UNDER_PROVISIONED, Status.AT_RISK, Status.IDLE)
"""Statuses that ask somebody to act, so that a wrong one is a false finding."""

_RUNS_OUT = (ExhaustionState.DATED, ExhaustionState.EXHAUSTED_NOW)

_SHORT = (Role.EXHAUSTING, Role.LEAK, Role.TOO_SMALL, Role.SATURATED)
"""Kinds of truth under which a date of exhaustion is no false alarm."""


_SHOWN = 20
"""False dates that are printed; what is missed and false findings are always printed in full."""


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of one kind of planted fault were found."""

    kind: str
    planted: int
    missed: tuple[str, ...]
    """What was planted, and what was said instead."""

    @property
    def share(self) -> float:
        return 1 - len(self.missed) / self.planted


@dataclass(frozen=True, slots=True)
class DateError:
    """How far a date of exhaustion was from the planted one."""

    subject: str
    metric: str
    truth: date
    days_remaining: float
    said: date | None
    """None: no date was named."""

    @property
    def days(self) -> int | None:
        """Days too late; negative is too early."""
        return None if self.said is None else (self.said - self.truth).days

    @property
    def share(self) -> float:
        """Error as a share of the time remaining; infinite where no date was named."""
        return float("inf") if self.days is None else abs(self.days) / self.days_remaining


@dataclass(frozen=True, slots=True)
class TruthReport:
    """The comparison, in figures and in lists of what went wrong."""

    recalls: Mapping[str, Recall]
    """By kind of truth."""
    findings: int
    """Findings that ask somebody to act."""
    false_findings: tuple[str, ...]
    dates: tuple[DateError, ...]
    """Of the clean cases."""
    false_dates: tuple[str, ...]
    """Dates of exhaustion for what does not run out, of all resources."""

    @property
    def false_share(self) -> float:
        """Share of the findings that are false; 0 where there are none."""
        return len(self.false_findings) / self.findings if self.findings else 0.0

    def recall(self, *kinds: str) -> float:
        """Share found of the planted faults of these kinds together."""
        chosen = [self.recalls[kind] for kind in kinds]
        planted = sum(recall.planted for recall in chosen)
        return 1 - sum(len(recall.missed) for recall in chosen) / planted

    def dates_beyond(self, share: float) -> tuple[DateError, ...]:
        """Clean cases whose date is off by more than this share of the time remaining."""
        return tuple(error for error in self.dates if error.share > share)

    def lines(self) -> Iterator[str]:
        """The report as people read it."""
        for recall in self.recalls.values():
            yield f"{recall.kind}: found {recall.planted - len(recall.missed)} of {recall.planted}"
            yield from (f"  missed {line}" for line in recall.missed)
        yield f"false findings: {len(self.false_findings)} of {self.findings} ({self.false_share:.1%})"
        yield from (f"  false {line}" for line in self.false_findings)
        yield f"dates of the {len(self.dates)} clean cases, days remaining: error (share of them)"
        for error in sorted(self.dates, key=lambda error: error.days_remaining):
            said = "no date" if error.days is None else f"{error.days:+d} days ({error.share:.0%})"
            yield f"  {error.subject}/{error.metric} {error.days_remaining:.0f}: {said}"
        yield f"dates for what does not run out: {len(self.false_dates)}"
        yield from (f"  false {line}" for line in self.false_dates[:_SHOWN])
        if len(self.false_dates) > _SHOWN:
            yield f"  and {len(self.false_dates) - _SHOWN} more"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def check(snapshot: Snapshot, truths: pl.DataFrame) -> TruthReport:
    """Compares a published run of the sample fleet with the fleet's truths (`data.sample.truths`)."""
    return compare(snapshot.table("findings"), snapshot.table("exhaustion"), truths)


def compare(findings: pl.DataFrame, exhaustion: pl.DataFrame, truths: pl.DataFrame) -> TruthReport:
    """Compares rows of the tables `findings` and `exhaustion` with the truths.

    A planted fault without any finding is missed. A resource that was planted several faults may show any.
    """
    said = dict(findings.select("resource", "status").iter_rows())
    dated = {
        (subject, metric): (state, mid)
        for subject, metric, state, mid in exhaustion.filter(pl.col("scope") == "resource")
        .select("subject", "metric", "state", "date_mid")
        .iter_rows()
    }
    planted = truths.filter(pl.col("scope") == "resource")
    kinds: dict[str, set[str]] = {}
    for subject, kind in planted.select("subject", "kind").iter_rows():
        kinds.setdefault(subject, set()).add(kind)

    recalls = {
        kind: _recall(kind, planted.filter(pl.col("kind") == kind)["subject"].to_list(), said)
        for kind in REQUIRED
        if kind in set(planted["kind"])
    }
    growing = planted.filter(pl.col("kind") == Role.EXHAUSTING)
    if growing.height:
        recalls[Role.EXHAUSTING] = _exhausting(growing, dated)
    return TruthReport(
        MappingProxyType(recalls),
        sum(status in _ASSERTED for status in said.values()),
        tuple(_false(said, kinds)),
        tuple(_date_errors(growing.filter(pl.col("clean")), dated)),
        tuple(_false_dates(dated, kinds)),
    )


Dated = Mapping[tuple[str, str], tuple[str, date | None]]
"""(resource, metric) -> state of exhaustion, median date."""


def _recall(kind: str, subjects: list[str], said: Mapping[str, str]) -> Recall:
    missed = (
        f"{subject}: {said.get(subject, 'no finding')}"
        for subject in subjects
        if said.get(subject) not in REQUIRED[kind]
    )
    return Recall(kind, len(subjects), tuple(missed))


def _exhausting(growing: pl.DataFrame, dated: Dated) -> Recall:
    """Found is what has a date, or is said to have run out already."""
    missed = []
    for subject, metric, when in growing.select("subject", "metric", "date").iter_rows():
        state, _ = dated.get((subject, metric), ("no forecast", None))
        if state not in _RUNS_OUT:
            missed.append(f"{subject}/{metric}, runs out on {when}: {state}")
    return Recall(Role.EXHAUSTING, growing.height, tuple(missed))


def _false(said: Mapping[str, str], kinds: Mapping[str, set[str]]) -> Iterator[str]:
    for resource, status in sorted(said.items()):
        right: set[Status] = set()
        for kind in kinds.get(resource, ()):
            right |= REQUIRED.get(kind, frozenset()) | _TOLERATED.get(kind, frozenset())
        if status in _ASSERTED and status not in right:
            true = ", ".join(sorted(kinds.get(resource, set()) - {"driven"})) or "healthy"
            yield f"{resource}: {status}, is {true}"


def _date_errors(clean: pl.DataFrame, dated: Dated) -> Iterator[DateError]:
    for subject, metric, when, remaining in clean.select(
        "subject", "metric", "date", "days_remaining"
    ).iter_rows():
        _, said = dated.get((subject, metric), ("", None))
        yield DateError(subject, metric, when, remaining, said)


def _false_dates(dated: Dated, kinds: Mapping[str, set[str]]) -> Iterator[str]:
    for (subject, metric), (state, when) in sorted(dated.items(), key=lambda item: item[0]):
        if state in _RUNS_OUT and not kinds.get(subject, set()) & set(_SHORT):
            true = ", ".join(sorted(kinds.get(subject, set()) - {"driven"})) or "healthy"
            yield f"{subject}/{metric}: {f'{state} {when}' if when else state}, is {true}"
