"""Azure Advisor: resize virtual machines, as documented.

From Microsoft's page on Advisor's cost recommendations: 7 days by default (14, 21, 30, 60 or 90 by choice);
30-second samples become one-minute means, of which the highest of 30 minutes is kept. A cheaper size must
keep p95 of CPU and network within 40 % and the highest memory within 60 % for user-facing workloads, within
80 % for others. It would shut a machine down where p95 of the highest CPU is under 3 %, the highest mean CPU
of the last 3 days is at most 2 % and outbound network is under 2 %.

An hourly history stands in as follows: `peak` for the highest of 30 minutes, `demand` for the mean. A panel
holds one metric, so whether the network is idle too is left to the reader; the sentence names the candidate.
No minimum of history is published; this one asks for a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import Panel
from models.sizing.evidence import scale_of
from models.sizing.observed import answers, highest, quantiles, window
from models.sizing.policy import SizingOptions


@dataclass(frozen=True, slots=True)
class AzureAdvisor:
    """p95 of peaks (memory: the highest) within a share of the size."""

    window_days: int = 7
    user_facing: bool = False
    """Holds 40 % (memory 60 %) instead of 80 %."""
    least_hours: int = 24

    @property
    def lookback_days(self) -> int | None:
        return self.window_days

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series; the interval is a point, as the rule takes the cheapest size that fits."""
        recent = window(history, self.window_days)
        metric = history.keys[0].metric if len(history) else ""
        memory = metric in ("memory", "storage")
        within = (0.6 if memory else 0.4) if self.user_facing else 0.8
        found = highest(recent.peak) if memory else quantiles(recent.peak, (0.95,))[:, 0]
        provisioned, unlimited = scale_of(history)
        quiet = np.zeros(len(history), bool)
        if metric == "cpu":
            mean = highest(window(history, 3).demand)
            quiet = ~unlimited & (found < 0.03 * provisioned) & (mean <= 0.02 * provisioned)
        statistic = "highest" if memory else "p95 of the peaks"

        def one(row: int) -> Size:
            target = float(found[row]) / within
            because = (
                f"{statistic} of {self.window_days} days is {found[row]:.4g}, to stay within {within:.0%}"
            )
            if quiet[row]:
                because += "; a candidate to shut down if its outbound network is under 2 %"
            return Size(target, target, target, because)

        return answers(recent.peak, self.least_hours, one, f"in {self.window_days} days")
