"""Packing: which loads go onto which hosts, so that as few hosts as possible are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from data.series import Metric
from models.pricing import Amounts

_SLACK = 1e-9
_ROUNDS = 4
"""How often hosts are chosen anew when some load found none: what failed stays at home next time."""
_NOWHERE = -1

Places = NDArray[np.int64]
"""(n,) host of each load."""


def pack(needs: Mapping[str, Amounts], held: Mapping[str, Amounts]) -> dict[str, str]:
    """Load -> host; the loads are those of the hosts themselves, by name.

    First fit by decreasing need of cpu onto the largest hosts first says which hosts are kept. What a kept
    host does then stays on it, and only the loads of the others are moved, unless more hosts would be used
    that way. A load stays together, as it is one today. One that fits nowhere else stays where it is; when
    its host is too small for it, that takes in nothing.

    Args:
        needs: load -> metric -> amount it takes.
        held: host -> metric -> amount it has; what a host does not state is no limit there.
    """

    def order(name: str) -> tuple[float, float, str]:
        # Of equal hosts the busiest is kept: the less has to move.
        return -held[name].get(Metric.CPU, 0.0), -needs[name].get(Metric.CPU, 0.0), name

    hosts = sorted(needs, key=order)
    if not hosts:
        return {}
    metrics = sorted({metric for amounts in held.values() for metric in amounts})
    wanted = _table(needs, hosts, metrics, -np.inf)
    rooms = _table(held, hosts, metrics, np.inf)
    by_need = np.array(sorted(range(len(hosts)), key=lambda i: (-needs[hosts[i]].get(Metric.CPU, 0), i)))
    moved = _moved(wanted, rooms, by_need)
    kept = np.zeros(len(hosts), bool)
    kept[moved[moved >= 0]] = True
    kept[moved == _NOWHERE] = True
    at_home = _at_home(wanted, rooms, by_need, kept)
    places = at_home
    if (moved >= 0).all() and _badness(moved, wanted, rooms) < _badness(at_home, wanted, rooms):
        places = moved
    return {name: hosts[place] for name, place in zip(hosts, places, strict=True)}


def _moved(wanted: FloatArray, rooms: FloatArray, by_need: Places) -> Places:
    """Every load onto the first host with room, those in use before others; -1 = it found none."""
    # What no host holds even when empty stays from the start.
    stuck = ~np.array([_fits(rooms, need).any() for need in wanted])
    for _ in range(_ROUNDS):
        places = np.where(stuck, np.arange(len(wanted)), _NOWHERE)
        left, used = rooms.copy(), np.zeros(len(wanted), bool)
        left[stuck] = np.nan  # compares as no room
        for load in by_need[~stuck[by_need]]:
            fits = _fits(left, wanted[load])
            best = int((fits & used).argmax())
            if not (fits[best] and used[best]):
                best = int(fits.argmax())
                if not fits[best]:
                    continue
            places[load] = best
            used[best] = True
            _take(left, best, wanted[load])
        failed = places == _NOWHERE
        if not failed.any():
            break
        stuck |= failed
    return places


def _at_home(wanted: FloatArray, rooms: FloatArray, by_need: Places, kept: NDArray[np.bool_]) -> Places:
    """Loads of `kept` hosts at home, the others onto those; what fits on none of them stays at home too."""
    places = np.arange(len(wanted))
    left = np.full(rooms.shape, np.nan)
    small = ~_fits(rooms, wanted)  # its host is too small for it
    for host in map(int, np.flatnonzero(kept & ~small)):
        left[host] = rooms[host]
        _take(left, host, wanted[host])
    # First what is short where it is: its host has room for others once it is gone.
    moving = np.concatenate([by_need[small[by_need]], by_need[~small[by_need] & ~kept[by_need]]])
    for load in moving:
        fits = _fits(left, wanted[load])
        best = int(fits.argmax())
        if fits[best]:
            places[load] = best
            _take(left, best, wanted[load])
            if kept[load]:
                left[load] = rooms[load]
        elif not small[load]:
            left[load] = rooms[load]
            _take(left, load, wanted[load])
    return places


def _badness(places: Places, wanted: FloatArray, rooms: FloatArray) -> tuple[int, int]:
    """Loads on a host that is too small for them, and hosts in use."""
    return int((~_fits(rooms[places], wanted)).sum()), len(np.unique(places))


def _fits(left: FloatArray, wanted: FloatArray) -> NDArray[np.bool_]:
    """(n,) whether a load fits into each room, or each load into its room."""
    return np.asarray((wanted <= left + _SLACK).all(axis=1))


def _take(left: FloatArray, host: int, wanted: FloatArray) -> None:
    left[host] -= np.where(np.isfinite(wanted), wanted, 0.0)


def _table(
    amounts: Mapping[str, Amounts], names: Sequence[str], metrics: Sequence[str], missing: float
) -> FloatArray:
    """(names, metrics) amounts."""
    rows = [[amounts[name].get(metric, missing) for metric in metrics] for name in names]
    return np.array(rows, float).reshape(len(names), len(metrics))
