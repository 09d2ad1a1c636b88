"""Every forecaster by its configured name. Adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from models.forecaster import Forecaster
from models.forecasters.fleet import Fleet
from models.forecasters.planning import Planning
from models.forecasters.prophet_model import Prophet
from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.statsforecast_models import (
    StatsforecastAutoArima,
    StatsforecastAutoEts,
    StatsforecastDot,
    StatsforecastMstl,
)
from models.forecasters.statsmodels_models import StatsmodelsEts, StatsmodelsStlArima, StatsmodelsUcm

FORECASTERS: Mapping[str, Callable[..., Forecaster]] = MappingProxyType(
    {
        "fleet": Fleet,
        "planning": Planning,
        "seasonal_naive": SeasonalNaive,
        "statsmodels_ets": StatsmodelsEts,
        "statsmodels_stl_arima": StatsmodelsStlArima,
        "statsmodels_ucm": StatsmodelsUcm,
        "prophet": Prophet,
        "statsforecast_autoets": StatsforecastAutoEts,
        "statsforecast_dot": StatsforecastDot,
        "statsforecast_mstl": StatsforecastMstl,
        "statsforecast_autoarima": StatsforecastAutoArima,
    }
)
