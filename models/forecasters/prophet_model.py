"""Prophet behind the Forecaster protocol (Taylor & Letham 2018, The American Statistician 72).

Where the capacity is known and demand is not above it, growth is logistic with the capacity as its cap.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np

from data.outcome import Forecast
from data.panel import FloatArray, Panel
from models.features.calendar import SpecialDay
from models.features.seasons import Seasons
from models.forecasters.per_series import forecast_each


@dataclass(frozen=True, slots=True)
class Prophet:
    """Prophet with its own choice of seasons; quantiles from its predictive samples."""

    country: str | None = None
    """ISO code of the country whose public holidays are added."""
    holidays: Mapping[str, tuple[SpecialDay, ...]] = field(default_factory=dict)
    """Subject -> holidays of its own calendar, past and ahead."""
    capped: bool = True
    """Whether the capacity caps growth."""
    samples: int = 300
    seed: int = 1

    def forecast(self, history: Panel, horizon: int, levels: tuple[float, ...]) -> Forecast:
        seasons = Seasons.of(history.step)

        def model(demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int) -> FloatArray:
            cap = _cap(demand, history.capacity[row]) if self.capped else None
            start = history.end.replace(tzinfo=None) - len(demand) * history.step
            times = np.datetime64(start, "us") + np.arange(len(demand) + horizon) * np.timedelta64(
                history.step // timedelta(microseconds=1), "us"
            )
            return self._fitted(demand, times, cap, horizon, levels, history.keys[row].subject)

        return forecast_each(history, horizon, levels, "prophet", model, seasons, max(10, seasons.day))

    def _fitted(
        self,
        demand: FloatArray,
        times: np.ndarray[tuple[int], np.dtype[np.datetime64]],
        cap: float | None,
        horizon: int,
        levels: tuple[float, ...],
        subject: str,
    ) -> FloatArray:
        import pandas as pd
        from prophet import Prophet as Library

        # After the import, which sets these itself: two lines per fit would drown everything else.
        for name in ("cmdstanpy", "prophet"):
            logging.getLogger(name).setLevel(logging.ERROR)
        frame = pd.DataFrame({"ds": times})
        if cap is not None:
            frame["cap"], frame["floor"] = cap, 0.0
        past = frame.iloc[: len(demand)].assign(y=demand)
        # The library draws from numpy's global generator; its state is put back afterwards.
        state = np.random.get_state()  # noqa: NPY002
        try:
            np.random.seed(self.seed)  # noqa: NPY002
            found = Library(
                growth="linear" if cap is None else "logistic",
                uncertainty_samples=self.samples,
                holidays=_holiday_frame(self.holidays.get(subject, ()), times),
            )
            if self.country is not None:
                found.add_country_holidays(country_name=self.country)
            found.fit(past, seed=self.seed)
            draws = found.predictive_samples(frame.iloc[len(demand) :])["yhat"]
        finally:
            np.random.set_state(state)  # noqa: NPY002
        quantiles: FloatArray = np.quantile(np.asarray(draws, float), levels, axis=1).T
        return quantiles


def _holiday_frame(
    days: tuple[SpecialDay, ...], times: np.ndarray[tuple[int], np.dtype[np.datetime64]]
) -> Any:
    """The library's frame of the holidays that happened in the history; None where none did.

    One that is only ahead would get an effect that nothing was learned from.
    """
    import pandas as pd

    present = {str(day) for day in np.unique(times.astype("datetime64[D]"))}
    seen = [special for special in days if special.day.isoformat() in present]
    if not seen:
        return None
    return pd.DataFrame(
        {"holiday": [one.name for one in seen], "ds": pd.to_datetime([one.day for one in seen])}
    )


def _cap(demand: FloatArray, capacity: FloatArray) -> float | None:
    """The newest known capacity where demand has kept below it; a cap under the data would bend the fit."""
    known = capacity[np.isfinite(capacity) & (capacity > 0)]
    if not known.size or demand.min() < 0 or demand.max() > known[-1]:
        return None
    return float(known[-1])
