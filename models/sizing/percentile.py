"""A percentile of the past plus a margin: what most tools do, with every number a setting."""

from __future__ import annotations

from dataclasses import dataclass

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import Panel
from data.spoken import spoken
from models.sizing.observed import answers, quantiles, window
from models.sizing.policy import SizingOptions


@dataclass(frozen=True, slots=True)
class Percentile:
    """Holds a quantile of the hourly peaks of a window, plus a margin. Reads `peak`."""

    window_days: int | None = 14
    """Days looked back; None = all there is."""
    level: float = 0.95
    """Quantile of the hourly peaks, 1 for their maximum."""
    margin: float = 0.15
    """Added on top, as a fraction of the quantile."""
    least_hours: int = 24
    """Fewer reported hours in the window are refused."""

    @property
    def lookback_days(self) -> int | None:
        return self.window_days

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series; the interval runs from the quantile to the target."""
        peak = window(history, self.window_days).peak
        found = quantiles(peak, (self.level,))[:, 0]
        days = "all days" if self.window_days is None else f"{self.window_days} days"

        def one(row: int) -> Size:
            amount = float(found[row])
            target = amount * (1 + self.margin)
            return Size(
                min(amount, target),
                target,
                max(amount, target),
                f"p{self.level * 100:g} of hourly peaks of {days} is {spoken(amount, 4)},"
                f" plus {self.margin:.0%}",
            )

        return answers(peak, self.least_hours, one, f"in {days}")
