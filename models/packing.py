"""Packing: which loads go onto which hosts, so that as few hosts as possible are used."""

from __future__ import annotations

from collections.abc import Mapping

from data.series import Metric
from models.pricing import Amounts


def pack(needs: Mapping[str, Amounts], held: Mapping[str, Amounts]) -> dict[str, str]:
    """Load -> host; the loads are those of the hosts themselves, by name.

    First fit by decreasing need of cpu onto the largest hosts first. A load stays together, as it is one
    today. One that fits nowhere else stays where it is, and its host takes in nothing: it is too small
    already.

    Args:
        needs: load -> metric -> amount it takes.
        held: host -> metric -> amount it has; what a host does not state is no limit there.
    """
    stuck: set[str] = set()
    while True:
        placed, left = _packed(needs, held, stuck)
        if left is None:
            return placed
        stuck.add(left)


def _packed(
    needs: Mapping[str, Amounts], held: Mapping[str, Amounts], stuck: set[str]
) -> tuple[dict[str, str], str | None]:
    """Where everything goes when `stuck` stays; and the first load that found no host."""
    loads = sorted(needs, key=lambda name: (-needs[name].get(Metric.CPU, 0.0), name))
    closed = sorted(set(held) - stuck, key=lambda name: (-held[name].get(Metric.CPU, 0.0), name))
    rooms: dict[str, dict[str, float]] = {}
    placed = {name: name for name in sorted(stuck)}
    for name in loads:
        if name in stuck:
            continue
        host = next((one for one, room in rooms.items() if _holds(room, needs[name])), None)
        if host is None:
            host = next((one for one in closed if _holds(held[one], needs[name])), None)
            if host is None:
                return placed, name
            closed.remove(host)
            rooms[host] = dict(held[host])
        placed[name] = host
        for metric in rooms[host]:
            rooms[host][metric] -= needs[name].get(metric, 0.0)
    return placed, None


def _holds(room: Amounts, needs: Amounts) -> bool:
    return all(amount <= room[metric] + 1e-9 for metric, amount in needs.items() if metric in room)
