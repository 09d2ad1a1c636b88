"""The planning grain behind the Forecaster protocol: daily panels, up to a year ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from data.outcome import Forecast, Refusal
from data.panel import DAY, Panel
from data.series import STOCKS
from models.features.known import Known
from models.planning.driven import DailyDrivers
from models.planning.informed import inform
from models.planning.plan import FALLBACK, plan_bands


@dataclass(frozen=True, slots=True)
class Planning:
    """Level ensemble with analogue and change paths; for daily panels only."""

    samples: int = 64
    """Sample paths per series that the quantiles are read from: 200 gain half a per cent and cost twice."""
    seed: int = 1
    stocks: frozenset[str] = STOCKS
    """Metrics that accumulate."""
    known: Mapping[str, Known] = field(default_factory=dict)
    """Subject -> incidents, holidays and announced events."""
    drivers: DailyDrivers | None = None
    """Of the same days and horizon as what is forecast."""
    month_ends: bool = True
    """Whether closing days are looked at."""

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        """Quantiles without paths. A panel whose step is not a day is refused, series by series."""
        if history.step != DAY:
            refusal = Refusal(f"planning needs one value a day, not one every {history.step}")
            quantiles = np.full((len(history), horizon, len(levels)), np.nan)
            for row, demand in enumerate(history.demand):
                seen = demand[np.isfinite(demand)]
                if len(seen):
                    quantiles[row] = np.quantile(seen[-168:], levels)
            return Forecast(
                history.keys,
                history.end,
                history.step,
                levels,
                quantiles,
                (FALLBACK,) * len(history),
                dict.fromkeys(range(len(history)), refusal),
            )
        told = inform(
            history,
            horizon,
            self.known,
            self.drivers,
            month_ends=self.month_ends,
            seed=self.seed,
            stocks=self.stocks,
        )
        return plan_bands(
            told.history,
            horizon,
            levels,
            samples=self.samples,
            seed=self.seed,
            stocks=self.stocks,
            outlook=told.outlook,
        )
