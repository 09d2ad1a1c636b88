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
_TEN_TO_NINETY = 1.2816
"""Standard deviations from the mean to the 90 % level of a normal distribution."""
_Group = tuple[str | None, str | None, str | None]
"""Service, provider, site."""
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
    """Spending that demand will force: what a larger size costs more a month, and how likely it is when."""

    resource: str
    extra: Decimal
    """Per month, above 0."""
    chances: tuple[tuple[int, float], ...]
    """(days from now, probability that the larger size is needed by then), rising; 0 today, linear between,
    constant after the last."""

    def chance(self, day: float) -> float:
        """Probability that it is paid `day` days from now."""
        days = [0.0, *(float(d) for d, _ in self.chances)]
        return float(np.interp(day, days, [0.0, *(p for _, p in self.chances)]))


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
    of the daily history. The current month and those ahead are forecasts at today's sizes, where capacity
    follows demand that runs out: `cost` is the expected value (extra cost x probability that it is needed by
    the middle of the month), `low` to `high` the 10 to 90 % range if resources outgrow their sizes
    independently. Advised savings are not assumed. Resources without a price are left out.
    Bands of several rows do not add up: use `combined`.
    """
    as_of = estate.as_of.astimezone(UTC)
    this_month = _first(as_of.date())
    begins = _begin(estate, daily)
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
                price = pricer.current(version, amounts.of(version.name, month)).month
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
    base: dict[_Group, Decimal] = {}
    steps: list[tuple[_Group, Growth]] = []
    for resource in estate.current:
        price = pricer.current(resource, held.get(resource.name, {})).month
        if price is None:
            continue
        key = (resource.service, resource.provider, resource.site)
        base[key] = base.get(key, Decimal(0)) + price
        if resource.name in growth:
            steps.append((key, growth[resource.name]))
    rows: list[tuple[object, ...]] = []
    month, today = first, estate.as_of.date()
    for _ in range(MONTHS_AHEAD + 1):
        middle = max(0.0, ((month - today).days + (_next(month) - today).days) / 2)
        mean: dict[_Group, Decimal] = {}
        variance: dict[_Group, float] = {}
        most: dict[_Group, Decimal] = {}
        for key, grown in steps:
            chance = grown.chance(middle)
            mean[key] = mean.get(key, Decimal(0)) + grown.extra * Decimal(repr(chance))
            variance[key] = variance.get(key, 0.0) + float(grown.extra) ** 2 * chance * (1 - chance)
            most[key] = most.get(key, Decimal(0)) + (grown.extra if chance > 0 else 0)
        for key, cost in base.items():
            spread = Decimal(repr(round(_TEN_TO_NINETY * variance.get(key, 0.0) ** 0.5, 6)))
            expected = mean.get(key, Decimal(0))
            low = amount(cost + max(Decimal(0), expected - spread))
            high = amount(cost + min(most.get(key, Decimal(0)), expected + spread))
            rows.append((month, *key, amount(cost + expected), low, high, pricer.currency, True))
        month = _next(month)
    return rows


def combined(monthly: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Monthly costs by month and the columns in `by`; bands are combined as independent of each other.

    Distances from cost to low and to high add as squares: the sum of all lows would be a month in which
    everything goes well at once.
    """
    cost, number = pl.col("cost"), pl.Float64()

    def distance(edge: str, sign: int) -> pl.Expr:
        squares = ((pl.col(edge).cast(number) - cost.cast(number)) ** 2).sum().sqrt()
        return (cost.sum().cast(number) + sign * squares).round(2).cast(pl.Decimal(18, 2))

    ahead = pl.col("is_forecast").first()
    return (
        monthly.group_by("month", *by, "currency", "is_forecast")
        .agg(
            cost.sum().cast(pl.Decimal(18, 2)),
            pl.when(ahead).then(distance("low", -1)).alias("low"),
            pl.when(ahead).then(distance("high", 1)).alias("high"),
        )
        .select("month", *by, "cost", "low", "high", "currency", "is_forecast")
        .sort("month", *by, nulls_last=True)
    )


def _begin(estate: Estate, daily: Mapping[str, Panel]) -> date | None:
    """First day with both a measurement and an inventory; None without any measurement."""
    measured = [
        panel.start.date() + timedelta(days=int(np.isfinite(panel.demand).any(0).argmax()))
        for panel in daily.values()
        if np.isfinite(panel.demand).any()
    ]
    if not measured:
        return None
    stated = [v.valid_from.date() if v.valid_from else date.min for v in estate.versions]
    return max(min(measured), min(stated, default=date.min))


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


def _first(day: date) -> date:
    return day.replace(day=1)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
