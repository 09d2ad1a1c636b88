from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from dashboard import text
from dashboard.figures.frontier import AREAS, OURS, Score, frontier_chart
from dashboard.figures.labels import CHARACTER, LINE, Spot, beside
from dashboard.palette import LIGHT

Point = tuple[float, float]
Box = tuple[float, float, float, float]


def box(point: tuple[float, float], name: str, spot: Spot) -> Box:
    wide = CHARACTER * len(name)
    left = point[0] + spot.xshift - {"left": 0, "center": wide / 2, "right": wide}[spot.xanchor]
    low = point[1] + spot.yshift - {"bottom": 0, "middle": LINE / 2, "top": LINE}[spot.yanchor]
    return left, low, left + wide, low + LINE


def apart(a: Box, b: Box) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_name_alone_stands_right_of_its_point_and_left_of_it_at_the_edge() -> None:
    assert beside([(0.2, 0.3)], ["vpa"], [(540, 290)])[0].xanchor == "left"
    assert beside([(0.98, 0.3)], ["compute optimizer"], [(540, 290)])[0].xanchor == "right"


def distance(one: Box, point: Point) -> float:
    x, y = point
    return float(np.hypot(max(one[0] - x, 0, x - one[2]), max(one[1] - y, 0, y - one[3])))


def apart_all(
    shares: list[tuple[float, float]], names: list[str], area: tuple[float, float], spots: list[Spot]
) -> None:
    """Fails where a name lies on another or on a point."""
    points = [(x * area[0], y * area[1]) for x, y in shares]
    boxes = [box(point, name, spot) for point, name, spot in zip(points, names, spots, strict=True)]
    for i, one in enumerate(boxes):
        assert all(apart(one, other) for other in boxes[:i])
        for k, (x, y) in enumerate(points):
            assert k == i or not (one[0] < x < one[2] and one[1] < y < one[3]), names[i]


def test_names_of_neighbours_lie_apart_and_on_no_point() -> None:
    points = [(100.0, 20.0), (118.0, 20.0), (140.0, 26.0), (300.0, 20.0), (306.0, 20.0)]
    names = ["Azure Advisor", "Compute Optimizer", "percentile", "OptScale", "Kubecost"]
    shares = [(x / 540, y / 290) for x, y in points]
    apart_all(shares, names, (540, 290), beside(shares, names, [(540, 290)]))


def test_names_lie_apart_on_a_wide_and_on_a_narrow_screen() -> None:
    shares, names = [(0.30, 0.14), (0.49, 0.14)], ["Azure Advisor", "OptScale"]
    wide, narrow = (540.0, 290.0), (270.0, 290.0)
    spots = beside(shares, names, [wide, narrow])
    apart_all(shares, names, wide, spots)
    apart_all(shares, names, narrow, spots)


def test_names_beside_the_rules_line_lie_on_nothing_on_a_desk_and_on_a_phone() -> None:
    """Shares held and breached of a replay in which two peers stand close to the upper end of the line."""
    peers = {
        "krr": (0.56, 0.0943), "vpa": (0.58, 0.0855), "kubecost": (0.753, 0.08),
        "percentile": (0.678, 0.0013), "azure_advisor": (0.736, 0.0002),
        "compute_optimizer": (0.753, 0.00013), "optscale": (0.868, 0.0002), "aria": (1.19, 0.0001),
    }  # fmt: skip
    ours = [(0.678, 0.00074), (0.681, 0.0007), (0.695, 0.00036)]
    rules = [
        (0.56, 0.099), (0.575, 0.08), (0.577, 0.068), (0.59, 0.05), (0.61, 0.02), (0.625, 0.01),
        (0.65, 0.0035), (0.66, 0.002), (0.68, 0.0011), (0.68, 0.0007), (0.71, 0.0003), (0.73, 0.0001),
    ]  # fmt: skip
    scores = [Score(name, *at) for name, at in peers.items()] + [Score(OURS, *at) for at in ours]
    figure = frontier_chart(scores, LIGHT, least=0.0001, rules=rules)
    (left, right), (low, high) = figure.layout.xaxis.range, figure.layout.yaxis.range
    for wide, tall in AREAS:

        def at(x: float, y: float, size: Point = (wide, tall)) -> Point:
            return size[0] * (x - left) / (right - left), size[1] * (y - low) / (high - low)

        boxes = [box(at(one.x, one.y), one.text, one) for one in figure.layout.annotations]
        for i, one in enumerate(boxes):
            own = figure.layout.annotations[i].text
            assert all(apart(one, other) for other in boxes[:i]), f"{own} lies on another name, {wide} px"
            assert one[0] > -30 and one[2] < wide + 24, f"{own} leaves the chart"
            points = {name: at(100 * x, np.log10(100 * y)) for name, (x, y) in peers.items()}
            away = {name: distance(one, point) for name, point in points.items()}
            nearest = min(away, key=lambda name: away[name])
            peer = own in map(text.policy, peers)
            assert not peer or text.policy(nearest) == own, f"{own} seems to name {nearest}, {wide} px"
            dots = [at(100 * x, np.log10(100 * y)) for x, y in ours]
            assert not any(one[0] < x < one[2] and one[1] < y < one[3] for x, y in dots), own


unit = st.floats(0, 1)


@given(st.lists(st.tuples(unit, unit), max_size=6))
def test_every_name_gets_a_spot_however_close_the_points_are(points: list[tuple[float, float]]) -> None:
    assert len(beside(points, ["name"] * len(points), [(540, 290)], taken=points)) == len(points)
