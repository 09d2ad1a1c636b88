"""What holds for every sizing policy in the registry. A new one is tested by being listed."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from data.decision import Size
from data.outcome import Refusal
from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey
from models.sizing import POLICIES
from models.sizing.breach import Rise
from models.sizing.marginal import Marginal
from models.sizing.policy import SizingOptions, SizingPolicy
from models.sizing.price import objective
from tests.notation import MONDAY

DAYS = 30
"""Histories are long enough that no policy may refuse; a property that skips proves nothing."""

REFUSES_MEMORY = {"optscale"}
"""Published rules that ignore memory."""

COARSE: dict[str, tuple[float, float]] = {
    "vpa": (0.06, 0.0),  # one bucket of its histogram
    "krr": (0.0, 0.002),  # rounded up to a thousandth of a core, a megabyte of memory
    "optscale": (0.0, 4.0),  # rounded up to an even number of cores
}
"""How far, as a share and as an amount, a policy's answer may be off because its sizes are discrete."""

PER_MACHINE = sorted(set(POLICIES) - {"marginal", "aria"})
"""Policies that look at one machine and at the height of its demand alone. `marginal` shares one price among
the fleet, so a machine that becomes too expensive to cover may be given less; `aria` draws a line, so more
demand long ago means slower growth."""


def fleet(seed: int, metric: str = "cpu", n: int = 5, days: int = DAYS) -> Panel:
    """Machines of different size and burstiness, well above the floors of the published rules."""
    rng = np.random.default_rng(seed)
    t = np.arange(24 * days)
    level = rng.uniform(4, 20, (n, 1))
    cycle = 1 + rng.uniform(0, 0.6, (n, 1)) * np.sin(2 * np.pi * t / 24)
    demand = level * cycle * np.exp(rng.uniform(0.02, 0.4, (n, 1)) * rng.standard_normal((n, len(t))))
    peak = demand * (1 + rng.uniform(0, 0.3, demand.shape))
    gap = rng.integers(0, len(t) - 50)
    demand[0, gap : gap + 20] = peak[0, gap : gap + 20] = np.nan
    keys = [SeriesKey(f"vm-{i}", metric) for i in range(n)]
    return Panel.of(keys, MONDAY, HOUR, demand, peak, np.full(demand.shape, 200.0))


def sized(policy: SizingPolicy, history: Panel, options: SizingOptions | None = None) -> list[Size]:
    answers = policy.size(history, None, options or SizingOptions())
    assert len(answers) == len(history)
    sizes = [answer for answer in answers if isinstance(answer, Size)]
    assert len(sizes) == len(history), answers
    return sizes


def targets(policy: SizingPolicy, history: Panel) -> FloatArray:
    return np.array([size.target for size in sized(policy, history)])


def scaled(history: Panel, factor: float, capacity: float) -> Panel:
    return replace(
        history,
        demand=history.demand * factor,
        peak=history.peak * factor,
        capacity=history.capacity * capacity,
    )


seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("metric", ["cpu", "memory"])
@pytest.mark.parametrize("name", sorted(POLICIES))
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_lower_is_at_most_target_is_at_most_upper_and_says_why(name: str, metric: str, seed: int) -> None:
    answers = POLICIES[name]().size(fleet(seed, metric), None, SizingOptions(hard=metric == "memory"))
    if metric == "memory" and name in REFUSES_MEMORY:
        assert all(isinstance(answer, Refusal) and answer.reason for answer in answers)
        return
    for answer in answers:
        assert isinstance(answer, Size), answer
        assert 0 < answer.lower <= answer.target <= answer.upper < np.inf
        assert answer.because and not answer.because.endswith(".")
        assert answer.expected_breach is None or 0 <= answer.expected_breach <= 1


@pytest.mark.parametrize("name", sorted(set(POLICIES) - {"marginal"}))
@settings(max_examples=10, deadline=None)
@given(seed=seeds, growth=st.floats(1, 2))
def test_more_demand_of_everyone_never_gives_anyone_less(name: str, seed: int, growth: float) -> None:
    history = fleet(seed)
    before, after = (targets(POLICIES[name](), h) for h in (history, scaled(history, growth, 1)))
    assert (after >= before * (1 - 1e-9)).all()


@settings(max_examples=15, deadline=None)
@given(seed=seeds, growth=st.floats(1, 3), price=st.floats(2, 200))
def test_more_demand_of_a_marginal_fleet_gives_nobody_less_at_a_price_in_proportion(
    seed: int, growth: float, price: float
) -> None:
    """Twice the demand on the same machines is worth twice the price; then no machine is given less, but for
    two steps of the grid."""
    history = fleet(seed)
    before = Marginal().weigh(history, SizingOptions()).targets(price)
    after = Marginal().weigh(scaled(history, growth, 1), SizingOptions()).targets(price * growth)
    assert (after >= before * (1 - 0.02)).all()


@settings(max_examples=15, deadline=None)
@given(seed=seeds, growth=st.floats(1, 3), price=st.floats(2, 200))
def test_more_demand_is_never_cheaper_to_serve_at_a_fixed_price(
    seed: int, growth: float, price: float
) -> None:
    """What a machine costs, capacity and expected breach together, never falls with its demand."""
    history = fleet(seed)
    weighings = [Marginal().weigh(h, SizingOptions()) for h in (history, scaled(history, growth, 1))]
    before, after = [objective(w.breach, w.weight, price, w.ceiling, w.lowest).min(axis=1) for w in weighings]
    assert (after >= before - 1e-4).all()


def test_at_a_fixed_price_a_burst_that_has_grown_too_tall_is_given_up() -> None:
    """Why no law says that a machine is given no less: an hour a week at 2 of 16 cores is worth covering at a
    price of 30, the same hour at 14 is not, whoever decides by what a breach costs."""
    hours = np.arange(24 * 60)
    demand = np.stack([np.where(hours % 168 == 100, burst, 0.4) for burst in (2.0, 14.0)])
    keys = [SeriesKey("low", "cpu"), SeriesKey("tall", "cpu")]
    history = Panel.of(keys, MONDAY, HOUR, demand, capacity=np.full(demand.shape, 16.0))
    low, tall = Marginal().weigh(history, SizingOptions()).targets(30.0)
    assert low > 2 > tall


@pytest.mark.parametrize("name", PER_MACHINE)
@settings(max_examples=10, deadline=None)
@given(seed=seeds, hours=st.integers(1, 300))
def test_more_demand_in_some_hours_never_gives_a_machine_less(name: str, seed: int, hours: int) -> None:
    history, rng = fleet(seed), np.random.default_rng(seed)
    more = np.ones(history.demand.shape)
    for row in more:
        row[rng.choice(more.shape[1], hours, replace=False)] = rng.uniform(1, 4)
    risen = replace(history, demand=history.demand * more, peak=history.peak * more)
    before, after = targets(POLICIES[name](), history), targets(POLICIES[name](), risen)
    assert (after >= before * (1 - 1e-9)).all()


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (POLICIES["percentile"](margin=0.1), POLICIES["percentile"](margin=0.2)),
        (POLICIES["percentile"](level=0.9), POLICIES["percentile"](level=0.95)),
        (POLICIES["vpa"](margin=0.1), POLICIES["vpa"](margin=0.2)),
        (POLICIES["krr"](cpu_level=0.9), POLICIES["krr"](cpu_level=0.95)),
        (
            POLICIES["compute_optimizer"](preset="default"),
            POLICIES["compute_optimizer"](preset="max_performance"),
        ),
        (
            POLICIES["compute_optimizer"](preset="max_savings"),
            POLICIES["compute_optimizer"](preset="balanced"),
        ),
        (POLICIES["azure_advisor"](), POLICIES["azure_advisor"](user_facing=True)),
        (POLICIES["aria"](risk="aggressive"), POLICIES["aria"]()),
        (POLICIES["kubecost"](profile="production"), POLICIES["kubecost"](profile="high_availability")),
        (POLICIES["optscale"](within=0.8), POLICIES["optscale"](within=0.7)),
        (POLICIES["marginal"](), POLICIES["marginal"](margin=0.1)),
    ],
    ids=lambda policy: type(policy).__name__,
)
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_more_margin_never_gives_less(less: SizingPolicy, more: SizingPolicy, seed: int) -> None:
    history = fleet(seed)
    assert (targets(more, history) >= targets(less, history) * (1 - 1e-9)).all()


@settings(max_examples=25, deadline=None)
@given(seed=seeds, price=st.floats(2, 2000), margins=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@example(seed=12751, price=20.0, margins=(0.02, 0.1))
def test_more_margin_gives_no_machine_less_at_any_price(
    seed: int, price: float, margins: tuple[float, float]
) -> None:
    """Per machine, and exactly in proportion: the margin comes after the choice."""
    history = fleet(seed)
    none, less, more = (
        Marginal(margin=m).weigh(history, SizingOptions()).targets(price) for m in (0.0, *sorted(margins))
    )
    assert (more >= less).all() and (less >= none).all()
    np.testing.assert_allclose(more, none * (1 + max(margins)), rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, price=st.floats(2, 200), margins=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_more_margin_gives_no_machine_less_within_limits_or_from_a_catalog(
    seed: int, price: float, margins: tuple[float, float]
) -> None:
    history, rng = fleet(seed), np.random.default_rng(seed)
    at_most = rng.uniform(5, 150, len(history))
    limits = SizingOptions(at_most=at_most)
    amounts = np.sort(rng.uniform(1, 250, 8)).tolist()
    weighings = [Marginal(margin=m).weigh(history, limits) for m in sorted(margins)]
    less, more = (weighing.targets(price) for weighing in weighings)
    assert (more >= less).all() and (more <= at_most).all()
    for row in range(len(history)):
        first, second = (weighing.best_of(row, amounts, price) for weighing in weighings)
        assert second >= first


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_a_greater_rise_is_never_believed_to_breach_less(seed: int) -> None:
    """What is believed of demand is not a margin: breach is expected to be no rarer at any size, and a
    machine is no cheaper to serve, but what became too expensive to cover may be given up."""
    history = fleet(seed)
    small, great = (Marginal(rise=Rise(least=m, most=m)).weigh(history, SizingOptions()) for m in (0.02, 0.1))
    rounding = 1e-12
    assert (great.breach >= small.breach - rounding).all()
    before, after = (
        objective(w.breach, w.weight, 20.0, w.ceiling, w.lowest).min(axis=1) for w in (small, great)
    )
    assert (after >= before - rounding).all()


def test_a_burst_believed_to_come_taller_may_be_given_up() -> None:
    """Covering the tallest hours of one machine stops paying once they are believed to come a tenth
    taller."""
    history = fleet(12751)
    small, great = (
        Marginal(rise=Rise(least=m, most=m)).weigh(history, SizingOptions()).targets(20.0)
        for m in (0.02, 0.1)
    )
    assert great[0] < 0.9 * small[0] and (great[1:] > small[1:]).all()


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_a_tighter_budget_never_gives_the_marginal_policy_less(seed: int) -> None:
    history = fleet(seed)
    loose, tight = (
        np.array([s.target for s in sized(Marginal(), history, SizingOptions(target_breach=b))])
        for b in (0.02, 0.002)
    )
    assert (tight >= loose).all()


@pytest.mark.parametrize("metric", ["cpu", "memory"])
@pytest.mark.parametrize("name", sorted(POLICIES))
@settings(max_examples=10, deadline=None)
@given(seed=seeds, factor=st.floats(0.8, 4))
def test_sizes_scale_with_demand_and_capacity_above_the_floors(
    name: str, metric: str, seed: int, factor: float
) -> None:
    if metric == "memory" and name in REFUSES_MEMORY:
        return
    history, (share, amount) = fleet(seed, metric), COARSE.get(name, (0.0, 0.0))
    before, after = (
        targets(POLICIES[name](), history),
        targets(POLICIES[name](), scaled(history, factor, factor)),
    )
    np.testing.assert_allclose(after, before * factor, rtol=max(share, 1e-9), atol=amount * max(1, factor))


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_too_little_history_is_refused_with_a_reason(name: str) -> None:
    history = fleet(0).between(0, 2)
    answers = POLICIES[name]().size(history, None, SizingOptions())
    if not getattr(POLICIES[name], "refuses_short_history", True):
        assert all(isinstance(answer, Size) for answer in answers), "marked as having no gate, but refuses"
        return
    assert all(isinstance(answer, Refusal) and answer.reason for answer in answers), answers


def test_only_vpa_is_marked_as_having_no_gate() -> None:
    assert [n for n in sorted(POLICIES) if not getattr(POLICIES[n], "refuses_short_history", True)] == ["vpa"]


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_series_without_any_report_is_refused_and_spoils_nothing(name: str) -> None:
    history = fleet(1)
    before = POLICIES[name]().size(history.take([0, 1, 3, 4]), None, SizingOptions())
    history.demand[2] = history.peak[2] = np.nan
    answers = POLICIES[name]().size(history, None, SizingOptions())
    assert isinstance(answers[2], Refusal) and answers[2].reason
    assert [answers[i] for i in (0, 1, 3, 4)] == before


@pytest.mark.parametrize("name", sorted(POLICIES))
@settings(max_examples=5, deadline=None)
@given(seed=seeds)
def test_the_order_of_series_does_not_matter(name: str, seed: int) -> None:
    history = fleet(seed, n=7)
    order = np.random.default_rng(seed).permutation(7)
    straight = POLICIES[name]().size(history, None, SizingOptions())
    mixed = POLICIES[name]().size(history.take(order), None, SizingOptions())
    assert mixed == [straight[i] for i in order]


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_two_runs_are_identical_to_the_byte(name: str) -> None:
    history = fleet(2)
    first, second = (repr(POLICIES[name]().size(history, None, SizingOptions())) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_no_series_no_answers(name: str) -> None:
    assert POLICIES[name]().size(fleet(0).take([]), None, SizingOptions()) == []


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_nothing_is_read_beyond_the_lookback(name: str) -> None:
    policy = POLICIES[name]()
    if policy.lookback_days is None:
        return
    history = fleet(3)
    recent = history.between(max(0, 24 * (DAYS - policy.lookback_days)), 24 * DAYS)
    np.testing.assert_allclose(targets(policy, recent), targets(policy, history), rtol=1e-9)
