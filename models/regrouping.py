"""Regrouping: a pool gets fewer members, more of them, or fewer and larger ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal

from data.alternative import Alternative, AlternativeKind
from data.decision import Action, Finding, Status
from data.series import Metric
from models.adviser import Adviser
from models.finding_options import FindingOptions
from models.fitting import describe, is_sibling
from models.headcount import breach_of, members_needed, why_so_many
from models.pools import Pool
from models.pricing import Amounts, Pricer

_SHORT = frozenset({Status.UNDER_PROVISIONED, Status.AT_RISK})
_CALM = frozenset({Status.RIGHT_SIZED, Status.OVER_PROVISIONED})
_LARGEST_CUT = 0.5
"""Share of the members that may go at once: what is left shows within a week whether that was right."""
_LARGER = (2.0, 4.0)
"""Larger sizes that are tried where there is no price list, as multiples of today's."""
_SAVES_MORE = 0.05
"""Fewer, larger members must save so much more of the cost than fewer of today's size."""


def member_alternatives(
    pool: Pool, findings: Mapping[str, Finding], adviser: Adviser
) -> Iterator[Alternative]:
    """Fewer members, fewer and larger ones, or more of them; nothing where the pool is as it should be."""
    options = adviser.options
    told = [findings[case.resource.name] for case in pool.cases]
    short = [one for one in told if one.status in _SHORT and _is_of_size(one)]
    if 2 * len(short) >= len(told):
        cut_off = max(case.used[m].saturated_share for case in pool.cases for m in pool.unit)
        more = 1.0 if cut_off == 0 else 1.25 if cut_off < 0.05 else 1.5
        needed = members_needed(pool, pool.unit, options, more=more)
        if needed > pool.count:
            yield _of_members(pool, findings, adviser, needed)
        return
    if not _may_shrink(pool, told, options):
        return
    needed = max(members_needed(pool, pool.unit, options), math.ceil(pool.count * (1 - _LARGEST_CUT)))
    fewer = _of_members(pool, findings, adviser, needed) if needed < pool.count else None
    if fewer is not None:
        yield fewer
    larger = _larger(pool, findings, adviser)
    if larger is not None and larger.saving is not None:
        cost = sum((case.price.month or Decimal(0) for case in pool.cases), Decimal(0))
        least = (fewer.saving or Decimal(0)) if fewer is not None else Decimal(0)
        if larger.saving > least + Decimal(str(_SAVES_MORE)) * cost:
            yield larger


def _of_members(pool: Pool, findings: Mapping[str, Finding], adviser: Adviser, needed: int) -> Alternative:
    """As many members of today's size as are needed: fewer than today, or more."""
    because = why_so_many(pool, pool.unit, adviser.options, needed)
    after = breach_of(pool, pool.unit, needed)
    gone = pool.count - needed
    change = (
        f"{gone} of {pool.count} members fewer"
        if gone > 0
        else f"{-gone} {'member' if gone == -1 else 'members'} more than {pool.count}"
    )
    # The dearest go first; among equals the last names, which autoscaling groups took in last.
    by_price = sorted(pool.cases, key=lambda c: (c.price.month or Decimal(0), c.resource.name), reverse=True)
    out = {case.resource.name for case in by_price[: max(0, gone)]}
    # What is new has no name yet: the first member stands for it.
    grows = pool.cases[0].resource.name if gone < 0 else None
    rows = []
    for case in pool.cases:
        name = case.resource.name
        finding = findings[name]
        if len(pool.cases) == 1:
            row = adviser.replicate(case, finding, needed, pool.unit, because=because, breach_then=after)
        elif name in out:
            row = adviser.end(case, finding, Action.REMOVE_MEMBERS, because)
        elif name == grows:
            row = adviser.multiply(case, finding, 1 - gone, because=because, breach_then=after)
        else:
            row = adviser.keep(case, finding, because=because, breach_then=after)
        rows.append(row)
    return Alternative(f"{pool.text}: {change}", AlternativeKind.MEMBERS, because, tuple(rows))


def _larger(pool: Pool, findings: Mapping[str, Finding], adviser: Adviser) -> Alternative | None:
    """Fewer members of the larger size that costs least altogether."""
    if len(pool.cases) == 1:
        return None
    best: tuple[Decimal, str | None, Amounts, list[Decimal]] | None = None
    for name, unit in _sizes(pool, adviser.pricer):
        needed = members_needed(pool, unit, adviser.options)
        if needed >= pool.count:
            continue
        # Each keeps its own disk.
        prices = [
            adviser.pricer.listed(case.resource, {**case.held, **unit}, name).month
            for case in pool.cases[:needed]
        ]
        months = [month for month in prices if month is not None]
        cost = sum(months, Decimal(0))
        if len(months) == needed and (best is None or cost < best[0]):
            best = (cost, name, unit, months)
    if best is None:
        return None
    _, name, unit, months = best
    needed = len(months)
    because = why_so_many(pool, unit, adviser.options, needed)
    after = breach_of(pool, unit, needed)
    rows = []
    for case, month in zip(pool.cases[:needed], months, strict=True):
        amounts = {**case.held, **unit}
        rows.append(
            adviser.advise(
                case,
                findings[case.resource.name],
                Action.RESIZE_TYPE if name else Action.RESIZE_AMOUNT,
                to_type=name or case.resource.instance_type,
                to_size=describe(amounts),
                amounts=amounts,
                then=adviser.kept_ratio(case, month),
                because=because,
                breach_then=after,
            )
        )
    for case in pool.cases[needed:]:
        rows.append(adviser.end(case, findings[case.resource.name], Action.REMOVE_MEMBERS, because))
    return Alternative(
        f"{pool.text}: {pool.count} members become {needed} × {name or describe(unit)}",
        AlternativeKind.CONSOLIDATION,
        because,
        tuple(rows),
    )


def _may_shrink(pool: Pool, told: list[Finding], options: FindingOptions) -> bool:
    """Whether everything is known and nothing grows, is cut off, or is scaled by somebody else."""
    if any(one.status not in _CALM for one in told):
        return False
    for case in pool.cases:
        if case.resource.is_labelled("autoscaled"):
            return False
        if case.is_dated or case.days_uncut < options.min_over_days:
            return False
        used = [case.used[metric] for metric in pool.unit]
        if any(u.history_days < options.min_over_days or u.saturated_share > 0 for u in used):
            return False
    return True


def _is_of_size(finding: Finding) -> bool:
    """Whether it is short of what members bring: cores or memory."""
    return any(m.metric in (Metric.CPU, Metric.MEMORY) and m.status in _SHORT for m in finding.metrics)


def _sizes(pool: Pool, pricer: Pricer) -> Iterator[tuple[str | None, Amounts]]:
    """Sizes above today's: of the price list where there is a type, else multiples."""
    today = pricer.type_of(pool.cases[0].resource)
    if today is None:
        for times in _LARGER:
            yield None, {m: v * times for m, v in pool.unit.items()}
        return
    for kind in pricer.catalog.candidates(today.provider, today.region):
        larger = kind.vcpu > today.vcpu and kind.memory_gib >= today.memory_gib
        if larger and is_sibling(today, kind) and kind.currency == today.currency:
            yield kind.name, {str(Metric.CPU): kind.vcpu, str(Metric.MEMORY): kind.memory_gib}
