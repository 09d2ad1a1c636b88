"""Weighing: the expected breach of every size of every resource, and the price that decides between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.decision import Size
from data.outcome import Refusal
from data.panel import FloatArray
from data.series import UNITS, SeriesKey
from data.spoken import spoken
from models.sizing.exceedance import LEVELS
from models.sizing.limits import limited
from models.sizing.price import least_price, objective, price_for

HOURS_PER_WEEK = 168


@dataclass(frozen=True, slots=True)
class Weighing:
    """A fleet, weighed: sizes for any breach target, continuous or from a list of candidates."""

    keys: tuple[SeriesKey, ...]
    scale: FloatArray
    """(n,) what levels are a share of, in the metric's unit; NaN where refused."""
    unlimited: FloatArray
    """(n,) 1 where the scale is the highest peak because no capacity is known, else 0."""
    breach: FloatArray
    """(n, levels) expected share of the coming hours above each level."""
    weight: FloatArray
    """(n,) how much a breach counts."""
    curve: FloatArray
    """(prices,) breach to expect of the fleet at each price."""
    optimism: float
    """Realised over predicted breach on past holds, near the target asked for when weighed."""
    ceiling: float
    lowest: int
    """Smallest level index that may be taken."""
    move_only_if: float
    """A size in force is kept unless moving pays more than this share of the scale."""
    refusals: dict[int, Refusal]
    at_most: FloatArray
    """(n,) the most each can be given, in the metric's unit; inf = no limit."""
    margin: float = 0.0
    """Share held on top of the size that was chosen, as far as it can be had."""

    def price(self, target_breach: float) -> float:
        """The price of breach that meets a target for the fleet."""
        return price_for(target_breach, self.curve, least_price(self.weight[np.isfinite(self.scale)]))

    def targets(self, price: float, in_force: FloatArray | None = None) -> FloatArray:
        """(n,) sizes at a price, in the metric's unit; NaN where refused. A size in force moves only when it
        pays."""
        return self._decide(price, in_force)[0]

    def sizes(self, price: float, in_force: FloatArray | None = None) -> list[Size | Refusal]:
        """One answer per series at a price, with its interval and its sentence."""
        target, kept, best, low, high = self._decide(price, in_force)
        free = self._decide(price, None, limited=False)[0] if np.isfinite(self.at_most).any() else best
        answers: list[Size | Refusal] = []
        expected = self.breach_at(target)
        for row, key in enumerate(self.keys):
            if row in self.refusals:
                answers.append(self.refusals[row])
                continue
            because = self._because(row, key, target[row], best[row], price, bool(kept[row]))
            if free[row] > self.at_most[row]:
                because += limited(float(self.at_most[row]), float(free[row]))
            size = float(target[row])
            share = min(1.0, float(expected[row]) * self.optimism)
            answers.append(
                Size(min(float(low[row]), size), size, max(float(high[row]), size), because, share)
            )
        return answers

    def breach_at(self, sizes: FloatArray) -> FloatArray:
        """(n,) expected breach of the level at or below each size, so never too favourable; NaN where
        refused."""
        rows = np.arange(len(self.keys))
        found: FloatArray = np.where(np.isfinite(sizes), self.breach[rows, self._below(sizes)], np.nan)
        return found

    def best_of(
        self,
        row: int,
        candidates: Sequence[float],
        price: float,
        costs: Sequence[float] | None = None,
        in_force: float = float("nan"),
    ) -> int:
        """Index of the candidate size with the lowest objective, for sizes that come from a catalog.

        With a margin, of those that leave it above the best size, or above the candidate that would do
        without a margin where that is smaller; the largest that can be had where none does.

        Args:
            row: which resource.
            candidates: sizes on offer, in the metric's unit.
            costs: what each costs, in shares of what the resource costs now; None = proportional to the size.
            in_force: the candidate held now, which stays unless another one pays; NaN = none.

        Raises ValueError without candidates or for a refused resource.
        """
        if not len(candidates):
            raise ValueError("no candidate sizes")
        if row in self.refusals:
            raise ValueError(f"{self.keys[row]} has no sizes to choose from: {self.refusals[row].reason}")
        amounts = np.asarray(candidates, float)
        shares = amounts / self.scale[row]
        level = np.searchsorted(LEVELS, shares * (1 + 1e-9), side="right") - 1
        # Below the smallest level all hours with any demand are breached.
        breach = np.where(level >= 0, self.breach[row, np.maximum(level, 0)], 1.0)
        fits = amounts <= self.at_most[row] * (1 + 1e-9)
        barred = ~fits | (level < self.lowest) | (breach > self.ceiling)
        cost = shares if costs is None else np.asarray(costs, float)
        total = cost + price * self.weight[row] * breach + np.where(barred, 1e6, 0.0)
        if barred.all():
            # The largest that can be had does the least harm; where none can, the smallest is nearest.
            return int(np.argmax(np.where(fits, shares, -1))) if fits.any() else int(shares.argmin())
        best = int(total.argmin())
        if self.margin:
            wanted = min(float(amounts[best]), self._best_amount(row, price))
            total[amounts < (1 + self.margin) * wanted * (1 - 1e-9)] += 1e6
            if (total >= 1e6).all():
                return int(np.argmax(np.where(fits, shares, -1)))
            best = int(total.argmin())
        now = np.flatnonzero(np.isclose(amounts, in_force, rtol=1e-6, atol=0))
        stays = now.size and total[now[0]] - total[best] < self.move_only_if
        return int(now[0]) if stays else best

    def _best_amount(self, row: int, price: float) -> float:
        """Best size of one resource at a price, without margin and limit."""
        one = slice(row, row + 1)
        total = objective(self.breach[one], self.weight[one], price, self.ceiling, self.lowest)
        return float(LEVELS[total.argmin()] * self.scale[row])

    def _below(self, sizes: FloatArray) -> np.ndarray:
        shares = np.nan_to_num(sizes / self.scale, nan=LEVELS[0])
        return np.clip(np.searchsorted(LEVELS, shares * (1 + 1e-9), side="right") - 1, 0, len(LEVELS) - 1)

    def _decide(
        self, price: float, in_force: FloatArray | None, *, limited: bool = True
    ) -> tuple[FloatArray, np.ndarray, FloatArray, FloatArray, FloatArray]:
        """(n,) each: target, whether it is the size in force, best size, lower and upper end of what is as
        good."""
        rows = np.arange(len(self.keys))
        total = objective(self.breach, self.weight, price, self.ceiling, self.lowest)
        at_most = self.at_most if limited else np.full(len(rows), np.inf)
        k = np.arange(len(LEVELS))
        top = np.where(np.isfinite(at_most), self._below(np.minimum(at_most, 1e300)), len(LEVELS) - 1)
        total[k > top[:, None]] = np.inf
        # A limit below the smallest size allowed leaves no choice.
        best = np.where(top < self.lowest, top, total.argmin(axis=1))
        good = total - total[rows, best][:, None] < self.move_only_if
        good[rows, best] = True
        # The stretch of good levels around the best one: from the last bad one below to the first bad one
        # above.
        low = np.where(~good & (k < best[:, None]), k + 1, 0).max(axis=1)
        high = np.where(~good & (k > best[:, None]), k - 1, len(LEVELS) - 1).min(axis=1)
        # The margin comes after the choice: were it part of it, a burst could become too tall to cover and
        # more margin would give less.
        held = (1 + self.margin) * self.scale
        sizes = [np.minimum(LEVELS[level] * held, at_most) for level in (best, low, high)]
        target = sizes[0]
        kept = np.zeros(len(rows), bool)
        if in_force is not None:
            # The level at or below a size in force stands for it, and its own amount is what it costs.
            level = self._below(in_force / (1 + self.margin))
            share = in_force / held
            known = np.isfinite(share) & (share >= LEVELS[self.lowest] * (1 - 1e-9))
            known &= in_force <= at_most * (1 + 1e-9)
            worse = total[rows, level] - LEVELS[level] + share - total[rows, best]
            kept = known & (worse < self.move_only_if)
            target = np.where(kept, in_force, target)
        return target, kept, sizes[0], sizes[1], sizes[2]

    def _because(self, row: int, key: SeriesKey, target: float, best: float, price: float, kept: bool) -> str:
        """Why this size, with what one more unit would still avoid and what the fleet's price asks for it."""
        scale = float(self.scale[row])
        unit = UNITS.get(key.metric, "")
        step = 10.0 ** np.floor(np.log10(scale / 2))
        curve = self.breach[row]
        here, more = np.interp([target / scale, (target + step) / scale], LEVELS, curve)
        avoided = HOURS_PER_WEEK * max(here - more, 0.0) * self.optimism
        asked = HOURS_PER_WEEK * step / scale / (price * max(float(self.weight[row]), 1e-12)) * self.optimism
        of = "highest peak" if self.unlimited[row] else "provisioned"
        sentence = (
            f"at {spoken(target, 4)} of {spoken(scale, 4)} {unit} {of} {spoken(step)} more would avoid"
            f" {spoken(avoided, 2)} breached hours a week and the fleet's price asks for {spoken(asked, 2)}"
        )
        if self.margin and target < self.at_most[row]:
            sentence += f"; a margin of {spoken(100 * self.margin)} % is in it"
        if kept and abs(target / best - 1) > 0.005:
            sentence += f"; moving to {spoken(best)} would pay under {self.move_only_if:.0%}, so it stays"
        return sentence
