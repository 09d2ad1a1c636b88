"""Replay, against cases that can be counted by hand and a plain loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import DAY, HOUR, Panel
from models.replay.frontier import allocated_at, marginal_frontier, rule_frontier
from models.replay.replay import replay
from models.replay.rules import best_rules, undominated
from models.replay.score import holds
from models.sizing.marginal import Marginal
from models.sizing.percentile import Percentile
from models.sizing.policy import SizingOptions
from tests.notation import panel


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same size; refuses what never used anything. Notes how much it was shown."""

    amount: float
    seen: list[int]
    lookback_days: int | None = None

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        self.seen.append(history.slots)
        return [
            Size(self.amount, self.amount, self.amount, "fixed")
            if np.nanmax(history.peak[row]) > 0
            else Refusal("never used")
            for row in range(len(history))
        ]


def scores(frame: pl.DataFrame) -> dict[str, float]:
    [row] = frame.to_dicts()
    return row


def test_a_hold_is_scored_as_one_would_by_hand() -> None:
    # Two days of history, then two one-day holds. 4 provisioned, 2 held: half is allocated. The first day has
    # 6 of 24 hours above 2, the second none.
    history = panel("1x47 3x5 1x17 2x23", capacity=4)
    row = scores(replay(history, {"fixed": Fixed(2, [])}, start_day=2, hold_days=1))
    assert row == {
        "policy": "fixed",
        "target_breach": 0.005,
        "tier": "all",
        "allocated": 0.5,
        "breached_hours": 0.125,
        "breached_windows": 0.5,
        "worst_overshoot": 1.5,
        "changes": 0.0,
        "refused": 0.0,
        "entity_windows": 2,
    }


def test_windows_without_capacity_or_without_a_day_of_samples_are_left_out() -> None:
    history = panel("1x71", "1x71", "1x47 _x1 1x21", "1x71", capacity=4)
    history.capacity[0] = np.nan
    history.capacity[1, 24:48] = 0
    windows = holds(history, 2, 1)
    assert [w.scored.tolist() for w in windows] == [[False, False, False, True]]
    assert scores(replay(history, {"f": Fixed(2, [])}, start_day=2, hold_days=1))["entity_windows"] == 1


def test_provisioned_is_the_largest_capacity_of_the_last_day() -> None:
    history = panel("1x71", capacity=4)
    history.capacity[0, 30] = 10
    history.capacity[0, 10] = 99
    history.capacity[0, 50:] = 1
    assert scores(replay(history, {"f": Fixed(2, [])}, start_day=2, hold_days=1))["allocated"] == 0.2


def test_a_refusal_keeps_what_is_provisioned_and_a_size_is_at_least_one_percent() -> None:
    history = panel("0x47 1x23", "1x71", capacity=4)
    row = scores(replay(history, {"f": Fixed(1e-6, [])}, start_day=2, hold_days=1))
    assert row["allocated"] == pytest.approx((1 + 0.01) / 2)
    assert row["refused"] == 0.5
    assert row["breached_hours"] == 0.5
    assert row["worst_overshoot"] == pytest.approx(25)


def test_a_policy_sees_only_its_lookback_and_never_the_future() -> None:
    seen: list[int] = []
    history = panel("1x239", capacity=4)
    replay(history, {"f": Fixed(2, seen, lookback_days=3)}, start_day=2, hold_days=2)
    assert seen == [48, 72, 72, 72]


def test_sizes_do_not_change_when_only_the_future_does() -> None:
    rng = np.random.default_rng(0)
    demand = rng.gamma(3, 0.3, (6, 24 * 40))
    keys = panel(*["1"] * 6).keys
    history = Panel.of(keys, panel("1").start, HOUR, demand, capacity=np.full(demand.shape, 4.0))
    other = demand.copy()
    other[:, 24 * 35 :] = 0
    changed = Panel.of(keys, history.start, HOUR, other, capacity=history.capacity)
    ours = [
        replay(h, {"m": Marginal(), "p": Percentile()}, start_day=35, hold_days=5)["allocated"].to_list()
        for h in (history, changed)
    ]
    assert ours[0] == ours[1]


def test_tiers_are_scored_apart_and_together() -> None:
    history = panel("1x71", "3x71", "3x71", capacity=4)
    frame = replay(history, {"f": Fixed(2, [])}, start_day=2, hold_days=1, tiers=["1", "2", "2"])
    assert frame.select("tier", "breached_hours", "entity_windows").rows() == [
        ("all", pytest.approx(2 / 3), 3),
        ("1", 0, 1),
        ("2", 1, 2),
    ]
    with pytest.raises(ValueError, match="2 tiers do not fit 3 series"):
        replay(history, {"f": Fixed(2, [])}, start_day=2, hold_days=1, tiers=["1", "2"])


def test_sizes_come_from_the_candidates_where_there_are_some() -> None:
    history = panel("1.3x1100", capacity=8)
    frame = replay(
        history,
        {"percentile": Percentile(level=1, margin=0), "marginal": Marginal()},
        start_day=42,
        hold_days=2,
        candidates=[4, 1, 2],
    )
    assert frame["allocated"].to_list() == [0.25, 0.25]


def test_every_target_has_its_row_and_a_looser_one_allocates_less() -> None:
    rng = np.random.default_rng(1)
    demand = rng.gamma(2, 0.4, (30, 24 * 70))
    keys = panel(*["1"] * 30).keys
    history = Panel.of(keys, panel("1").start, HOUR, demand, capacity=np.full(demand.shape, 8.0))
    frame = replay(history, {"m": Marginal(), "p": Percentile()}, targets=(0.02, 0.002))
    by = {(r["policy"], r["target_breach"]): r for r in frame.to_dicts()}
    assert by["m", 0.02]["allocated"] < by["m", 0.002]["allocated"]
    assert by["m", 0.02]["breached_hours"] > by["m", 0.002]["breached_hours"]
    assert by["p", 0.02]["allocated"] == by["p", 0.002]["allocated"]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), every=st.integers(1, 3))
def test_scores_are_what_a_loop_counts(seed: int, every: int) -> None:
    rng = np.random.default_rng(seed)
    demand = rng.gamma(2, 1, (3, 24 * 8))
    demand[rng.random(demand.shape) < 0.2] = np.nan
    capacity = rng.choice([0.0, 4, 8, np.nan], (3, 8), p=[0.1, 0.5, 0.3, 0.1]).repeat(24, axis=1)
    history = Panel.of(panel("1", "1", "1").keys, panel("1").start, HOUR, demand, capacity=capacity)
    policy = Percentile(window_days=2, level=0.8, margin=0.1)
    row = scores(replay(history, {"p": policy}, start_day=2, hold_days=2, every_days=every))

    shares, breaches, overshoots, moves = [], [], [], []
    before: dict[int, float] = {}
    for day in range(2, 8, every):
        answers = policy.size(history.until(24 * day), None, SizingOptions())
        for i, answer in enumerate(answers):
            held = capacity[i, 24 * day - 24 : 24 * day]
            provisioned = np.nanmax(held) if not np.isnan(held).all() else 0.0
            size = max(answer.target if isinstance(answer, Size) else provisioned, 0.01 * provisioned)
            future = demand[i, 24 * day : 24 * day + 48]
            future = future[~np.isnan(future)]
            if provisioned > 0 and len(future) >= 24:
                shares.append(size / provisioned)
                breaches.append((future > size).mean())
                overshoots.append(future.max() / size)
                if before.get(i, 0) > 0:
                    moves.append(abs(size / before[i] - 1) > 0.005)
            before[i] = size
    assert row["entity_windows"] == len(shares)
    if shares:
        assert row["allocated"] == pytest.approx(np.mean(shares))
        assert row["breached_hours"] == pytest.approx(np.mean(breaches))
        assert row["breached_windows"] == pytest.approx((np.array(breaches) > 0).mean())
        assert row["worst_overshoot"] == pytest.approx(max(overshoots))
        assert row["changes"] == pytest.approx(np.mean(moves) if moves else 0)


def test_what_cannot_be_replayed_is_said() -> None:
    with pytest.raises(ValueError, match="needs at least 43 days"):
        replay(panel("1x100", capacity=4), {"f": Fixed(2, [])})
    with pytest.raises(ValueError, match="reads hours"):
        replay(panel("1x100", step=DAY, capacity=4), {"f": Fixed(2, [])})
    with pytest.raises(ValueError, match="at least one day"):
        replay(panel("1x100", capacity=4), {"f": Fixed(2, [])}, start_day=0)


def test_a_frontier_falls_and_is_read_between_its_points() -> None:
    points = pl.DataFrame({"allocated": [0.5, 0.4, 0.45, 0.2], "breached_hours": [0.001, 0.01, 0.02, 0.1]})
    found = allocated_at(points, (0.0001, 0.001, 0.01, 10**-1.5, 0.1))
    assert np.isnan(found[0])
    # 0.45 at 2 % is no better than 0.4 at 1 %, so 0.4 still counts there.
    between = 0.4 + (0.2 - 0.4) * np.log(10**-1.5 / 0.02) / np.log(0.1 / 0.02)
    assert found[1:] == pytest.approx([0.5, 0.4, between, 0.2])


def test_frontiers_of_rules_and_of_prices() -> None:
    rng = np.random.default_rng(2)
    demand = rng.gamma(2, 0.4, (10, 24 * 50))
    history = Panel.of(
        panel(*["1"] * 10).keys, panel("1").start, HOUR, demand, capacity=np.full(demand.shape, 8.0)
    )
    rules = rule_frontier(history, windows=(7, None), levels=(0.9, 1.0), margins=(0.0, 0.5))
    assert rules.height == 8
    # The highest rule: maximum of all days plus half.
    top = rules.filter((pl.col("level") == 1) & (pl.col("margin") == 0.5) & pl.col("window_days").is_null())
    alone = replay(history, {"p": Percentile(window_days=None, level=1, margin=0.5)})
    assert top["allocated"].to_list() == pytest.approx(alone["allocated"].to_list())
    ours = marginal_frontier(history, Marginal(), prices=(2, 20, 200))
    assert ours["allocated"].is_sorted() and ours["breached_hours"].is_sorted(descending=True)


def test_the_best_rules_are_those_of_the_frontier_that_nothing_beats() -> None:
    rng = np.random.default_rng(5)
    demand = rng.gamma(2, 0.4, (12, 24 * 50))
    demand[3, 24 * 45 :] = np.nan
    capacity = np.full(demand.shape, 8.0)
    capacity[7] = np.nan
    history = Panel.of(panel(*["1"] * 12).keys, panel("1").start, HOUR, demand, capacity=capacity)
    tiers = ["1"] * 5 + ["2"] * 7
    chosen: Any = {"windows": (7, None), "levels": (0.9, 0.99, 1.0), "margins": (0.0, 0.2, 0.5)}
    for hard in (False, True):
        rules = rule_frontier(history, hard=hard, **chosen)
        best = best_rules(history, hard=hard, tiers=tiers, **chosen)
        assert best["tier"].unique().sort().to_list() == ["1", "2", "all"]
        of_all = best.filter(pl.col("tier") == "all")
        known = rules.select("allocated", "breached_hours").rows()
        loop = sorted(
            {
                (held, breached)
                for held, breached in known
                if not any(a <= held and b <= breached and (a, b) != (held, breached) for a, b in known)
            },
            key=lambda point: point[1],
        )
        found = of_all.select("allocated", "breached_hours").rows()
        assert [one for one, _ in found] == pytest.approx([one for one, _ in loop])
        assert [one for _, one in found] == pytest.approx([one for _, one in loop])
        # A tier is what a fleet of its own would be.
        first = Panel.of(history.keys[:5], history.start, HOUR, demand[:5], capacity=capacity[:5])
        alone = best_rules(first, hard=hard, **chosen).drop("tier")
        assert best.filter(pl.col("tier") == "1").drop("tier").equals(alone)


def test_rules_that_hold_more_and_breach_as_often_are_left_out() -> None:
    points = pl.DataFrame({"allocated": [0.5, 0.4, 0.45, 0.4], "breached_hours": [0.0, 0.01, 0.02, 0.0]})
    assert undominated(points).rows() == [(0.4, 0.0)]
