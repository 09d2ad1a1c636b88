"""The marginal policy on fleets whose right answer can be told."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from data.decision import Size
from data.outcome import Refusal
from data.panel import HOUR, Panel
from data.series import SeriesKey
from models.sizing.breach import Rise
from models.sizing.evidence import gather
from models.sizing.marginal import Marginal
from models.sizing.policy import SizingOptions
from tests.notation import MONDAY, panel


def fleet(n: int, days: int, seed: int = 0, metric: str = "cpu") -> Panel:
    """Machines of different burstiness with a daily cycle, 8 units provisioned each."""
    rng = np.random.default_rng(seed)
    t = np.arange(24 * days)
    daily = 1 + 0.4 * np.sin(2 * np.pi * t / 24)
    level = rng.uniform(0.3, 2, (n, 1))
    spread = rng.uniform(0.05, 0.5, (n, 1))
    demand = level * daily * np.exp(spread * rng.standard_normal((n, len(t))))
    keys = [SeriesKey(f"vm-{i:03}", metric) for i in range(n)]
    capacity = np.full(demand.shape, 8.0)
    return Panel.of(keys, MONDAY, HOUR, demand, np.minimum(demand * 1.1, 10), capacity)


def targets(answers: list[Size | Refusal]) -> np.ndarray:
    return np.array([a.target if isinstance(a, Size) else np.nan for a in answers])


def test_steady_demand_is_held_with_a_little_to_spare() -> None:
    [answer] = Marginal().size(panel("2x1400", capacity=8), None, SizingOptions())
    assert isinstance(answer, Size), answer
    assert 2 < answer.target < 2.6
    assert answer.lower <= answer.target <= answer.upper
    assert answer.expected_breach is not None and answer.expected_breach < 0.05
    assert "8 cores provisioned" in answer.because


def test_the_target_is_met_on_the_weeks_that_follow() -> None:
    history = fleet(80, 70)
    for target in (0.02, 0.005):
        sizes = targets(Marginal().size(history.until(56 * 24), None, SizingOptions(target_breach=target)))
        breached = (history.peak[:, 56 * 24 :] > sizes[:, None]).mean()
        assert 0.4 * target < breached < 1.6 * target


def test_a_lower_target_holds_more() -> None:
    history = fleet(30, 50)
    weighing = Marginal().weigh(history, SizingOptions())
    allocated = [weighing.targets(weighing.price(t)).sum() for t in (0.05, 0.02, 0.01, 0.005, 0.002)]
    assert all(a < b for a, b in pairwise(allocated))


def test_a_weighty_machine_is_breached_less() -> None:
    history = fleet(40, 50)
    even = targets(Marginal().size(history, None, SizingOptions()))
    weight = np.ones(40)
    weight[:5] = 20
    uneven = targets(Marginal().size(history, None, SizingOptions(weight=weight)))
    assert (uneven[:5] > even[:5]).all()


def test_a_ceiling_bounds_the_expected_breach_of_every_machine() -> None:
    history = fleet(40, 50)
    options = SizingOptions(target_breach=0.1)
    loose, tight = Marginal().weigh(history, options), Marginal(ceiling=0.02).weigh(history, options)
    price = loose.price(0.1)
    assert loose.breach_at(loose.targets(price)).max() > 0.02
    assert tight.breach_at(tight.targets(price)).max() <= 0.02


def test_the_floor_is_a_share_of_what_is_provisioned() -> None:
    [answer] = Marginal(floor=0.25).size(panel("0.1x1400", capacity=8), None, SizingOptions())
    assert isinstance(answer, Size)
    assert answer.target == pytest.approx(2, rel=0.04) and answer.target >= 2


def test_memory_is_never_sized_above_what_is_provisioned() -> None:
    history = fleet(20, 50, metric="memory")
    history = replace(history, peak=np.minimum(history.peak * 6, 8), demand=np.minimum(history.demand * 6, 8))
    sizes = targets(Marginal().size(history, None, SizingOptions(hard=True, target_breach=0.0001)))
    assert sizes.max() <= 8 * (1 + 1e-9)


def test_a_size_in_force_that_is_nearly_right_stays() -> None:
    history = fleet(30, 50)
    weighing = Marginal().weigh(history, SizingOptions())
    price = weighing.price(0.005)
    best = weighing.targets(price)
    assert (weighing.targets(price, best * 1.01) == best * 1.01).all()
    far = best + 8 * 0.3
    np.testing.assert_array_equal(weighing.targets(price, far), best)
    kept = weighing.sizes(price, best * 1.01)[0]
    assert isinstance(kept, Size) and "so it stays" in kept.because


def test_too_little_history_is_refused_with_what_there_is() -> None:
    [answer] = Marginal().size(panel("2x71", capacity=8), None, SizingOptions())
    assert answer == Refusal("needs 7 days of history, has 3")
    late = panel("_x1200 2x71", "2x1272", capacity=8)
    first, second = Marginal().size(late, None, SizingOptions())
    assert first == Refusal("needs 7 days of history, has 3 days of reported hours")
    assert isinstance(second, Size)


def test_what_is_switched_off_or_silent_is_refused_and_spoils_nothing() -> None:
    history = panel("2x1400", "2x1400", "2x1200 _x199", "_x1400", capacity=8)
    history.capacity[1, -30:] = 0
    sized, off, silent, empty = Marginal().size(history, None, SizingOptions())
    assert isinstance(sized, Size)
    assert off == Refusal("switched off: its capacity is 0")
    assert silent == Refusal("fewer than 24 hours of the last 7 days were reported")
    assert empty == Refusal("needs 7 days of history, has 0 days of reported hours")


def test_without_a_capacity_the_highest_peak_stands_in() -> None:
    [answer] = Marginal().size(panel("1 3x1400"), None, SizingOptions())
    assert isinstance(answer, Size)
    assert 3 <= answer.target < 4 and "highest peak" in answer.because


def test_a_catalog_size_is_chosen_by_the_same_objective() -> None:
    weighing = Marginal().weigh(panel("2x1400", capacity=8), SizingOptions())
    price = weighing.price(0.005)
    assert weighing.best_of(0, [1, 2, 4, 8], price) == 2
    # A price list that makes the larger one cheaper changes the choice.
    assert weighing.best_of(0, [1, 2, 4, 8], price, costs=[0.1, 0.2, 0.5, 0.4]) == 3
    with pytest.raises(ValueError, match="no candidate sizes"):
        weighing.best_of(0, [], price)


def test_a_large_fleet_learns_its_own_coefficients_and_gaps_do_no_harm() -> None:
    history = fleet(160, 40)
    history.peak[::3, 200:260] = np.nan
    history.demand[::3, 200:260] = np.nan
    answers = Marginal().size(history, None, SizingOptions())
    assert all(isinstance(a, Size) for a in answers)
    shipped = Marginal(refit_from=1000).size(history, None, SizingOptions())
    assert (targets(answers) != targets(shipped)).any()


def test_stored_data_is_given_room_for_its_growth_and_flows_are_not() -> None:
    # From 100 to 109 GiB in 70 days, 0.13 a day.
    rising = panel("100+0.0054x1679", metric="storage", capacity=200)
    month = SizingOptions(hold_days=28)
    [week], [four] = (Marginal().size(rising, None, o) for o in (SizingOptions(hold_days=7), month))
    [flow] = Marginal().size(replace(rising, keys=(SeriesKey("r0", "cpu"),)), None, month)
    assert isinstance(week, Size) and isinstance(four, Size) and isinstance(flow, Size)
    assert week.target > 109 + 7 * 0.13
    assert four.target > max(week.target, 109 + 28 * 0.13)
    assert flow.target < four.target


def test_demand_at_a_wall_gets_next_to_no_margin() -> None:
    # Both reach 4 cores; one stands there for half of each day, the other touches it once a month.
    wall = np.where(np.arange(24 * 60) % 24 < 12, 4.0, 1.0)
    lone = np.where(np.arange(24 * 60) % 672 == 0, 4.0, 1.0)
    keys = [SeriesKey("wall", "cpu"), SeriesKey("lone", "cpu")]
    history = Panel.of(keys, MONDAY, HOUR, np.array([wall, lone]), capacity=np.full((2, 24 * 60), 8.0))
    evidence = gather(history)
    np.testing.assert_allclose(Rise().of(evidence), [0.005, 0.1])
    size = Marginal().weigh(history, SizingOptions()).targets(50.0)[0]
    assert 4 < size < 4 * 1.04


def test_a_margin_comes_on_top_of_the_choice() -> None:
    history = fleet(30, 50)
    plain, more = (Marginal(margin=m).weigh(history, SizingOptions()) for m in (0.0, 0.2))
    price = plain.price(0.005)
    assert more.price(0.005) == price
    np.testing.assert_allclose(more.targets(price), plain.targets(price) * 1.2)
    answer = more.sizes(price)[0]
    assert isinstance(answer, Size) and answer.because.endswith("; a margin of 20 % is in it")
    # What is expected of a size is what that size would breach, margin and all.
    np.testing.assert_array_equal(more.breach_at(plain.targets(price)), plain.breach_at(plain.targets(price)))
    # A size in force that holds the margin already stays.
    np.testing.assert_allclose(more.targets(price, plain.targets(price) * 1.21), plain.targets(price) * 1.21)
    with pytest.raises(ValueError, match=r"the margin is a share of at least 0, got -0\.1"):
        Marginal(margin=-0.1)


def test_a_margin_above_a_catalog_size_takes_the_next_one_only_where_it_is_needed() -> None:
    history = panel("2x1400", capacity=8)
    plain, tenth, most = (Marginal(margin=m).weigh(history, SizingOptions()) for m in (0.0, 0.1, 8.0))
    price = plain.price(0.005)
    best = float(plain.targets(price)[0])
    # 4 leaves a tenth above the best size, which is little more than 2, and so does not become 8.
    assert 2 < best < 3
    assert [w.best_of(0, [1, 4, 8], price) for w in (plain, tenth, most)] == [1, 1, 2]
    snug = [1.0, best * 1.05, best * 1.15, 8.0]
    assert [w.best_of(0, snug, price) for w in (plain, tenth)] == [1, 2]
    # The size in force no longer holds the margin.
    assert tenth.best_of(0, snug, price, in_force=snug[1]) == 2
    assert tenth.best_of(0, [1, 1.1], price) == 1


def test_only_hours_are_read() -> None:
    with pytest.raises(ValueError, match="reads hours"):
        Marginal().size(panel("2x60", step=24 * HOUR), None, SizingOptions())
