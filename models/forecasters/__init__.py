"""Every forecaster by its configured name. Adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from models.forecaster import Forecaster
from models.forecasters.fleet import Fleet
from models.forecasters.planning import Planning
from models.forecasters.seasonal_naive import SeasonalNaive

FORECASTERS: Mapping[str, Callable[..., Forecaster]] = MappingProxyType(
    {
        "fleet": Fleet,
        "planning": Planning,
        "seasonal_naive": SeasonalNaive,
    }
)
