from __future__ import annotations

from typing import Any

import pytest

from dashboard.recommendation import amounts_between, change_of


def row(**fields: Any) -> dict[str, Any]:
    return {"action": "resize_amount", "from_type": None, "to_type": None} | fields


@pytest.mark.parametrize(
    ("now", "then", "words"),
    [
        ("16 cores, 64 GiB", "32 cores, 64 GiB", "16 → 32 cores"),
        ("16 cores, 64 GiB", "4.7 cores, 22 GiB", "16 → 4.7 cores, 64 → 22 GiB"),
        ("4 cores, 8 GiB", "1 core, 2.06 GiB", "4 → 1 cores, 8 → 2.06 GiB"),
        ("1,000 Mbit/s in, 1,000 Mbit/s out", "1,500 Mbit/s in, 1,000 Mbit/s out", "1,000 → 1,500 Mbit/s in"),
        ("4,096 GiB disk", "5,210 GiB disk", "4,096 → 5,210 GiB disk"),
        ("8 cores", "8 cores", "8 cores → 8 cores"),
        ("4 × 2 cores, 8 GiB", "2 × 1 core, 2 GiB", "4 × 2 cores, 8 GiB → 2 × 1 core, 2 GiB"),
        ("unknown", "4 cores", "4 cores"),
        (None, None, "–"),
    ],
)
def test_only_what_changes_is_told(now: str | None, then: str | None, words: str) -> None:
    assert amounts_between(now, then) == words


def test_a_change_of_type_names_both_and_its_amounts_below() -> None:
    asked = row(
        action="resize_type", from_type="m6i.xlarge", to_type="r6i.xlarge",
        from_size="4 cores, 16 GiB", to_size="4 cores, 32 GiB",
    )  # fmt: skip
    assert change_of(asked) == ("m6i.xlarge → r6i.xlarge", "16 → 32 GiB")


def test_the_same_type_is_named_below_and_what_is_stopped_tells_what_it_held() -> None:
    disk = row(from_type="gp3", to_type="gp3", from_size="100 GiB disk", to_size="200 GiB disk")
    assert change_of(disk) == ("100 → 200 GiB disk", "another size, gp3")
    stop = row(action="stop", from_type="c6i.large", from_size="2 cores, 4 GiB", to_size="nothing")
    assert change_of(stop) == ("stop", "c6i.large, 2 cores, 4 GiB")
    assert change_of(row(action="stop", from_size="unknown", to_size="nothing")) == ("stop", "")
