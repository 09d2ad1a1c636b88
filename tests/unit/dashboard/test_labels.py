from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from dashboard.figures.labels import CHARACTER, LINE, Spot, beside

Box = tuple[float, float, float, float]


def box(point: tuple[float, float], name: str, spot: Spot) -> Box:
    wide = CHARACTER * len(name)
    left = point[0] + spot.xshift - {"left": 0, "center": wide / 2, "right": wide}[spot.xanchor]
    low = point[1] + spot.yshift - {"bottom": 0, "middle": LINE / 2, "top": LINE}[spot.yanchor]
    return left, low, left + wide, low + LINE


def apart(a: Box, b: Box) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_name_alone_stands_right_of_its_point_and_left_of_it_at_the_edge() -> None:
    assert beside([(100, 100)], ["vpa"], 540, 290)[0].xanchor == "left"
    assert beside([(530, 100)], ["compute optimizer"], 540, 290)[0].xanchor == "right"


def test_names_of_neighbours_lie_apart_and_on_no_point() -> None:
    points = [(100.0, 20.0), (118.0, 20.0), (140.0, 26.0), (300.0, 20.0), (306.0, 20.0)]
    names = ["Azure Advisor", "Compute Optimizer", "percentile", "OptScale", "Kubecost"]
    boxes = [
        box(point, name, spot)
        for point, name, spot in zip(points, names, beside(points, names, 540, 290), strict=True)
    ]
    for i, one in enumerate(boxes):
        assert all(apart(one, other) for other in boxes[:i])
        for k, (x, y) in enumerate(points):
            assert k == i or not (one[0] < x < one[2] and one[1] < y < one[3]), names[i]


@given(st.lists(st.tuples(st.floats(0, 540), st.floats(0, 290)), max_size=6))
def test_every_name_gets_a_spot_however_close_the_points_are(points: list[tuple[float, float]]) -> None:
    assert len(beside(points, ["name"] * len(points), 540, 290, taken=points)) == len(points)
