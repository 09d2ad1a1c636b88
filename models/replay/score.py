"""Scoring of held sizes against what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray, Panel
from models.sizing.observed import highest

LEAST_FUTURE_HOURS = 24
"""A window with fewer reported hours after its beginning is left out; where only some hours of a week count,
with fewer than that share of them."""

LEAST_SHARE = 0.01
"""No size counts as less than this share of what is provisioned."""

MOVED = 0.005
"""A size that differs from the one before by more than this share was changed."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One window of the replay: sizes are decided at `cutoff` and in force until `end`."""

    cutoff: int
    """Slots of history before it."""
    end: int
    provisioned: FloatArray
    """(n,) largest capacity of the 24 hours before; NaN or 0 = none."""
    future: FloatArray
    """(n, hours) hourly peaks while the sizes are in force."""
    least_hours: FloatArray | float = LEAST_FUTURE_HOURS
    """Reported hours it takes to count, of all or of (n,) each."""

    @property
    def scored(self) -> NDArray[np.bool_]:
        """(n,) something is provisioned and enough was reported."""
        heard = (~np.isnan(self.future)).sum(axis=1) >= self.least_hours
        counted: NDArray[np.bool_] = heard & (self.provisioned > 0)
        return counted


def holds(
    history: Panel,
    start_day: int,
    hold_days: int,
    every_days: int | None = None,
    *,
    whole: bool = False,
    counted_share: FloatArray | None = None,
) -> list[Hold]:
    """The windows of a rolling origin: from `start_day`, one every `every_days` (the hold's length by
    default).

    The last one may be cut short by the end of the history, unless only `whole` ones are wanted.

    Args:
        counted_share: (n,) share of the hours that count, the others being unreported; None = all count.

    Raises ValueError where there is none.
    """
    every = hold_days if every_days is None else every_days
    if min(start_day, hold_days, every) < 1:
        raise ValueError("start, hold and spacing of a replay are at least one day")
    share = 1.0 if counted_share is None else counted_share
    least = np.maximum(LEAST_FUTURE_HOURS * np.asarray(share, float), 1.0)
    found = []
    for day in range(start_day, history.slots // 24 + 1, every):
        cutoff, end = 24 * day, min(24 * (day + hold_days), history.slots)
        if end - cutoff < (24 * hold_days if whole else LEAST_FUTURE_HOURS):
            break
        provisioned = highest(history.capacity[:, cutoff - 24 : cutoff])
        found.append(Hold(cutoff, end, provisioned, history.peak[:, cutoff:end], least))
    if not found:
        raise ValueError(
            f"a replay from day {start_day} needs at least {start_day + 1} days of history,"
            f" there are {history.slots / 24:.3g}"
        )
    return found


@dataclass(frozen=True, slots=True)
class Score:
    """What a policy did, over all scored entity-windows."""

    allocated: float
    """Mean of size / provisioned."""
    breached_hours: float
    """Mean share of the reported hours whose peak exceeded the size."""
    breached_windows: float
    """Share of entity-windows with at least one such hour."""
    worst_overshoot: float
    """Highest peak / size."""
    changes: float
    """Share of sizes that differ from the one before by more than MOVED; 0 with a single window."""
    refused: float
    """Share of entity-windows in which the policy had no answer, so what is provisioned stayed."""
    entity_windows: int


def in_force(hold: Hold, sizes: FloatArray) -> FloatArray:
    """(n,) what is really held: at least LEAST_SHARE of what is provisioned, and that itself where
    refused."""
    held: FloatArray = np.where(np.isnan(sizes), hold.provisioned, sizes)
    # fmax: where no capacity is known, the size has no lower bound.
    return np.fmax(held, LEAST_SHARE * hold.provisioned)


def score(
    decided: Mapping[int, FloatArray], windows: list[Hold], rows: NDArray[np.bool_] | None = None
) -> Score:
    """Scores sizes against what came.

    Args:
        decided: cutoff -> (n,) sizes as the policy gave them, NaN where it refused.
        windows: the holds, in order.
        rows: which entities to count; None = all.
    """
    shares, breaches, overshoots, moves, refusals = [], [], [], [], []
    before: FloatArray | None = None
    for hold in windows:
        sizes = decided[hold.cutoff]
        held = in_force(hold, sizes)
        counted = hold.scored if rows is None else hold.scored & rows
        if before is not None:
            known = counted & (before > 0)
            moves.append(np.abs(held[known] / before[known] - 1) > MOVED)
        before = held
        future, held, provisioned = hold.future[counted], held[counted], hold.provisioned[counted]
        reported = (~np.isnan(future)).sum(axis=1)
        shares.append(held / provisioned)
        breaches.append((future > held[:, None]).sum(axis=1) / reported)
        overshoots.append(highest(future) / held)
        refusals.append(np.isnan(sizes[counted]))
    allocated, breached, overshoot = (np.concatenate(x) for x in (shares, breaches, overshoots))
    moved = np.concatenate(moves) if moves else np.zeros(0, bool)
    if not len(allocated):
        return Score(np.nan, np.nan, np.nan, np.nan, 0.0, np.nan, 0)
    return Score(
        float(allocated.mean()),
        float(breached.mean()),
        float((breached > 0).mean()),
        float(overshoot.max()),
        float(moved.mean()) if len(moved) else 0.0,
        float(np.concatenate(refusals).mean()),
        len(allocated),
    )
