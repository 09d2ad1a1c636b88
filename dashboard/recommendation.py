"""A recommendation in full: the size now and then, the sentence why, the price and the risk of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.view import View
from dashboard.widgets import Children, Column, facts, nothing, section, table

_TARGETS = {
    "cpu": "target_cpu",
    "memory": "target_memory",
    "storage": "target_storage",
    "network_in": "target_network",
    "network_out": "target_network",
}


def target_of(view: View, row: Mapping[str, Any], metric: str) -> float | None:
    """The recommended amount of one metric, where the recommendation changes it."""
    column = _TARGETS.get(metric)
    if column is None or row["action"] in (None, "keep"):
        return None
    found = view.estate.recommendations.filter(pl.col("resource") == row["resource"])[column].to_list()
    amount = found[0] if found else None
    return float(amount) if amount is not None else None


def change_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """What changes, in two lines: `m6i.xlarge → m6i.2xlarge` over `4 → 8 cores, 16 → 32 GiB`.

    What stays as it is, is left out.
    """
    action = text.ACTION_WORDS.get(row["action"], row["action"] or text.NONE)
    if row["action"] == "stop":
        held = ", ".join(part for part in (row["from_type"], row["from_size"]) if part and part != "unknown")
        return action, held
    amounts = amounts_between(row["from_size"], row["to_size"])
    if row["to_type"] and row["to_type"] != row["from_type"]:
        return f"{row['from_type'] or 'now'} → {row['to_type']}", amounts
    return amounts, ", ".join(part for part in (action, row["to_type"]) if part)


def amounts_between(now: str | None, then: str | None) -> str:
    """`16 → 32 cores` of `16 cores, 64 GiB` and `32 cores, 64 GiB`; both in full where nothing differs."""
    if "×" in f"{now}{then}":  # members: their number and their size belong together
        return " → ".join(part for part in (now, then) if part)
    before, after = _by_unit(now), _by_unit(then)
    parts = [
        f"{before[unit]} → {amount} {unit}" if unit in before else f"{amount} {unit}"
        for unit, amount in after.items()
        if before.get(unit) != amount
    ]
    return ", ".join(parts) or " → ".join(part for part in (now, then) if part) or text.NONE


def _by_unit(size: str | None) -> dict[str, str]:
    """Unit -> amount of a size in words; `1 core` counts as cores."""
    found = {}
    for part in (size or "").split(", "):
        amount, _, unit = part.partition(" ")
        if unit and amount[:1].isdigit():
            found["cores" if unit == "core" else unit] = amount
    return found


def sizes(row: Mapping[str, Any], which: str) -> str:
    """`m7i.xlarge, 4 cores, 16 GiB`; `which` is `from` or `to`."""
    name, size = row[f"{which}_type"], row[f"{which}_size"]
    return ", ".join(part for part in (name, size) if part) or text.NONE


def verdict(view: View, row: Mapping[str, Any]) -> Component:
    """Size now against the recommended one."""
    currency = view.estate.currency
    if row["action"] is None:
        cost = text.money(row["monthly_cost"], currency)
        return section(
            "Size and cost",
            facts(("Costs", f"{cost} a month" if row["monthly_cost"] is not None else "no price known")),
            nothing("No recommendation.", text.sentence(row["because"])),
        )
    if row["action"] == "keep":
        return section(
            "Recommendation: keep",
            html.P(text.sentence(row["advice"] or row["because"]), className="proof"),
            facts(
                ("Size", sizes(row, "from")),
                (
                    "Costs",
                    f"{text.money(row['cost_now'], currency)} a month"
                    if row["cost_now"] is not None
                    else None,
                ),
                ("Hours too small", text.percent(row["breach_now"])),
                ("Decide by", text.day(row["buy_by"]) if row["buy_by"] else None),
                ("Confidence", row["confidence"]),
                ("Policy", row["policy"]),
                ("Price from", row["basis"].replace("_", " ")),
            ),
        )
    rows: list[list[Children]] = [
        ["Now", sizes(row, "from"), text.money_bare(row["cost_now"]), text.percent(row["breach_now"])],
        [
            html.Strong("Recommended"),
            html.Strong(sizes(row, "to")),
            text.money_bare(row["cost_then"]),
            text.percent(row["breach_then"]),
        ],
    ]
    heads = [
        Column(""),
        Column("Size"),
        Column(f"{currency} a month", numeric=True),
        Column("Hours too small", numeric=True, hint="Expected share of hours whose peak exceeds the size"),
    ]
    return section(
        f"Recommendation: {text.ACTION_WORDS.get(row['action'], row['action'])}",
        html.P(text.sentence(row["advice"] or row["because"]), className="proof"),
        table(heads, rows, "Size now and recommended"),
        facts(
            (
                "Changes the cost by",
                f"{text.change(-row['saving'], currency)} a month" if row["saving"] is not None else None,
            ),
            ("Buy by", text.day(row["buy_by"]) if row["buy_by"] else None),
            ("Confidence", row["confidence"]),
            ("Policy", row["policy"]),
            ("Price from", row["basis"].replace("_", " ")),
            ("Note", row["note"]),
        ),
    )
