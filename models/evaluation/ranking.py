"""Ranking: which model was best on which series, from backtest scores."""

from __future__ import annotations

import polars as pl


def ranking(scores: pl.DataFrame, by: str = "scaled_error", band: str = "all") -> pl.DataFrame:
    """One row per model, best first: means over series, share of series won, ratio to the best.

    Only series that every model was scored on count, so that nobody is judged on the easy ones.
    `scores` has the columns of `models.evaluation.scores.SCORE_SCHEMA`; `by` is one of its losses.
    """
    usable = scores.filter(pl.col("band") == band, pl.col(by).is_not_null())
    models = usable["model"].n_unique()
    common = usable.filter(pl.len().over("subject", "metric") == models)
    lowest = pl.col(by) == pl.col(by).min().over("subject", "metric")
    table = (
        common.with_columns(won=lowest / lowest.sum().over("subject", "metric"))
        .group_by("model")
        .agg(
            pl.col(by).mean().alias("mean"),
            pl.col(by).median().alias("median"),
            pl.col("won").mean(),
            pl.col("coverage_80").mean(),
            pl.col("coverage_95").mean(),
            pl.col("bias").mean(),
            pl.len().alias("series"),
        )
        .sort("mean", "model")
    )
    return table.with_columns(ratio=pl.col("mean") / pl.col("mean").first())
