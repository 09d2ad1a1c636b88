"""Reading ahead changes nothing but the time it takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ingest.ahead import ahead


def test_the_same_items_in_the_same_order() -> None:
    assert list(ahead(iter(range(50)))) == list(range(50))
    assert list(ahead(iter(()))) == []


def test_an_error_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("two cannot be read")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="two cannot be read"):
        next(items)


def test_a_caller_that_stops_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    items = ahead(iter(range(1_000)))
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
