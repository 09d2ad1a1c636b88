"""Expected breach: the share of the coming hours in which demand lies above each level.

Two estimates from the same evidence. *History* needs no training: the resource's own exceedance shares,
averaged over windows. It cannot see above what was ever seen. *Logistic* is one regression over all resources
with a fractional outcome (Papke and Wooldridge 1996): it can, because another resource's surprise says
something about this one's. Their mean is steadier than either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.sizing.evidence import INPUTS, WINDOWS, Evidence
from models.sizing.exceedance import LEVELS, LOG_LEVELS, STEPS_TO_FULL

HISTORY_WINDOWS = (3, 7, 28, 91)
"""Days; short ones follow a change of level, long ones remember what is rare."""

SHIPPED: dict[str, tuple[float, ...]] = {
    "cpu": (
        0.4892, 0.2533, 0.1584, 0.3786, 0.4819, 0.2545, -0.5006, -0.0225,
        -0.159, 1.587, -0.97, -0.1718, 0.1105, 0.5117, -0.5446, -0.06766,
    ),
    "memory": (
        0.9661, 0.3356, 0.3148, 0.3616, 0.3929, 0.009212, -0.3144, -0.02517,
        -0.1408, -0.9867, -1.346, 0.466, 0.02419, 0.3132, -1.343, -0.0401,
    ),
}  # fmt: skip
"""Coefficients in the order of INPUTS, fitted on 283 virtual machines of the Bitbrains trace, days 7 to
35."""

SURPRISE = 3.0
"""How many times the usual rise a surprise is."""

_LIMIT = 15.0
"""Logits are kept within this of zero."""


@dataclass(frozen=True, slots=True)
class Rise:
    """How much higher demand may come than it did, in the estimate from a resource's own history.

    The middle follows the gap between the highest hour and the next ones: demand that runs against a wall,
    such as a processor at its highest clock, comes back to the same height and needs next to none. Demand
    never comes back at exactly the height it had, so the middle is spread, and with a small chance it comes
    much higher.

    It is part of what is believed, not a margin: where a tall burst is believed to come taller, it may be
    given up.
    """

    share: float = 0.6
    """Of the gap."""
    least: float = 0.005
    most: float = 0.1
    spread: float = 0.9
    """Half the chance lies this share of the middle below and above it."""
    widest: float = 0.03
    """The spread is at most this."""
    surprise: float = 0.05
    """Chance of a rise SURPRISE times the middle."""

    def of(self, evidence: Evidence) -> FloatArray:
        """(n,) middles."""
        middles: FloatArray = np.clip(self.share * evidence.top_gap, self.least, self.most)
        return middles

    def rises(self, evidence: Evidence) -> list[tuple[float, FloatArray]]:
        """Chances, which add up to 1, with the (n,) rises they stand for, as fractions of demand."""
        middle = self.of(evidence)
        spread = np.minimum(self.spread * middle, self.widest)
        usual = 1 - self.surprise
        chances = (
            (usual / 4, middle - spread),
            (usual / 2, middle),
            (usual / 4, middle + spread),
            (self.surprise, SURPRISE * middle),
        )
        return [(chance, by) for chance, by in chances if chance > 0]


def history_breach(evidence: Evidence, rise: Rise) -> FloatArray:
    """(n, levels) mean over windows and rises of the share of hours with demand x (1 + rise) above a level.

    A window in which nothing was reported says nothing and is left out.
    """
    rows = [WINDOWS.index(days) for days in HISTORY_WINDOWS]
    heard = (evidence.hours[rows] > 0)[:, :, None]
    mean = (evidence.hourly[rows] * heard).sum(axis=0) / np.maximum(heard.sum(axis=0), 1)
    breach: FloatArray = np.zeros(mean.shape)
    for chance, by in rise.rises(evidence):
        breach += chance * raised(mean, np.log1p(by))
    return breach


def raised(curves: FloatArray, by: FloatArray) -> FloatArray:
    """(n, levels) breach curves of demand that is higher by a factor exp(`by`), (n,) and at least 0.

    Demand x f > level is demand > level / f: the curve, moved up the grid.
    """
    steps = by * STEPS_TO_FULL / np.log(100)
    whole = np.floor(steps).astype(np.intp)
    part = (steps - whole)[:, None]
    k = np.arange(len(LEVELS)) - whole[:, None]
    near = np.take_along_axis(curves, np.maximum(k, 0), axis=1)
    far = np.take_along_axis(curves, np.maximum(k - 1, 0), axis=1)
    moved: FloatArray = (1 - part) * near + part * far
    return moved


def logistic_breach(table: NDArray[np.float32], coefficients: FloatArray) -> FloatArray:
    """(n, levels) regression's expected breach; never rises with the size."""
    logits = np.clip(table @ coefficients.astype(np.float32), -_LIMIT, _LIMIT)
    return np.minimum.accumulate(1 / (1 + np.exp(-logits.astype(float))), axis=1)


def expected_breach(
    evidence: Evidence,
    table: NDArray[np.float32],
    coefficients: FloatArray,
    *,
    rise: Rise,
    hard: bool,
    ahead_days: int = 0,
) -> FloatArray:
    """(n, levels) mean of both estimates.

    Args:
        table: the evidence's inputs.
        hard: demand cannot exceed what is provisioned, so nothing is breached from there on; resources whose
            capacity nobody knows have no such limit.
        ahead_days: how far growth is carried on, for what accumulates (stored data); 0 for what flows, where
        the
            trend of a month was found to say nothing about the next week.
    """
    breach = (history_breach(evidence, rise) + logistic_breach(table, coefficients)) / 2
    if ahead_days:
        breach = raised(breach, np.log1p(np.clip(evidence.growth * ahead_days, 0, 1)))
    if hard:
        breach[~evidence.unlimited, STEPS_TO_FULL:] = 0
    return breach


def rows_in_doubt(
    table: NDArray[np.float32], outcomes: FloatArray, usable: NDArray[np.bool_], per_resource: int
) -> tuple[FloatArray, FloatArray]:
    """Rows to learn from: a few levels per resource, evenly spaced among those where the answer is in doubt.

    In doubt is a level that demand lay above in under 60 % of the hours of 28 days and that is not far above
    the highest one reached. Levels where the answer is plain would only teach the regression to be sure of
    itself.

    Returns:
        (rows, inputs) and (rows,) outcomes.
    """
    monthly, ever = INPUTS.index("hours above, 28 days"), INPUTS.index("hours above, all")
    reached = (table[:, :, ever] > np.log(0.0005)).sum(axis=1).clip(0, len(LEVELS) - 1)
    near = np.log(np.maximum(LEVELS[reached], 0.002))[:, None] + 1.2 > LOG_LEVELS
    doubtful = ((table[:, :, monthly] < np.log(0.6)) & near) | ((outcomes > 0) & (outcomes < 0.9))
    doubtful &= usable[:, None]
    rank = np.cumsum(doubtful, axis=1)
    spacing = per_resource / np.maximum(rank[:, -1:], per_resource)
    chosen = doubtful & (np.floor(rank * spacing) > np.floor((rank - 1) * spacing))
    return table[chosen].astype(float), outcomes[chosen]


def fit(
    rows: FloatArray, outcomes: FloatArray, towards: FloatArray, ridge: float, steps: int = 12
) -> FloatArray:
    """Coefficients of the logistic regression, drawn towards given ones, by Newton steps.

    Args:
        rows: (m, inputs), the first column 1.
        outcomes: (m,) shares in [0, 1].
        towards: (inputs,) coefficients that hold without data.
        ridge: how many rows' worth of weight they have, in units of an input's standard deviation.
    """
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    mean[0], spread[0] = 0, 1
    spread[spread == 0] = 1
    scaled = (rows - mean) / spread
    prior = towards * spread
    prior[0] = towards[0] + (towards * mean)[1:].sum()
    pull = np.r_[0.0, np.full(rows.shape[1] - 1, ridge)]
    found = prior.copy()
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-np.clip(scaled @ found, -_LIMIT, _LIMIT)))
        curvature = np.maximum(chance * (1 - chance), 1e-5)
        hessian = (scaled * curvature[:, None]).T @ scaled + np.diag(pull + 1e-9)
        step = np.linalg.solve(hessian, scaled.T @ (outcomes - chance) - pull * (found - prior))
        # A long step can overshoot where the curve is flat.
        found += step * min(1.0, 2 / np.abs(step).max(initial=1e-12))
    coefficients: FloatArray = found / spread
    coefficients[0] = found[0] - (found * mean / spread)[1:].sum()
    return coefficients
