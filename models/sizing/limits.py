"""Limits: no size is larger than what can be given where a resource runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from data.decision import Size
from data.outcome import Refusal
from data.panel import FloatArray
from data.spoken import spoken


def within(answers: Sequence[Size | Refusal], at_most: FloatArray | None) -> list[Size | Refusal]:
    """The same answers with no size above its limit, and the sentence says so where one was cut down.

    What is expected to be breached is no longer known then.

    Args:
        at_most: (n,) limits in the metric's unit, NaN = none; None = no limits at all.
    """
    if at_most is None:
        return list(answers)
    found: list[Size | Refusal] = []
    for answer, limit in zip(answers, at_most.tolist(), strict=True):
        if isinstance(answer, Size) and answer.upper > limit:
            cut = answer.target > limit
            answer = replace(
                answer,
                lower=min(answer.lower, limit),
                target=min(answer.target, limit),
                upper=limit,
                because=answer.because + limited(limit, answer.target) if cut else answer.because,
                expected_breach=None if cut else answer.expected_breach,
            )
        found.append(answer)
    return found


def limited(limit: float, wanted: float) -> str:
    """The end of the sentence of a size that a limit cut down."""
    return f"; {spoken(wanted)} would be right, but no more than {spoken(limit)} can be had where it runs"
