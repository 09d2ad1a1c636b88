"""The columns of the FOCUS specification, 1.0 to 1.4 (FinOps Foundation, 1.4 of 2026-06-04)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")

_ALWAYS = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
    "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
    "PricingQuantity", "PricingUnit", "ServiceCategory", "ServiceName",
)  # fmt: skip
_OF_1_0 = (
    "AvailabilityZone", "ChargeFrequency", "CommitmentDiscountCategory", "CommitmentDiscountId",
    "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType", "ConsumedQuantity",
    "ConsumedUnit", "ContractedUnitPrice", "ListUnitPrice", "PricingCategory", "ProviderName",
    "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "SkuId",
    "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
_SINCE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "1.1": (
            "CapacityReservationId", "CapacityReservationStatus", "CommitmentDiscountQuantity",
            "CommitmentDiscountUnit", "ServiceSubcategory", "SkuMeter", "SkuPriceDetails",
        ),
        "1.2": (
            "BillingAccountType", "InvoiceId", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
            "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "SubAccountType",
        ),
        "1.3": (
            "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName",
            "AllocatedTags", "ContractApplied", "HostProviderName", "ServiceProviderName",
        ),
        "1.4": ("CommitmentProgramEligibilityDetails", "InvoiceDetailId"),
    }
)  # fmt: skip
KNOWN = frozenset((*_ALWAYS, *_OF_1_0, *(name for names in _SINCE.values() for name in names)))
"""Every column of any version; others should start with x_."""

ENUMERATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ChargeCategory": ("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
        "ChargeClass": ("Correction",),
        "ChargeFrequency": ("One-Time", "Recurring", "Usage-Based"),
        "PricingCategory": ("Standard", "Dynamic", "Committed", "Other"),
        "ServiceCategory": (
            "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases",
            "Developer Tools", "Identity", "Integration", "Internet of Things", "Management and Governance",
            "Media", "Migration", "Mobile", "Multicloud", "Networking", "Security", "Storage", "Web", "Other",
        ),
    }
)  # fmt: skip

NOT_NULL = frozenset(
    {
        "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
        "ChargeCategory", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost",
        "InvoiceIssuerName", "ListCost", "ServiceCategory", "ServiceName", "ServiceProviderName",
    }
)  # fmt: skip
"""Columns that must have a value in every row, where they are there at all."""

READ_AS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "charge_start": ("ChargePeriodStart",),
        "charge_end": ("ChargePeriodEnd",),
        "period_start": ("BillingPeriodStart",),
        "period_end": ("BillingPeriodEnd",),
        "provider": ("ServiceProviderName", "ProviderName"),
        "invoice_issuer": ("InvoiceIssuerName",),
        "invoice": ("InvoiceId",),
        "billing_account": ("BillingAccountId",),
        "sub_account": ("SubAccountId",),
        "sub_account_name": ("SubAccountName",),
        "service_name": ("ServiceName",),
        "service_category": ("ServiceCategory",),
        "region": ("RegionId", "RegionName"),
        "resource": ("ResourceId",),
        "resource_name": ("ResourceName",),
        "resource_type": ("ResourceType",),
        "sku": ("SkuId",),
        "charge_category": ("ChargeCategory",),
        "charge_class": ("ChargeClass",),
        "charge_frequency": ("ChargeFrequency",),
        "charge_description": ("ChargeDescription",),
        "pricing_category": ("PricingCategory",),
        "commitment": ("CommitmentDiscountId",),
        "currency": ("BillingCurrency",),
        "billed_cost": ("BilledCost",),
        "effective_cost": ("EffectiveCost",),
        "list_cost": ("ListCost",),
        "contracted_cost": ("ContractedCost",),
        "pricing_quantity": ("PricingQuantity",),
        "pricing_unit": ("PricingUnit",),
        "consumed_quantity": ("ConsumedQuantity",),
        "consumed_unit": ("ConsumedUnit",),
        "tags": ("Tags",),
    }
)
"""Our columns and those of the specification they come from, the newest name first."""

NEEDED = ("BilledCost", "BillingCurrency", "ChargePeriodStart")
"""Without these there is no charge."""


def version_of(columns: Iterable[str]) -> str:
    """The version whose columns these are: the newest that introduced one of them."""
    names = set(columns)
    if "ServiceProviderName" in names and "ProviderName" not in names:
        return "1.4"
    newest = "1.0"
    for version, added in _SINCE.items():
        if names & set(added):
            newest = version
    return newest


def mandatory(version: str) -> tuple[str, ...]:
    """The columns a file of that version must have."""
    if version in ("1.0", "1.1", "1.2"):
        return (*_ALWAYS, "ProviderName", "PublisherName")
    if version == "1.3":
        return (*_ALWAYS, "ProviderName", "PublisherName", "ServiceProviderName", "HostProviderName")
    return (*_ALWAYS, "ServiceProviderName", "HostProviderName")
