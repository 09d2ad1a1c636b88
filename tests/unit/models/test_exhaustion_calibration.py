"""What was said before, whether it happened, and the correction that follows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from data.panel import DAY, Panel
from data.series import SeriesKey
from models.exhaustion import Correction
from models.exhaustion_calibration import (
    ANSWER_SCHEMA,
    corrected,
    learn_correction,
    learn_corrections,
    past_answers,
    reliability,
)
from tests.notation import MONDAY


def walks(n: int = 6, days: int = 200) -> Panel:
    draw = np.random.default_rng(4)
    demand = 100 * np.exp(np.cumsum(draw.normal(0, 0.03, (n, days)), 1))
    return Panel.of([SeriesKey(f"r{i}", "cpu") for i in range(n)], MONDAY, DAY, demand)


def answers(stated: list[float], happened: list[bool], days: int = 28) -> pl.DataFrame:
    n = len(stated)
    return pl.DataFrame(
        {
            "subject": [f"r{i}" for i in range(n)],
            "metric": ["cpu"] * n,
            "cutoff": [MONDAY] * n,
            "days": [days] * n,
            "multiple": [1.1] * n,
            "limit": [1.0] * n,
            "stated": stated,
            "happened": happened,
        },
        schema=ANSWER_SCHEMA,
    )


def test_answers_tell_what_happened_after_the_cutoff() -> None:
    history = walks()
    said = past_answers(history, seed=1, samples=40)
    assert said.schema == ANSWER_SCHEMA
    assert said.height
    assert said["stated"].is_between(0, 1).all()
    for row in said.iter_rows(named=True):
        i = int(row["subject"][1:])
        cut = (row["cutoff"] - history.start).days
        after = history.demand[i, cut : cut + row["days"]]
        assert row["happened"] == (after.max() >= row["limit"])
        assert history.demand[i, cut - 28 : cut].max() < row["limit"]


def test_lasting_counts_days_running() -> None:
    history = walks(3, 160)
    history.demand[0] = 100 + np.random.default_rng(0).normal(0, 0.5, 160)
    history.demand[0, -20] = 500
    once, thrice = (past_answers(history, seed=1, samples=40, lasting=k) for k in (1, 3))
    mine = (pl.col("subject") == "r0") & (pl.col("multiple") == 3) & (pl.col("days") == 28)
    last = pl.col("cutoff") == pl.col("cutoff").max()
    assert once.filter(mine & last)["happened"].to_list() == [True]
    assert thrice.filter(mine & last)["happened"].to_list() == [False]


def test_a_short_history_gives_no_answers() -> None:
    assert past_answers(walks(days=80), seed=1).height == 0


def test_without_answers_the_prior_stays() -> None:
    empty = pl.DataFrame(schema=ANSWER_SCHEMA)
    assert learn_correction(empty) == Correction()
    assert reliability(empty).height == 0


def test_many_answers_overrule_the_prior() -> None:
    draw = np.random.default_rng(0)
    true = draw.uniform(0.05, 0.95, 4000)
    logit = np.log(true / (1 - true))
    said = 1 / (1 + np.exp(-(logit + 0.6) / 0.5))
    learned = learn_correction(answers(said.tolist(), (draw.random(4000) < true).tolist()))
    assert learned.at(28)[0] == pytest.approx(-0.6, abs=0.15)
    assert learned.at(28)[1] == pytest.approx(0.5, abs=0.1)
    assert learned.at(365) == pytest.approx(Correction().at(365))


def test_few_answers_hardly_move_it() -> None:
    few = learn_correction(answers([0.9, 0.9], [False, False]))
    assert abs(few.at(28)[0] - Correction().at(28)[0]) < 0.3


def test_metrics_are_held_back_to_the_fleet() -> None:
    said = answers([0.5] * 400, [True] * 100 + [False] * 300)
    learned = learn_corrections(said)
    assert set(learned) == {"", "cpu"}
    right = corrected(said, learned)
    assert right[0] == pytest.approx(0.25, abs=0.03)


def test_reliability_counts() -> None:
    said = answers([0.5] * 40 + [0.01] * 10, [True] * 21 + [False] * 19 + [False] * 10)
    table = reliability(said)
    half = table.filter(pl.col("bin") == 0.4).row(0, named=True)
    assert (half["n"], half["stated"], half["happened"]) == (40, 0.5, pytest.approx(21 / 40))
    assert table.filter(pl.col("bin") == 0)["n"].to_list() == [10]
    assert reliability(said, Correction.none())["n"].sum() == 50
