"""SizingPolicy: the protocol of everything in `POLICIES`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import FloatArray, Panel


@dataclass(frozen=True, slots=True)
class SizingOptions:
    """What holds for one call, whatever the policy."""

    hold_days: int = 7
    """How long the sizes will be in force."""
    target_breach: float = 0.005
    """Share of hours whose peak may exceed the size; only policies with a budget read it."""
    in_force: FloatArray | None = None
    """(n,) sizes now, for policies that move a size only when it pays; NaN = none."""
    weight: FloatArray | None = None
    """(n,) how much a breach of the series counts, from its service's tier; None = all 1."""
    at_most: FloatArray | None = None
    """(n,) the most that each can be given where it runs, in the metric's unit, e.g. the largest node of its
    pool; NaN = no limit. `marginal` looks for the best size within it; for others `within` cuts sizes
    down."""
    hard: bool = False
    """True where demand cannot exceed what is provisioned (memory)."""


class SizingPolicy(Protocol):
    """Turns history into sizes. A frozen dataclass whose fields are its settings.

    `history` is hourly, one metric, n series; `peak` holds each hour's maximum, `capacity` what was
    provisioned.
    """

    @property
    def lookback_days(self) -> int | None:
        """Days of history the published rule reads; None = all there is."""
        ...

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series, in the panel's order."""
        ...
