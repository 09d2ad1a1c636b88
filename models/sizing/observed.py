"""Statistics of what was observed, row by row, for policies that look at a window of the past."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from data.decision import Size
from data.outcome import Refusal
from data.panel import FloatArray, Panel


def window(history: Panel, days: float | None) -> Panel:
    """The last `days` days of a history; all of it where None or where it is shorter."""
    if days is None:
        return history
    slots = round(days * history.slots_per_day)
    return history.between(max(0, history.slots - slots), history.slots)


def highest(amounts: FloatArray) -> FloatArray:
    """(n,) largest reported amount of each row; NaN where nothing is reported."""
    if amounts.shape[1] == 0:
        return np.full(len(amounts), np.nan)
    largest = np.where(np.isnan(amounts), -np.inf, amounts).max(axis=1)
    return np.where(np.isfinite(largest), largest, np.nan)


def by_day(amounts: FloatArray) -> FloatArray:
    """(n, days) highest amount of each 24 hours, counted back from the end; an incomplete first day
    counts."""
    n, t = amounts.shape
    days = -(-t // 24)
    padded = np.full((n, 24 * days), np.nan)
    padded[:, 24 * days - t :] = amounts
    return highest(padded.reshape(n * days, 24)).reshape(n, days)


def quantiles(amounts: FloatArray, levels: Sequence[float]) -> FloatArray:
    """(n, levels) quantiles of the reported amounts of each row, linear between them; NaN where there are
    none.

    The same as numpy.nanquantile, without its loop over rows.
    """
    n, t = amounts.shape
    if t == 0:
        return np.full((n, len(levels)), np.nan)
    ordered = np.sort(amounts, axis=1)  # NaN goes last
    reported = (~np.isnan(amounts)).sum(axis=1)
    position = np.maximum(reported - 1, 0)[:, None] * np.asarray(levels, float)
    below = np.floor(position).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(reported - 1, 0)[:, None])
    rows = np.arange(n)[:, None]
    low, high = ordered[rows, below], ordered[rows, above]
    found: FloatArray = low + (high - low) * (position - below)
    return found


def reported_hours(amounts: FloatArray) -> FloatArray:
    """(n,) reported cells of each row."""
    hours: FloatArray = (~np.isnan(amounts)).sum(axis=1).astype(float)
    return hours


def answers(
    amounts: FloatArray, least_hours: float, size: Callable[[int], Size], where: str
) -> list[Size | Refusal]:
    """`size(row)` for every row with enough reported hours, else a refusal that says how many there are.

    Args:
        amounts: (n, t) what the policy reads, only of its window.
        least_hours: fewer are refused.
        where: the window in words, for the reason.
    """
    found: list[Size | Refusal] = []
    for row, hours in enumerate(reported_hours(amounts)):
        if hours < least_hours:
            found.append(Refusal(f"needs {least_hours:g} reported hours {where}, has {hours:g}"))
        else:
            found.append(size(row))
    return found


def only_metric(history: Panel, known: Sequence[str], policy: str) -> Refusal | None:
    """The refusal of a policy that has no rule for the panel's metric; None where it has one."""
    metrics = sorted({key.metric for key in history.keys})
    unknown = [metric for metric in metrics if metric not in known]
    if unknown:
        return Refusal(f"{policy} has no rule for {', '.join(unknown)}")
    if len(metrics) > 1:
        raise ValueError(f"a panel to size holds one metric, this one has {', '.join(metrics)}")
    return None
