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
from numpy.typing import NDArray

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import HOUR, FloatArray, Panel
from data.series import STOCKS
from models.sizing.breach import SHIPPED, Rise, expected_breach
from models.sizing.evidence import gather, inputs
from models.sizing.exceedance import LEVELS
from models.sizing.learning import WEEK, learned, past_holds, trials
from models.sizing.policy import SizingOptions
from models.sizing.price import PRICES, choices, forecast_breach, least_price, price_for, shipped_trial
from models.sizing.weighing import Weighing

_CHUNK = 1000
"""Resources weighed at a time: what lies between stays in the processor's cache and under 100 MB."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """Sizes where one more unit no longer pays, at one price of breach for the fleet."""

    rise: Rise = field(default_factory=Rise)
    """How much higher demand is believed to come, in the estimate from a resource's own history."""
    margin: float = 0.0
    """Share held on top of every size. It comes after the choice, so a burst that is covered without it is
    covered with it; the breach target is set without it."""
    move_only_if: float = 0.025
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
    ridge: float = 30.0
    """How strongly they are drawn towards the shipped ones."""
    learn_from: int = 400
    """At most this many resources, evenly spaced by name, are learned from; all are sized."""
    holds: int = 12
    """Past holds that are examined at most."""

    def __post_init__(self) -> None:
        if not 0 <= self.margin < np.inf:
            raise ValueError(f"the margin is a share of at least 0, got {self.margin:g}")

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
        kind = "memory" if metrics & {"memory", "storage"} else "cpu"
        shipped = np.array(SHIPPED[kind])
        ahead_days = options.hold_days if metrics & STOCKS else 0
        lowest = int(np.searchsorted(LEVELS, self.floor * (1 - 1e-9)))

        if history.slots < 24 * self.least_days:
            short = Refusal(f"needs {self.least_days} days of history, has {history.slots / 24:.3g}")
            return self._nothing(history, weight, lowest, short)
        sample = self._sample(history)
        refit = n >= self.refit_from
        learner = history.take(sample)
        holds = past_holds(learner, options.hold_days, self.holds)
        lessons = holds if options.hold_days == WEEK else past_holds(learner, WEEK, self.holds)
        past = trials(
            holds,
            lessons,
            weight[sample],
            shipped,
            refit=refit,
            ridge=self.ridge,
            rise=self.rise,
            hard=options.hard,
            ahead_days=ahead_days,
            ceiling=self.ceiling,
            lowest=lowest,
        )
        coefficients = learned(lessons, shipped, self.ridge) if refit else shipped

        scale, unlimited = np.full(n, np.nan), np.zeros(n)
        breach = np.zeros((n, len(LEVELS)))
        refusals: dict[int, Refusal] = {}
        spent = np.zeros((n, len(PRICES)))
        for first in range(0, n, _CHUNK):
            rows = np.arange(first, min(first + _CHUNK, n))
            evidence = gather(history.take(rows))
            found = expected_breach(
                evidence,
                inputs(evidence),
                coefficients,
                rise=self.rise,
                hard=options.hard,
                ahead_days=ahead_days,
            )
            breach[rows], scale[rows], unlimited[rows] = found, evidence.scale, evidence.unlimited
            days = evidence.days_heard
            for i in np.flatnonzero(~evidence.usable | (days < self.least_days)):
                row = int(rows[i])
                refusals[row] = self._refusal(history, row, int(days[i]), evidence.scale[i])
            picked = choices(found, weight[rows], self.ceiling, lowest)
            spent[rows] = found[np.arange(len(rows)), picked].T
        scale[list(refusals)] = np.nan
        # Summed by name, so that the order of the panel changes no digit.
        counted = [row for row in self._by_name(history) if row not in refusals]
        today = spent[counted].mean(axis=0) if counted else np.zeros(len(PRICES))
        weighty = weight[counted][weight[counted] > 0]
        usual = float(np.exp(np.log(weighty).mean())) if weighty.size else 1.0
        curve = forecast_breach(today, past, shipped_trial(kind, options.hold_days, usual))
        price = price_for(options.target_breach, curve, least_price(weight[counted]))
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
            _limits(options.at_most, n),
            self.margin,
        )

    def with_floor(self, share: float) -> Marginal:
        """The same policy that never goes below a share of what is provisioned."""
        return replace(self, floor=share)

    def _nothing(self, history: Panel, weight: FloatArray, lowest: int, refusal: Refusal) -> Weighing:
        """The weighing in which every series is refused."""
        n = len(history)
        return Weighing(
            history.keys,
            np.full(n, np.nan),
            np.zeros(n),
            np.zeros((n, len(LEVELS))),
            weight,
            np.zeros(len(PRICES)),
            1.0,
            self.ceiling,
            lowest,
            self.move_only_if,
            dict.fromkeys(range(n), refusal),
            np.full(n, np.inf),
            self.margin,
        )

    @staticmethod
    def _by_name(history: Panel) -> list[int]:
        return sorted(range(len(history)), key=lambda row: history.keys[row])

    def _sample(self, history: Panel) -> NDArray[np.intp]:
        """Rows to learn from, evenly spaced by name, so their order in the panel does not matter."""
        by_name = np.array(self._by_name(history), np.intp)
        if len(by_name) <= self.learn_from:
            return by_name
        return by_name[np.linspace(0, len(by_name) - 1, self.learn_from).round().astype(np.intp)]

    def _refusal(self, history: Panel, row: int, days: int, scale: FloatArray | float) -> Refusal:
        if days < self.least_days and np.isfinite(scale):
            return Refusal(f"needs {self.least_days} days of history, has {days} days of reported hours")
        if days and np.isfinite(scale):
            return Refusal("fewer than 24 hours of the last 7 days were reported")
        capacity = history.capacity[row, -24:]
        if np.nanmax(np.r_[capacity, -1.0]) == 0:
            return Refusal("switched off: its capacity is 0")
        if days == 0:
            return Refusal("nothing was reported")
        return Refusal("no capacity is known and its demand was always 0")


def _limits(at_most: FloatArray | None, n: int) -> FloatArray:
    """(n,) the most each can be given, inf where nothing limits it."""
    if at_most is None:
        return np.full(n, np.inf)
    limits: FloatArray = np.where(np.isnan(at_most), np.inf, at_most)
    return limits
