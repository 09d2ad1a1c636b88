"""Ladder: which past cutoffs and which members a length of history allows, and which series go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features.seasons import Seasons
from models.forecasters.members import MEMBERS
from models.forecasters.members.batch import Member

CHUNK = 256
"""Series that are worked on together: what fits a processor's cache and a few hundred megabytes."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What a length of history allows."""

    offsets: tuple[int, ...]
    """Slots between each past cutoff and the end of the history, nearest first."""
    members: tuple[Member, ...]


def rung(length: int, horizon: int, seasons: Seasons) -> Rung:
    """Past cutoffs and members for `length` slots of history.

    Under two short seasons only the last value and its smoothing, under two long ones no weekly
    member, from about five long seasons on everything; the backtest takes at most half of the history.
    """
    offsets = backtest_offsets(length, horizon, seasons.day)
    earliest = length - (offsets[-1] if offsets else 0)
    members = tuple(m for m in MEMBERS if m.minimum(seasons, horizon) <= earliest)
    return Rung(offsets, members or MEMBERS[:1])


def backtest_offsets(length: int, horizon: int, day: int) -> tuple[int, ...]:
    """Past cutoffs: half a horizon apart over three horizons, or over ten days; less in short histories.

    Ten at most, five for horizons beyond three days and four beyond a week, where each costs more and errors
    age.
    """
    room = length // 2
    stride = max(7, -(-horizon // (2 * day)) * day if day > 1 else horizon)
    span = max(10 * day, 3 * horizon)
    count = int(np.clip(span // stride, 3, 10 if horizon <= 3 * day else 5 if horizon <= 8 * day else 4))
    if stride * count > room:
        count = max(3, min(count, room // stride))
        stride = min(stride, room // count)
    if stride < 1:
        return ()
    return tuple(stride * k for k in range(1, count + 1))


def chunks(
    lengths: NDArray[np.intp], names: list[tuple[str, str]], horizon: int, seasons: Seasons
) -> list[NDArray[np.intp]]:
    """Rows that go together: similar length, same metric where possible, in an order that only names decide.

    Args:
        lengths: (n,) slots since each series began; rows with 0 are left out.
        names: metric and subject of each row.
    """
    # Many series are equally long.
    allowed = {int(k): len(rung(int(k), horizon, seasons).members) for k in np.unique(lengths[lengths > 0])}
    classes = np.ceil(2 * np.log2(np.maximum(lengths, 1) / seasons.recent) - 1e-9).astype(int)
    order = sorted(
        (int(row) for row in np.flatnonzero(lengths > 0)),
        key=lambda row: (
            -classes[row],
            allowed[int(lengths[row])],
            names[row],
            row,
        ),
    )
    groups: dict[tuple[int, int], list[int]] = {}
    for row in order:
        groups.setdefault((int(classes[row]), allowed[int(lengths[row])]), []).append(row)
    out = []
    for rows in groups.values():
        parts = max(1, round(len(rows) / CHUNK))
        out += [np.asarray(part, np.intp) for part in np.array_split(np.asarray(rows), parts)]
    return out
