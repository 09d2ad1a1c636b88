"""Driven: daily demand that follows the forecast, or somebody's plan, of its service's requests or users.

How much demand follows is its elasticity (`models.elasticity`). It is applied only where, at past cutoffs and
with what was known before each, the driver brought the forecast nearer: a forecast driver by 10 % with its
own forecast of that time, a planned one by 5 % as if what came had been the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np

from data.outcome import Refusal
from data.panel import FloatArray, Panel
from data.series import STOCKS, Metric
from models.elasticity import Elasticity, Form, Learner
from models.planning.outlook import Outlook
from models.planning.plan import plan_bands
from models.planning.week_profile import WEEK

PAYS = 0.95
"""A planned driver is used where its error at past cutoffs is at most this share of the error without it."""
PAYS_FORECAST = 0.9
"""The same for a forecast one, which is itself in doubt: at .95 it was taken where it gained nothing."""
_TESTED = 56
"""Days after each of the past cutoffs."""
_CUTOFFS = 3
_LEAST_BEFORE = 62
_SHARES = (0.5, 1.0)
"""How much of the elasticity may be applied: half of it is the mean with the forecast without a driver."""
_MOST = 5.0
"""Demand is not moved by more than this factor."""
_SAMPLES = 24
_NINETY = 1.6449

Plan = Mapping[date, float]
"""Day -> how many times its present level a driver is meant to be; in between it moves in a straight line."""
Note = tuple[int, str, int, int, str]


@dataclass(frozen=True, slots=True)
class DailyDrivers:
    """Drivers with their forecasts, now and at past cutoffs; made once for all who follow them."""

    panel: Panel
    row_of: Mapping[str, int]
    """Subject -> row of its driver."""
    level: FloatArray
    """(k,) present level."""
    ahead: FloatArray
    """(k, horizon) forecast without a plan, weekdays smoothed away."""
    planned: Mapping[int, FloatArray]
    """Row -> (horizon,) what somebody plans, in the driver's unit."""
    past: Mapping[int, FloatArray]
    """Cutoff (days of history) -> (k, tested days) forecasts made then."""
    forecast: bool = True
    """Whether drivers without a plan are followed, too."""

    @classmethod
    def of(
        cls,
        panel: Panel,
        row_of: Mapping[str, int],
        horizon: int,
        *,
        plans: Mapping[int, Plan] | None = None,
        seed: int = 1,
        forecast: bool = True,
    ) -> Self:
        """Forecasts the drivers of a daily panel.

        Args:
            row_of: subject -> row of its driver.
            plans: row -> plan.
            forecast: whether drivers without a plan are followed.
        """
        made = plan_bands(panel, horizon, (0.5,), samples=_SAMPLES, seed=seed)
        recent = np.where(np.isfinite(panel.demand), panel.demand, np.nan)[:, -4 * WEEK :]
        level = np.array([np.nanmean(row) if np.isfinite(row).any() else np.nan for row in recent])
        first = panel.end.date()
        planned = {row: _course(one, first, horizon) * level[row] for row, one in (plans or {}).items()}
        past = {
            cut: plan_bands(panel.until(cut), _TESTED, (0.5,), samples=_SAMPLES, seed=seed).quantiles[:, :, 0]
            for cut in _cutoffs(panel.slots)
        }
        return cls(panel, row_of, level, _smooth(made.quantiles[:, :, 0]), planned, past, forecast)

    def outlook(
        self, history: Panel, horizon: int, *, seed: int = 1, learner: Learner | None = None
    ) -> tuple[Outlook, list[Note]]:
        """What the drivers say of the days ahead of each series of the same days.

        Raises ValueError for a history of other days, or another horizon.
        """
        same = (history.start, history.slots) == (self.panel.start, self.panel.slots)
        if not same or horizon != self.ahead.shape[1]:
            raise ValueError("history and drivers are not of the same days")
        outlook, notes = Outlook.plain(len(history), horizon), []
        own = {key: row for row, key in enumerate(self.panel.keys)}
        for i, key in enumerate(history.keys):
            row = own.get(key)
            if row is not None and row in self.planned and self.level[row] > 0:
                outlook.factor[i] = _ratio(self.planned[row], self.ahead[row])
                notes.append((i, "driver", history.slots, history.slots + horizon, "follows its plan"))
        learned = self._learned(history, learner or Learner())
        if not learned:
            return outlook, notes
        rows = np.array(sorted(learned))
        errors = self._errors(history.take(rows), [learned[i] for i in rows], seed)
        for i, (plain, *shared) in zip(rows, errors, strict=True):
            best = int(np.argmin(shared))
            row = self.row_of[history.keys[i].subject]
            least = PAYS if row in self.planned else PAYS_FORECAST
            if not plain > 0 or shared[best] > least * plain:
                continue
            if row in self.planned:
                moved = _ratio(self.planned[row], self.ahead[row])
            else:
                moved = _ratio(self.ahead[row], np.full(horizon, self.level[row]))
            factor, doubt = _factor(learned[i], moved, _SHARES[best])
            outlook.factor[i], outlook.doubt[i] = factor, doubt
            said = "the plan" if row in self.planned else "the forecast"
            gain = 1 - shared[best] / plain
            sentence = f"follows {said} of its {self.panel.keys[row].metric}: its error was {gain:.0%} less"
            notes.append((int(i), "driver", history.slots, history.slots + horizon, sentence))
        return outlook, notes

    def _learned(self, history: Panel, learner: Learner) -> dict[int, Elasticity]:
        """Row -> elasticity of those who follow a driver that somebody plans, or any."""
        learned = {}
        for i, key in enumerate(history.keys):
            row = self.row_of.get(key.subject)
            if row is None or key.metric not in set(Metric) - STOCKS or not self.level[row] > 0:
                continue
            if row in self.planned or self.forecast:
                found = learner.learn(history.demand[i], self.panel.demand[row])
                if not isinstance(found, Refusal):
                    learned[i] = found
        return learned

    def _errors(self, part: Panel, elasticities: list[Elasticity], seed: int) -> FloatArray:
        """(n, 1 + shares) summed errors over past cutoffs: without the driver, and with shares of it.

        All infinite but the first where fewer than two cutoffs could be asked.
        """
        n = len(part)
        errors = np.zeros((n, 1 + len(_SHARES)))
        asked = np.zeros(n, int)
        rows = np.array([self.row_of[key.subject] for key in part.keys])
        for cut, forecasts in self.past.items():
            made = plan_bands(part.until(cut), _TESTED, (0.5,), samples=_SAMPLES, seed=seed)
            plain, came = made.quantiles[:, :, 0], part.demand[:, cut : cut + _TESTED]
            for i in range(n):
                if i in made.refusals:
                    continue
                row = rows[i]
                before = self.panel.demand[row, cut - 4 * WEEK : cut]
                if row in self.planned:
                    moved = _ratio(self.panel.demand[row, cut : cut + _TESTED], forecasts[row])
                else:
                    level = float(np.nanmean(before)) if np.isfinite(before).any() else np.nan
                    moved = _ratio(_smooth(forecasts[row : row + 1])[0], np.full(_TESTED, level))
                paths = [plain[i]] + [plain[i] * _factor(elasticities[i], moved, s)[0] for s in _SHARES]
                missed = np.abs(np.array(paths) - came[i])
                known = np.isfinite(missed).all(0)
                if known.any():
                    errors[i] += missed[:, known].mean(1) / max(float(np.abs(came[i][known]).mean()), 1e-12)
                    asked[i] += 1
        errors[asked < 2, 1:] = np.inf
        return errors


def _cutoffs(days: int) -> list[int]:
    return [
        cut for k in range(1, _CUTOFFS + 1) if (cut := days - k * _TESTED) >= max(_LEAST_BEFORE, 4 * WEEK)
    ]


def _course(plan: Plan, first: date, horizon: int) -> FloatArray:
    """(horizon,) the plan day by day: from 1 today in straight lines, and as it ends from then on."""
    at = {(day - first).days: times for day, times in plan.items()}
    at = {-1: 1.0} | {day: times for day, times in sorted(at.items()) if day >= 0}
    course: FloatArray = np.interp(np.arange(horizon), list(at), list(at.values()))
    return course


def _smooth(paths: FloatArray) -> FloatArray:
    """(k, horizon) means of the week around each day, of fewer days at the ends."""
    k, horizon = paths.shape
    sums = np.concatenate([np.zeros((k, 1)), np.cumsum(paths, 1)], 1)
    first = np.maximum(np.arange(horizon) - WEEK // 2, 0)
    # Whole weeks also at the ends, or a weekend would bend them.
    first = np.minimum(first, max(horizon - WEEK, 0))
    last = np.minimum(first + WEEK, horizon)
    smooth: FloatArray = (sums[:, last] - sums[:, first]) / (last - first)
    return smooth


def _ratio(over: FloatArray, under: FloatArray) -> FloatArray:
    """Movement of a driver; 1 where either is unknown or nothing."""
    known = np.isfinite(over) & np.isfinite(under) & (over > 0) & (under > 0)
    return np.where(known, np.where(known, over, 1.0) / np.where(known, under, 1.0), 1.0)


def _factor(found: Elasticity, moved: FloatArray, share: float) -> tuple[FloatArray, FloatArray]:
    """(days,) factor of demand when its driver moves by these factors, and the doubt of its logarithm."""
    doubt = share * (found.high - found.low) / (2 * _NINETY)
    exponent = share * found.exponent
    if found.form is Form.PROPORTIONAL:
        factor, error = moved**exponent, doubt * np.abs(np.log(moved))
    else:
        factor = np.maximum(1 + exponent * (moved - 1), 1 / _MOST)
        error = doubt * np.abs(moved - 1) / factor
    return np.clip(factor, 1 / _MOST, _MOST), np.minimum(error, 1.0)
