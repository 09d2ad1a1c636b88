"""One day has one name: in the table of what runs out, in the finding and in the advice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from data.exhaustion import Exhaustion, ExhaustionState, day_of
from data.frames import RESOURCE_SCHEMA
from data.panel import HOUR, Panel
from data.reach import REACH_DAYS, REACH_LEVELS, Reach
from data.recommendation import Recommendation
from data.series import SeriesKey
from headroom.jobs.tables import exhaustion_rows
from models.decide import DecisionInputs, Decisions, decide

MORNING = datetime(2026, 3, 5, 8, tzinfo=UTC)
"""End of the newest hour; the days end with 4 March, so that 5 March is the first day ahead."""
HOURS = 40 * 24


def runs_out(mid: int, order: int, p90: float = 0.9) -> Exhaustion:
    return Exhaustion(
        SeriesKey("disk", "storage"), 900.0, 1000.0, 600.0, 0.1, p90, 0.9, 40, mid, 90,
        ExhaustionState.DATED, order, "", "",
    )  # fmt: skip


def decided(ahead: Exhaustion, reach: tuple[Reach, ...] = (), as_of: datetime = MORNING) -> Decisions:
    demand = np.full((1, HOURS), 600.0)
    storage = Panel.of([ahead.key], as_of - HOURS * HOUR, HOUR, demand, capacity=np.full((1, HOURS), 1000.0))
    row = {"resource": "disk", "kind": "volume", "provider": "on_premises", "site": "here"}
    listed = pl.DataFrame([row], schema=RESOURCE_SCHEMA)
    return decide(
        DecisionInputs(as_of, {"storage": storage}, exhaustions=[ahead], reach=reach, resources=listed)
    )


def told(ahead: Exhaustion) -> tuple[dict[str, date | None], str, Recommendation]:
    (row,) = exhaustion_rows([ahead], "resource", MORNING.date(), {"disk": 30}).iter_rows(named=True)
    decisions = decided(ahead)
    return row, decisions.findings[0].because, decisions.recommendations[0]


def test_the_first_day_ahead_is_day_one() -> None:
    assert day_of(date(2026, 3, 5), 1) == date(2026, 3, 5)
    assert day_of(date(2026, 3, 5), 28) == date(2026, 4, 1)


@pytest.mark.parametrize("p90", [0.9, 0.2], ids=["at risk: bought", "later: kept, with a day to decide"])
def test_the_day_to_order_is_the_same_everywhere(p90: float) -> None:
    ahead = runs_out(mid=60 if p90 > 0.5 else 200, order=10, p90=p90)
    row, _, advice = told(ahead)
    assert row["order_by"] == date(2026, 3, 14) == advice.buy_by


def test_the_day_in_the_sentence_is_that_of_the_table() -> None:
    row, because, _ = told(runs_out(mid=60, order=10))
    assert row["date_mid"] == date(2026, 5, 3)
    assert because.endswith("about 3 May 2026")


@pytest.mark.parametrize("order", [1, 0, -20])
def test_what_should_have_been_ordered_by_now_is_ordered_today(order: int) -> None:
    row, _, advice = told(runs_out(mid=60, order=order))
    assert advice.buy_by == MORNING.date()
    assert row["order_by"] == MORNING.date() + timedelta(days=order - 1)


def test_dates_of_yesterdays_forecast_stay_what_they_were() -> None:
    """Hours come in and are decided on before the next forecast is made."""
    ahead = runs_out(mid=60, order=10)
    amounts = np.full((1, len(REACH_DAYS), len(REACH_LEVELS)), 700.0)
    reach = Reach((ahead.key,), MORNING - timedelta(days=3, hours=8), REACH_DAYS, REACH_LEVELS, amounts)
    decisions = decided(ahead, reach=(reach,))
    assert decisions.findings[0].because.endswith("about 30 Apr 2026")
    assert decisions.recommendations[0].buy_by == date(2026, 3, 11)
    overdue = decided(runs_out(mid=60, order=2), reach=(reach,))
    assert overdue.recommendations[0].buy_by == MORNING.date(), "3 March has passed"


def test_at_midnight_today_is_the_day_that_was_measured_last() -> None:
    """As on every page: what is overdue is due now, not tomorrow."""
    midnight = MORNING.replace(hour=0)
    overdue = decided(runs_out(mid=60, order=0), as_of=midnight).recommendations[0]
    tomorrow = decided(runs_out(mid=60, order=1), as_of=midnight).recommendations[0]
    assert (overdue.buy_by, tomorrow.buy_by) == (date(2026, 3, 4), date(2026, 3, 5))
