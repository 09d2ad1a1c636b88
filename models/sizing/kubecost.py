"""Kubecost: container request right-sizing, version 2, with the statistic `max`.

From its documentation: recommended request = highest usage of the window / target utilization; floors of 10 m
and 20 MiB. Target utilization is 0.7 by default; the profiles are development 0.8, production 0.65, high
availability 0.5.

Reads `peak`. The default window is 2 days. No minimum of history is published; this one asks for a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import Panel
from models.sizing.observed import answers, highest, only_metric, window
from models.sizing.policy import SizingOptions

PROFILES: dict[str, float] = {
    "default": 0.7,
    "development": 0.8,
    "production": 0.65,
    "high_availability": 0.5,
}
"""Profile -> target utilization."""


@dataclass(frozen=True, slots=True)
class Kubecost:
    """The highest usage of a short window over a target utilization."""

    profile: Literal["default", "development", "production", "high_availability"] = "default"
    window_days: int = 2
    least_cores: float = 0.01
    least_gib: float = 20 / 1024
    least_hours: int = 24

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"no profile {self.profile!r}; there are {', '.join(PROFILES)}")

    @property
    def lookback_days(self) -> int | None:
        return self.window_days

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series; the interval runs from the highest usage to the target."""
        if (refusal := only_metric(history, ("cpu", "memory"), "Kubecost")) is not None:
            return [refusal] * len(history)
        recent = window(history, self.window_days)
        top = highest(recent.peak)
        utilization = PROFILES[self.profile]
        floor = self.least_cores if len(history) and history.keys[0].metric == "cpu" else self.least_gib

        def one(row: int) -> Size:
            amount = float(top[row])
            target = max(amount / utilization, floor)
            because = (
                f"highest of {self.window_days} days is {amount:.4g}, at a utilization of {utilization:.0%}"
            )
            return Size(min(amount, target), target, target, because)

        return answers(recent.peak, self.least_hours, one, f"in {self.window_days} days")
