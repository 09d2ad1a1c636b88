"""The price of breach: one number for the fleet that turns a breach target into sizes.

A resource gets the size that minimises  size / scale + price x weight x expected breach.  The price is set so
that the breach target is met. Taking the lowest point of an estimated curve picks optimistic estimates, so
realised breach is 1.3 to 2.5 times the predicted one; the ratio is measured on past holds, walk-forward, and
corrected.

A price that is the same in every week serves the target at least cost, so the curve that is read is the mean
of what past holds realised, with the coming one's corrected prediction as one of them. A few past holds say
little about rare breaches; the shipped curve counts as SHIPPED_HOLDS more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.sizing.exceedance import LEVELS

PRICES: FloatArray = np.geomspace(0.02, 10_000, 80)
"""Prices that are tried; a breach in all hours costs this many times what is provisioned."""

SHIPPED_HOLDS = 4
"""Past holds the shipped curve counts as."""

_KNOTS = (0.02, 0.1, 0.3, 1, 2, 4, 8, 15, 30, 60, 120, 300, 1000, 10_000)
_SHIPPED = {
    "cpu": (
        (0.385, 0.205, 0.144, 0.0806, 0.0565, 0.0214, 0.00993, 0.00627, 0.00452, 0.00336, 0.00257, 0.00218,
         0.00191, 0.00176),
        (0.34, 0.185, 0.129, 0.072, 0.0476, 0.0154, 0.0064, 0.00365, 0.0021, 0.00138, 0.000999, 0.000835,
         0.000766, 0.000713),
    ),
    "memory": (
        (0.907, 0.589, 0.302, 0.0715, 0.0383, 0.0206, 0.0111, 0.0061, 0.00344, 0.00252, 0.00168, 0.000681,
         0.000227, 0.000106),
        (0.806, 0.525, 0.271, 0.0617, 0.0316, 0.016, 0.00849, 0.00436, 0.00235, 0.00152, 0.000897, 0.000439,
         7.28e-05, 4.96e-06),
    ),
}  # fmt: skip
"""Realised and predicted breach at the prices in _KNOTS: 283 virtual machines of the Bitbrains trace, the
mean of the holds that begin on days 7 to 35."""

LEAST_PRICE = 0.03
"""Least price x target; fleets of hundreds of machines show 0.08 to 0.3."""

_RARE = 0.0002
"""Added to realised and predicted breach: ratios of tiny shares are luck."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What each price would have done in one past hold, mean over the resources."""

    realised: FloatArray
    """(prices,) share of hours above the sizes."""
    predicted: FloatArray
    """(prices,) the share that was expected."""
    resources: int


def choices(breach: FloatArray, weight: FloatArray, ceiling: float, lowest: int = 0) -> NDArray[np.intp]:
    """(prices, n) best level index of every resource at every price."""
    barred = _barred(breach, ceiling, lowest)
    picked = np.empty((len(PRICES), len(breach)), np.intp)
    weighted = breach * weight[:, None]
    for p, price in enumerate(PRICES):
        picked[p] = (LEVELS + barred + price * weighted).argmin(axis=1)
    return picked


def objective(
    breach: FloatArray, weight: FloatArray, price: float, ceiling: float, lowest: int = 0
) -> FloatArray:
    """(n, levels) what each size costs, allocation and expected breach together, in shares of the scale."""
    total: FloatArray = LEVELS + _barred(breach, ceiling, lowest) + price * breach * weight[:, None]
    return total


def trial(
    breach: FloatArray, outcomes: FloatArray, scored: NDArray[np.bool_], picked: NDArray[np.intp]
) -> Trial:
    """Compares the breach of the picked levels with what came; both (n, levels), `scored` (n,)."""
    rows = np.flatnonzero(scored)
    if rows.size == 0:
        return Trial(np.zeros(len(PRICES)), np.zeros(len(PRICES)), 0)
    levels = picked[:, rows]
    return Trial(outcomes[rows, levels].mean(axis=1), breach[rows, levels].mean(axis=1), len(rows))


def shipped_trial(kind: str) -> Trial:
    """What prices did elsewhere; `kind` is cpu or memory, `resources` 1."""
    realised, predicted = (
        np.exp(np.interp(np.log(PRICES), np.log(_KNOTS), np.log(shares))) for shares in _SHIPPED[kind]
    )
    return Trial(realised, predicted, 1)


def forecast_breach(today: FloatArray, trials: list[Trial], shipped: Trial) -> FloatArray:
    """(prices,) breach to expect of the fleet at each price; falls as the price rises.

    Args:
        today: (prices,) predicted mean breach of the coming hold.
        trials: past holds, counted by their resources.
        shipped: counts as SHIPPED_HOLDS of the largest of them.
    """
    counted = [t for t in trials if t.resources]
    largest = max((t.resources for t in counted), default=1)
    weights = np.array([*(t.resources for t in counted), SHIPPED_HOLDS * largest], float)
    realised = np.average([*(t.realised for t in counted), shipped.realised], axis=0, weights=weights)
    predicted = np.average([*(t.predicted for t in counted), shipped.predicted], axis=0, weights=weights)
    corrected = today * (realised + _RARE) / (predicted + _RARE)
    mean = (weights.sum() * realised + largest * corrected) / (weights.sum() + largest)
    falling: FloatArray = np.minimum.accumulate(mean)
    return falling


def price_for(target: float, curve: FloatArray) -> float:
    """The price at which the fleet's expected breach is the target; the outermost price beyond the curve.

    Never below LEAST_PRICE / target: a fleet so even that any price meets the target shows no price of its
    own.
    """
    sought = max(target, 1e-9)
    logs = -np.log(np.maximum(curve, 1e-9))
    met = float(np.exp(np.interp(-np.log(sought), logs, np.log(PRICES))))
    return min(max(met, LEAST_PRICE / sought), float(PRICES[-1]))


def _barred(breach: FloatArray, ceiling: float, lowest: int) -> FloatArray:
    """(n, levels) a large number where a size may not be taken: below the floor or expected to breach too
    often.

    The largest level is always allowed, so every resource has an answer.
    """
    barred = np.where(breach > ceiling, 1e6, 0.0)
    barred[:, :lowest] = 1e6
    barred[:, -1] = 0
    return barred
