"""Backtest: what any forecaster would have said at past cutoffs of a panel, and how good that was."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.outcome import Forecast
from data.panel import FloatArray, Panel
from models.evaluation.losses import seasonal_scale
from models.evaluation.scores import SCORE_SCHEMA, score_table
from models.features.seasons import Seasons
from models.forecaster import Forecaster

BACKTEST_LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


def rolling_cutoffs(slots: int, horizon: int, folds: int, stride: int | None = None) -> tuple[int, ...]:
    """Slots at which history ends, oldest first; the newest leaves a whole horizon to be scored.

    At most `folds`, `stride` slots apart (a horizon by default), each with history at least as long as the
    horizon.
    """
    apart = horizon if stride is None else stride
    cutoffs = (slots - horizon - k * apart for k in range(folds))
    return tuple(sorted(cutoff for cutoff in cutoffs if cutoff >= horizon))


def backtest(
    panel: Panel,
    forecaster: Forecaster,
    name: str,
    horizon: int,
    folds: int = 4,
    *,
    stride: int | None = None,
    season: int | None = None,
) -> pl.DataFrame:
    """Scores of a forecaster over rolling cutoffs of a panel, with the columns of SCORE_SCHEMA.

    Refused series are scored by their fallback's quantiles, as whoever uses the forecast would be. Errors are
    scaled by the seasonal change before the oldest cutoff, the same for every model. A panel too short for
    one fold gives an empty frame.

    Args:
        name: what the column `model` says.
        folds: cutoffs at most.
        stride: slots between cutoffs; None = the horizon, so that no slot is scored twice.
        season: slots of the short season where the step does not tell.
    """
    cutoffs = rolling_cutoffs(panel.slots, horizon, folds, stride)
    if not cutoffs or not len(panel):
        return pl.DataFrame(schema=SCORE_SCHEMA)
    day = Seasons.of(panel.step, season).day
    scale = seasonal_scale(panel.demand[:, : cutoffs[0]], day)
    actual = np.stack([panel.demand[:, cutoff : cutoff + horizon] for cutoff in cutoffs])
    quantiles = np.stack(
        [_quantiles(forecaster.forecast(panel.until(c), horizon, BACKTEST_LEVELS)) for c in cutoffs]
    )
    # What not even a fallback could forecast cannot be scored.
    actual = np.where(np.isfinite(quantiles).all(3), actual, np.nan)
    path = quantiles[..., BACKTEST_LEVELS.index(0.5)]
    return score_table(panel.keys, name, actual, path, scale, day, quantiles, BACKTEST_LEVELS)


def _quantiles(forecast: Forecast) -> FloatArray:
    return forecast.quantiles
