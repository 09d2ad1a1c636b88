"""Earlier forecasts against what was measured, with numbers that can be checked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from data.errors import StoreUnavailable
from data.store import Store
from data.verification import EarlierRun
from tests.store_frames import MONDAY, NOW, load

QUANTILES = ("q05", "q10", "q25", "q50", "q75", "q90", "q95")
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "headroom.duckdb") as opened:
        yield opened


def said(
    store: Store, subject: str, medians: list[float], *, scope: str = "resource", grain: str = "hour",
    metric: str = "cpu", error: float | None = 0.1,
) -> tuple[pl.DataFrame, pl.DataFrame]:  # fmt: skip
    """Rows of forecast_points and forecast_series from MONDAY on: quantiles 3, 2, 1 below and above."""
    step = HOUR if grain == "hour" else timedelta(days=1)
    whose = {"grain": grain, "scope": scope, "subject": subject, "metric": metric}
    points = [
        whose
        | {"ts": MONDAY + i * step}
        | dict(zip(QUANTILES, (m - 3, m - 2, m - 1, m, m + 1, m + 2, m + 3), strict=True))
        for i, m in enumerate(medians)
    ]
    made = whose | {"made_by": "fleet", "cutoff": MONDAY, "history_slots": 9, "relative_error": error}
    return pl.DataFrame(points), pl.DataFrame([made], schema_overrides={"relative_error": pl.Float64})


def publish(store: Store, folder: Path, run: str, *forecasts: tuple[pl.DataFrame, pl.DataFrame]) -> Path:
    store.replace("forecast_points", pl.concat([points for points, _ in forecasts]))
    store.replace("forecast_series", pl.concat([made for _, made in forecasts]))
    return store.publish(
        folder,
        run_id=run,
        as_of=MONDAY,
        published_at=NOW,
        program_version="0",
        currency="EUR",
        settings_json="{}",
    )


def compare(store: Store, path: Path, hours: float, *, age: int = 1, verified: str = "now") -> pl.DataFrame:
    run = EarlierRun(path.stem, path, age)
    store.verify([run], verified_run=verified, measured_until=MONDAY + hours * HOUR)
    return store.frame("forecast_actuals_of", verified_run=verified)


def test_hours_are_compared_slot_by_slot(store: Store, tmp_path: Path) -> None:
    path = publish(store, tmp_path / "p", "r1", said(store, "a", [10, 10, 10, 10, 10]))
    # 9 is off by 1, 14 by 4 and outside every band, 12.5 inside the 90 % band only; then a gap, and too late.
    load(
        store, (0, "a", "cpu", 9.0), (60, "a", "cpu", 14.0), (120, "a", "cpu", 12.5), (240, "a", "cpu", 99.0)
    )
    store.refresh_rollups()
    row = compare(store, path, 4).row(0, named=True)
    assert row["slots"] == 3 and row["made_by"] == "fleet" and row["compared_from"] == MONDAY
    assert row["mean_demand"] == pytest.approx((9 + 14 + 12.5) / 3)
    assert row["mean_error"] == pytest.approx((1 + 4 + 2.5) / 3)
    assert row["relative_error"] == pytest.approx(7.5 / 35.5)
    assert row["relative_bias"] == pytest.approx((1 - 4 - 2.5) / 35.5)
    assert (row["coverage_80"], row["coverage_90"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    levels = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    offsets = (-3, -2, -1, 0, 1, 2, 3)
    losses = [
        max(p * (value - 10 - q), (p - 1) * (value - 10 - q))
        for value in (9, 14, 12.5)
        for p, q in zip(levels, offsets, strict=True)
    ]
    assert row["relative_pinball"] == pytest.approx(sum(losses) / 7 / 35.5)
    assert row["expected_error"] == pytest.approx(0.1)


def test_days_are_compared_with_the_peak_of_days_that_are_over(store: Store, tmp_path: Path) -> None:
    path = publish(store, tmp_path / "p", "r1", said(store, "a", [10, 10, 10, 10], grain="day", error=None))
    hours = [(60 * h, "a", "cpu", 5.0, 12.0 if h == 3 else 6.0) for h in range(24)]
    hours += [(60 * h, "a", "cpu", 5.0, 50.0) for h in range(24, 30)]  # a quarter of a day: not compared
    hours += [(60 * h, "a", "cpu", 5.0, 9.0) for h in range(48, 72)]
    hours += [(60 * h, "a", "cpu", 5.0, 70.0) for h in range(72, 95)]  # the day is not over
    load(store, *hours)
    store.refresh_rollups()
    row = compare(store, path, 95).row(0, named=True)
    assert row["slots"] == 2
    assert row["mean_error"] == pytest.approx((2 + 1) / 2) and row["mean_demand"] == pytest.approx(10.5)
    assert row["expected_error"] is None


def test_daily_backtests_say_what_was_expected(store: Store, tmp_path: Path) -> None:
    path = publish(store, tmp_path / "p", "r1", said(store, "a", [10], grain="day", error=None))
    load(store, *((60 * h, "a", "cpu", 5.0) for h in range(24)))
    store.refresh_rollups()
    whose = {"grain": "day", "scope": "resource", "subject": "a", "metric": "cpu", "model": "planning"}
    bands = [whose | {"band": band, "relative_error": error} for band, error in (("all", 0.2), ("1-7", 0.1))]
    store.replace("forecast_scores", pl.DataFrame(bands))
    assert compare(store, path, 24)["expected_error"].to_list() == [pytest.approx(0.2)]


def test_services_and_their_drivers_are_compared_with_their_own(store: Store, tmp_path: Path) -> None:
    path = publish(
        store,
        tmp_path / "p",
        "r1",
        said(store, "shop", [10], scope="service"),
        said(store, "shop", [100], scope="service", metric="requests"),
        said(store, "shop", [7], scope="resource"),
    )
    load(store, (0, "shop", "requests", 80.0), (0, "shop", "cpu", 4.0))
    store.refresh_rollups()
    service = {"service": "shop", "metric": "cpu", "ts": MONDAY, "mean": 13.0, "max": 15.0}
    store.replace("service_hour", pl.DataFrame([service]))
    rows = compare(store, path, 1)
    found = {(r["scope"], r["metric"]): r["mean_error"] for r in rows.iter_rows(named=True)}
    assert found == {("service", "cpu"): 3, ("service", "requests"): 20, ("resource", "cpu"): 3}


def test_comparing_again_replaces_and_another_day_adds(store: Store, tmp_path: Path) -> None:
    path = publish(store, tmp_path / "p", "r1", said(store, "a", [10] * 48))
    load(store, *((60 * h, "a", "cpu", 9.0) for h in range(48)))
    store.refresh_rollups()
    compare(store, path, 24, verified="n1")
    again = compare(store, path, 24, verified="n2")
    assert store.frame("forecast_actuals_of").height == 1 and again.height == 1
    compare(store, path, 48, verified="n3")
    assert store.frame("forecast_actuals_of")["slots"].to_list() == [24, 48]


def test_old_comparisons_are_thinned_to_one_a_week_and_dropped_after_half_a_year(
    store: Store, tmp_path: Path
) -> None:
    path = publish(store, tmp_path / "p", "r1", said(store, "a", [10]))
    load(store, (0, "a", "cpu", 9.0))
    store.refresh_rollups()
    for day in (2, 3, 4, 9, 22, 23):
        compare(store, path, 24 * day, verified=f"n{day}")
    ends = store.frame("forecast_actuals_of")["measured_until"].to_list()
    # The first three are of one week: the newest stays. The last two are not yet a week old.
    assert [(end - MONDAY).days for end in ends] == [4, 9, 22, 23]
    compare(store, path, 24 * 7 * 27, verified="late")
    ends = store.frame("forecast_actuals_of")["measured_until"].to_list()
    assert [(end - MONDAY).days for end in ends] == [9, 23, 7 * 27]


def test_nothing_measured_gives_no_row(store: Store, tmp_path: Path) -> None:
    path = publish(store, tmp_path / "p", "r1", said(store, "a", [10]))
    assert compare(store, path, 24).is_empty()
    load(store, (0, "a", "cpu", 0.0))
    store.refresh_rollups()
    row = compare(store, path, 24).row(0, named=True)
    assert row["relative_error"] is None and row["mean_error"] == 10  # no demand: no share of it


def test_an_unreadable_run_is_named_and_the_store_goes_on(store: Store, tmp_path: Path) -> None:
    broken = tmp_path / "gone.duckdb"
    with pytest.raises(StoreUnavailable, match=r"gone\.duckdb"):
        compare(store, broken, 24)
    path = publish(store, tmp_path / "it's", "r1", said(store, "a", [10]))
    load(store, (0, "a", "cpu", 9.0))
    store.refresh_rollups()
    assert compare(store, path, 24).height == 1


def test_readers_of_a_run_do_not_stop_its_comparison(store: Store, tmp_path: Path) -> None:
    from data.snapshot import Snapshot

    path = publish(store, tmp_path / "p", "r1", said(store, "a", [10]))
    load(store, (0, "a", "cpu", 9.0))
    store.refresh_rollups()
    with Snapshot.open(tmp_path / "p") as reader:
        assert compare(store, path, 24).height == 1
        assert reader.table("forecast_actuals").is_empty()
