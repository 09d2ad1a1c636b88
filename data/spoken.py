"""Numbers inside sentences, as people say them."""

from __future__ import annotations

import math


def spoken(value: float, digits: int = 3) -> str:
    """`3,390`, `12.4`, `0.0419`: so many significant digits, thousands marked, never an exponent."""
    if not math.isfinite(value):
        return "unknown"
    rounded = float(f"{value:.{digits}g}")
    words = f"{rounded:,.{max(0, digits + 8)}f}" if abs(rounded) < 1 else f"{rounded:,.{digits}f}"
    return words.rstrip("0").rstrip(".") if "." in words else words
