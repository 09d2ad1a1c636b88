"""Purges: storage that is filled and cleaned up, again and again, goes on being so on its sample paths.

A bootstrap of daily changes repeats past clean-ups at any level, so some paths climb out of reach of what
was ever seen. Where the past is a row of like cycles (filled to about the same level, cleaned to about the
same), most paths are made of whole past cycles instead: the one that is running goes on as a past one did
from the same level on (a renewal process, with cycles drawn as they are). Clean-up may end, so a share of the
paths knows nothing of cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.draws import uniforms

_LEAST_CYCLES = 5
"""Whole cycles that must be known."""
_LEAST_DAYS = 7
"""Of the median cycle: what falls every other day is noise."""
_LEAST_FALL = 0.08
"""Of the usual level: a smaller fall is no clean-up."""
_FALL_DAYS = 2
"""A clean-up takes no longer."""
_ALIKE = 0.3
"""Standard deviation of the levels before (and after) clean-ups, as a share of the mean fall."""
_LATE = 1.5
"""Where the running cycle is so many times as long as the longest known, clean-up has ended."""
_NO_TREND = 0.5
"""Levels before clean-ups may have moved by this share of the mean fall over all cycles."""
SHARE = 0.85
"""Of the paths that follow cycles."""
_STREAM = 940


@dataclass(frozen=True, slots=True)
class Cycles:
    """Whole cycles of one series, from the day after a clean-up to the day of the next."""

    pieces: tuple[FloatArray, ...]
    age: int
    """Days since the last clean-up."""
    level: float
    """On the last day."""

    @classmethod
    def of(cls, demand: FloatArray) -> Cycles | None:
        """Cycles of (t,) gap-free storage; None where it is not cleaned up regularly."""
        usual = float(np.median(np.abs(demand)))
        change = np.diff(demand)
        # The fall of a clean-up that takes two days is that of both.
        falls = change.copy()
        for days in range(1, _FALL_DAYS):
            both = change[:-days] + change[days:]
            falls[days:] = np.where((change[:-days] < 0) & (change[days:] < 0), both, falls[days:])
        ends = np.flatnonzero((falls < -_LEAST_FALL * usual) & (change < 0)) + 1
        # Of neighbouring days the last one ends the clean-up.
        ends = ends[np.append(np.diff(ends) > _FALL_DAYS, True)] if len(ends) else ends
        if len(ends) < _LEAST_CYCLES + 1:
            return None
        pieces = tuple(demand[a:b] for a, b in pairwise(ends))
        high = np.array([piece.max() for piece in pieces])
        low = np.array([piece[0] for piece in pieces])
        fall = float((high[:-1] - low[1:]).mean())
        lengths = np.array([len(piece) for piece in pieces])
        age = len(demand) - int(ends[-1])
        order = np.arange(len(high)) - (len(high) - 1) / 2
        moved = abs(float(order @ high)) / float(order @ order) * (len(high) - 1)
        regular = np.median(lengths) >= _LEAST_DAYS and age <= _LATE * lengths.max()
        like = max(high.std(), low.std()) <= _ALIKE * fall and moved <= _NO_TREND * fall
        if not like or not regular or demand[-1] > high.max() + _ALIKE * fall:
            return None
        return cls(pieces, age, float(demand[-1]))

    def paths(self, horizon: int, seed: NDArray[np.uint64], samples: int) -> NDArray[np.float32]:
        """(samples, horizon): the running cycle to its end, then past ones as they were."""
        drawn = horizon // min(len(piece) for piece in self.pieces) + 2
        draws = (uniforms(seed, samples * drawn, _STREAM)[0] * len(self.pieces)).astype(int)
        chosen = draws.reshape(samples, drawn)
        paths = np.empty((samples, horizon), np.float32)
        for s in range(samples):
            rest = self._rest(self.pieces[chosen[s, 0]])
            parts, days = [rest], len(rest)
            for k in chosen[s, 1:]:
                if days >= horizon:
                    break
                parts.append(self.pieces[k])
                days += len(self.pieces[k])
            paths[s] = np.concatenate(parts)[:horizon]
        return paths

    def _rest(self, piece: FloatArray) -> FloatArray:
        """What a past cycle still did from the present level on, beginning there."""
        place = int(np.argmin(np.abs(piece - self.level)))
        rest = piece[place + 1 :]
        gap = self.level - piece[place]
        return rest + gap if abs(gap) > 0 and len(rest) else rest
