"""Random numbers that belong to a series, not to its place in a batch.

Each number is a hash of (seed, series, stream, position), so a forecast is the same however the panel
is ordered or cut into chunks. The hash is SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from data.series import SeriesKey

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def seeds(keys: Sequence[SeriesKey], seed: int) -> NDArray[np.uint64]:
    """(n,) one seed per series, from its name and the caller's seed."""
    digests = (hashlib.blake2b(f"{seed}\n{k.subject}\n{k.metric}".encode(), digest_size=8) for k in keys)
    return np.array([int.from_bytes(d.digest(), "little") for d in digests], np.uint64)


def uniforms(seeds: NDArray[np.uint64], count: int, stream: int) -> FloatArray:
    """(n, count) numbers in [0, 1); each `stream` of a series is a sequence of its own."""
    positions = np.arange(count, dtype=np.uint64) + (np.uint64(stream) << np.uint64(32))
    x = seeds[:, None] + (positions + np.uint64(1)) * _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    x ^= x >> np.uint64(31)
    numbers: FloatArray = (x >> np.uint64(11)) * 2.0**-53
    return numbers


def spread_integers(
    seeds: NDArray[np.uint64], samples: int, draws: int, stream: int, below: int
) -> NDArray[np.int64]:
    """(n, samples, draws) whole numbers in [0, below), evenly spread over the samples of each draw.

    One number from each of `samples` equal parts of the range, in random order (stratified sampling), which
    takes a good part of the chance out of what is counted over the samples.
    """
    n = len(seeds)
    order = uniforms(seeds, samples * draws, stream).reshape(n, samples, draws).argsort(1)
    within = uniforms(seeds, samples * draws, stream + 1).reshape(n, samples, draws)
    return ((order + within) / samples * below).astype(np.int64)


def integers(seeds: NDArray[np.uint64], count: int, stream: int, below: int) -> NDArray[np.int64]:
    """(n, count) whole numbers in [0, below)."""
    return (uniforms(seeds, count, stream) * below).astype(np.int64)
