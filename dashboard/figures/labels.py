"""Places for names beside their points, so that none lies on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Literal

CHARACTER = 6.8
"""Width of a character of 12 px text, px; a little more than it is."""
LINE = 15.0
"""Height of a line of 12 px text, px."""
GAP = 7.0
"""From the middle of a point to its name, px."""

Box = tuple[float, float, float, float]
"""left, bottom, right, top, px."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a name stands: which of its edges is shifted how far from the point."""

    xanchor: Literal["left", "center", "right"]
    yanchor: Literal["bottom", "middle", "top"]
    xshift: float
    yshift: float


_D = GAP * 0.7
SPOTS: tuple[Spot, ...] = (
    Spot("left", "middle", GAP, 0),
    Spot("right", "middle", -GAP, 0),
    Spot("center", "bottom", 0, GAP - 2),
    Spot("center", "top", 0, -GAP + 2),
    Spot("left", "bottom", _D, _D - 2),
    Spot("right", "bottom", -_D, _D - 2),
    Spot("left", "top", _D, -_D + 2),
    Spot("right", "top", -_D, -_D + 2),
    Spot("left", "bottom", _D, LINE + 2),
    Spot("right", "bottom", -_D, LINE + 2),
    Spot("left", "bottom", _D, 2 * LINE + 2),
)
"""Tried in this order."""
STRANGER = 150.0
"""What it costs where another named point is nearer to a name than its own, in px² covered."""
LIGHT = 0.25
"""Weight of what is covered of lines: a name on a thin line is still read."""
FARTHER = 4.0
"""What a later spot costs, in px² covered: names stay close where that covers next to nothing."""


def beside(
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    areas: Sequence[tuple[float, float]],
    taken: Sequence[tuple[float, float]] = (),
    lines: Sequence[tuple[float, float]] = (),
) -> list[Spot]:
    """A spot for each name; where none is free, the one that covers least.

    Args:
        points: shares of the chart's area, from its lower left corner.
        areas: (width, height) it may have, px: spots are the same on a wide and on a narrow screen.
        taken: other points that no name may cover.
        lines: points close to each other along lines, which names rather leave free.
    """
    order = range(len(points))
    orders = (order, sorted(order, key=lambda i: points[i]), sorted(order, key=lambda i: points[i][::-1]))
    tries = [_placed(points, names, areas, taken, lines, one) for one in (*orders, orders[1][::-1])]
    return min(tries, key=lambda found: found[0])[1]


def _placed(
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    areas: Sequence[tuple[float, float]],
    taken: Sequence[tuple[float, float]],
    lines: Sequence[tuple[float, float]],
    order: Sequence[int],
) -> tuple[float, list[Spot]]:
    """What is covered in all, and the spots, when names choose in this order."""
    at = [[(x * width, y * height) for x, y in [*points, *taken, *lines]] for width, height in areas]
    dots = [[(x - 4, y - 4, x + 4, y + 4) for x, y in one] for one in at]
    filled: list[dict[int, Box]] = [{} for _ in areas]
    costs: dict[int, float] = {}
    found: dict[int, Spot] = {}
    # Later rounds let every name choose anew, knowing the others.
    for i in [*order, *order, *order]:
        covered = [FARTHER * rank for rank in range(len(SPOTS))]
        for k, (width, height) in enumerate(areas):
            named, all_points = len(points), len(points) + len(taken)
            others = [*dots[k][:i], *dots[k][i + 1 : all_points]]
            others += [box for j, box in filled[k].items() if j != i]
            for rank, spot in enumerate(SPOTS):
                box = _box(*at[k][i], names[i], spot)
                covered[rank] += _outside(box, width, height) + sum(_common(box, one) for one in others)
                covered[rank] += LIGHT * sum(_common(box, one) for one in dots[k][all_points:])
                away = [_away(box, point) for point in at[k][:named]]
                covered[rank] += STRANGER * (min(away) < away[i])
        best = covered.index(min(covered))
        costs[i], found[i] = covered[best], SPOTS[best]
        for k in range(len(areas)):
            filled[k][i] = _box(*at[k][i], names[i], SPOTS[best])
    return sum(costs.values()), [found[i] for i in range(len(points))]


def _box(x: float, y: float, name: str, spot: Spot) -> Box:
    wide = CHARACTER * len(name)
    left = x + spot.xshift - {"left": 0.0, "center": wide / 2, "right": wide}[spot.xanchor]
    bottom = y + spot.yshift - {"bottom": 0.0, "middle": LINE / 2, "top": LINE}[spot.yanchor]
    return left, bottom, left + wide, bottom + LINE


def _common(a: Box, b: Box) -> float:
    """The area two boxes share."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)


def _away(box: Box, point: tuple[float, float]) -> float:
    """From a point to the nearest edge of a box, px."""
    left, bottom, right, top = box
    return hypot(max(left - point[0], 0, point[0] - right), max(bottom - point[1], 0, point[1] - top))


def _outside(box: Box, width: float, height: float) -> float:
    """About the area of a box that lies outside the chart's."""
    left, bottom, right, top = box
    return LINE * (max(-left, 0) + max(right - width, 0) + max(-bottom, 0) + max(top - height, 0))
