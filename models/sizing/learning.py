"""What the fleet's own past teaches the marginal policy: coefficients, and how far predictions were off.

Past holds end before the cutoff, counted back from it week by week. Each is looked at as it was: its
evidence is what was known at its beginning, its coefficients come from holds that had ended by then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray, Panel
from models.sizing.breach import Rise, expected_breach, fit, rows_in_doubt
from models.sizing.evidence import Evidence, gather, inputs, outcome
from models.sizing.price import Trial, choices, trial

WEEK = 7
"""Days between past holds, and the hold the regression learns from: longer ones leave too few outcomes to
learn from, and a week's coefficients serve a month as well."""

FIRST_DAY = 7
"""Days of history before the first hold that is examined."""

ROWS_PER_RESOURCE = 12
"""Levels per resource and past hold that the regression learns from."""

LEAST_HOURS = 24
"""Reported hours a hold must have more than to be scored."""


@dataclass(frozen=True, slots=True)
class PastHold:
    """One hold of the past: what was known at its beginning and what came."""

    day: int
    """Days of history before it."""
    evidence: Evidence
    table: NDArray[np.float32]
    outcomes: FloatArray
    """(n, levels) share of its reported hours above each level."""
    scored: NDArray[np.bool_]
    """(n,) enough was known before and reported during it."""


def past_holds(history: Panel, hold_days: int, at_most: int) -> list[PastHold]:
    """The latest holds that have ended by the end of the history, one a week, oldest first."""
    spare = history.slots % 24
    days = history.slots // 24
    first_days = range(days - hold_days, FIRST_DAY - 1, -WEEK)
    holds = []
    for day in sorted(first_days[:at_most]):
        cutoff = spare + 24 * day
        evidence = gather(history.until(cutoff))
        outcomes, reported = outcome(history, evidence.scale, cutoff, hold_days)
        scored = evidence.usable & (reported > LEAST_HOURS)
        holds.append(PastHold(day, evidence, inputs(evidence), outcomes, scored))
    return holds


def learned(holds: list[PastHold], shipped: FloatArray, ridge: float) -> FloatArray:
    """Coefficients from holds that have ended, drawn towards the shipped ones."""
    parts = [rows_in_doubt(h.table, h.outcomes, h.scored, ROWS_PER_RESOURCE) for h in holds]
    rows = np.concatenate([part[0] for part in parts]) if parts else np.empty((0, len(shipped)))
    if len(rows) < 10 * len(shipped):
        return shipped
    return fit(rows, np.concatenate([part[1] for part in parts]), shipped, ridge)


def trials(
    holds: list[PastHold],
    lessons: list[PastHold],
    weight: FloatArray,
    shipped: FloatArray,
    *,
    refit: bool,
    ridge: float,
    rise: Rise,
    hard: bool,
    ahead_days: int,
    ceiling: float,
    lowest: int,
) -> list[Trial]:
    """What each price would have done in each past hold, walk-forward.

    `lessons` are past weeks to learn coefficients from, used only by holds that began after they had ended.
    """
    found = []
    for hold in holds:
        ended = [lesson for lesson in lessons if lesson.day + WEEK <= hold.day]
        coefficients = learned(ended, shipped, ridge) if refit else shipped
        breach = expected_breach(
            hold.evidence, hold.table, coefficients, rise=rise, hard=hard, ahead_days=ahead_days
        )
        picked = choices(breach, weight, ceiling, lowest)
        found.append(trial(breach, hold.outcomes, hold.scored, picked))
    return found
