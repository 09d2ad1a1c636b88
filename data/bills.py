"""The columns of bills and of what does not conform in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from data.frames import REJECTED_SCHEMA, UTC_TIME, empty

MONEY = pl.Decimal(38, 14)
"""Unit prices of single requests have eleven decimals and more; sums must not drift."""

BILL_SCHEMA: dict[str, pl.DataType] = {
    "charge_start": UTC_TIME,
    "charge_end": UTC_TIME,
    "period_start": UTC_TIME,
    "period_end": UTC_TIME,
    "provider": pl.String(),
    "invoice_issuer": pl.String(),
    "invoice": pl.String(),
    "billing_account": pl.String(),
    "sub_account": pl.String(),
    "sub_account_name": pl.String(),
    "service_name": pl.String(),
    "service_category": pl.String(),
    "region": pl.String(),
    "resource": pl.String(),
    "resource_name": pl.String(),
    "resource_type": pl.String(),
    "sku": pl.String(),
    "charge_category": pl.String(),
    "charge_class": pl.String(),
    "charge_frequency": pl.String(),
    "charge_description": pl.String(),
    "pricing_category": pl.String(),
    "commitment": pl.String(),
    "currency": pl.String(),
    "billed_cost": MONEY,
    "effective_cost": MONEY,
    "list_cost": MONEY,
    "contracted_cost": MONEY,
    "pricing_quantity": pl.Float64(),
    "pricing_unit": pl.String(),
    "consumed_quantity": pl.Float64(),
    "consumed_unit": pl.String(),
    "tags": pl.String(),
    "origin": pl.String(),
    "line": pl.Int64(),
}
"""One charge of a bill. Ends are exclusive; `billed_cost` below 0 is a credit; `tags` is a JSON object."""

CONFORMANCE_SCHEMA: dict[str, pl.DataType] = {
    "origin": pl.String(),
    "column": pl.String(),
    "finding": pl.String(),
    "rows": pl.Int64(),
    "example": pl.String(),
}
"""What does not conform and was read all the same, per file and column; `rows` is null for whole columns."""


@dataclass(frozen=True, slots=True)
class BillBatch:
    """Charges that were read in one go, and what was odd about them."""

    charges: pl.DataFrame
    """BILL_SCHEMA."""
    conformance: pl.DataFrame = field(default_factory=lambda: empty(CONFORMANCE_SCHEMA))
    """CONFORMANCE_SCHEMA; the counts are those of this batch."""
    rejected: pl.DataFrame = field(default_factory=lambda: empty(REJECTED_SCHEMA))
    """REJECTED_SCHEMA: rows that are no charges."""
    rows_read: int = 0
    """Rows seen, usable or not."""
