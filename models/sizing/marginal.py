"""Our policy: decide for the fleet, not per machine.

For every resource it takes the size at which one more unit of capacity would no longer avoid 1/price units of
expected breach. The price is the same for the whole fleet, weighted by tier, and is set so that past weeks
would have met the breach target. So capacity goes where it avoids most breach: a machine with a rare tall
burst is left a little short because covering it would take what a dozen others need; `ceiling` and the
weights say where that must not happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import HOUR, FloatArray, Panel
from models.sizing.breach import SHIPPED, Margin, expected_breach
from models.sizing.evidence import gather, inputs
from models.sizing.exceedance import LEVELS
from models.sizing.learning import learned, past_holds, trials
from models.sizing.policy import SizingOptions
from models.sizing.price import PRICES, Trial, choices, forecast_breach, price_for
from models.sizing.weighing import Weighing

_CHUNK = 1000
"""Resources weighed at a time: what lies between stays in the processor's cache and under 100 MB."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """Sizes where one more unit no longer pays, at one price of breach for the fleet."""

    margin: Margin = field(default_factory=Margin)
    """Added to demand in the estimate from a resource's own history."""
    move_only_if: float = 0.03
    """A size in force is kept unless moving pays more than this share of what is provisioned."""
    ceiling: float = 1.0
    """No resource's expected breach may be above this; 0.05 costs 0 to 3 % of allocation, less for rare
    targets."""
    floor: float = 0.01
    """No size below this share of what is provisioned. Active memory as hypervisors report it needs about
    0.25."""
    least_days: int = 7
    """A resource with fewer reported days is refused."""
    refit_from: int = 150
    """Fleets of at least this many resources learn their own coefficients."""
    ridge: float = 100.0
    """How strongly they are drawn towards the shipped ones."""
    learn_from: int = 400
    """At most this many resources, evenly spaced by name, are learned from; all are sized."""
    holds: int = 12
    """Past holds that are examined at most."""

    @property
    def lookback_days(self) -> int | None:
        """All there is."""
        return None

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series; the forecast is not read."""
        weighing = self.weigh(history, options)
        return weighing.sizes(weighing.price(options.target_breach), options.in_force)

    def weigh(self, history: Panel, options: SizingOptions) -> Weighing:
        """What every size of every resource would breach, and what the fleet would breach at every price.

        Raises ValueError unless the panel is hourly.
        """
        if history.step != HOUR:
            raise ValueError(f"the marginal policy reads hours, not steps of {history.step}")
        n = len(history)
        weight = np.ones(n) if options.weight is None else np.asarray(options.weight, float)
        metrics = {key.metric for key in history.keys}
        shipped = np.array(SHIPPED["memory" if metrics & {"memory", "storage"} else "cpu"])
        lowest = int(np.searchsorted(LEVELS, self.floor * (1 - 1e-9)))

        usable_hours = 24 * self.least_days
        enough = history.slots >= usable_hours
        sample = self._sample(history)
        refit = len(sample) >= min(self.refit_from, self.learn_from) and len(history) >= self.refit_from
        coefficients, past = shipped, list[Trial]()
        if enough:
            holds = past_holds(history.take(sample), options.hold_days, self.holds)
            past = trials(
                holds,
                weight[sample],
                shipped,
                refit=refit,
                ridge=self.ridge,
                margin=self.margin,
                hard=options.hard,
                ceiling=self.ceiling,
                lowest=lowest,
            )
            if refit:
                coefficients = learned(holds, shipped, self.ridge)

        scale, unlimited = np.full(n, np.nan), np.zeros(n)
        breach = np.zeros((n, len(LEVELS)))
        refusals: dict[int, Refusal] = {}
        spent = np.zeros(len(PRICES))
        for first in range(0, n if enough else 0, _CHUNK):
            rows = np.arange(first, min(first + _CHUNK, n))
            evidence = gather(history.take(rows))
            breach[rows] = expected_breach(
                evidence, inputs(evidence), coefficients, self.margin, options.hard
            )
            scale[rows], unlimited[rows] = evidence.scale, evidence.unlimited
            for i in np.flatnonzero(~evidence.usable | (evidence.hours[-1] < usable_hours)):
                row = int(rows[i])
                refusals[row] = self._refusal(history, row, int(evidence.hours[-1][i]), evidence.scale[i])
            sized = np.array([i not in refusals for i in rows.tolist()], bool)
            picked = choices(breach[rows], weight[rows], self.ceiling, lowest)[:, sized]
            spent += breach[rows][sized][np.arange(int(sized.sum())), picked].sum(axis=1)
        if not enough:
            refusals = {
                row: Refusal(f"needs {self.least_days} days of history, has {history.slots / 24:.3g}")
                for row in range(n)
            }
        scale[list(refusals)] = np.nan
        today = spent / max(n - len(refusals), 1)
        curve = forecast_breach(today, past)
        price = price_for(options.target_breach, curve)
        at = np.interp(np.log(price), np.log(PRICES), curve)
        optimism = at / max(np.interp(np.log(price), np.log(PRICES), today), 1e-6)
        return Weighing(
            history.keys,
            scale,
            unlimited,
            breach,
            weight,
            curve,
            float(np.clip(optimism, 0.25, 4)),
            self.ceiling,
            lowest,
            self.move_only_if,
            refusals,
        )

    def with_floor(self, share: float) -> Marginal:
        """The same policy that never goes below a share of what is provisioned."""
        return replace(self, floor=share)

    def _sample(self, history: Panel) -> np.ndarray:
        """Rows to learn from, evenly spaced by name, so their order in the panel does not matter."""
        by_name = np.array(sorted(range(len(history)), key=lambda row: history.keys[row]), np.intp)
        if len(by_name) <= self.learn_from:
            return by_name
        return by_name[np.linspace(0, len(by_name) - 1, self.learn_from).round().astype(np.intp)]

    def _refusal(self, history: Panel, row: int, hours: int, scale: FloatArray | float) -> Refusal:
        if hours < 24 * self.least_days and np.isfinite(scale):
            return Refusal(
                f"needs {self.least_days} days of history, has {hours / 24:.3g} days of reported hours"
            )
        if hours and np.isfinite(scale):
            return Refusal("fewer than 24 hours of the last 7 days were reported")
        capacity = history.capacity[row, -24:]
        if np.nanmax(np.r_[capacity, -1.0]) == 0:
            return Refusal("switched off: its capacity is 0")
        if hours == 0:
            return Refusal("nothing was reported")
        return Refusal("no capacity is known and its demand was always 0")
