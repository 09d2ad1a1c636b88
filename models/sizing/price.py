"""The price of breach: one number for the fleet that turns a breach target into sizes.

A resource gets the size that minimises  size / scale + price x weight x expected breach.  The price is set so
that the breach target is met. Taking the lowest point of an estimated curve picks optimistic estimates, so
realised breach is 1.3 to 2.5 times the predicted one; the ratio is measured on past holds, walk-forward, and
corrected.

A price that is the same in every week serves the target at least cost, so the curve that is read is the mean
of what past holds realised, with the coming one's corrected prediction as one of them. A few past holds say
little about rare breaches; the fleet's own predictions, corrected as much as another fleet's had to be, count
as SHIPPED_HOLDS more. Only that ratio is carried over, never another fleet's height: a fleet of even machines
breaches far less at the same price.
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
"""Past holds that what is known from elsewhere counts as."""

_KNOTS = (0.02, 0.1, 0.3, 1, 2, 4, 8, 15, 30, 60, 120, 300, 1000, 10_000)
_SHIPPED = {
    "cpu": (
        (0.391, 0.203, 0.141, 0.0801, 0.0555, 0.021, 0.00976, 0.00593, 0.0041, 0.00301, 0.00237, 0.00196,
         0.00179, 0.00175),
        (0.349, 0.186, 0.129, 0.0723, 0.0475, 0.0156, 0.00665, 0.0038, 0.0022, 0.00142, 0.00102, 0.00083,
         0.000753, 0.000709),
    ),
    "memory": (
        (0.907, 0.591, 0.302, 0.0707, 0.0376, 0.0196, 0.0101, 0.00529, 0.0027, 0.00186, 0.00112, 0.000534,
         0.000228, 0.000107),
        (0.807, 0.528, 0.274, 0.0639, 0.0327, 0.0166, 0.00886, 0.00451, 0.00245, 0.00153, 0.000863, 0.000402,
         7.12e-05, 3.93e-06),
    ),
}  # fmt: skip
"""Realised and predicted breach at the prices in _KNOTS: 283 virtual machines of the Bitbrains trace, the
mean of the holds that begin on days 7 to 35."""

AIM = 0.8
"""Share of the target that is aimed at: weeks with new kinds of bursts come, and a target is there to be
met."""

HOLD_POWER = 0.3
"""A size held longer meets more that nobody foresaw: realised over predicted breach grows with this power of
the weeks it is held (14 and 28 days on days 7 to 42 of the trace: 0.1 to 0.7, the more the rarer)."""

LEAST_PRICE = 2.0
"""Below a price of 1, holding nothing and breaching in every hour is the cheapest way to serve a busy
machine; from 2 on, nothing that is busy for more than half the hours is given up. A fleet so even that less
would do is given this, and breaches less than its target."""

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


def shipped_trial(kind: str, hold_days: int = 7, weight: float = 1.0) -> Trial:
    """What prices did elsewhere; `kind` is cpu or memory, `resources` 1.

    Args:
        weight: how much a breach counts here; there it counted 1, so the same sizes had a price that was
            higher by as much.
    """
    prices = np.log(PRICES * weight)
    realised, predicted = (
        np.exp(np.interp(prices, np.log(_KNOTS), np.log(shares))) for shares in _SHIPPED[kind]
    )
    longer = max(hold_days / 7, 1.0) ** HOLD_POWER
    return Trial(np.minimum(realised * longer, 1), predicted, 1)


def forecast_breach(today: FloatArray, trials: list[Trial], shipped: Trial) -> FloatArray:
    """(prices,) breach to expect of the fleet at each price; falls as the price rises.

    Args:
        today: (prices,) predicted mean breach of the coming hold.
        trials: past holds, counted by their resources.
        shipped: what predictions came to elsewhere; counts as SHIPPED_HOLDS of the largest of `trials`.
    """
    counted = [t for t in trials if t.resources]
    resources = [t.resources for t in counted]
    largest = max(resources, default=1)
    # What the fleet's own predictions usually are, today's where there is no past: steadier than today's.
    usual = np.average([t.predicted for t in counted], axis=0, weights=resources) if counted else today
    elsewhere = usual * (shipped.realised + _RARE) / (shipped.predicted + _RARE)
    weights = np.array([*resources, SHIPPED_HOLDS * largest], float)
    realised = np.average([*(t.realised for t in counted), elsewhere], axis=0, weights=weights)
    predicted = np.average([*(t.predicted for t in counted), usual], axis=0, weights=weights)
    corrected = today * (realised + _RARE) / (predicted + _RARE)
    mean = (weights.sum() * realised + largest * corrected) / (weights.sum() + largest)
    falling: FloatArray = np.minimum.accumulate(mean)
    return falling


def price_for(target: float, curve: FloatArray, least: float = LEAST_PRICE) -> float:
    """The price at which the fleet's expected breach is AIM times the target; the outermost price beyond the
    curve, never below `least`."""
    logs = -np.log(np.maximum(curve, 1e-9))
    met = float(np.exp(np.interp(-np.log(max(AIM * target, 1e-9)), logs, np.log(PRICES))))
    return max(met, least)


def least_price(weight: FloatArray) -> float:
    """The price at which a breach of the least weighty resource costs LEAST_PRICE; what weighs nothing may be
    given up."""
    weighty = weight[weight > 0]
    return LEAST_PRICE / float(weighty.min()) if weighty.size else LEAST_PRICE


def _barred(breach: FloatArray, ceiling: float, lowest: int) -> FloatArray:
    """(n, levels) a large number where a size may not be taken: below the floor or expected to breach too
    often.

    The largest level is always allowed, so every resource has an answer.
    """
    barred = np.where(breach > ceiling, 1e6, 0.0)
    barred[:, :lowest] = 1e6
    barred[:, -1] = 0
    return barred
