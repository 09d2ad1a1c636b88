"""Steady growth: follow a trend where the series' own past shows that it paid, and nowhere else.

Extrapolated trends are the worst method at every horizon on most demand, saw-teeth included; databases, logs
and backups are the exception. So each series is put to the test: at ten or so earlier cutoffs a straight line
must have come much closer than the last level, nearly every time and over weeks. On the measured sets no
cutoff of any series passes (storage with purges among them); planted growth under 3 % noise does.

What flows grows by a factor, weekdays and noise with it; what accumulates grows by amounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.draws import uniforms
from models.planning.week_profile import WEEK, behind, middle, week_factors, week_profile
from models.planning.young_growth import YoungGrowth

_LEAST_GAIN = 0.4
"""A line's error must be at most this share of the level's, summed over all cutoffs."""
_LEAST_WINS = 0.8
"""Share of the cutoffs at which the line must have come closer."""
_BASE_DAYS = 7
_KNOT_DAYS = 28
_LEAST_SPREAD = 0.05
"""No slope is known better than this, relative."""
_MOST_SPREAD = 0.25
"""A slope that is less well known is not steady: so look runs between two purges."""
_SLOWDOWN = 0.1
"""Share of paths on which growth slows down, to anything between none and all of it."""
_LATELY = 4
"""Most recent cutoffs, which choose the window and say how well the slope is known."""
_STREAM = 900


@dataclass(frozen=True, slots=True)
class _Trial:
    """How lines are tried: ahead by `leads` days at `cutoffs` weekly cutoffs, fitted over `windows` days."""

    leads: tuple[int, ...]
    cutoffs: int
    windows: tuple[int, ...]

    @property
    def days(self) -> int:
        """History that the trial needs."""
        return max(self.leads) + 7 * (self.cutoffs - 1) + min(self.windows)


_TRIALS = (_Trial((14, 28), 8, (42, 84)), _Trial((56, 84), 10, (84, 168)))
"""Quick growth shows over weeks; slow growth under noise only over months."""


@dataclass(frozen=True, slots=True)
class SteadyGrowth:
    """The trend of each series that has earned it."""

    steady: NDArray[np.bool_]
    """(n,)"""
    slope: FloatArray
    """(n,) per day, in the series' unit; 0 where not steady."""
    spread: FloatArray
    """(n,) standard error of the slope, relative to it."""
    lasted: FloatArray
    """(n,) days that growth has gone on where it is young: it is as likely as not to go on for as long again;
    infinite where it was tried over months."""
    week: FloatArray
    """(n, 7) factors of the weekdays, column 0 = the first day ahead; 1 where weekdays are amounts."""
    by_factor: NDArray[np.bool_]
    """(n,) whether weekdays and noise grow with the level."""
    level: FloatArray
    """(n,) level at the end of the history."""

    @classmethod
    def of(cls, demand: FloatArray, stock: bool = True) -> Self:
        """Tries lines on (n, t) gap-free demand."""
        n, t = demand.shape
        by_factor = (demand.min(1) > 0) & (not stock)
        week = np.where(by_factor[:, None], week_factors(demand), 1.0)
        adjusted = _without_week(demand, week, by_factor)
        steady = np.zeros(n, bool)
        slope, spread, least = np.zeros(n), np.zeros(n), np.full(n, np.inf)
        for trial in _TRIALS:
            if t < trial.days:
                continue
            ratio, wins, slopes, errors = _try(adjusted, trial)
            # Over the longest lead the error is the slope's times the lead, and the noise of both ends.
            relative = 1.25 * errors / np.maximum(np.abs(slopes) * max(trial.leads), 1e-300)
            better = (
                (ratio <= _LEAST_GAIN) & (wins >= _LEAST_WINS) & (relative <= _MOST_SPREAD) & (ratio < least)
            )
            steady |= better
            slope = np.where(better, slopes, slope)
            least = np.where(better, ratio, least)
            spread = np.where(better, np.maximum(relative, _LEAST_SPREAD), spread)
        young = YoungGrowth.of(adjusted)
        new = young.found & ~steady
        slope, spread = np.where(new, young.slope, slope), np.where(new, young.spread, spread)
        lasted = np.where(new, young.lasted, np.inf)
        today = np.median(adjusted[:, -_BASE_DAYS:], 1) + slope * (_BASE_DAYS - 1) / 2
        by_factor &= today > 0
        return cls(steady | new, slope, spread, lasted, week, by_factor, today)

    def removed(self, demand: FloatArray) -> FloatArray:
        """(n, t) demand with the course of the growing series' level taken out, at today's level.

        The course is a broken line through the medians of four-week blocks, so that growth that began within
        the history leaves no trace.
        """
        rows = np.flatnonzero(self.steady)
        if not len(rows):
            return demand
        t = demand.shape[1]
        level = demand.copy()
        days = np.arange(t)
        whole = _without_week(demand[rows], self.week[rows], self.by_factor[rows])
        for i, adjusted in zip(rows, whole, strict=True):
            today = float(self.level[i])
            at, through = [float(t - 1)], [today]
            for last in range(t, _KNOT_DAYS - 1, -_KNOT_DAYS):
                at.append(last - (_KNOT_DAYS + 1) / 2)
                through.append(float(np.median(adjusted[last - _KNOT_DAYS : last])))
            course = np.interp(days, at[::-1], through[::-1])
            before = days < at[-1]
            course[before] = through[-1] - (through[-2] - through[-1]) / _KNOT_DAYS * (at[-1] - days[before])
            if self.by_factor[i]:
                level[i] *= today / np.maximum(course, 0.05 * today)
            else:
                level[i] += today - course
        return level

    def onto(
        self, paths: NDArray[np.float32], centre: FloatArray, seeds: NDArray[np.uint64]
    ) -> tuple[NDArray[np.float32], FloatArray]:
        """Puts growth back: on each of the (n, samples, horizon) paths with its own slope, and on centres."""
        rows = np.flatnonzero(self.steady)
        if not len(rows):
            return paths, centre
        samples, horizon = paths.shape[1:]
        days = np.arange(1, horizon + 1)
        chance = uniforms(seeds[rows], samples, _STREAM)
        order = (chance.argsort(1) + uniforms(seeds[rows], samples, _STREAM + 1)) / samples
        # Logistic with the spread of a normal: a little more in the tails, and a closed form.
        factor = 1 + self.spread[rows, None] * np.log(order / (1 - order) + 1e-12) / 1.702
        slowed = uniforms(seeds[rows], samples, _STREAM + 2) < _SLOWDOWN
        slowed &= np.isinf(self.lasted[rows, None])
        factor = np.where(slowed, uniforms(seeds[rows], samples, _STREAM + 3), factor)
        # What has lasted a days lasts h more with chance a / (a + h) (Gott 1993, Nature 363).
        left = self.lasted[rows, None] * (1 / np.maximum(_spread(seeds[rows], samples), 1e-12) - 1)
        left = np.where(np.isinf(self.lasted[rows, None]), np.inf, left)
        growing = np.minimum(days, left[:, :, None])
        grown = self.slope[rows, None, None] * factor[:, :, None] * growing
        expected = self.slope[rows, None] * np.minimum(days, self.lasted[rows, None])
        of_level = 1 / np.where(self.by_factor[rows], self.level[rows], 1.0)
        for k, i in enumerate(rows):
            if self.by_factor[i]:
                paths[i] *= np.maximum(1 + grown[k] * of_level[k], 0)
                centre[i] *= np.maximum(1 + expected[k] * of_level[k], 0)
            else:
                paths[i] += grown[k]
                centre[i] += expected[k]
        return paths, centre


def _spread(seeds: NDArray[np.uint64], samples: int) -> FloatArray:
    """(n, samples) numbers in (0, 1), one from each of as many equal parts, in random order."""
    order = uniforms(seeds, samples, _STREAM + 4).argsort(1)
    within: FloatArray = (order + uniforms(seeds, samples, _STREAM + 5)) / samples
    return within


def _without_week(demand: FloatArray, week: FloatArray, by_factor: NDArray[np.bool_]) -> FloatArray:
    """(n, t) demand without its weekdays, factors or amounts."""
    t = demand.shape[1]
    adjusted = demand.copy()
    if by_factor.any():
        adjusted[by_factor] /= behind(week[by_factor], t)
    if not by_factor.all():
        adjusted[~by_factor] -= behind(week_profile(demand[~by_factor]), t)
    return adjusted


def _try(adjusted: FloatArray, trial: _Trial) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Per series, for its best window: error ratio line / level, share of wins, slope today, and the mean
    recent error at the longest lead.

    The best window is the one that did best lately: growth may have begun within the history.
    """
    n, t = adjusted.shape
    answers = []
    for window in trial.windows:
        if t < trial.days - min(trial.windows) + window:
            continue
        x = np.arange(window) - (window - 1) / 2
        weights = x / (x @ x)
        level_errors, line_errors = [], []
        for lead in trial.leads:
            for back in range(trial.cutoffs):
                cut = t - lead - WEEK * back
                slope = adjusted[:, cut - window : cut] @ weights
                base = middle(adjusted[:, cut - _BASE_DAYS : cut])
                actual = adjusted[:, cut + lead - _BASE_DAYS : cut + lead].mean(1)
                level_errors.append(np.abs(actual - base))
                line_errors.append(np.abs(actual - base - slope * lead))
        level, line = np.array(level_errors), np.array(line_errors)
        ratio = line.sum(0) / np.maximum(level.sum(0), 1e-300)
        lately = line[-trial.cutoffs :][:_LATELY].mean(0)
        answers.append((ratio, (line < level).mean(0), adjusted[:, -window:] @ weights, lately))
    best = (np.array([answer[3] for answer in answers]).argmin(0), np.arange(n))
    ratio, wins, slope, error = (np.array([a[k] for a in answers])[best] for k in range(4))
    return ratio, wins, slope, error
