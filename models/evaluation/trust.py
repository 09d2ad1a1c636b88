"""Trust: how right a model was, in one sentence that a person can repeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

WEEKS = 8
"""How far back forecasts are compared with what came."""
_LEAST = {"hour": 168, "day": 14}
"""Compared slots from which what happened says more than the backtest."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How right the forecasts of a series, or of several, were."""

    relative_error: float
    """Mean absolute error as a share of mean demand."""
    coverage_90: float | None
    """Share of slots within the 90 % band."""
    span: timedelta | None
    """From the first compared slot to the newest; None = on past cutoffs, in a backtest."""

    def sentence(self) -> str:
        """`this model was right to within 9 % over the last 8 weeks; 90 % bands held 91 % of the time`."""
        clause = f"this model was right to within {_percent(self.relative_error)} {self._when()}"
        if self.coverage_90 is None:
            return clause
        return f"{clause}; 90 % bands held {_percent(self.coverage_90)} of the time"

    def _when(self) -> str:
        if self.span is None:
            return "on past cutoffs"
        days = max(round(self.span / timedelta(days=1)), 1)
        if days < 14:
            return f"over the last {days} day{'s' if days > 1 else ''}"
        return f"over the last {round(days / 7)} weeks"


def trust(actuals: pl.DataFrame, backtest: pl.DataFrame, as_of: datetime) -> Trust | None:
    """From what came of stored forecasts in the last WEEKS, else from past cutoffs; None where neither says.

    Comparisons are pooled by the number of their slots; errors by amount, not by ratio, so that an hour
    without demand does not count more than another.

    Args:
        actuals: rows of `forecast_actuals` of one series, or of several in the same unit.
        backtest: rows with `relative_error` and `coverage_90` of the same series, best source first.
        as_of: now, as far as measurements go.
    """
    recent = actuals.filter(pl.col("measured_until") > as_of - timedelta(weeks=WEEKS))
    enough = recent.group_by("grain").agg(pl.col("slots").sum())
    if any(slots >= _LEAST.get(grain, 168) for grain, slots in enough.iter_rows()):
        slots = recent["slots"].to_numpy()
        error, demand, held = (
            float(np.dot(recent[name].to_numpy(), slots))
            for name in ("mean_error", "mean_demand", "coverage_90")
        )
        since: datetime = min(recent["compared_from"].to_list())
        if demand > 0:
            return Trust(
                error / demand, held / float(slots.sum()), min(as_of - since, timedelta(weeks=WEEKS))
            )
    for row in backtest.iter_rows(named=True):
        promised = _known(row["relative_error"])
        if promised is not None:
            return Trust(promised, _known(row["coverage_90"]), None)
    return None


def _known(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)


def _percent(share: float) -> str:
    """`9 %`; below one per cent one digit, so that 0.4 % is not said to be nothing."""
    value = 100 * share
    if 0 < value < 0.1:
        return "0.1 %"
    return f"{value:.1f} %" if value < 1 else f"{value:.0f} %"
