"""statsforecast behind the Forecaster protocol; an optional library, loaded when a forecast is asked for.

MSTL takes only a trend model without a season; AutoARIMA is the approximate search, because the exact one
takes minutes per series of hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.outcome import Forecast
from data.panel import FloatArray, Panel
from models.features.seasons import Seasons
from models.forecasters.per_series import forecast_each


def _quantiles(model: Any, demand: FloatArray, horizon: int, levels: tuple[float, ...]) -> FloatArray:
    """Reads quantiles off the central intervals that the library offers."""
    shares = [round(abs(2 * level - 1) * 100, 6) for level in levels]
    wanted = sorted({share for share in shares if share > 0})
    answer = model.forecast(y=np.ascontiguousarray(demand), h=horizon, level=wanted or None)
    columns = [
        answer["mean"] if share == 0 else answer[f"{'lo' if level < 0.5 else 'hi'}-{share}"]
        for level, share in zip(levels, shares, strict=True)
    ]
    return np.stack([np.asarray(column, float) for column in columns], axis=1)


@dataclass(frozen=True, slots=True)
class StatsforecastAutoEts:
    """ETS chosen by AICc (Hyndman & Khandakar 2008)."""

    season: int | None = None

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step, self.season)

        def model(demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int) -> FloatArray:
            from statsforecast.models import AutoETS

            return _quantiles(AutoETS(season_length=seasons.day), demand, horizon, levels)

        least = max(10, 2 * seasons.day + 2)
        return forecast_each(history, horizon, levels, "statsforecast_autoets", model, seasons, least)


@dataclass(frozen=True, slots=True)
class StatsforecastDot:
    """Dynamic optimized theta (Fiorucci et al. 2016)."""

    season: int | None = None

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step, self.season)

        def model(demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int) -> FloatArray:
            from statsforecast.models import DynamicOptimizedTheta

            return _quantiles(DynamicOptimizedTheta(season_length=seasons.day), demand, horizon, levels)

        least = max(10, 2 * seasons.day + 2)
        return forecast_each(history, horizon, levels, "statsforecast_dot", model, seasons, least)


@dataclass(frozen=True, slots=True)
class StatsforecastMstl:
    """Several seasons taken out one after the other (Bandara et al. 2021), the trend by ETS."""

    season: int | None = None

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step, self.season)

        def model(demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int) -> FloatArray:
            from statsforecast.models import MSTL, AutoETS

            periods = [p for p in (seasons.day, seasons.week) if p and p > 1 and len(demand) >= 2 * p + 1]
            decomposed = MSTL(season_length=periods, trend_forecaster=AutoETS(model="ZZN"))
            return _quantiles(decomposed, demand, horizon, levels)

        least = max(10, 2 * seasons.day + 2)
        return forecast_each(history, horizon, levels, "statsforecast_mstl", model, seasons, least)


@dataclass(frozen=True, slots=True)
class StatsforecastAutoArima:
    """Seasonal ARIMA by the approximate stepwise search (Hyndman & Khandakar 2008)."""

    season: int | None = None

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step, self.season)

        def model(demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int) -> FloatArray:
            from statsforecast.models import AutoARIMA

            found = AutoARIMA(season_length=seasons.day, approximation=True)
            return _quantiles(found, demand, horizon, levels)

        least = max(10, 2 * seasons.day + 2)
        return forecast_each(history, horizon, levels, "statsforecast_autoarima", model, seasons, least)
