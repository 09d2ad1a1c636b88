"""Computed costs as a FOCUS 1.2 file (FinOps Open Cost and Usage Specification, all 57 columns)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from data.errors import ConfigError
from data.frames import UTC_TIME

VERSION = "1.2"

COLUMNS = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType",
    "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId",
    "CapacityReservationStatus", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency",
    "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId",
    "CommitmentDiscountName", "CommitmentDiscountQuantity", "CommitmentDiscountStatus",
    "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "ListUnitPrice",
    "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit",
    "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType",
    "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails",
    "SkuPriceId", "SubAccountId", "SubAccountName", "SubAccountType", "Tags",
)  # fmt: skip
"""The columns of FOCUS 1.2, by name; those that say nothing of a computed cost stay empty."""

_PROVIDERS = {
    "aws": "Amazon Web Services",
    "azure": "Microsoft",
    "gcp": "Google Cloud",
    "on_premises": "On premises",
    "kubernetes": "Kubernetes",
}
_SUBCATEGORIES = {
    "Databases": "Other (Databases)",
    "Storage": "Other (Storage)",
    "Networking": "Other (Networking)",
    "Compute": "Other (Compute)",
    "Other": "Other (Other)",
}


def focus_rows(costs: pl.DataFrame, *, run_id: str, as_of: datetime) -> pl.DataFrame:
    """One charge per month, service, provider and site: COLUMNS, of which money is Decimal.

    Args:
        costs: the answer to `focus_costs`.
        run_id: the run that computed them; the tag `headroom_run`.
        as_of: the month it lies in is not over: its charge ends there.
    """
    month = pl.col("month").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    period_end = month.dt.offset_by("1mo")
    charge_end = pl.when(
        pl.lit(as_of.astimezone(UTC)).cast(UTC_TIME).is_between(month, period_end, closed="none")
    )
    provider = pl.col("provider").fill_null("unknown")
    named = provider.replace(_PROVIDERS)
    service = pl.col("service").fill_null("(no service)")
    tags = [
        json.dumps({key: text for key, text in row.items() if text is not None} | {"headroom_run": run_id})
        for row in costs.select("service", "team", "owner", tier=pl.col("tier").cast(pl.String)).iter_rows(
            named=True
        )
    ]
    cost = pl.col("cost")
    known = costs.with_columns(pl.Series("tags", tags, dtype=pl.String)).select(
        BilledCost=cost,
        BillingAccountId=pl.lit("headroom"),
        BillingAccountName=pl.lit("Costs computed by Headroom"),
        BillingAccountType=pl.lit("Computed"),
        BillingCurrency="currency",
        BillingPeriodEnd=period_end,
        BillingPeriodStart=month,
        ChargeCategory=pl.lit("Usage"),
        ChargeDescription=pl.format(
            "{} on {} in {}", service, named, pl.col("site").fill_null("no known site")
        ),
        ChargeFrequency=pl.lit("Usage-Based"),
        ChargePeriodEnd=charge_end.then(pl.lit(as_of.astimezone(UTC)).cast(UTC_TIME)).otherwise(period_end),
        ChargePeriodStart=month,
        ContractedCost=cost,
        EffectiveCost=cost,
        InvoiceIssuerName=named,
        ListCost=cost,
        PricingCategory=pl.lit("Standard"),
        PricingCurrency="currency",
        PricingCurrencyEffectiveCost=cost,
        PricingQuantity=pl.lit(1).cast(pl.Decimal(18, 2)),
        PricingUnit=pl.lit("Months"),
        ConsumedQuantity=pl.lit(1).cast(pl.Decimal(18, 2)),
        ConsumedUnit=pl.lit("Months"),
        ProviderName=named,
        PublisherName=named,
        RegionId="site",
        RegionName="site",
        ServiceCategory="category",
        ServiceName=service,
        ServiceSubcategory=pl.col("category").replace_strict(_SUBCATEGORIES, default=None),
        SubAccountId=pl.col("team"),
        SubAccountName=pl.col("team"),
        SubAccountType=pl.when(pl.col("team").is_not_null()).then(pl.lit("Team")),
        Tags="tags",
    )
    return known.with_columns(
        pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in known.columns
    ).select(COLUMNS)


def write_focus(rows: pl.DataFrame, path: Path) -> None:
    """Writes them as CSV: UTF-8, ISO 8601 times in UTC, nothing for what is null.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        rows.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%SZ")
    except OSError as error:
        raise ConfigError(
            f"--out: {path} cannot be written: {error.strerror or str(error).partition(' (os error')[0]}"
        ) from error
