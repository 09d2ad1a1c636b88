"""The track record: ratios to last week, what came of earlier forecasts, chances that came true."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dashboard.estate import Estate
from dashboard.proof import track_record
from dashboard.track import reliability, spoken, what_came, with_scores
from dashboard.view import View
from data.snapshot import Snapshot
from data.store import Store

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
SERIES = {"grain": "hour", "scope": "resource", "subject": "a", "metric": "cpu"}
MADE = SERIES | {"made_by": "fleet", "cutoff": AS_OF, "history_slots": 1200, "relative_error": 0.06}
MADE |= {"coverage_80": 0.79, "coverage_90": 0.91}
SCORE = SERIES | {"model": "fleet", "band": "all", "scaled_error": 0.6, "relative_error": 0.06, "n": 336}
ACTUAL = SERIES | {
    "forecast_run": "r1", "verified_run": "r2", "age_days": 7, "compared_from": AS_OF - timedelta(days=14),
    "measured_until": AS_OF, "made_by": "fleet", "slots": 336, "mean_demand": 10.0, "mean_error": 0.9,
    "relative_error": 0.09, "relative_bias": 0.02, "coverage_80": 0.8, "coverage_90": 0.91,
    "expected_error": 0.06,
}  # fmt: skip


def view(folder: Path, **tables: list[dict[str, object]]) -> View:
    """A published estate with these rows of conclusions and nothing else."""
    with Store.open(folder / "headroom.duckdb") as store:
        for name, rows in tables.items():
            store.replace(name, pl.DataFrame(rows, infer_schema_length=None))
        store.publish(
            folder / "p",
            run_id="r",
            as_of=AS_OF,
            published_at=AS_OF,
            program_version="0",
            currency="EUR",
            settings_json="{}",
        )
    return View(Estate(Snapshot.open(folder / "p")), {}, AS_OF)


def words(component: object) -> str:
    """The component as the browser gets it."""
    from plotly.utils import PlotlyJSONEncoder

    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_the_ratio_is_to_last_week_on_the_same_cutoffs(tmp_path: Path) -> None:
    week = SCORE | {"model": "naive_week", "scaled_error": 0.8}
    estate = view(
        tmp_path,
        forecast_series=[
            MADE,
            MADE | {"subject": "b"},
            MADE | {"subject": "c", "made_by": "fleet (constant)"},
        ],
        forecast_scores=[
            SCORE,
            week,
            SCORE | {"model": "naive_day", "scaled_error": 0.1},  # not last week
            SCORE | {"model": "fleet", "band": "1-24", "scaled_error": 0.2},  # not the whole horizon
            SCORE | {"subject": "b"},
            week | {"subject": "b", "n": 1008},  # of other cutoffs
            SCORE | {"subject": "c", "scaled_error": 0.0},
            week | {"subject": "c", "scaled_error": 0.0},  # no error to compare with
        ],
    ).estate
    ratios = {row["subject"]: row["ratio"] for row in estate.scores.iter_rows(named=True)}
    assert ratios == {"a": pytest.approx(0.75), "b": None, "c": None}
    rows = with_scores(estate.forecast_series, estate.scores)
    assert rows["ratio"].to_list() == [pytest.approx(0.75), None, None]
    assert rows.columns[: len(estate.forecast_series.columns)] == estate.forecast_series.columns


def test_daily_scores_come_from_the_backtest(tmp_path: Path) -> None:
    day = MADE | {"grain": "day", "made_by": "planning (steady growth)", "relative_error": None}
    day |= {"coverage_80": None, "coverage_90": None}
    score = SCORE | {"grain": "day", "model": "planning", "relative_error": 0.04, "coverage_80": 0.83}
    naive = score | {"model": "seasonal_naive", "scaled_error": 1.2, "relative_error": 0.9}
    estate = view(tmp_path, forecast_series=[day], forecast_scores=[score, naive]).estate
    row = with_scores(estate.forecast_series, estate.scores).row(0, named=True)
    assert (row["relative_error"], row["coverage_80"], row["ratio"]) == (0.04, 0.83, pytest.approx(0.5))


def test_only_the_newest_comparison_is_shown_by_age(tmp_path: Path) -> None:
    older = ACTUAL | {"measured_until": AS_OF - timedelta(days=1), "relative_error": 0.5}
    rows = [ACTUAL, older, ACTUAL | {"age_days": 1, "relative_error": 0.05, "relative_bias": -0.0004}]
    shown = words(what_came(view(tmp_path, forecast_actuals=rows).estate.forecast_actuals))
    for expected in (
        "a week or more",
        "a day or more",
        '"9 %"',
        '"5 %"',
        '"6 %"',
        '"+2 %"',
        '"0 %"',
        '"91 %"',
    ):
        assert expected in shown, expected
    assert "50 %" not in shown and "2 Mar 2026 00:00 UTC" in shown
    assert what_came(pl.DataFrame()) is None


ANSWERS = pl.DataFrame(
    {
        "days": [28, 90, 90, 90],
        "bin": [0.0, 0.0, 0.4, 0.8],
        "stated": [0.002, 0.01, 0.5, 0.9],
        "happened": [0.0, 0.01, 0.525, 1.0],
        "n": [1000, 400, 40, 3],
    }
)


def test_chances_are_set_against_what_came_true() -> None:
    shown = words(reliability(ANSWERS))
    for expected in ("21 of 40 (52 %)", "4 of 400 (1 %)", "3 of 3 (100 %)", "0–5 %", "40–60 %", "80–95 %"):
        assert expected in shown, expected
    assert spoken(ANSWERS) == "Of the 40 times we said about 50 % within 90 days, 21 came true."
    few = ANSWERS.filter(pl.col("n") < 10)
    assert spoken(few) == "Of the 3 times we said about 90 % within 90 days, 3 came true."
    assert reliability(ANSWERS.clear()) is None


def test_a_page_says_how_right_the_model_was(tmp_path: Path) -> None:
    said = track_record(view(tmp_path, forecast_series=[MADE]), "resource", "a", "cpu", "hour")
    assert said == (
        "Made by fleet from 1,200 hours of history."
        " This model was right to within 6 % on past cutoffs; 90 % bands held 91 % of the time."
    )


def test_a_page_prefers_what_came(tmp_path: Path) -> None:
    seen = view(tmp_path, forecast_series=[MADE], forecast_actuals=[ACTUAL, ACTUAL | {"subject": "b"}])
    assert track_record(seen, "resource", "a", "cpu", "hour").endswith(
        "This model was right to within 9 % over the last 2 weeks; 90 % bands held 91 % of the time."
    )
    assert track_record(seen, "resource", "a", "cpu", "day") == "No forecast was made of it."
