"""What was concluded about demand: forecasts, and the refusal to make one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from data.series import SeriesKey


@dataclass(frozen=True, slots=True)
class Refusal:
    """No answer, because of `reason`: a sentence a planner understands, lower case, no full stop."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Quantile paths of n series over a horizon; paths of one series never cross.

    A refused series has its reason in `refusals` and the quantiles of the fallback that was used
    instead, named in `made_by`; where no fallback was possible either, its quantiles are NaN.
    """

    keys: tuple[SeriesKey, ...]
    start: datetime
    """Start of the first forecast slot: the end of the history."""
    step: timedelta
    levels: tuple[float, ...]
    """Rising, each in (0, 1)."""
    quantiles: FloatArray
    """(n, horizon, len(levels)) in the metric's unit."""
    made_by: tuple[str, ...]
    """Per series, what made it, e.g. `fleet` or `last_value (fallback)`."""
    refusals: Mapping[int, Refusal] = field(default_factory=dict)
    """Row -> why the asked model gave no answer."""
    paths: NDArray[np.float32] | None = None
    """(n, samples, horizon) equally likely paths, where the model draws them."""

    def __post_init__(self) -> None:
        if list(self.levels) != sorted(set(self.levels)) or not all(0 < p < 1 for p in self.levels):
            raise ValueError(f"levels must rise within (0, 1): {self.levels}")
        n, _, m = self.quantiles.shape
        if (n, m) != (len(self.keys), len(self.levels)) or n != len(self.made_by):
            raise ValueError(
                f"{len(self.keys)} keys, {len(self.levels)} levels and {len(self.made_by)} makers"
                f" do not fit quantiles of shape {self.quantiles.shape}"
            )

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def horizon(self) -> int:
        """Slots ahead."""
        return int(self.quantiles.shape[1])

    def at(self, level: float) -> FloatArray:
        """(n, horizon) path of one level; linear between the levels there are.

        Raises ValueError outside the lowest and highest level.
        """
        levels = np.asarray(self.levels)
        if not levels[0] <= level <= levels[-1]:
            raise ValueError(f"level {level:g} is outside {levels[0]:g} to {levels[-1]:g}")
        j = int(np.searchsorted(levels, level))
        if np.isclose(levels[j], level):
            return self.quantiles[:, :, j]
        share = (level - levels[j - 1]) / (levels[j] - levels[j - 1])
        path: FloatArray = (1 - share) * self.quantiles[:, :, j - 1] + share * self.quantiles[:, :, j]
        return path

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> Forecast:
        """The forecast of some of its series."""
        index = np.asarray(rows, np.intp)
        return replace(
            self,
            keys=tuple(self.keys[i] for i in index),
            quantiles=self.quantiles[index],
            made_by=tuple(self.made_by[i] for i in index),
            refusals={k: self.refusals[int(i)] for k, i in enumerate(index) if int(i) in self.refusals},
            paths=None if self.paths is None else self.paths[index],
        )
