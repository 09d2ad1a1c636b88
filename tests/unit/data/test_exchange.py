"""What is exchanged with other machines comes back bit by bit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.errors import SourceError
from data.exchange import Answer, packed, unpacked
from data.outcome import Forecast, Refusal
from data.panel import HOUR, Panel
from data.reach import Reach
from data.series import SeriesKey
from tests.notation import MONDAY

KEYS = (SeriesKey("a", "cpu"), SeriesKey("b", "memory"))
NUMBERS = np.array([[1.0, np.nan, 0.1 + 0.2], [-0.0, 5e-324, 1e300]])
PANEL = Panel.of(KEYS, MONDAY, HOUR, NUMBERS, capacity=NUMBERS[::-1])
FORECAST = Forecast(
    KEYS,
    MONDAY,
    HOUR,
    (0.1, 0.5),
    np.arange(12.0).reshape(2, 3, 2),
    ("fleet", "last_value (fallback)"),
    {1: Refusal("too short")},
    np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 4, 3),
)
REACH = Reach(KEYS, MONDAY, (1, 28), (0.5, 0.9, 0.99), np.arange(12.0).reshape(2, 2, 3))


def same(one: Answer, other: Answer) -> None:
    assert type(one) is type(other)
    if isinstance(one, pl.DataFrame) and isinstance(other, pl.DataFrame):
        assert_frame_equal(one, other)
        return
    for name in getattr(one, "__slots__", ()):
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype
            assert mine.tobytes() == theirs.tobytes()
            assert mine.shape == theirs.shape
        else:
            assert mine == theirs


@pytest.mark.parametrize(
    "answer",
    [
        PANEL,
        PANEL.take([]),
        PANEL.until(0),
        FORECAST,
        FORECAST.take([]),
        REACH,
        pl.DataFrame({"x": [1, None], "y": ["a", "b"]}),
        pl.DataFrame(schema={"x": pl.UInt32}),
        None,
    ],
)
def test_what_is_packed_comes_back_and_packs_to_the_same_bytes(answer: Answer) -> None:
    content = packed(answer)
    back = unpacked(content)
    same(answer, back)
    assert packed(back) == content
    assert content[:4] == b"PAR1" == content[-4:], "it is Parquet"


def test_other_files_are_an_error() -> None:
    with pytest.raises(SourceError, match="not a file that was exchanged"):
        unpacked(b"nonsense")
    with pytest.raises(TypeError, match="a set cannot be packed"):
        packed({1})  # type: ignore[arg-type]
