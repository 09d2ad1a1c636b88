"""Scores: one row per series, model and horizon band, from forecasts and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from data.panel import FloatArray
from data.series import SeriesKey
from models.evaluation import losses

SCORE_SCHEMA = pl.Schema(
    {
        "subject": pl.String,
        "metric": pl.String,
        "model": pl.String,
        "band": pl.String,  # first and last slot ahead, e.g. 25-168; `all` is the whole horizon
        "scaled_error": pl.Float64,  # mean absolute error / mean change from season to season
        "relative_error": pl.Float64,  # mean absolute error / mean demand in the scored slots
        "scaled_pinball": pl.Float64,  # NULL for models that only give a path
        "interval_score": pl.Float64,  # of the 95 % band, scaled
        "coverage_80": pl.Float64,
        "coverage_90": pl.Float64,
        "coverage_95": pl.Float64,
        "bias": pl.Float64,  # scaled; above 0 = forecast too high
        "n": pl.UInt32,  # scored slots
    }
)

_COVERAGES = {"coverage_80": 0.8, "coverage_90": 0.9, "coverage_95": 0.95}


def horizon_bands(horizon: int, day: int) -> list[tuple[int, int]]:
    """Half-open slots of a day, a week and whatever else lies within the horizon."""
    edges = sorted({0, horizon, *(e for e in (day, 7 * day, 14 * day) if e < horizon)})
    return list(pairwise(edges))


def score_table(
    keys: Sequence[SeriesKey],
    model: str,
    actual: FloatArray,
    path: FloatArray,
    scale: FloatArray,
    day: int,
    quantiles: FloatArray | None = None,
    levels: tuple[float, ...] = (),
) -> pl.DataFrame:
    """Scores of one model with the columns of SCORE_SCHEMA; series without a scored slot have no row.

    Args:
        keys: n series.
        model: name in the column of that name.
        actual: (cutoffs, n, h); NaN is not scored.
        path: (cutoffs, n, h) median paths.
        scale: (n,) as from `losses.seasonal_scale`.
        day: slots of a day, for the bands.
        quantiles: (cutoffs, n, h, levels) where the model gives them.
    """
    cutoffs, n, horizon = actual.shape
    named = {"all": (0, horizon)} | {f"{a + 1}-{b}": (a, b) for a, b in horizon_bands(horizon, day)}
    seen = np.isfinite(actual)
    error = np.where(seen, path - actual, 0.0)
    size, demand = np.abs(error), np.where(seen, np.abs(actual), 0.0)
    pointwise: dict[str, FloatArray] = {}
    if quantiles is not None:
        for c in range(cutoffs):
            for name, values in _banded(actual[c], quantiles[c], levels, scale).items():
                pointwise.setdefault(name, np.empty(actual.shape))[c] = np.where(seen[c], values, 0.0)
    frames = []
    for band, (a, b) in named.items():
        count = seen[:, :, a:b].sum((0, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = {
                "scaled_error": size[:, :, a:b].sum((0, 2)) / count / scale,
                "relative_error": size[:, :, a:b].sum((0, 2)) / demand[:, :, a:b].sum((0, 2)),
                "bias": error[:, :, a:b].sum((0, 2)) / count / scale,
            }
            columns |= {name: value[:, :, a:b].sum((0, 2)) / count for name, value in pointwise.items()}
        frames.append(
            pl.DataFrame(
                {
                    "subject": [key.subject for key in keys],
                    "metric": [key.metric for key in keys],
                    "model": [model] * n,
                    "band": [band] * n,
                    **{
                        name: pl.Series(columns[name], dtype=pl.Float64).fill_nan(None)
                        if name in columns
                        else pl.Series([None] * n, dtype=pl.Float64)
                        for name in SCORE_SCHEMA
                        if name not in ("subject", "metric", "model", "band", "n")
                    },
                    "n": pl.Series(count, dtype=pl.UInt32),
                },
                schema=SCORE_SCHEMA,
            ).filter(pl.col("n") > 0)
        )
    return pl.concat(frames)


def _banded(
    actual: FloatArray, quantiles: FloatArray, levels: tuple[float, ...], scale: FloatArray
) -> dict[str, FloatArray]:
    out = {"scaled_pinball": losses.scaled_pinball(actual, quantiles, levels, scale)}
    for name, share in _COVERAGES.items():
        low, high = _level(levels, (1 - share) / 2), _level(levels, (1 + share) / 2)
        if low is None or high is None:
            continue
        out[name] = losses.covered(actual, quantiles[:, :, low], quantiles[:, :, high])
        if share == 0.95:
            out["interval_score"] = losses.interval_score(
                actual, quantiles[:, :, low], quantiles[:, :, high], share, scale
            )
    return out


def _level(levels: tuple[float, ...], wanted: float) -> int | None:
    """Index of a level, None where it was not forecast."""
    for j, level in enumerate(levels):
        if abs(level - wanted) < 1e-9:
            return j
    return None
