"""The comparison with planted truths, on a handful of findings one can check by hand."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from data.sample.truths import truth, truth_frame
from headroom.truth_check import TruthReport, compare

WHEN = date(2026, 5, 1)


def findings(**statuses: str) -> pl.DataFrame:
    return pl.DataFrame({"resource": list(statuses), "status": list(statuses.values())})


def exhaustion(*rows: tuple[str, str, date | None]) -> pl.DataFrame:
    """(resource, state, median date) of storage."""
    return pl.DataFrame(
        [("resource", subject, "storage", state, when) for subject, state, when in rows],
        schema={
            "scope": pl.String(), "subject": pl.String(), "metric": pl.String(), "state": pl.String(),
            "date_mid": pl.Date(),
        },
        orient="row",
    )  # fmt: skip


TRUTHS = truth_frame(
    [
        truth("big", "too_big", ""),
        truth("small", "too_small", "", metric="cpu"),
        truth("idle", "idle", ""),
        truth("full", "exhausting", "", metric="storage", clean=True, when=WHEN, days_remaining=40.0),
        truth("later", "exhausting", "", metric="storage", clean=True, when=WHEN, days_remaining=100.0),
        truth("big", "driven", "", metric="cpu", value=0.8),
        truth("tooth", "sawtooth", "", metric="storage"),
        truth("shop", "shift", "", scope="service", value=0.9),
    ]
)


def perfect() -> TruthReport:
    said = findings(
        big="over_provisioned", small="under_provisioned", idle="idle", full="at_risk", later="right_sized",
        tooth="right_sized", other="right_sized",
    )  # fmt: skip
    return compare(said, exhaustion(("full", "dated", WHEN), ("later", "dated", WHEN)), TRUTHS)


def test_all_found_and_nothing_false() -> None:
    report = perfect()
    assert report.recall("too_big", "too_small", "idle", "exhausting") == 1.0
    assert report.findings == 4
    assert report.false_findings == ()
    assert report.false_share == 0.0
    assert report.dates_beyond(0.0) == ()
    assert report.false_dates == ()
    assert "exhausting: found 2 of 2" in str(report)


def test_what_is_missed_is_named_with_what_was_said_instead() -> None:
    report = compare(
        findings(big="right_sized", small="at_risk", idle="over_provisioned", full="right_sized"),
        exhaustion(("full", "not_before", None)),
        TRUTHS,
    )
    assert report.recalls["too_big"].missed == ("big: right_sized",)
    assert report.recalls["too_small"].missed == ("small: at_risk",)
    assert report.recalls["idle"].missed == ("idle: over_provisioned",)
    assert report.recalls["exhausting"].missed == (
        "full/storage, runs out on 2026-05-01: not_before",
        "later/storage, runs out on 2026-05-01: no forecast",
    )
    assert report.recall("too_big", "idle") == 0.0
    assert report.false_findings == (), "at risk for too small and too big for idle are not wrong"


def test_findings_without_such_a_truth_are_false() -> None:
    report = compare(
        findings(big="under_provisioned", tooth="at_risk", other="over_provisioned", full="at_risk"),
        exhaustion(),
        TRUTHS,
    )
    assert report.findings == 4
    assert report.false_findings == (
        "big: under_provisioned, is too_big",
        "other: over_provisioned, is healthy",
        "tooth: at_risk, is sawtooth",
    )
    assert report.false_share == 0.75


def test_dates_are_measured_against_the_time_remaining() -> None:
    report = compare(
        findings(),
        exhaustion(("full", "dated", date(2026, 5, 9)), ("later", "dated", date(2026, 4, 6))),
        TRUTHS,
    )
    errors = {error.subject: error for error in report.dates}
    assert (errors["full"].days, errors["full"].share) == (8, 0.2)
    assert (errors["later"].days, errors["later"].share) == (-25, 0.25)
    assert [error.subject for error in report.dates_beyond(0.2)] == ["later"]


def test_no_date_is_never_close_enough() -> None:
    report = compare(findings(), exhaustion(("full", "dated", None)), TRUTHS)
    assert len(report.dates_beyond(1000.0)) == 2
    assert "no date" in str(report)


def test_a_date_for_what_does_not_run_out_is_listed() -> None:
    report = compare(
        findings(), exhaustion(("tooth", "dated", WHEN), ("other", "exhausted_now", None)), TRUTHS
    )
    assert report.false_dates == (
        "other/storage: exhausted_now, is healthy",
        "tooth/storage: dated 2026-05-01, is sawtooth",
    )


def test_a_kind_that_was_not_planted_cannot_be_asked_for() -> None:
    with pytest.raises(KeyError):
        perfect().recall("leak")
