"""AWS Compute Optimizer-like: the documented preferences of its rightsizing recommendations.

From the user guide's rightsizing preferences: over 14 days, points of CPU above a threshold percentile are
dropped; what is left must stay within 1 - headroom. Memory has no threshold. It takes the cheapest instance
type that satisfies every dimension, so the interval is a point: no smaller size will do, every larger one is
more than the rule asks for. AWS says that it may adjust the parameters, so this is like it, not it.

An hourly history stands in as follows: CPU reads the hourly mean (`demand`) for its five-minute averages;
memory, disk and network read the highest `peak`, because the statistic behind them is not published. It needs
30 hours of metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import Panel
from models.sizing.observed import answers, highest, quantiles, window
from models.sizing.policy import SizingOptions

PRESETS: dict[str, tuple[float, float, float]] = {
    "default": (0.995, 0.20, 0.20),
    "balanced": (0.95, 0.30, 0.30),
    "max_savings": (0.90, 0.0, 0.10),
    "max_performance": (0.995, 0.30, 0.30),
}
"""Preset -> CPU threshold, CPU headroom, memory headroom."""


@dataclass(frozen=True, slots=True)
class ComputeOptimizer:
    """CPU below (1 - headroom) for the threshold share of the time, memory always."""

    preset: Literal["default", "balanced", "max_savings", "max_performance"] = "default"
    window_days: int = 14
    """14, or 32 and 93 where they are paid for."""
    least_hours: int = 30

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"no preset {self.preset!r}; there are {', '.join(PRESETS)}")

    @property
    def lookback_days(self) -> int | None:
        return self.window_days

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series."""
        recent = window(history, self.window_days)
        threshold, cpu_headroom, memory_headroom = PRESETS[self.preset]
        cpu = bool(len(history)) and history.keys[0].metric == "cpu"
        amounts = recent.demand if cpu else recent.peak
        found = quantiles(amounts, (threshold,))[:, 0] if cpu else highest(amounts)
        headroom = cpu_headroom if cpu else memory_headroom
        statistic = f"p{threshold * 100:g} of hourly means" if cpu else "highest"

        def one(row: int) -> Size:
            target = float(found[row]) / (1 - headroom)
            because = f"{statistic} of {self.window_days} days is {found[row]:.4g}"
            return Size(target, target, target, f"{because}, to stay within {1 - headroom:.0%}")

        return answers(amounts, self.least_hours, one, f"in {self.window_days} days")
