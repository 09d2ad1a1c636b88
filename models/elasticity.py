"""Elasticity: by how much demand moves when its driver does, learned from history; or why that is not known.

Two forms are fitted to daily means and the one that predicts the last third of the days better is kept:
proportional (log demand on log driver; 10 % more requests, e x 10 % more cores) and linear (demand on driver;
a base load plus so much a request). Standard errors allow for autocorrelation (Newey and West 1987,
Econometrica 55(3), Bartlett weights, two weeks of lags).

Everything in a company follows the working week, so a weekly rhythm in both is no relation. A relation is
accepted only where it also holds in what is left of both after their slow movement (a centred median of four
weeks) and the medians of the weekdays are taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from data.outcome import Refusal
from data.panel import FloatArray

_NINETY = 1.6449
"""Standard errors to either side of a 90 % interval; it held 79 % of what the sample fleet plants."""


class Form(StrEnum):
    """How demand follows its driver."""

    PROPORTIONAL = "proportional"
    LINEAR = "linear"


@dataclass(frozen=True, slots=True)
class Elasticity:
    """Demand rises by about `exponent` % when its driver rises by 1 % from its present level."""

    form: Form
    exponent: float
    """Proportional: the exponent. Linear: the share of demand that moves with the driver, at its mean."""
    low: float
    """5 % end of the interval."""
    high: float
    """95 % end."""
    explained: float
    """Share of the variance of demand that the driver explains, in [0, 1]."""
    partial: float
    """Correlation of what is left of both after weekdays and slow movement are taken out."""
    days: int
    reach: float
    """Highest driver seen over its present level (mean of the last 28 days); beyond it, nothing was seen."""

    def ratio(self, multiplier: float) -> tuple[float, float, float]:
        """(low, middle, high) factor of demand when the driver becomes `multiplier` times its present level.

        Raises ValueError for a multiplier that is not above 0.
        """
        if not multiplier > 0:
            raise ValueError(f"a driver is multiplied by a number above 0, not {multiplier:g}")
        if self.form is Form.PROPORTIONAL:
            ends = [multiplier**e for e in (self.low, self.exponent, self.high)]
        else:
            shares = (self.low, self.exponent, self.high)
            ends = [max(0.0, 1 + share * (multiplier - 1)) for share in shares]
        return min(ends), ends[1], max(ends)

    @property
    def because(self) -> str:
        """The sentence a planner reads."""
        return (
            f"{self.exponent:.2f} % more demand per 1 % more of the driver"
            f" ({self.low:.2f} to {self.high:.2f}), from {self.days} days;"
            f" the driver explains {self.explained:.0%}"
        )


@dataclass(frozen=True, slots=True)
class Learner:
    """When a relation is accepted."""

    min_days: int = 42
    """Six weeks: with fewer, the weekdays' means leave too little to compare."""
    min_movement: float = 0.03
    """Standard deviation of the driver over its mean below which it never moved enough to learn from."""
    min_partial: float = 0.3
    """Smallest correlation of what is left after weekdays and slow movement."""
    min_score: float = 4.0
    """Smallest slope over its standard error in that comparison: four, since many pairs are tried."""

    def learn(self, demand: FloatArray, driver: FloatArray) -> Elasticity | Refusal:
        """Elasticity of daily demand to its driver.

        Args:
            demand: (days,) daily means; NaN = unreported.
            driver: (days,) of the same days.
        """
        demand, driver = np.asarray(demand, float), np.asarray(driver, float)
        if demand.shape != driver.shape or demand.ndim != 1:
            raise ValueError(f"demand {demand.shape} and driver {driver.shape} are not of the same days")
        both = np.isfinite(demand) & np.isfinite(driver) & (demand > 0) & (driver > 0)
        days = int(both.sum())
        if days < self.min_days:
            return Refusal(f"{days} days with both demand and driver, {self.min_days} needed")
        y, x = demand[both], driver[both]
        if x.std() < self.min_movement * x.mean():
            return Refusal("the driver hardly moved: nothing can be learned from it")
        if y.std() < 1e-9 * y.mean():
            return Refusal("demand never moved while the driver did: there is no relation")
        partial, score = _partial(demand, driver, both)
        if partial < self.min_partial or score < self.min_score:
            return Refusal(
                f"no relation beyond the weekly rhythm: correlation {partial:.2f} of {self.min_partial:g}"
            )
        proportional = _fit(np.log(y), np.log(x))
        linear = _fit(y, x)
        cut = days - days // 3
        form = Form.PROPORTIONAL
        if _error(y, x, cut, Form.LINEAR) < 0.98 * _error(y, x, cut, Form.PROPORTIONAL):
            form = Form.LINEAR
        slope, error, explained = proportional if form is Form.PROPORTIONAL else linear
        shown = (np.log(y), np.log(x)) if form is Form.PROPORTIONAL else (y, x)
        error += _drift(*shown)
        if form is Form.LINEAR:
            slope, error = slope * x.mean() / y.mean(), error * x.mean() / y.mean()
        low, high = slope - _NINETY * error, slope + _NINETY * error
        if low <= 0:
            return Refusal(f"demand does not clearly rise with it: {low:.2f} to {high:.2f} % per 1 %")
        now = driver[-28:][np.isfinite(driver[-28:])]
        level = float(now.mean()) if len(now) else float(x[-28:].mean())
        return Elasticity(
            form, slope, low, high, explained, partial, days, float(x.max() / level) if level > 0 else 1.0
        )


def _fit(y: FloatArray, x: FloatArray) -> tuple[float, float, float]:
    """Slope, its standard error, and the share of variance explained, of y = a + slope x."""
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread
    rest = y - y.mean() - slope * centred
    total = float(((y - y.mean()) ** 2).sum())
    scores = centred * rest
    lags = min(14, len(y) // 4)
    variance = float(scores @ scores)
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(scores[lag:] @ scores[:-lag])
    return slope, float(np.sqrt(max(variance, 0.0))) / spread, 1 - float(rest @ rest) / total


def _drift(y: FloatArray, x: FloatArray) -> float:
    """Half of how far apart the slopes of the two halves of history are: relations change, too."""
    middle = len(y) // 2
    first, second = _fit(y[:middle], x[:middle])[0], _fit(y[middle:], x[middle:])[0]
    return abs(first - second) / 2


def _error(y: FloatArray, x: FloatArray, cut: int, form: Form) -> float:
    """Mean absolute error over the days from `cut` on, learned from those before."""
    if form is Form.PROPORTIONAL:
        slope, _, _ = _fit(np.log(y[:cut]), np.log(x[:cut]))
        ahead = np.exp(np.log(y[:cut]).mean() + slope * (np.log(x[cut:]) - np.log(x[:cut]).mean()))
    else:
        slope, _, _ = _fit(y[:cut], x[:cut])
        ahead = y[:cut].mean() + slope * (x[cut:] - x[:cut].mean())
    return float(np.abs(y[cut:] - ahead).mean())


def _partial(demand: FloatArray, driver: FloatArray, both: NDArray[np.bool_]) -> tuple[float, float]:
    """Correlation and slope over standard error of what is left after weekdays and slow movement."""
    y, x = (_left(np.log(np.where(both, values, 1.0)), both) for values in (demand, driver))
    if x.std() < 1e-9 or y.std() < 1e-9:
        return 0.0, 0.0
    slope, error, _ = _fit(y, x)
    # Of ranks: a few holidays that everybody shares would make a relation of their own.
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1]), slope / max(error, 1e-12)


def _ranks(values: FloatArray) -> FloatArray:
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def _left(values: FloatArray, both: NDArray[np.bool_]) -> FloatArray:
    """What is left of the days in `both` after a centred median of 29 days and the weekdays' medians.

    Medians, so that a holiday neither bends its month nor marks its weekday.
    """
    known = np.where(both, values, np.nan)
    padded = np.pad(known, 14, constant_values=np.nan)
    rest = known - _medians(np.lib.stride_tricks.sliding_window_view(padded, 29))
    for weekday in range(7):
        of_day = rest[weekday::7]
        if np.isfinite(of_day).any():
            rest[weekday::7] = of_day - np.nanmedian(of_day)
    kept: FloatArray = rest[both]
    return kept


def _medians(rows: FloatArray) -> FloatArray:
    """(n,) medians of the finite values of each row; NaN where there is none."""
    ordered = np.sort(rows, axis=1)
    count = np.isfinite(rows).sum(1)
    at = np.arange(len(rows))
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    return np.where(count > 0, (ordered[at, low] + ordered[at, high]) / 2, np.nan)
