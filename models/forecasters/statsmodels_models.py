"""statsmodels behind the Forecaster protocol: ETS, STL with ARIMA, unobserved components.

Imported by name only; the library is loaded when a forecast is asked for. One series after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.outcome import Forecast
from data.panel import FloatArray, Panel
from models.features.seasons import Seasons
from models.forecasters.per_series import forecast_each, normal_quantiles


@dataclass(frozen=True, slots=True)
class StatsmodelsEts:
    """Additive ETS with a damped trend and one season (Hyndman et al. 2008)."""

    season: int | None = None
    """Slots per season; None = the short season of the panel's step."""
    damped: bool = True

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step, self.season)

        def model(demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int) -> FloatArray:
            import pandas as pd
            from statsmodels.tsa.exponential_smoothing.ets import ETSModel

            seasonal = "add" if seasons.day > 1 else None
            fitted = ETSModel(
                pd.Series(demand),
                error="add",
                trend="add",
                damped_trend=self.damped,
                seasonal=seasonal,
                seasonal_periods=seasons.day if seasonal else None,
            ).fit(disp=False)
            ahead = fitted.get_prediction(start=len(demand), end=len(demand) + horizon - 1)
            mean = np.asarray(ahead.predicted_mean, float)
            return normal_quantiles(mean, np.sqrt(np.asarray(ahead.forecast_variance, float)), levels)

        least = max(10, 2 * seasons.day + 2)
        return forecast_each(history, horizon, levels, "statsmodels_ets", model, seasons, least)


@dataclass(frozen=True, slots=True)
class StatsmodelsStlArima:
    """STL decomposition (Cleveland et al. 1990) with an ARIMA of the seasonally adjusted series."""

    season: int | None = None
    """Slots per season; None = the longest season of the panel's step that fits twice into the history."""
    order: tuple[int, int, int] = (1, 1, 1)

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step, self.season)

        def model(demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int) -> FloatArray:
            from statsmodels.tsa.arima.model import ARIMA
            from statsmodels.tsa.forecasting.stl import STLForecast

            fits = self.season is None and len(demand) >= 3 * seasons.longest
            period = seasons.longest if fits else seasons.day
            fitted = STLForecast(
                demand, ARIMA, model_kwargs={"order": self.order}, period=max(2, period), robust=False
            ).fit()
            ahead = fitted.get_prediction(start=len(demand), end=len(demand) + horizon - 1)
            return normal_quantiles(np.asarray(ahead.predicted_mean), np.asarray(ahead.se_mean), levels)

        least = max(10, 2 * seasons.day + 2)
        return forecast_each(history, horizon, levels, "statsmodels_stl_arima", model, seasons, least)


@dataclass(frozen=True, slots=True)
class StatsmodelsUcm:
    """Unobserved components (Harvey 1989): a random walk, harmonics of day and week, AR(1)."""

    season: int | None = None
    harmonics: int = 6
    iterations: int = 50
    """Steps of the optimizer; more cost seconds per series."""

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step, self.season)

        def model(demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int) -> FloatArray:
            from statsmodels.tsa.statespace.structural import UnobservedComponents

            periods = [p for p in (seasons.day, seasons.week) if p and p > 1 and len(demand) >= 2 * p]
            cycles = [{"period": p, "harmonics": min(self.harmonics, p // 2)} for p in periods]
            size = max(float(np.std(demand)), 1e-12)
            fitted = UnobservedComponents(
                demand / size, level="local level", freq_seasonal=cycles or None, autoregressive=1
            ).fit(disp=False, maxiter=self.iterations)
            ahead = fitted.get_forecast(horizon)
            mean, spread = np.asarray(ahead.predicted_mean), np.asarray(ahead.se_mean)
            return size * normal_quantiles(mean, spread, levels)

        least = max(10, 2 * seasons.day + 2)
        return forecast_each(history, horizon, levels, "statsmodels_ucm", model, seasons, least)
