"""Growth is followed where it pays, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.exhaustion import ExhaustionState
from data.panel import DAY, FloatArray, Panel
from data.series import SeriesKey
from models.exhaustion import exhaustions
from models.planning import growing_series, plan_and_reach
from models.planning.growth import SteadyGrowth
from models.planning.preparation import fill
from tests.notation import MONDAY

STORAGE = Path(__file__).parents[3].parent / "shared" / "data" / "nersc_cscratch_storage.parquet"


def growing(left: int, noise: float, days: int = 365, seed: int = 0) -> FloatArray:
    """Share of capacity: flat, then a straight line that reaches 0.9 `left` days after the end."""
    gain = float(np.clip(0.34 / left, 0.0012, 0.005))
    began = min(days, int((0.9 - gain * left - 0.12) / gain))
    course = 0.9 - gain * left - gain * np.minimum(np.arange(days)[::-1], began)
    return course * (1 + np.random.default_rng(seed).normal(0, noise, days))


def sawtooth(days: int, period: int, seed: int) -> FloatArray:
    draw = np.random.default_rng(seed)
    start = int(draw.integers(0, period))
    return 0.48 + 0.28 * ((np.arange(days) + start) % period) / period + draw.normal(0, 0.003, days)


@pytest.mark.parametrize("noise", [0.003, 0.02])
def test_planted_exhaustion_is_dated_within_a_fifth(noise: float) -> None:
    left = (12, 21, 34, 60, 110, 210, 290)
    demand = np.array([growing(days, noise, seed=i) for i, days in enumerate(left)])
    keys = [SeriesKey(f"v{i}", "storage") for i in range(len(left))]
    panel = Panel.of(keys, MONDAY, DAY, demand, capacity=np.ones(demand.shape))
    assert growing_series(panel).all()
    forecast, reach = plan_and_reach(panel, 365, (0.1, 0.5, 0.9), samples=100, seed=1)
    assert set(forecast.made_by) == {"planning (steady growth)"}
    for days, found in zip(left, exhaustions(panel, reach), strict=True):
        assert found.state == ExhaustionState.DATED
        assert found.days_mid is not None
        assert abs(found.days_mid - days) <= max(0.2 * days, 2)


def test_what_grew_before_is_flat_once_growth_is_taken_out() -> None:
    demand = growing(60, 0.001)[None] * 1000
    growth = SteadyGrowth.of(demand)
    assert growth.slope[0] == pytest.approx(1000 * 0.005, rel=0.05)
    level = growth.removed(demand)
    assert np.ptp(level) < 0.03 * 1000
    assert level[0, -1] == pytest.approx(demand[0, -1], rel=0.01)


@pytest.mark.parametrize("period", [14, 21, 28])
def test_sawteeth_are_not_growth(period: int) -> None:
    demand = np.array([sawtooth(365, period, seed) for seed in range(20)])
    for cut in range(200, 366, 11):
        assert not SteadyGrowth.of(demand[:, :cut]).steady.any()


def test_random_walks_are_hardly_ever_growth() -> None:
    walks = 100 + np.cumsum(np.random.default_rng(1).normal(0, 1, (1000, 365)), 1)
    assert SteadyGrowth.of(walks).steady.mean() < 0.03


def test_short_histories_are_never_growth() -> None:
    assert not SteadyGrowth.of(np.arange(41.0)[None]).steady.any()
    young, old = (SteadyGrowth.of(np.arange(float(days))[None]) for days in (118, 119))
    assert young.steady.all() and old.steady.all()
    # Under 119 days it was not tried over months: it goes on for as long again, or not.
    assert np.isfinite(young.lasted).all() and np.isinf(old.lasted).all()


@pytest.mark.skipif(not STORAGE.exists(), reason=f"{STORAGE.name} is not beside the repository")
def test_storage_with_purges_is_never_growth() -> None:
    used = pl.read_parquet(STORAGE).filter(pl.col("metric") == "storage").sort("entity", "ts")
    daily = used.group_by("entity", pl.col("ts").dt.date().alias("day"), maintain_order=True).agg(
        pl.col("value").max()
    )
    for _, series in daily.group_by("entity"):
        series = series.sort("day").upsample("day", every="1d")
        row = fill(series["value"].to_numpy())[None]
        for cut in range(119, row.shape[1], 13):
            assert not SteadyGrowth.of(row[:, :cut]).steady.any()
