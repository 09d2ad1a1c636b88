"""How many members a pool needs: any one may fail, and the others stay within the budget of breaches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np

from data.alternative import Alternative, AlternativeKind
from data.decision import Action, Finding, Status
from data.exhaustion import ExhaustionState
from data.recommendation import Recommendation
from data.series import Metric
from models.finding_options import FindingOptions
from models.fitting import describe, is_sibling
from models.members import with_reason
from models.pools import Pool
from models.pricing import Amounts, Price, Pricer
from models.recommend import advice_for
from models.usage import SATURATED

_SHORT = frozenset({Status.UNDER_PROVISIONED, Status.AT_RISK})
_CALM = frozenset({Status.RIGHT_SIZED, Status.OVER_PROVISIONED})
_LARGEST_CUT = 0.5
"""Share of the members that may go at once: what is left shows within a week whether that was right."""
_LARGER = (2.0, 4.0)
"""Larger sizes that are tried where there is no price list, as multiples of today's."""
_SAVES_MORE = 0.05
"""Fewer, larger members must save so much more of the cost than fewer of today's size."""


def members_needed(
    pool: Pool, unit: Amounts, options: FindingOptions, *, more: float = 1.0, spare: int | None = None
) -> int:
    """Members of the size `unit` that the pool needs.

    All of them together hold the highest day of all history within usable capacity; and with `spare` of them
    gone, the recent hours whose peak is above what is left stay within the target of breaches. The busiest
    member decides: what it carries above the average counts for all. All memory is taken to move with the
    load, which is more than really does.

    Args:
        more: demand is at least so many times what was seen, where it was cut off.
        spare: members that may fail; None = what the tier asks for.
    """
    spare = options.spare_of(pool.tier) if spare is None else spare
    most = 2 if spare else 1
    for metric, size in unit.items():
        seen, factor = pool.total[metric], max(pool.uneven, more)
        if not len(seen) or not np.isfinite(pool.top[metric]):
            return pool.count
        usable = size * (1 - options.reserve_of(metric))
        often = float(np.quantile(seen, 1 - options.target_breach, method="higher"))
        most = max(
            most,
            math.ceil(pool.top[metric] * factor / usable - 1e-9),
            math.ceil(often * factor / size - 1e-9) + spare,
        )
    return most


def member_alternatives(
    pool: Pool,
    findings: dict[str, Finding],
    pricer: Pricer,
    options: FindingOptions,
    policy: str,
) -> Iterator[Alternative]:
    """Fewer members, fewer and larger ones, or more of them; nothing where the pool is as it should be."""
    told = [findings[case.resource.name] for case in pool.cases]
    short = [one for one in told if one.status in _SHORT and _is_of_size(one)]
    if 2 * len(short) >= len(told):
        cut_off = max(case.used[m].saturated_share for case in pool.cases for m in pool.unit)
        more = 1.0 if cut_off == 0 else 1.25 if cut_off < 0.05 else 1.5
        needed = members_needed(pool, pool.unit, options, more=more)
        if needed > pool.count:
            yield _more(pool, findings, pricer, options, policy, needed)
        return
    if not _may_shrink(pool, told, options):
        return
    needed = max(members_needed(pool, pool.unit, options), math.ceil(pool.count * (1 - _LARGEST_CUT)))
    fewer = _fewer(pool, findings, pricer, options, policy, needed) if needed < pool.count else None
    if fewer is not None:
        yield fewer
    larger = _larger(pool, findings, pricer, options, policy)
    if larger is not None and larger.saving is not None:
        cost = sum((case.price.month or Decimal(0) for case in pool.cases), Decimal(0))
        least = (fewer.saving or Decimal(0)) if fewer is not None else Decimal(0)
        if larger.saving > least + Decimal(str(_SAVES_MORE)) * cost:
            yield larger


def told_of_pools(
    findings: Sequence[Finding], pools: Sequence[Pool], options: FindingOptions
) -> list[Finding]:
    """The findings with `members:no_spare` added where a failure would leave a pool too small."""
    missing = {
        case.resource.name: text
        for pool in pools
        if len(pool.cases) > 1 and (text := lacks_spare(pool, options)) is not None
        for case in pool.cases
    }
    return [
        with_reason(one, "members:no_spare", missing[one.resource]) if one.resource in missing else one
        for one in findings
    ]


def lacks_spare(pool: Pool, options: FindingOptions) -> str | None:
    """A sentence where the members that are left after a failure could not carry the load; else None."""
    spare = options.spare_of(pool.tier)
    if not spare or pool.count <= spare or members_needed(pool, pool.unit, options) <= pool.count:
        return None
    left = pool.count - spare
    share = max(_above(pool, m, left * size) for m, size in pool.unit.items())
    if share <= options.target_breach:
        return None
    return f"with {spare} of {pool.count} members gone, {share:.1%} of hours would be above what is left"


def _is_of_size(finding: Finding) -> bool:
    """Whether it is short of what members bring: cores or memory."""
    return any(m.metric in (Metric.CPU, Metric.MEMORY) and m.status in _SHORT for m in finding.metrics)


def _may_shrink(pool: Pool, told: list[Finding], options: FindingOptions) -> bool:
    """Whether everything is known and nothing grows, is cut off, or is scaled by somebody else."""
    if any(one.status not in _CALM for one in told):
        return False
    for case in pool.cases:
        if case.resource.is_labelled("autoscaled"):
            return False
        if any(e.state is ExhaustionState.DATED for e in case.exhaustions.values()):
            return False
        used = [case.used[metric] for metric in pool.unit]
        if any(u.history_days < options.min_over_days or u.saturated_share > 0 for u in used):
            return False
    return True


def _fewer(
    pool: Pool,
    findings: dict[str, Finding],
    pricer: Pricer,
    options: FindingOptions,
    policy: str,
    needed: int,
) -> Alternative:
    gone = pool.count - needed
    because = _because(pool, options, needed, pool.unit)
    named = f"{pool.text}: {gone} of {pool.count} members fewer"
    if len(pool.cases) == 1:
        advice = (_replicas(pool, findings, pricer, options, policy, needed, because),)
        return Alternative(named, AlternativeKind.MEMBERS, because, advice)
    # The dearest first; among equals the last names, which autoscaling groups took in last.
    by_price = sorted(pool.cases, key=lambda c: (c.price.month or Decimal(0), c.resource.name), reverse=True)
    out = {case.resource.name for case in by_price[:gone]}
    rows = []
    for case in pool.cases:
        removed = case.resource.name in out
        rows.append(
            advice_for(
                case,
                findings[case.resource.name],
                pricer,
                options,
                policy,
                Action.REMOVE_MEMBERS if removed else Action.KEEP,
                to_type=None if removed else case.resource.instance_type,
                to_size="nothing" if removed else describe(case.held),
                amounts={} if removed else case.held,
                then=Decimal(0) if removed and case.price.month is not None else case.price.month,
                because=because,
                breach_then=None if removed else _breach(pool, needed, pool.unit),
            )
        )
    return Alternative(named, AlternativeKind.MEMBERS, because, tuple(rows))


def _more(
    pool: Pool,
    findings: dict[str, Finding],
    pricer: Pricer,
    options: FindingOptions,
    policy: str,
    needed: int,
) -> Alternative:
    extra = needed - pool.count
    because = _because(pool, options, needed, pool.unit)
    named = f"{pool.text}: {extra} members more than {pool.count}"
    if len(pool.cases) == 1:
        advice = (_replicas(pool, findings, pricer, options, policy, needed, because),)
        return Alternative(named, AlternativeKind.MEMBERS, because, advice)
    rows = []
    for i, case in enumerate(pool.cases):
        grows = i == 0  # what is new has no name yet: the first member stands for it
        month = case.price.month
        rows.append(
            advice_for(
                case,
                findings[case.resource.name],
                pricer,
                options,
                policy,
                Action.ADD_MEMBERS if grows else Action.KEEP,
                to_type=case.resource.instance_type,
                to_size=f"{extra + 1} × {describe(case.held)}" if grows else describe(case.held),
                amounts={m: v * (extra + 1) for m, v in case.held.items()} if grows else case.held,
                then=None if month is None else month * (extra + 1) if grows else month,
                because=because,
                breach_then=_breach(pool, needed, pool.unit),
            )
        )
    return Alternative(named, AlternativeKind.MEMBERS, because, tuple(rows))


def _replicas(
    pool: Pool,
    findings: dict[str, Finding],
    pricer: Pricer,
    options: FindingOptions,
    policy: str,
    needed: int,
    because: str,
) -> Recommendation:
    (case,) = pool.cases
    amounts = {**case.held, **{m: v * needed for m, v in pool.unit.items()}}
    then = None
    listed, today = (pricer.listed(case.resource, a, None).month for a in (amounts, case.held))
    if case.price.month is not None and listed is not None and today:
        then = case.price.month * listed / today
    return advice_for(
        case,
        findings[case.resource.name],
        pricer,
        options,
        policy,
        Action.REMOVE_MEMBERS if needed < pool.count else Action.ADD_MEMBERS,
        to_type=case.resource.instance_type,
        to_size=f"{needed} × {describe(pool.unit)}",
        amounts=amounts,
        then=then,
        because=because,
        breach_then=_breach(pool, needed, pool.unit),
    )


def _larger(
    pool: Pool, findings: dict[str, Finding], pricer: Pricer, options: FindingOptions, policy: str
) -> Alternative | None:
    """Fewer members of the larger size that costs least altogether."""
    if len(pool.cases) == 1:
        return None
    best: tuple[Decimal, int, str | None, Amounts, Price] | None = None
    for name, unit, price in _sizes(pool, pricer):
        needed = members_needed(pool, unit, options)
        if needed >= pool.count or price.month is None:
            continue
        if best is None or price.month * needed < best[0]:
            best = (price.month * needed, needed, name, unit, price)
    if best is None:
        return None
    _, needed, name, unit, price = best
    because = _because(pool, options, needed, unit)
    rows = []
    for i, case in enumerate(pool.cases):
        stays = i < needed
        today = pricer.listed(case.resource, case.held, case.resource.instance_type).month
        then: Decimal | None = None
        if case.price.month is not None:
            # What the inventory pays keeps its ratio to the list.
            kept = price.month is not None and today
            then = Decimal(0) if not stays else case.price.month * price.month / today if kept else None  # type: ignore[operator]
        amounts = {**case.held, **unit}
        changed = Action.RESIZE_TYPE if name else Action.RESIZE_AMOUNT
        rows.append(
            advice_for(
                case,
                findings[case.resource.name],
                pricer,
                options,
                policy,
                changed if stays else Action.REMOVE_MEMBERS,
                to_type=(name or case.resource.instance_type) if stays else None,
                to_size=describe(amounts) if stays else "nothing",
                amounts=amounts if stays else {},
                then=then,
                because=because,
                breach_then=_breach(pool, needed, unit) if stays else None,
            )
        )
    size = name or describe(unit)
    return Alternative(
        f"{pool.text}: {pool.count} members become {needed} × {size}",
        AlternativeKind.CONSOLIDATION,
        because,
        tuple(rows),
    )


def _sizes(pool: Pool, pricer: Pricer) -> Iterator[tuple[str | None, Amounts, Price]]:
    """Sizes above today's: of the price list where there is a type, else multiples."""
    first = pool.cases[0]
    today = pricer.type_of(first.resource)
    if today is None:
        for times in _LARGER:
            unit = {m: v * times for m, v in pool.unit.items()}
            yield None, unit, pricer.listed(first.resource, {**first.held, **unit}, None)
        return
    for kind in pricer.catalog.candidates(today.provider, today.region):
        larger = kind.vcpu > today.vcpu and kind.memory_gib >= today.memory_gib
        if larger and is_sibling(today, kind) and kind.currency == today.currency:
            unit = {str(Metric.CPU): kind.vcpu, str(Metric.MEMORY): kind.memory_gib}
            yield kind.name, unit, pricer.listed(first.resource, {**first.held, **unit}, kind.name)


def _because(pool: Pool, options: FindingOptions, needed: int, unit: Amounts) -> str:
    spare = options.spare_of(pool.tier)
    seen = float(np.max(pool.total[Metric.CPU])) if len(pool.total[Metric.CPU]) else float("nan")
    text = f"together their cpu peaks at {seen:.3g} cores; {needed} × {describe(unit)} hold that"
    left = needed - spare
    if spare and left > 0:
        share = max(_above(pool, m, left * size) for m, size in unit.items())
        text += f", and with {spare} of them gone {share:.1%} of hours are above what is left"
    return text


def _above(pool: Pool, metric: str, amount: float) -> float:
    seen = pool.total[metric]
    return float((seen * pool.uneven > amount).mean()) if len(seen) else 0.0


def _breach(pool: Pool, members: int, unit: Amounts) -> float | None:
    """Share of recent hours in which the members together reach what they hold."""
    shares = [
        float((pool.total[m] * pool.uneven >= SATURATED * members * size).mean())
        for m, size in unit.items()
        if len(pool.total[m])
    ]
    return max(shares, default=None)
