"""Amounts of money as they stand above their sum: what is shown adds up, although each is rounded."""

from __future__ import annotations

from collections.abc import Sequence

SMALL = 10.0
"""Where nothing of a sum reaches it, cents are shown."""


def adding_up(amounts: Sequence[float], total: float | None = None, *, fixed: int = 0) -> list[str]:
    """The words of each amount and, last, of their sum; the sum of the words is the last word.

    Where rounded amounts miss the rounded sum, those are moved by one that are nearest to the next unit, so
    none is shown more than one unit from what it is. Nothing stays nothing.

    Args:
        total: of the amounts, as it is known; default their sum.
        fixed: so many of the first are shown as rounded, whatever the rest must take.
    """
    total = sum(amounts) if total is None else total
    unit = 0.01 if max((abs(one) for one in (*amounts, total)), default=0.0) < SMALL else 1.0
    exact = [one / unit for one in amounts]
    shown = [round(one) for one in exact]
    missing = round(total / unit) - sum(shown)
    step = 1 if missing > 0 else -1
    free = [place for place in range(fixed, len(shown)) if exact[place]]
    nearest = sorted(free, key=lambda place: (step * (shown[place] - exact[place]), place))
    for place in nearest[: abs(missing)]:
        shown[place] += step
    return [_words(one, unit) for one in (*shown, round(total / unit))]


def signed(words: str) -> str:
    """`+490`, `−1,260`, `0`: a change, of the words of an amount."""
    return words if words[0] == "−" or not words.strip("0.,") else f"+{words}"


def off(amounts: Sequence[float]) -> bool:
    """Whether amounts rounded to whole units miss their rounded sum: a long column then says so."""
    return sum(round(one) for one in amounts) != round(sum(amounts))


def _words(units: int, unit: float) -> str:
    digits = f"{abs(units):,}" if unit == 1.0 else f"{abs(units) / 100:.2f}" if units else "0"
    return f"{'−' if units < 0 else ''}{digits}"
