"""Costs as a FOCUS file: our own importer finds nothing wrong with it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from headroom.focus_export import COLUMNS, focus_rows, write_focus
from ingest.focus import Bills, conformance
from ingest.focus_columns import mandatory, version_of

COSTS = pl.DataFrame(
    {
        "month": [date(2026, 10, 1), date(2026, 10, 1), date(2026, 11, 1)],
        "service": ["shop", None, "shop"],
        "provider": ["aws", "on_premises", None],
        "site": ["eu-west-1", "dc1", None],
        "cost": [Decimal("10.10"), Decimal("0.03"), Decimal("1e6")],
        "currency": ["EUR", "EUR", "EUR"],
        "team": ["web", None, "web"],
        "owner": ["Ada, the first", None, None],
        "tier": [1, None, 1],
        "category": ["Compute", "Other", "Databases"],
    },
    schema_overrides={"cost": pl.Decimal(18, 2), "tier": pl.Int32},
)
AS_OF = datetime(2026, 11, 15, 12, tzinfo=UTC)


def test_our_importer_reads_it_back_conformant_and_exact(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    write_focus(focus_rows(COSTS, run_id="r1", as_of=AS_OF), path)
    batches = list(Bills((str(path),)).pull())
    charges = pl.concat(batch.charges for batch in batches)
    assert conformance(batches).rows() == []
    assert all(batch.rejected.is_empty() for batch in batches)
    assert charges["billed_cost"].to_list() == COSTS["cost"].to_list()
    assert charges["effective_cost"].sum() == Decimal("1000010.13")
    assert charges["provider"].to_list() == ["Amazon Web Services", "On premises", "unknown"]
    assert charges["charge_end"].to_list() == [datetime(2026, 11, 1, tzinfo=UTC)] * 2 + [AS_OF]
    assert charges["tags"][0] == (
        '{"service": "shop", "team": "web", "owner": "Ada, the first", "tier": "1", "headroom_run": "r1"}'
    )


def test_it_has_the_columns_of_focus_1_2() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 57
    assert set(mandatory("1.2")) <= set(COLUMNS)
    assert version_of(COLUMNS) == "1.2"
    money = focus_rows(COSTS, run_id="r", as_of=AS_OF).select("BilledCost", "EffectiveCost", "ListCost")
    assert all(isinstance(kind, pl.Decimal) for kind in money.dtypes)


def test_no_costs_are_a_file_with_a_header_alone(tmp_path: Path) -> None:
    write_focus(focus_rows(COSTS.clear(), run_id="r", as_of=AS_OF), tmp_path / "costs.csv")
    assert (tmp_path / "costs.csv").read_text() == ",".join(COLUMNS) + "\n"
