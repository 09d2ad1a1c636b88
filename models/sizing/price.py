"""The price of breach: one number for the fleet that turns a breach target into sizes.

A resource gets the size that minimises  size / scale + price x weight x expected breach.  The price is set so
that the breach target is met. Taking the lowest point of an estimated curve picks optimistic estimates, so
realised breach is 1.5 to 2 times the predicted one; the ratio is measured on past holds, walk-forward, and
corrected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.sizing.exceedance import LEVELS

PRICES: FloatArray = np.geomspace(0.02, 10_000, 80)
"""Prices that are tried; a breach in all hours costs this many times what is provisioned."""

UNTESTED_RATIO = 1.75
"""Realised over predicted breach where no past hold can be examined yet (measured: 1.5 to 2)."""

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


def forecast_breach(today: FloatArray, trials: list[Trial]) -> FloatArray:
    """(prices,) breach to expect of the fleet at each price; falls as the price rises.

    Args:
        today: (prices,) predicted mean breach of the coming hold.
        trials: past holds; without any, UNTESTED_RATIO.
    """
    counted = [t for t in trials if t.resources]
    if counted:
        weights = np.array([t.resources for t in counted], float)
        realised = np.average([t.realised for t in counted], axis=0, weights=weights)
        predicted = np.average([t.predicted for t in counted], axis=0, weights=weights)
        ratio = (realised + _RARE) / (predicted + _RARE)
    else:
        ratio = np.full(len(PRICES), UNTESTED_RATIO)
    corrected: FloatArray = np.minimum.accumulate(today * ratio)
    return corrected


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
