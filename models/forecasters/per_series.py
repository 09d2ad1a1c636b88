"""Per series: the loop that puts a library for single series behind the Forecaster protocol."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from data.outcome import Forecast, Refusal
from data.panel import FloatArray, Panel
from models.features.gaps import filled
from models.features.seasons import Seasons
from models.forecasters.fallback import FALLBACK, last_value_quantiles

Model = Callable[[FloatArray, int, tuple[float, ...], int], FloatArray]
"""(demand without gaps, horizon, levels, row of the panel) -> (horizon, levels); may raise anything."""


def forecast_each(
    history: Panel,
    horizon: int,
    levels: tuple[float, ...],
    name: str,
    model: Model,
    seasons: Seasons,
    least: int,
) -> Forecast:
    """Forecasts series by series; one that fails is refused with its reason and gets the last value.

    Gaps are filled before a model sees them, constants and series under `least` reported slots
    never reach it. What comes back is put in order: levels rise, nothing is negative where nothing was.
    """
    n = len(history)
    quantiles = np.full((n, horizon, len(levels)), np.nan)
    made_by = [name] * n
    refusals: dict[int, Refusal] = {}
    for i in range(n):
        demand = np.where(np.isfinite(history.demand[i]), history.demand[i], np.nan)
        reported = np.flatnonzero(np.isfinite(demand))
        if reported.size == 0:
            refusals[i], made_by[i] = Refusal("nothing was reported in the history"), "none"
            continue
        own = demand[reported[0] :]
        if reported.size < least:
            reason = f"{reported.size} reported slots of history, at least {least} are needed"
        elif np.nanmin(own) == np.nanmax(own):
            quantiles[i], made_by[i] = own[0], f"{name} (constant)"
            continue
        else:
            answer, reason = _asked(model, filled(own[None, :], seasons)[0], horizon, levels, i)
            if answer is not None:
                floor = 0.0 if np.nanmin(own) >= 0 else -np.inf
                quantiles[i] = np.maximum.accumulate(np.maximum(answer, floor), axis=1)
                continue
        refusals[i], made_by[i] = Refusal(reason), FALLBACK
        quantiles[i] = last_value_quantiles(demand, horizon, levels)
    return Forecast(
        history.keys, history.end, history.step, tuple(levels), quantiles, tuple(made_by), refusals
    )


def _asked(
    model: Model, demand: FloatArray, horizon: int, levels: tuple[float, ...], row: int
) -> tuple[FloatArray | None, str]:
    try:
        with warnings.catch_warnings():
            # Convergence warnings are routine; what counts is whether the answer is finite.
            warnings.simplefilter("ignore")
            answer = np.asarray(model(demand, horizon, levels, row), float)
    except Exception as error:  # a library may raise anything; the series is refused, the batch goes on
        first = (str(error).splitlines() or [""])[0][:120]
        return None, f"the model failed with {type(error).__name__}: {first}"
    if answer.shape != (horizon, len(levels)):
        return None, f"the model gave {answer.shape} values instead of {(horizon, len(levels))}"
    if not np.isfinite(answer).all():
        return None, "the model gave values that are not finite"
    return np.sort(answer, axis=1), ""


def normal_quantiles(mean: FloatArray, deviation: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """(horizon, levels) of a normal distribution per slot."""
    from statistics import NormalDist

    shift = np.array([NormalDist().inv_cdf(level) for level in levels])
    spread = np.maximum(np.nan_to_num(deviation), 0.0)
    quantiles: FloatArray = np.asarray(mean, float)[:, None] + spread[:, None] * shift
    return quantiles
