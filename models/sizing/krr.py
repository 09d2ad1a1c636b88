"""Kubernetes Resource Recommender (robusta-dev/krr), strategies `simple` and `simple_limit`.

From its source: 336 hours at one point per 75 seconds; CPU request p95, memory request and limit the maximum
plus 15 %; at least 100 points; floors of 10 m and 100 MB, rounded up. `simple_limit` sets the CPU request at
p66 and the limit at p96 of all points. A series here is one container's workload, already pooled by whoever
reports it.

An hourly history stands in as follows: CPU reads the hourly mean (`demand`), where an hour stands for its 48
points; memory reads `peak`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import Panel
from data.spoken import spoken
from models.sizing.observed import answers, highest, only_metric, quantiles, window
from models.sizing.policy import SizingOptions

_BYTES_PER_GIB = 2.0**30
_POINTS_PER_HOUR = 48
"""One point per 75 seconds."""
_CORE_STEP = 0.001
_GIB_STEP = 1e6 / _BYTES_PER_GIB


@dataclass(frozen=True, slots=True)
class Krr:
    """KRR. The interval is what it calls OK: within 0.1 core or 100 MiB of the recommendation."""

    strategy: Literal["simple", "simple_limit"] = "simple"
    history_hours: int = 336
    cpu_level: float = 0.95
    """Quantile of CPU under `simple`."""
    request_level: float = 0.66
    limit_level: float = 0.96
    """Quantiles of request and limit under `simple_limit`; the target is the request, upper the limit."""
    memory_margin: float = 0.15
    points: int = 100
    """Fewer points are refused (KRR prints a question mark)."""
    least_cores: float = 0.01
    least_gib: float = 100e6 / _BYTES_PER_GIB

    @property
    def lookback_days(self) -> int | None:
        return -(-self.history_hours // 24)

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series."""
        if (refusal := only_metric(history, ("cpu", "memory"), "KRR")) is not None:
            return [refusal] * len(history)
        if not len(history):
            return []
        recent = window(history, self.history_hours / 24)
        needed = float(np.ceil(self.points / _POINTS_PER_HOUR))
        if history.keys[0].metric == "memory":
            return self._memory(recent, needed)
        levels = (self.cpu_level, self.request_level, self.limit_level)
        found = quantiles(recent.demand, levels)

        def cpu(row: int) -> Size:
            if self.strategy == "simple_limit":
                request, limit = (self._round(float(x), _CORE_STEP, self.least_cores) for x in found[row, 1:])
                because = f"p{self.request_level * 100:g} of {self.history_hours} h of hourly means"
                because += f", limit at p{self.limit_level * 100:g}"
                return Size(min(request, limit), request, max(request, limit), because)
            target = self._round(float(found[row, 0]), _CORE_STEP, self.least_cores)
            because = f"p{self.cpu_level * 100:g} of {self.history_hours} h of hourly means"
            because += f" is {spoken(found[row, 0])} cores"
            return Size(max(target - 0.1, 0.0), target, target + 0.1, because)

        return answers(recent.demand, needed, cpu, f"in {self.history_hours} h")

    def _memory(self, recent: Panel, needed: float) -> list[Size | Refusal]:
        top = highest(recent.peak)

        def memory(row: int) -> Size:
            target = self._round(float(top[row]) * (1 + self.memory_margin), _GIB_STEP, self.least_gib)
            because = (
                f"highest of {self.history_hours} h is {spoken(top[row])} GiB, plus {self.memory_margin:.0%}"
            )
            return Size(max(target - 100 / 1024, 0.0), target, target + 100 / 1024, because)

        return answers(recent.peak, needed, memory, f"in {self.history_hours} h")

    @staticmethod
    def _round(amount: float, step: float, least: float) -> float:
        """Rounded up to a whole step, not below the floor."""
        return max(float(np.ceil(amount / step - 1e-9)) * step, least)
