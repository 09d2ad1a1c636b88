"""Forecaster: the protocol of everything in `FORECASTERS`."""

from __future__ import annotations

from typing import Protocol

from data.outcome import Forecast
from data.panel import Panel


class Forecaster(Protocol):
    """Turns history into quantile paths. A frozen dataclass whose fields are its settings."""

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        """Forecasts every series of `history` for `horizon` slots after its end.

        Args:
            history: n series of t slots; NaN is unreported.
            horizon: slots ahead, at least 1.
            levels: rising quantile levels in (0, 1).

        Returns:
            A Forecast with the panel's keys in the panel's order. A series that cannot be
            forecast has a Refusal with the reason and the fallback's quantiles; one bad series
            never spoils the others, and no exception is raised for what a history contains.
        """
        ...
