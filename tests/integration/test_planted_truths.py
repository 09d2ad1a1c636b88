"""The whole line on the sample fleet, held against what was planted in it. Prints whatever was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from data.sample.roles import Role
from headroom.truth_check import TruthReport, check

if TYPE_CHECKING:
    import polars as pl

    from data.snapshot import Snapshot

# The whole line over the whole fleet: a minute on two free cores, several on busy ones.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("demo")]


@pytest.fixture(scope="module")
def report(demo_snapshot: tuple[Snapshot, pl.DataFrame]) -> TruthReport:
    report = check(*demo_snapshot)
    print(f"\n{report}")  # noqa: T201  what is missed must be seen even where the shares are good enough
    return report


@pytest.mark.parametrize(
    "kinds",
    [(Role.TOO_BIG,), (Role.TOO_SMALL, Role.SATURATED), (Role.IDLE,), (Role.EXHAUSTING,)],
    ids=["over", "under", "idle", "exhausting"],
)
def test_planted_faults_are_found(report: TruthReport, kinds: tuple[Role, ...]) -> None:
    missed = [line for kind in kinds for line in report.recalls[kind].missed]
    assert report.recall(*kinds) >= 0.95, missed


def test_leaks_are_seen_as_short_of_memory(report: TruthReport) -> None:
    assert not report.recalls[Role.LEAK].missed


def test_silent_resources_are_unknown_and_not_idle(report: TruthReport) -> None:
    assert not report.recalls[Role.SILENT].missed


def test_few_findings_are_false(report: TruthReport) -> None:
    assert report.findings >= 60
    assert report.false_share <= 0.05, report.false_findings


def test_dates_of_clean_cases_are_within_a_fifth_of_the_time_remaining(report: TruthReport) -> None:
    assert len(report.dates) == 15
    assert not report.dates_beyond(0.2)


def test_a_sawtooth_never_raises_an_alarm(report: TruthReport) -> None:
    assert not [line for line in report.false_findings if line.endswith("is sawtooth")]
    assert not [line for line in report.false_dates if line.endswith("is sawtooth")]
