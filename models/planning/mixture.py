"""Sample paths of a chunk: a third analogues laid on the ensemble, two thirds bootstrapped changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.analogue_paths import Analogues
from models.planning.ceiling import KNOWS, under_ceiling
from models.planning.change_paths import change_paths
from models.planning.ensemble import LevelEnsemble
from models.planning.growth import SteadyGrowth
from models.planning.purges import SHARE as CYCLE_SHARE
from models.planning.purges import Cycles
from models.planning.week_profile import WEEK, ahead, behind, middle, relative_week

ANALOGUE_SHARE = 1 / 3
_NEAR, _FAR = 0.1, 0.2
"""How far the change paths of a flow are moved to the ensemble, within a week and beyond; a stock's stay."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for n series."""

    paths: NDArray[np.float32]
    """(n, samples, horizon)"""
    centre: FloatArray
    """(n, horizon) the ensemble, with growth where it is steady."""
    growing: NDArray[np.bool_]
    """(n,) series that follow a trend."""
    cyclic: NDArray[np.bool_]
    """(n,) stocks whose paths repeat past cycles; their bands are the paths' own."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """What a pool of series of one metric and length taught, ready to draw paths for any such series."""

    ensemble: LevelEnsemble
    library: Analogues

    @classmethod
    def fit(cls, pool: FloatArray, horizon: int, stock: bool) -> Self:
        """Learns from (m, t) gap-free demand in which no series is constant."""
        return cls(LevelEnsemble.fit(pool, horizon, stock), Analogues.of(pool, horizon))

    def draw(self, demand: FloatArray, seeds: NDArray[np.uint64], samples: int) -> Drawn:
        """Draws paths for (n, t) gap-free demand of the pool's length."""
        growth = SteadyGrowth.of(demand, self.ensemble.stock)
        floor = demand.min(1) >= 0
        demand = growth.removed(demand)
        horizon = self.ensemble.horizon
        analogues = max(1, round(samples * ANALOGUE_SHARE))
        centre = self.ensemble.centre(demand)
        week = np.ones((len(demand), WEEK)) if self.ensemble.stock else relative_week(demand)
        level = demand / behind(week, demand.shape[1])
        days = ahead(week, horizon)
        middle = centre / days

        paths = np.empty((len(demand), samples, horizon), np.float32)
        own = Analogues.of(level, horizon)
        paths[:, :analogues] = own.deviations(self.library, seeds, analogues, demand.shape[1])
        paths[:, :analogues] += middle[:, None].astype(np.float32)
        changes = change_paths(level, horizon, seeds, samples - analogues)
        if not self.ensemble.stock:
            changes += _towards(middle, changes)[:, None].astype(np.float32)
        paths[:, analogues:] = changes
        if not self.ensemble.stock:
            _keep_below_ceilings(level, paths, ~growth.steady)
        paths *= days[:, None].astype(np.float32)
        cyclic = self._cycles(demand, ~growth.steady, paths, seeds)
        paths, centre = growth.onto(paths, centre, seeds)
        paths[floor] = np.maximum(paths[floor], 0)
        return Drawn(paths, centre, growth.steady, cyclic)

    def _cycles(
        self,
        demand: FloatArray,
        asked: NDArray[np.bool_],
        paths: NDArray[np.float32],
        seeds: NDArray[np.uint64],
    ) -> NDArray[np.bool_]:
        """(n,) stocks that are cleaned up regularly; most of their paths become past cycles."""
        cyclic = np.zeros(len(demand), bool)
        if not self.ensemble.stock:
            return cyclic
        samples, horizon = paths.shape[1:]
        chosen = _spread_over(samples, CYCLE_SHARE)
        for i in np.flatnonzero(asked):
            cycles = Cycles.of(demand[i])
            if cycles is not None:
                cyclic[i] = True
                paths[i, chosen] = cycles.paths(horizon, seeds[i : i + 1], len(chosen))
        return cyclic


def _keep_below_ceilings(level: FloatArray, paths: NDArray[np.float32], asked: NDArray[np.bool_]) -> None:
    """Cuts most paths of series that have a ceiling off at it."""
    rows = np.flatnonzero(under_ceiling(level) & asked)
    if len(rows):
        chosen = _spread_over(paths.shape[1], KNOWS)
        highest = level[rows].max(1).astype(np.float32)[:, None, None]
        paths[rows[:, None], chosen] = np.minimum(paths[rows[:, None], chosen], highest)


def _spread_over(samples: int, share: float) -> NDArray[np.intp]:
    """A share of the samples, evenly spread, so that paths of both kinds are among them."""
    return np.flatnonzero(np.diff(np.floor(np.arange(samples + 1) * share)) > 0)


def _towards(centre: FloatArray, changes: NDArray[np.float32]) -> FloatArray:
    """(n, horizon) part of the way from the median of the change paths to the ensemble.

    Medians are taken every day for four weeks and every week after; between them the distance is linear.
    """
    horizon = centre.shape[1]
    days = np.arange(horizon)
    nodes = np.unique(np.append(days[(days < 28) | (days % 7 == 0)], horizon - 1))
    apart = centre[:, nodes] - middle(changes[:, :, nodes])
    share = np.where(days < 7, _NEAR, _FAR)
    move: FloatArray = share * np.stack([np.interp(days, nodes, row) for row in apart])
    return move
