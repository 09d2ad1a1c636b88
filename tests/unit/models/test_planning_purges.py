"""Storage that is cleaned up regularly does not cry wolf; what only looks like it is planned as ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.exhaustion import ExhaustionState
from data.panel import DAY, FloatArray, Panel
from data.series import SeriesKey
from models.exhaustion import exhaustions
from models.planning import cleaned_series, plan, plan_and_reach
from models.planning.preparation import fill
from models.planning.purges import Cycles
from tests.notation import MONDAY

STORAGE = Path(__file__).parents[3].parent / "shared" / "data" / "nersc_cscratch_storage.parquet"
LEVELS = (0.1, 0.5, 0.9)


def sawtooth(days: int, seed: int = 0, *, climb: float = 0.0) -> FloatArray:
    """Filled to 720-800 in two to three weeks, cleaned to 450-520; `climb` is added to each further cycle."""
    draw = np.random.default_rng(seed)
    parts: list[FloatArray] = []
    while sum(map(len, parts)) < days:
        low, high = draw.uniform(450, 520), draw.uniform(720, 800)
        parts.append(np.linspace(low, high, int(draw.integers(14, 22))) + climb * len(parts))
    course: FloatArray = np.concatenate(parts)[:days]
    return course + draw.normal(0, 2, days)


def storage(*rows: FloatArray) -> Panel:
    keys = [SeriesKey(f"v{i}", "storage") for i in range(len(rows))]
    return Panel.of(keys, MONDAY, DAY, np.array(rows))


def test_cycles_are_cut_at_each_clean_up() -> None:
    rise = np.arange(0.0, 10.0)
    demand = np.concatenate([100 + 5 * rise] * 8)[3:-4]
    cycles = Cycles.of(demand)
    assert cycles is not None
    assert len(cycles.pieces) == 6 and cycles.age == 6 and cycles.level == 125
    for piece in cycles.pieces:
        np.testing.assert_array_equal(piece, 100 + 5 * rise)
    paths = cycles.paths(14, np.array([3], np.uint64), 4)
    expected = [130, 135, 140, 145, 100, 105, 110, 115, 120, 125, 130, 135, 140, 145]
    np.testing.assert_array_equal(paths, [expected] * 4)


def test_a_clean_up_of_two_days_is_one() -> None:
    demand = np.concatenate([np.r_[np.linspace(100, 150, 10), 125.0] for _ in range(8)])
    cycles = Cycles.of(np.r_[demand, 100.0, 105.0])
    assert cycles is not None
    assert {len(piece) for piece in cycles.pieces} == {11}
    assert {float(piece[0]) for piece in cycles.pieces} == {100.0}


def test_regular_clean_up_is_no_alarm_and_its_bands_hold() -> None:
    rows = [sawtooth(400, seed) for seed in range(12)]
    panel = storage(*rows).until(310)
    forecast, reach = plan_and_reach(panel, 90, LEVELS, seed=1)
    assert set(forecast.made_by) == {"planning (regular clean-up)"}
    actual = np.array(rows)[:, 310:]
    held = (actual >= forecast.at(0.1)) & (actual <= forecast.at(0.9))
    assert 0.72 <= held.mean() <= 0.9
    _, year = plan_and_reach(panel, 365, LEVELS, seed=1)
    assert reach.probability(np.full(12, 950.0))[:, -1].max() < 0.15
    assert year.probability(np.full(12, 950.0))[:, -1].max() < 0.2
    # What it does reach every month, it reaches.
    assert reach.probability(np.full(12, 715.0))[:, -1].min() > 0.8


def test_its_chances_stand_as_stated() -> None:
    """A correction learned on demand that drifts would call a third of them likely within a year."""
    walk = 500 + np.cumsum(np.random.default_rng(0).normal(0, 10, 400))
    panel = storage(sawtooth(400), walk)
    assert cleaned_series(panel).tolist() == [True, False]
    _, reach = plan_and_reach(panel, 365, LEVELS, seed=1)
    held = np.array([1000.0, 1.3 * walk[-1]])
    stated = reach.probability(held * 0.9)[:, -1]
    found = exhaustions(panel, reach, capacity=held)
    assert found[0].p365 == pytest.approx(stated[0])
    assert found[1].p365 != pytest.approx(stated[1])
    assert found[0].state == ExhaustionState.NOT_WITHIN_HORIZON
    assert "clean-up goes on" in found[0].because


def test_some_paths_know_nothing_of_clean_up() -> None:
    forecast = plan(storage(sawtooth(400)), 365, LEVELS, samples=100, seed=1)
    assert forecast.paths is not None
    above = (forecast.paths[0].max(1) > 850).mean()
    assert 0 < above <= 0.15


def test_same_seed_same_bytes_in_any_order() -> None:
    panel = storage(sawtooth(300, 1), sawtooth(300, 2), sawtooth(300, 3))
    straight = plan(panel, 60, LEVELS, samples=40, seed=1)
    turned = plan(panel.take([2, 0, 1]), 60, LEVELS, samples=40, seed=1)
    assert turned.quantiles.tobytes() == straight.quantiles[[2, 0, 1]].tobytes()


@pytest.mark.parametrize(
    "demand",
    [
        sawtooth(80),
        sawtooth(400, climb=25),
        np.concatenate([sawtooth(300), np.linspace(500, 700, 60)]),
        500 + np.cumsum(np.random.default_rng(0).normal(0, 10, 400)),
        np.random.default_rng(1).uniform(100, 900, 400),
        np.linspace(100, 900, 400),
    ],
    ids=["four cycles", "each fuller", "clean-up ended", "a walk", "noise", "a line"],
)
def test_what_is_not_cleaned_up_regularly_has_no_cycles(demand: FloatArray) -> None:
    assert Cycles.of(demand) is None


def test_flows_have_no_cycles() -> None:
    demand = sawtooth(300)
    panel = Panel.of([SeriesKey("m", "memory")], MONDAY, DAY, demand[None])
    assert plan(panel, 30, LEVELS, samples=20, seed=1).made_by == ("planning",)


@pytest.mark.skipif(not STORAGE.exists(), reason=f"{STORAGE.name} is not beside the repository")
def test_irregular_purges_of_a_real_file_system_are_no_cycles() -> None:
    used = pl.read_parquet(STORAGE).filter(pl.col("metric") == "storage").sort("entity", "ts")
    daily = used.group_by("entity", pl.col("ts").dt.date().alias("day"), maintain_order=True).agg(
        pl.col("value").max()
    )
    for _, series in daily.group_by("entity"):
        row = fill(series.sort("day").upsample("day", every="1d")["value"].to_numpy())
        for cut in range(100, len(row), 15):
            assert Cycles.of(row[:cut]) is None
