"""Analogue paths: what really followed a two-week level at earlier days, laid on the forecast.

Pieces come from the series' own past and from its pool (scaled to the series); the own share grows with
history. A piece's straight drift is taken out: without that, last year's tripling is replayed into next year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from data.panel import FloatArray
from models.planning.draws import integers, uniforms
from models.planning.week_profile import WEEK, ahead, middle, week_profile

_FIRST_ORIGIN = 28
_BASE_DAYS = 14
_MOST_ORIGINS = 112
_PROFILE_DAYS = 14
_PROFILE_WINDOW = 84
_OWN_WINDOWS = 4.0
"""History windows of 28 days at which half of the pieces are the series' own."""
_PIECES = 64
"""Upper bound of pieces that one path is made of."""


@dataclass(frozen=True, slots=True)
class Analogues:
    """What followed the level at past origins."""

    pieces: NDArray[np.float32]
    """(n, origins, horizon) deviations from the level of the time, drift removed, in units of `scale`;
    NaN past the end."""
    lengths: NDArray[np.int64]
    """(origins,) days each origin was followed for."""
    scale: FloatArray
    """(n,) mean absolute deviation in the first 28 days."""

    @classmethod
    def of(cls, demand: FloatArray, horizon: int) -> Self:
        """Cuts (n, t) gap-free demand at origins that leave a long enough future."""
        n, t = demand.shape
        least = min(horizon, max(14, (t - _FIRST_ORIGIN) // 2))
        every = max(3, -(-(t - 7 - _FIRST_ORIGIN) // _MOST_ORIGINS))
        origins = np.arange(t - 7, _FIRST_ORIGIN - 1, -every)
        pieces = np.zeros((n, len(origins), horizon), np.float32)
        profiles = _profiles(demand, origins)
        base = sliding_window_view(demand, _BASE_DAYS, axis=1)[:, origins - _BASE_DAYS]
        back = (np.arange(_BASE_DAYS) - _BASE_DAYS) % WEEK
        level = middle((base - profiles[:, :, back]).reshape(-1, _BASE_DAYS)).reshape(n, len(origins))
        lengths = np.minimum(t - origins, horizon)
        for i, (o, k) in enumerate(zip(origins, lengths, strict=True)):
            pieces[:, i, :k] = demand[:, o : o + k] - level[:, i, None] - ahead(profiles[:, i], k)
        # Late origins are too short to be drawn, but the present drift and spread are theirs.
        day = np.arange(1, horizon + 1, dtype=np.float32)
        squares = np.cumsum(np.arange(1.0, horizon + 1) ** 2)[lengths - 1].sum()
        slope = (np.einsum("noh,h->n", pieces, day) / squares).astype(np.float32)
        pieces -= slope[:, None, None] * day
        for i, k in enumerate(lengths):
            pieces[:, i, k:] = 0
        near = np.abs(pieces[:, :, :28]).sum((1, 2), dtype=float)
        scale = near / np.minimum(lengths, 28).sum()
        usual = 1e-9 * np.abs(demand).mean(1) + 1e-30  # of float32: 0 / 0 would spoil whoever draws from it
        scale = np.maximum(scale, usual)
        pieces /= scale[:, None, None].astype(np.float32)
        for i, k in enumerate(lengths):
            pieces[:, i, k:] = np.nan
        long = t - origins >= least
        return cls(np.ascontiguousarray(pieces[:, long]), lengths[long], scale)

    def deviations(
        self, pool: Analogues, seeds: NDArray[np.uint64], samples: int, history: int
    ) -> NDArray[np.float32]:
        """(n, samples, horizon) deviations from the centre, in the series' unit.

        A piece that ends early goes on with another one, from the mean of its own last week.
        """
        n, origins, horizon = self.pieces.shape
        windows = (history - _FIRST_ORIGIN) / 28
        share = windows / (windows + _OWN_WINDOWS)
        library = np.concatenate([self.pieces, pool.pieces]) if len(pool.pieces) else self.pieces
        if not len(pool.pieces):
            share = 1.0
        flat = library.reshape(-1, horizon)
        path = np.empty((n, samples, horizon), np.float32)
        reached = np.zeros((n, samples), np.int64)
        carried = np.zeros((n, samples), np.float32)
        for turn in range(_PIECES):
            open_rows, open_samples = np.nonzero(reached < horizon)
            if not len(open_rows):
                break
            own = uniforms(seeds, samples, 10 + 4 * turn) < share
            other = integers(seeds, samples, 11 + 4 * turn, max(len(pool.pieces), 1))
            source = np.where(own, np.arange(n)[:, None], n + other)
            chosen = integers(seeds, samples, 12 + 4 * turn, origins)
            if turn == 0 and (self.lengths >= horizon).all():
                path[:] = flat[source * origins + chosen]
                break
            r, s = open_rows, open_samples
            piece = flat[(source * origins + chosen)[r, s]]
            length = self.lengths[chosen[r, s]]
            begin = reached[r, s]
            # Shift each piece to where its path stands; what lies before is kept.
            position = np.arange(horizon) - begin[:, None]
            moved = np.take_along_axis(piece, np.clip(position, 0, horizon - 1), 1) + carried[r, s, None]
            path[r, s] = np.where(position >= 0, moved, path[r, s])
            end = np.minimum(begin + length, horizon)
            week = np.clip(end[:, None] - 1 - np.arange(7), 0, horizon - 1)
            reached[r, s] = end
            carried[r, s] = np.take_along_axis(path[r, s], week, 1).mean(1)
        path *= self.scale[:, None, None].astype(np.float32)
        return path


def _profiles(demand: FloatArray, origins: NDArray[np.int64]) -> FloatArray:
    """(n, origins, 7) weekday profiles, column 0 = the origin's own day.

    A profile holds for a while: it is learned every two weeks, from the past, and turned.
    """
    n = len(demand)
    learned_at = origins - origins % _PROFILE_DAYS
    distinct, of = np.unique(learned_at, return_inverse=True)
    learned = np.empty((n, len(distinct), WEEK))
    whole = distinct >= _PROFILE_WINDOW
    if whole.any():
        windows = sliding_window_view(demand, _PROFILE_WINDOW, axis=1)[:, distinct[whole] - _PROFILE_WINDOW]
        learned[:, whole] = week_profile(windows.reshape(-1, _PROFILE_WINDOW)).reshape(n, -1, WEEK)
    for at in np.flatnonzero(~whole):
        learned[:, at] = week_profile(demand[:, : distinct[at]])
    turned = (np.arange(WEEK) + (origins - learned_at)[:, None]) % WEEK
    profiles: FloatArray = np.take_along_axis(learned[:, of], np.broadcast_to(turned, (n, *turned.shape)), 2)
    return profiles
