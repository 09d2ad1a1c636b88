"""Every forecaster by its configured name. Adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from models.forecaster import Forecaster
from models.forecasters.planning import Planning

FORECASTERS: Mapping[str, Callable[..., Forecaster]] = MappingProxyType(
    {
        "planning": Planning,
    }
)
