"""The peers' published rules on cases computed by hand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import DAY, Panel
from models.sizing import POLICIES
from models.sizing.aria import Aria
from models.sizing.azure_advisor import AzureAdvisor
from models.sizing.compute_optimizer import ComputeOptimizer
from models.sizing.krr import Krr
from models.sizing.kubecost import Kubecost
from models.sizing.optscale import OptScale
from models.sizing.percentile import Percentile
from models.sizing.policy import SizingOptions, SizingPolicy
from models.sizing.vpa import CPU_BUCKETS, MEMORY_BUCKETS, Vpa
from tests.notation import MONDAY, panel

OPTIONS = SizingOptions()


def one(policy: SizingPolicy, history: Panel, forecast: Forecast | None = None) -> Size:
    [answer] = policy.size(history, forecast, OPTIONS)
    assert isinstance(answer, Size), answer
    return answer


# VPA


def test_vpa_buckets_are_the_source_s() -> None:
    # The second bucket starts at the first one's size, the third 1.05 times that size later.
    assert CPU_BUCKETS.start(np.arange(3)).tolist() == pytest.approx([0, 0.01, 0.0205])
    assert CPU_BUCKETS.find(np.array([0, 0.0099, 0.01, 0.0206])).tolist() == [0, 0, 1, 2]
    assert MEMORY_BUCKETS.start(np.array([1]))[0] * 2**30 == pytest.approx(1e7)


def test_vpa_forgets_a_weekly_memory_peak_on_day_three() -> None:
    # 1 GiB throughout, 4 GiB in one hour a week; the last peak is in the day that has just ended.
    peak = np.ones((1, 24 * 28))
    peak[0, 24 * 7 - 1 :: 24 * 7] = 4
    week = Panel.of([panel("0", metric="memory").keys[0]], MONDAY, timedelta(hours=1), peak)
    targets = []
    for day in range(7):
        later = np.c_[peak, np.ones((1, 24 * day))]
        targets.append(one(Vpa(), Panel.of(week.keys, MONDAY, week.step, later)).target)
    assert [round(t, 2) for t in targets] == [4.65, 4.65, 4.65, 1.15, 1.15, 1.15, 1.15]


@pytest.mark.parametrize(
    ("half_life_hours", "sunday_morning", "sunday_midnight"), [(24.0, 1.17, 0.13), (72.0, 1.17, 1.17)]
)
def test_vpa_shrinks_a_weekday_service_by_sunday_midnight(
    half_life_hours: float, sunday_morning: float, sunday_midnight: float
) -> None:
    # MONDAY starts on a Monday: 1 core Monday to Friday 9 to 17, 0.1 otherwise, four weeks.
    hour = np.arange(24 * 28)
    busy = (hour // 24 % 7 < 5) & (hour % 24 >= 9) & (hour % 24 < 17)
    history = Panel.of(panel("0").keys, MONDAY, timedelta(hours=1), np.where(busy, 1.0, 0.1)[None])
    policy = Vpa(half_life_hours=half_life_hours)
    assert one(policy, history.until(24 * 27 + 8)).target == pytest.approx(sunday_morning, abs=0.005)
    assert one(policy, history).target == pytest.approx(sunday_midnight, abs=0.005)


def test_vpa_answers_after_one_hour_with_a_wide_interval() -> None:
    young = one(Vpa(), panel("1"))
    # p90 of one sample is its bucket's upper edge, 1.01628 cores; confidence is 1/24 of a day.
    assert young.target == pytest.approx(1.01628 * 1.15, rel=1e-4)
    assert young.upper == pytest.approx(young.target * (1 + 24), rel=1e-4)
    assert young.lower == pytest.approx(young.target * (1 + 0.001 * 24) ** -2, rel=1e-4)
    assert Vpa.refuses_short_history is False


def test_vpa_has_floors_forgets_the_silent_and_has_no_rule_for_networks() -> None:
    assert one(Vpa(), panel("0.001x100")).target == 0.025
    assert one(Vpa(), panel("0.001x100", metric="memory")).target == pytest.approx(250e6 / 2**30)
    assert Vpa().size(panel("1x10 _x191"), None, OPTIONS) == [Refusal("no sample within 8 days")]
    assert Vpa().size(panel("1x10", metric="network_in"), None, OPTIONS) == [
        Refusal("VPA has no rule for network_in")
    ]


# KRR


def test_krr_takes_p95_of_cpu_and_the_maximum_of_memory() -> None:
    # 0 to 100 in steps of one: p95 is 95.
    assert one(Krr(), panel("0+1x100")).target == pytest.approx(95)
    assert one(Krr(), panel("0+1x100", metric="memory")).target == pytest.approx(115, abs=0.001)
    # Only the last 336 hours count.
    assert one(Krr(), panel("9x10 2x335", metric="memory")).target == pytest.approx(2.3, abs=0.001)


def test_krr_rounds_up_has_floors_and_wants_100_points() -> None:
    assert one(Krr(), panel("0.1234x20")).target == pytest.approx(0.124)
    assert one(Krr(), panel("0.0001x20")).target == pytest.approx(0.01)
    assert one(Krr(), panel("0.0001x20", metric="memory")).target == pytest.approx(100e6 / 2**30)
    # Two hours are 96 points of 75 seconds, three are 144.
    assert Krr().size(panel("1x1"), None, OPTIONS) == [Refusal("needs 3 reported hours in 336 h, has 2")]
    assert one(Krr(), panel("1x2")).target == 1


def test_krr_simple_limit_requests_p66_and_limits_at_p96() -> None:
    size = one(Krr(strategy="simple_limit"), panel("0+1x100"))
    assert (size.target, size.upper) == (pytest.approx(66), pytest.approx(96))


# Compute Optimizer, Azure Advisor, Kubecost, OptScale, percentile


@pytest.mark.parametrize(
    ("preset", "cpu", "memory"),
    [
        ("default", 99.5 / 0.8, 100 / 0.8),
        ("balanced", 95 / 0.7, 100 / 0.7),
        ("max_savings", 90 / 1.0, 100 / 0.9),
        ("max_performance", 99.5 / 0.7, 100 / 0.7),
    ],
)
def test_compute_optimizer_presets(preset: str, cpu: float, memory: float) -> None:
    policy = POLICIES["compute_optimizer"](preset=preset)
    assert one(policy, panel("0+1x100")).target == pytest.approx(cpu)
    assert one(policy, panel("0+1x100", metric="memory")).target == pytest.approx(memory)


def test_compute_optimizer_needs_thirty_hours_and_known_presets() -> None:
    assert ComputeOptimizer().size(panel("1x28"), None, OPTIONS) == [
        Refusal("needs 30 reported hours in 14 days, has 29")
    ]
    with pytest.raises(ValueError, match="no preset 'cheap'"):
        POLICIES["compute_optimizer"](preset="cheap")


def test_azure_keeps_p95_of_cpu_and_all_of_memory_within_its_shares() -> None:
    assert one(AzureAdvisor(), panel("0+1x100")).target == pytest.approx(95 / 0.8)
    assert one(AzureAdvisor(user_facing=True), panel("0+1x100")).target == pytest.approx(95 / 0.4)
    memory = panel("0+1x100", metric="memory")
    assert one(AzureAdvisor(), memory).target == pytest.approx(100 / 0.8)
    assert one(AzureAdvisor(user_facing=True), memory).target == pytest.approx(100 / 0.6)


def test_azure_names_a_machine_it_would_shut_down() -> None:
    assert "shut down" in one(AzureAdvisor(), panel("0.1x200", capacity=8)).because
    assert "shut down" not in one(AzureAdvisor(), panel("0.3x200", capacity=8)).because
    assert "shut down" not in one(AzureAdvisor(), panel("0.1x200")).because


def test_kubecost_divides_the_maximum_of_two_days() -> None:
    history = panel("9x10 1x30 2x16")
    assert one(Kubecost(), history).target == pytest.approx(2 / 0.7)
    assert one(Kubecost(profile="high_availability"), history).target == pytest.approx(4)
    assert one(Kubecost(), panel("0x47")).target == 0.01
    assert one(Kubecost(), panel("0x47", metric="memory")).target == pytest.approx(20 / 1024)


def test_optscale_takes_even_cores_and_ignores_memory() -> None:
    assert one(OptScale(), panel("3x80")).target == 4
    assert one(OptScale(), panel("3.3x80")).target == 6
    assert OptScale().size(panel("3x80", metric="memory"), None, OPTIONS) == [
        Refusal("OptScale has no rule for memory")
    ]


def test_percentile_reads_the_peaks_of_its_window() -> None:
    assert one(Percentile(level=1, margin=0.2), panel("9x10 1+1x335")).target == pytest.approx(336 * 1.2)
    assert one(Percentile(window_days=1, level=0.5, margin=0), panel("9x10 1+1x22 24")).target == 12.5


# Aria


def path(low: list[float], high: list[float]) -> Forecast:
    quantiles = np.stack([low, (np.array(low) + high) / 2, high], axis=1)[None]
    return Forecast(panel("1").keys, MONDAY, DAY, (0.1, 0.5, 0.9), quantiles, ("hand",))


def test_aria_holds_the_highest_projection_of_150_days() -> None:
    rising = path([float(d) for d in range(200)], [float(d + 10) for d in range(200)])
    history = panel("1x200")
    size = one(Aria(), history, rising)
    assert (size.lower, size.target, size.upper) == (154, 159, 159)
    assert one(Aria(risk="aggressive"), history, rising).target == 154


def test_aria_without_a_forecast_draws_a_line_through_daily_maxima() -> None:
    # One unit a day for 40 days without noise: 150 days later the line is at 39 + 150.
    rising = panel("0x23 " + " ".join(f"{d}x23" for d in range(1, 40)))
    assert one(Aria(), rising).target == pytest.approx(189)
    assert one(Aria(), panel("5x900")).target == pytest.approx(5)
    assert Aria().size(panel("5x100"), None, OPTIONS) == [Refusal("needs 7 reported days to project")]


def test_every_peer_is_in_the_registry() -> None:
    assert {"vpa", "krr", "compute_optimizer", "azure_advisor", "aria", "kubecost"} <= set(POLICIES)
