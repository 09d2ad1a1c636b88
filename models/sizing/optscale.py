"""OptScale: right-sizing of instances, from its source (rightsizing_base).

vCPU = cores x p99 of utilization / 80 %, rounded up to an even count, over 3 days; memory is ignored.

Reads the hourly mean (`demand`) in cores. No minimum of history is published; this one asks for a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import Panel
from data.spoken import spoken
from models.sizing.observed import answers, only_metric, quantiles, window
from models.sizing.policy import SizingOptions


@dataclass(frozen=True, slots=True)
class OptScale:
    """p99 of CPU within 80 % of an even number of cores."""

    window_days: int = 3
    level: float = 0.99
    within: float = 0.8
    least_hours: int = 24

    @property
    def lookback_days(self) -> int | None:
        return self.window_days

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series; refuses everything but CPU."""
        if (refusal := only_metric(history, ("cpu",), "OptScale")) is not None:
            return [refusal] * len(history)
        recent = window(history, self.window_days)
        found = quantiles(recent.demand, (self.level,))[:, 0]

        def one(row: int) -> Size:
            needed = float(found[row]) / self.within
            target = max(2.0 * float(np.ceil(needed / 2 - 1e-9)), 2.0)
            because = f"p{self.level * 100:g} of {self.window_days} days is {spoken(found[row])} cores"
            because += f", an even number of cores at {self.within:.0%}"
            return Size(min(needed, target), target, target, because)

        return answers(recent.demand, self.least_hours, one, f"in {self.window_days} days")
