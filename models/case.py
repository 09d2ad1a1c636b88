"""What advice is made from: all that is known about one resource."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from data.decision import Size
from data.exhaustion import Exhaustion, ExhaustionState
from data.outcome import Refusal
from models.estate import Resource
from models.pricing import Amounts, Price
from models.usage import Usage


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known about one resource when something is advised about it."""

    resource: Resource
    used: Mapping[str, Usage]
    """Metric -> what it did."""
    sizes: Mapping[str, Size | Refusal]
    """Metric -> what the policy would hold."""
    exhaustions: Mapping[str, Exhaustion]
    """Metric -> when it runs out."""
    ahead: Mapping[str, float]
    """Metric -> demand to expect at the end of lead time and horizon, where paths were drawn."""
    price: Price
    """Of today's size."""
    stated: Amounts = field(default_factory=dict)
    """Metric -> capacity the inventory states; counts where nothing was measured."""
    cap: Amounts = field(default_factory=dict)
    """Metric -> the most one replica of a workload can hold: what its largest node has for it."""

    days_uncut: float = math.inf
    """Days since it has been larger than a size that was full: until then demand was cut off."""

    @property
    def held(self) -> Amounts:
        """Metric -> capacity now, where it is known and the resource is switched on."""
        if not self.used:
            return {m: v for m, v in self.stated.items() if v > 0}
        return {m: u.capacity for m, u in self.used.items() if u.capacity > 0}

    @property
    def capacity(self) -> Amounts:
        """Like `held`, with 0 for what is switched off."""
        return {m: u.capacity for m, u in self.used.items() if u.capacity >= 0}

    @property
    def is_dated(self) -> bool:
        """Whether a day within the year is named on which something of it runs out."""
        return any(e.state is ExhaustionState.DATED for e in self.exhaustions.values())
