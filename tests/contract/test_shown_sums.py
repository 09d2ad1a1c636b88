"""What a page shows above a sum adds up to it, to the last digit shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboard.app import render
from dashboard.published import Published, follow
from tests.contract.test_every_page import NOW, parts, text_of, words
from tests.small_estate import publish_small_estate

UNROUND = (
    "UPDATE resource_costs SET unused_cost = unused_cost + 0.3 WHERE unused_cost > 0",
    "UPDATE resource_costs SET unused_cost = unused_cost + 0.3 WHERE resource IN"
    " (SELECT resource FROM findings WHERE status = 'idle')",
    "UPDATE recommendations SET saving = saving + 0.4 WHERE saving <> 0",
    "UPDATE resource_costs SET monthly_cost = monthly_cost + 0.24",
)
"""Amounts whose roundings miss the rounded sum."""


@pytest.fixture(scope="module")
def unround(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder: Path = publish_small_estate(tmp_path_factory.mktemp("unround"))
    with duckdb.connect(str(next(folder.glob("*.duckdb")))) as connection:
        for statement in UNROUND:
            connection.execute(statement)
    return Published(follow(folder))


def amounts(published: Published, path: str, label: str) -> dict[str, float]:
    """First column -> last column of a table, where that is an amount."""
    body, _, _ = render(published, f"http://localhost{path}", "light", NOW)
    table: Any = next(one for one in parts(body) if one["props"].get("aria-label") == label)
    rows = [one for one in nested(table) if one["type"] == "Tr"]
    cells = [[words(cell) for cell in row["props"]["children"]] for row in rows]
    return {
        row[0]: float(row[-1].replace("−", "-").replace("+", "").replace(",", ""))
        for row in cells
        if re.search(r"\d$", row[-1])
    }


def nested(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [one for child in node for one in nested(child)]
    if not isinstance(node, dict) or "props" not in node:
        return []
    return [node, *nested(node["props"].get("children"))]


def test_states_add_up_to_what_is_unused(unround: Published) -> None:
    shown = amounts(unround, "/", "Money")
    assert shown["over-provisioned"] + shown["idle"] == shown["Paid for unused capacity"] == 501


def test_changes_lead_from_what_is_paid_to_the_recommended_sizes(unround: Published) -> None:
    shown = amounts(unround, "/costs", "From what is paid now to the recommended sizes")
    *ways, after = shown.values()
    assert len(ways) > 3 and sum(ways) == after
    assert f"EUR {shown['Paid now']:,.0f} a month is paid now" in text_of(
        render(unround, "http://localhost/costs", "light", NOW)[0]
    )


def test_a_column_that_is_rounded_row_by_row_says_so(unround: Published) -> None:
    told = text_of(render(unround, "http://localhost/costs", "light", NOW)[0])
    assert "Every figure is rounded on its own" in told
