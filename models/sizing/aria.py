"""VMware Aria Operations-like: hold what is projected.

From its documentation: demand is projected with a band; the recommended size is the highest projected demand
until 30 days past the green threshold of Time Remaining, 120 + 30 = 150 days by default. Conservative reads
the upper bound, aggressive the mean of the bounds. The model behind the projection is not published, so this
one reads Headroom's forecast where it is given one, on any step, as far as it reaches.

Without a forecast its own simple projection stands in: a straight line through the daily maxima of hourly
means (`demand`) of up to a year, with a band of 1.28 standard deviations of its residuals (80 % of days
within); the line is used only where its slope is twice its standard error, otherwise the level is their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import DAY, FloatArray, Panel
from models.sizing.observed import by_day, window
from models.sizing.policy import SizingOptions

_BAND = 1.28
"""Standard deviations on either side of the projection."""


@dataclass(frozen=True, slots=True)
class Aria:
    """The highest projected demand of the next 150 days."""

    risk: Literal["conservative", "aggressive"] = "conservative"
    days_ahead: int = 150
    """Green threshold of Time Remaining, 120 days, plus 30."""
    level: float = 0.9
    """Upper bound of a forecast's band; the lower one is 1 - level."""
    least_days: int = 7
    """Days of history needed for its own projection."""

    @property
    def lookback_days(self) -> int | None:
        return 365

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series; the interval runs from the aggressive to the conservative size."""
        if forecast is not None:
            low, high, enough = self._read(forecast)
            source, lacking = "forecast", Refusal("it could not be forecast")
        else:
            low, high, enough = self._project(window(history, self.lookback_days))
            source, lacking = "projection", Refusal(f"needs {self.least_days} reported days to project")
        found: list[Size | Refusal] = []
        for row in range(len(history)):
            if not enough[row]:
                found.append(lacking)
                continue
            careful = max(float(high[row].max()), 0.0)
            bold = max(float(((low[row] + high[row]) / 2).max()), 0.0)
            target = careful if self.risk == "conservative" else bold
            because = f"the {self.risk} {source} of {self.days_ahead} days ahead peaks at {target:.4g}"
            found.append(Size(min(bold, careful), target, max(bold, careful), because))
        return found

    def _read(self, forecast: Forecast) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """(n, slots) lower and upper bound as far as needed and given, and (n,) whether there is one."""
        slots = min(forecast.horizon, int(np.ceil(self.days_ahead * DAY / forecast.step)))
        high = forecast.at(min(self.level, forecast.levels[-1]))[:, :slots]
        low = forecast.at(max(1 - self.level, forecast.levels[0]))[:, :slots]
        return low, high, np.isfinite((low + high).sum(axis=1))

    def _project(self, history: Panel) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """(n, 2) bounds tomorrow and on the last day ahead: a line is highest at one of its ends."""
        tops = by_day(history.demand)
        days = tops.shape[1]
        heard = ~np.isnan(tops)
        counted = np.maximum(heard.sum(axis=1), 1)
        enough = heard.sum(axis=1) >= self.least_days
        x = np.where(heard, np.arange(days) - (days - 1.0), 0.0)
        y = np.nan_to_num(tops)
        mean_x, mean_y = x.sum(axis=1) / counted, y.sum(axis=1) / counted
        off_x = np.where(heard, x - mean_x[:, None], 0.0)
        off_y = np.where(heard, y - mean_y[:, None], 0.0)
        squares = np.maximum((off_x**2).sum(axis=1), 1e-12)
        slope = (off_x * off_y).sum(axis=1) / squares
        free = np.maximum(counted - 2, 1)
        residual = np.sqrt(((off_y - slope[:, None] * off_x) ** 2).sum(axis=1) / free)
        sloped = np.abs(slope) > 2 * residual / np.sqrt(squares)
        slope = np.where(sloped, slope, 0.0)
        spread = np.where(sloped, residual, np.sqrt((off_y**2).sum(axis=1) / np.maximum(counted - 1, 1)))
        ahead = np.array([1.0, self.days_ahead])
        middle = mean_y[:, None] + slope[:, None] * (ahead - mean_x[:, None])
        band = _BAND * spread[:, None]
        return np.maximum(middle - band, 0), np.maximum(middle + band, 0), enough
