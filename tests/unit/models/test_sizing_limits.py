"""Limits of what can be given where a resource runs, and sizes from a list."""

from __future__ import annotations

import numpy as np
import pytest

from data.decision import Size
from data.outcome import Refusal
from data.panel import HOUR, Panel
from data.series import SeriesKey
from models.replay.replay import replay
from models.sizing.limits import within
from models.sizing.marginal import Marginal
from models.sizing.percentile import Percentile
from models.sizing.policy import SizingOptions, SizingPolicy
from tests.notation import MONDAY, panel

FREE = Size(2, 3, 5, "p95 is 3", 0.01)


def test_a_size_is_cut_down_to_its_limit_and_says_so() -> None:
    [cut] = within([FREE], np.array([2.5]))
    assert cut == Size(
        2, 2.5, 2.5, "p95 is 3; 3 would be right, but no more than 2.5 can be had where it runs", None
    )
    [floor] = within([FREE], np.array([1.0]))
    assert isinstance(floor, Size) and (floor.lower, floor.target, floor.upper) == (1, 1, 1)


def test_what_fits_keeps_its_target_and_its_sentence() -> None:
    [fits] = within([FREE], np.array([4.0]))
    assert fits == Size(2, 3, 4, "p95 is 3", 0.01)
    refusal = Refusal("nothing was reported")
    assert within([FREE, refusal], np.array([np.nan, 1.0])) == [FREE, refusal]
    assert within([FREE, refusal], None) == [FREE, refusal]


def test_every_answer_needs_its_limit() -> None:
    with pytest.raises(ValueError, match="zip"):
        within([FREE, FREE], np.array([1.0]))


def test_marginal_looks_for_the_best_size_within_the_limit() -> None:
    # Half of the hours at 1, half at 3, capacity 8: free it takes 3. Within 2.5 there is nothing to gain from
    # 2.5 over 1 and a little, so that is what it takes: a cut to 2.5 would be paid for nothing.
    demand = np.where(np.arange(24 * 60) % 24 < 12, 1.0, 3.0)[None].repeat(2, axis=0)
    keys = [SeriesKey("limited", "cpu"), SeriesKey("free", "cpu")]
    history = Panel.of(keys, MONDAY, HOUR, demand, capacity=np.full(demand.shape, 8.0))
    limits = np.array([2.5, np.nan])
    limited, free = Marginal().size(history, None, SizingOptions(at_most=limits))
    assert isinstance(limited, Size) and isinstance(free, Size)
    assert 1 < limited.target < 1.1 and limited.upper <= 2.5
    assert "but no more than 2.5 can be had where it runs" in limited.because
    [alone, same] = Marginal().size(history, None, SizingOptions())
    assert free == same and isinstance(alone, Size) and 3 < alone.target < 3.1
    assert "can be had" not in alone.because


def test_a_limit_below_the_floor_wins_and_a_size_in_force_above_it_moves() -> None:
    history = panel("3x1400", capacity=8)
    options = SizingOptions(at_most=np.array([1.0]), in_force=np.array([3.1]))
    [answer] = Marginal(floor=0.25).size(history, None, options)
    assert isinstance(answer, Size)
    assert answer.target == pytest.approx(1, rel=0.01) and answer.target <= 1


def test_no_candidate_above_the_limit_is_chosen_where_another_fits() -> None:
    weighing = Marginal().weigh(panel("3x1400", capacity=8), SizingOptions(at_most=np.array([2.5])))
    assert weighing.best_of(0, [1, 2, 4, 8], 20.0, costs=[4, 3, 0.1, 0.1]) == 1
    assert weighing.best_of(0, [4, 8], 20.0) == 0


def test_a_candidate_in_force_stays_unless_another_pays() -> None:
    weighing = Marginal().weigh(panel("2x1400", capacity=8), SizingOptions())
    price = weighing.price(0.005)
    assert weighing.best_of(0, [2.4, 2.5, 4, 8], price) == 0
    assert weighing.best_of(0, [2.4, 2.5, 4, 8], price, in_force=2.5) == 1
    assert weighing.best_of(0, [2.4, 2.5, 4, 8], price, in_force=8) == 0
    assert weighing.best_of(0, [2.4, 2.5, 4, 8], price, in_force=3) == 0


def test_a_replay_holds_every_policy_to_the_limit_and_to_the_list() -> None:
    history = panel("3x1199", "1x1199", capacity=8)
    policies: dict[str, SizingPolicy] = {"marginal": Marginal(), "percentile": Percentile(level=1, margin=0)}
    frame = replay(
        history, policies, start_day=42, at_most=np.array([2.0, np.nan]), candidates=[1, 2, 4], hold_days=4
    )
    # 2 of 8 for the limited one, however little it helps, and 1 or 2 of 8 for the other.
    by = {row["policy"]: row for row in frame.to_dicts()}
    assert by["percentile"]["allocated"] == pytest.approx((2 + 1) / 16)
    assert by["marginal"]["allocated"] <= (2 + 2) / 16
    assert by["percentile"]["worst_overshoot"] == 1.5
    assert by["percentile"]["breached_hours"] == 0.5


def test_a_server_larger_than_every_type_keeps_what_it_has() -> None:
    history = panel("30x1199", capacity=64)
    policies: dict[str, SizingPolicy] = {"marginal": Marginal(), "percentile": Percentile(level=1, margin=0)}
    frame = replay(history, policies, start_day=42, candidates=[4, 8, 16], hold_days=4)
    assert frame["allocated"].to_list() == [1, 1]
    assert frame["breached_hours"].to_list() == [0, 0]
