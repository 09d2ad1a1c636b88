"""When accuracy drifts, when it no longer does, and how right a model was in one sentence."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from data.frames import EVENT_SCHEMA, empty
from models.evaluation.drift import ACCURACY_DRIFT, drift_events
from models.evaluation.trust import trust
from tests.notation import MONDAY

UNTIL = MONDAY + timedelta(days=70)
NONE = empty(EVENT_SCHEMA)


def actual(**change: object) -> dict[str, object]:
    """A week of hours, forecast as well as promised."""
    return {
        "grain": "hour", "scope": "resource", "subject": "a", "metric": "cpu", "age_days": 7, "slots": 168,
        "compared_from": UNTIL - timedelta(days=7), "measured_until": UNTIL, "mean_demand": 10.0,
        "mean_error": 1.0, "relative_error": 0.1, "expected_error": 0.1, "coverage_90": 0.9,
    } | change  # fmt: skip


def actuals(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows) or None, schema_overrides={"expected_error": pl.Float64})


BAD = {"relative_error": 0.24, "coverage_90": 0.41, "expected_error": 0.09}


def test_drift_opens_once_and_says_what_is_wrong() -> None:
    rows = actuals(actual(**BAD))
    events = drift_events(rows, NONE)
    assert events.to_dicts() == [
        {
            "ts": UNTIL - timedelta(hours=1),
            "ends_at": None,
            "subject": "a",
            "kind": ACCURACY_DRIFT,
            "description": "hourly cpu forecasts since 4 Mar were off by 24 % of demand, past cutoffs"
            " promised 9 %; the 90 % band held 41 % of the time",
        }
    ]
    assert drift_events(rows, events).is_empty()


@pytest.mark.parametrize(
    "change",
    [
        {"relative_error": 0.17},  # under twice the promise
        {"coverage_90": 0.7},  # the band still holds
        {"relative_error": 0.04, "expected_error": 0.01},  # four times almost nothing
        {"slots": 71},  # a short look
        {"expected_error": None},  # nothing was promised
        {"relative_error": None},  # nothing was used
    ],
)
def test_what_is_no_drift(change: dict[str, object]) -> None:
    assert drift_events(actuals(actual(**(BAD | change))), NONE).is_empty()


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({"relative_error": 0.15, "coverage_90": 0.6}, False),  # better, but between the two bars
        ({"relative_error": 0.12, "coverage_90": 0.6}, True),
        ({"relative_error": 0.24, "coverage_90": 0.8}, True),
        ({"slots": 10}, False),  # nothing new is known
    ],
)
def test_an_open_drift_ends_only_at_the_lower_bar(change: dict[str, object], ends: bool) -> None:
    still_open = drift_events(actuals(actual(**BAD)), NONE)
    later = UNTIL + timedelta(days=3)
    events = drift_events(actuals(actual(**(BAD | change), measured_until=later)), still_open)
    assert events["ends_at"].to_list() == ([later] if ends else [])
    assert events["ts"].to_list() == ([UNTIL - timedelta(hours=1)] if ends else [])


def test_one_event_for_all_metrics_of_a_subject_and_the_worst_one_leads() -> None:
    rows = actuals(
        actual(**BAD), actual(**BAD, metric="memory") | {"relative_error": 0.9}, actual(metric="network_in")
    )
    event = drift_events(rows, NONE).row(0, named=True)
    assert event["description"].startswith(
        "hourly memory (and cpu) forecasts since 4 Mar were off by 90 % of demand"
    )
    still_open = drift_events(rows, NONE)
    half = actuals(actual(), actual(**BAD, metric="memory"))
    assert drift_events(half, still_open).is_empty()  # cpu is fine again, memory is not
    assert drift_events(actuals(actual(), actual(metric="memory")), still_open).height == 1


def test_the_newest_forecast_that_is_long_enough_is_judged() -> None:
    old, new, short = (
        actual(**BAD, age_days=28),
        actual(age_days=7),
        actual(**BAD, age_days=1) | {"slots": 24},
    )
    assert drift_events(actuals(old, new, short), NONE).is_empty()
    assert drift_events(actuals(old, short), NONE).height == 1


def test_no_comparison_is_no_event() -> None:
    assert drift_events(actuals(actual()).clear(), NONE).is_empty()


PROMISE = pl.DataFrame({"relative_error": [None, 0.087], "coverage_90": [None, 0.913]})


def test_what_came_is_pooled_by_amount() -> None:
    # 168 h at 10 with error 1, and 336 h at 40 with error 4: (168 + 1344) / (1680 + 13440) is 10 %;
    # coverage is a third of 0.9 and two thirds of 0.93.
    longer = actual(
        slots=336,
        mean_demand=40.0,
        mean_error=4.0,
        coverage_90=0.93,
        compared_from=UNTIL - timedelta(days=30),
    )
    found = trust(actuals(actual(), longer), PROMISE, UNTIL)
    assert found is not None
    assert found.relative_error == pytest.approx(0.1) and found.coverage_90 == pytest.approx(0.92)
    assert found.sentence() == (
        "this model was right to within 10 % over the last 4 weeks; 90 % bands held 92 % of the time"
    )


def test_only_the_last_eight_weeks_count() -> None:
    old = actual(measured_until=UNTIL - timedelta(weeks=8), mean_error=9.0)
    edge = actual(compared_from=UNTIL - timedelta(weeks=9), mean_error=0.9)
    found = trust(actuals(old, edge), PROMISE, UNTIL)
    assert found is not None and found.sentence() == (
        "this model was right to within 9 % over the last 8 weeks; 90 % bands held 90 % of the time"
    )


def test_too_little_came_yet_so_the_backtest_speaks() -> None:
    found = trust(actuals(actual(slots=167)), PROMISE, UNTIL)
    assert found is not None and found.sentence() == (
        "this model was right to within 9 % on past cutoffs; 90 % bands held 91 % of the time"
    )
    days = actuals(actual(grain="day", slots=14, compared_from=UNTIL - timedelta(days=10)))
    found = trust(days, PROMISE, UNTIL)
    assert found is not None and "10 % over the last 10 days" in found.sentence()


def test_nothing_known_is_nothing_said() -> None:
    nothing = PROMISE.head(1).cast(pl.Float64)
    assert trust(actuals(actual()).clear(), nothing, UNTIL) is None
    assert (
        trust(actuals(actual(mean_demand=0.0)), nothing.with_columns(relative_error=float("nan")), UNTIL)
        is None
    )
    small = trust(actuals(actual(mean_error=0.04)), nothing, UNTIL)
    assert small is not None and small.sentence().startswith("this model was right to within 0.4 %")
