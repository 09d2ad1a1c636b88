"""Costs: per resource today, by month over the inventory's history, and the year ahead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import polars as pl

from data.money import ZERO, amount
from data.panel import Panel
from data.recommendation import Recommendation, ResourceCost
from models.estate import Estate, Resource
from models.pricing import Amounts, Price, Pricer

MONTHS_AHEAD = 12
MONTHLY_COST_SCHEMA: dict[str, pl.DataType] = {
    "month": pl.Date(),
    "service": pl.String(),
    "provider": pl.String(),
    "site": pl.String(),
    "cost": pl.Decimal(18, 2),
    "low": pl.Decimal(18, 2),
    "high": pl.Decimal(18, 2),
    "currency": pl.String(),
    "is_forecast": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Growth:
    """Spending that demand will force: what a larger size costs more a month, and from when."""

    resource: str
    extra: Decimal
    """Per month, above 0."""
    day_low: int | None
    """Day from which the dearest of ten futures pays it (probability 0.1); None = never."""
    day_mid: int | None
    day_high: int | None


def resource_cost(resource: Resource, price: Price, advice: Recommendation, currency: str) -> ResourceCost:
    """Cost of today's size and the part above the recommended one (0 where more is needed)."""
    if price.month is None:
        return ResourceCost(resource.name, None, currency, price.basis, None, price.note)
    month = amount(price.month)
    saving = advice.saving
    unused = min(max(saving, ZERO), month) if saving is not None else None
    return ResourceCost(resource.name, month, currency, price.basis, unused, price.note)


def grouped(
    costs: Sequence[ResourceCost],
    resources: Mapping[str, Resource],
    by: str,
) -> dict[str | None, tuple[Decimal, Decimal]]:
    """Group -> (monthly cost, unused cost) of the resources whose cost is known, dearest group first.

    Args:
        by: service, team, provider, site or kind.

    Raises ValueError for anything else.
    """
    if by not in {"service", "team", "provider", "site", "kind"}:
        raise ValueError(f"costs are grouped by service, team, provider, site or kind, not by {by!r}")
    totals: dict[str | None, tuple[Decimal, Decimal]] = {}
    for cost in costs:
        if cost.monthly_cost is not None:
            group = getattr(resources[cost.resource], by)
            month, unused = totals.get(group, (ZERO, ZERO))
            totals[group] = (month + cost.monthly_cost, unused + (cost.unused_cost or ZERO))
    return dict(sorted(totals.items(), key=lambda item: (-item[1][0], item[0] or "")))


def monthly_costs(
    estate: Estate,
    held: Mapping[str, Amounts],
    daily: Mapping[str, Panel],
    growth: Iterable[Growth],
    pricer: Pricer,
) -> pl.DataFrame:
    """Cost by month, service, provider and site: full months of the past, the current month and 12 ahead.

    The past counts every version of the inventory for the days it held, at the capacity measured in that
    month and at today's list prices (the lists here have no history). It starts with the first full month
    of the daily history. The current month and those ahead are forecasts at today's sizes; capacity follows
    demand where it runs out: `cost` buys on the named day, `high` on the early end of the interval, `low`
    on its late end or not at all. Advised savings are not assumed. Resources without a price are left out.
    """
    as_of = estate.as_of.astimezone(UTC)
    this_month = _first(as_of.date())
    begins = min((panel.start.date() for panel in daily.values() if len(panel)), default=None)
    first = this_month
    if begins is not None:
        first = _first(begins)
        if begins != first:
            first = _next(first)
    past: dict[tuple[date, str | None, str | None, str | None], Decimal] = {}
    amounts = _Amounts(daily, held)
    for version in estate.versions:
        month = first
        while month < this_month:
            share = _share_in_force(version, month)
            if share > 0:
                price = pricer.now(version, amounts.of(version.name, month)).month
                if price is not None:
                    key = (month, version.service, version.provider, version.site)
                    past[key] = past.get(key, Decimal(0)) + price * share
            month = _next(month)
    rows: list[tuple[object, ...]] = [
        (*key, amount(cost), None, None, pricer.currency, False) for key, cost in past.items()
    ]
    rows += _ahead(estate, held, {g.resource: g for g in growth}, pricer, this_month)
    frame = pl.DataFrame(rows, schema=MONTHLY_COST_SCHEMA, orient="row")
    return frame.sort("month", "service", "provider", "site", nulls_last=True)


def _ahead(
    estate: Estate,
    held: Mapping[str, Amounts],
    growth: Mapping[str, Growth],
    pricer: Pricer,
    first: date,
) -> list[tuple[object, ...]]:
    base: dict[tuple[str | None, str | None, str | None], Decimal] = {}
    steps: list[tuple[tuple[str | None, str | None, str | None], Growth]] = []
    for resource in estate.current:
        price = pricer.now(resource, held.get(resource.name, {})).month
        if price is None:
            continue
        key = (resource.service, resource.provider, resource.site)
        base[key] = base.get(key, Decimal(0)) + price
        if resource.name in growth:
            steps.append((key, growth[resource.name]))
    rows: list[tuple[object, ...]] = []
    month, today = first, estate.as_of.date()
    for _ in range(MONTHS_AHEAD + 1):
        extra: dict[tuple[str | None, str | None, str | None], list[Decimal]] = {}
        for key, grown in steps:
            sums = extra.setdefault(key, [Decimal(0)] * 3)
            for i, day in enumerate((grown.day_high, grown.day_mid, grown.day_low)):
                if day is not None:
                    sums[i] += grown.extra * _share_after(month, today + timedelta(days=day))
        for key, cost in base.items():
            low, mid, high = (amount(cost + e) for e in extra.get(key, [Decimal(0)] * 3))
            rows.append((month, *key, mid, low, high, pricer.currency, True))
        month = _next(month)
    return rows


class _Amounts:
    """Capacity of every resource by month, from the daily panels; today's where a month has none."""

    def __init__(self, daily: Mapping[str, Panel], held: Mapping[str, Amounts]) -> None:
        self._held = held
        self._months: dict[tuple[str, date], dict[str, float]] = {}
        for metric, panel in daily.items():
            day = panel.start.date()
            months = [_first(day + timedelta(days=i)) for i in range(panel.slots)]
            edges = [i for i in range(len(months)) if i == 0 or months[i] != months[i - 1]] + [len(months)]
            for left, right in pairwise(edges):
                part = panel.capacity[:, left:right]
                known = np.isfinite(part)
                count = known.sum(1)
                mean = np.where(known, part, 0.0).sum(1) / np.maximum(count, 1)
                for row in np.flatnonzero(count):
                    place = (panel.keys[row].subject, months[left])
                    self._months.setdefault(place, {})[metric] = float(mean[row])

    def of(self, resource: str, month: date) -> Amounts:
        return {**self._held.get(resource, {}), **self._months.get((resource, month), {})}


def _share_in_force(version: Resource, month: date) -> Decimal:
    """Share of the month's time in which the version held."""
    begin = datetime(month.year, month.month, 1, tzinfo=UTC)
    after = _next(month)
    end = datetime(after.year, after.month, 1, tzinfo=UTC)
    start = max(begin, version.valid_from) if version.valid_from else begin
    stop = min(end, version.valid_to) if version.valid_to else end
    seconds = max(timedelta(0), stop - start) // timedelta(seconds=1)
    return Decimal(seconds) / Decimal((end - begin) // timedelta(seconds=1))


def _share_after(month: date, day: date) -> Decimal:
    """Share of the month's days from `day` on."""
    length = (_next(month) - month).days
    return Decimal(min(length, max(0, (_next(month) - day).days))) / length


def _first(day: date) -> date:
    return day.replace(day=1)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
