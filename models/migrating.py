"""Migration: the same needs on a cheaper type of another family, provider or region.

Another family is another risk, and another place a project: what is saved must be worth it. Machines of one
pool move together. Types that are paid by credits (burstable) and other processors (Arm) are left out, the
latter unless asked for: software must be built for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from data.alternative import Alternative, AlternativeKind
from data.decision import Action, Finding, Status
from data.prices import InstanceType
from data.recommendation import Recommendation
from data.series import Metric
from models.adviser import Adviser
from models.case import Case
from models.estate import COMPUTE
from models.finding_options import FindingOptions
from models.findings import need
from models.fitting import describe, is_sibling
from models.headcount import members_needed
from models.pools import Pool
from models.pricing import Pricer

FAMILY, ARM = "family", "arm"
"""What a machine may move to within its region, beside places like `aws/eu-west-1`."""

_CALM = frozenset({Status.RIGHT_SIZED, Status.OVER_PROVISIONED})
_ARM = {
    "aws": re.compile(r"(a1|[a-z]+\d+g[a-z]*)(\..*)?"),
    "azure": re.compile(r"(standard_)?[a-z]+\d*-?\d*p[a-z]*_?v?\d*", re.IGNORECASE),
    "gcp": re.compile(r"(t2a|[cn]4a|c4a).*"),
}
_BURSTABLE = {
    "aws": re.compile(r"t\d.*"),
    "azure": re.compile(r"(standard_)?b.*", re.IGNORECASE),
    "gcp": re.compile(r"(f1|g1|e2)-(micro|small|medium).*"),
}


def is_arm(kind: InstanceType) -> bool:
    """Whether the type's name says that its processor is an Arm."""
    return _named(kind, _ARM)


def is_burstable(kind: InstanceType) -> bool:
    """Whether the type's name says that its cores are paid by credits."""
    return _named(kind, _BURSTABLE)


def migration_alternatives(
    cases: Sequence[Case],
    pools: Sequence[Pool],
    findings: Mapping[str, Finding],
    advice: Mapping[str, Recommendation],
    adviser: Adviser,
) -> Iterator[Alternative]:
    """Moves that save more than plain resizing, by name; nothing where the options name no place."""
    if not adviser.options.migrate_to:
        return
    pooled = {case.resource.name for pool in pools for case in pool.cases}
    groups: list[tuple[str, Sequence[Case], Pool | None]] = [(pool.text, pool.cases, pool) for pool in pools]
    groups += [(c.resource.name, (c,), None) for c in cases if c.resource.name not in pooled]
    for title, members, pool in sorted(groups, key=lambda group: (group[0], group[1][0].resource.name)):
        kind = _cheaper(members, pool, findings, adviser)
        found = kind and _moved(title, members, kind, findings, advice, adviser)
        if found:
            yield found


def _cheaper(
    members: Sequence[Case], pool: Pool | None, findings: Mapping[str, Finding], adviser: Adviser
) -> InstanceType | None:
    """The cheapest type elsewhere that holds what each of the members needs; a pool's spares are kept.

    None where there is none, or one of them may not move.
    """
    pricer, options = adviser.pricer, adviser.options
    today = pricer.type_of(members[0].resource)
    if today is None or today.storage_gb:
        return None  # a disk inside the machine would stay behind
    cpu = memory = network = 0.0
    for case in members:
        finding = findings[case.resource.name]
        if case.resource.kind not in COMPUTE or finding.status not in _CALM:
            return None
        if case.price.month is None or case.is_dated:
            return None
        needs = _needs(case, finding, today, options)
        cpu, memory = max(cpu, needs[Metric.CPU]), max(memory, needs[Metric.MEMORY])
        traffic = [case.used[m].peak for m in (Metric.NETWORK_IN, Metric.NETWORK_OUT) if m in case.used]
        network = max([network, *(rate for rate in traffic if rate == rate)])
    enough = [
        kind
        for kind in _candidates(today, pricer, options)
        if kind.vcpu >= cpu * (1 - 1e-9)
        and kind.memory_gib >= memory * (1 - 1e-9)
        and (kind.network_gbps is None or kind.network_gbps * 1000 >= network)
        and kind.currency == today.currency
    ]
    enough.sort(key=lambda kind: (kind.price_hour, kind.name))
    return next((kind for kind in enough if pool is None or _bears(pool, kind, today, options)), None)


def _needs(case: Case, finding: Finding, today: InstanceType, options: FindingOptions) -> dict[str, float]:
    """Metric -> what it must have: what it has, or what it needs where it is too big."""
    needs: dict[str, float] = {Metric.CPU: today.vcpu, Metric.MEMORY: today.memory_gib}
    if finding.status is Status.OVER_PROVISIONED:
        for metric, held in tuple(needs.items()):
            if metric in case.used:
                needs[metric] = min(held, need(case.used[metric], case.sizes.get(metric), options))
    return needs


def _bears(pool: Pool, kind: InstanceType, today: InstanceType, options: FindingOptions) -> bool:
    """Whether as many members of that type are enough when some fail; nothing smaller is no worse."""
    if kind.vcpu >= today.vcpu and kind.memory_gib >= today.memory_gib:
        return True
    unit = {str(Metric.CPU): kind.vcpu, str(Metric.MEMORY): kind.memory_gib}
    return members_needed(pool, unit, options) <= pool.count


def _candidates(today: InstanceType, pricer: Pricer, options: FindingOptions) -> Iterator[InstanceType]:
    places = [place for place in options.migrate_to if "/" in place]
    own = f"{today.provider}/{today.region}"
    if {FAMILY, ARM} & set(options.migrate_to):
        places.append(own)
    for place in dict.fromkeys(places):
        provider, _, region = place.partition("/")
        for kind in pricer.catalog.candidates(provider, region):
            if place == own and is_sibling(today, kind):
                continue  # plain resizing offers those
            if is_burstable(kind) or (is_arm(kind) != is_arm(today) and ARM not in options.migrate_to):
                continue
            if place == own and FAMILY not in options.migrate_to and is_arm(kind) == is_arm(today):
                continue
            yield kind


def _moved(
    title: str,
    members: Sequence[Case],
    kind: InstanceType,
    findings: Mapping[str, Finding],
    advice: Mapping[str, Recommendation],
    adviser: Adviser,
) -> Alternative | None:
    pricer = adviser.pricer
    rows = []
    cost = plain = Decimal(0)
    for case in members:
        today = pricer.type_of(case.resource)
        month = pricer.exchange.convert(kind.month, kind.currency)
        if today is None or month is None or case.price.month is None:
            return None
        at_home = (kind.provider, kind.region) == (today.provider, today.region)
        amounts = {**case.held, Metric.CPU: kind.vcpu, Metric.MEMORY: kind.memory_gib}
        if at_home:
            listed = pricer.listed(case.resource, amounts, kind.name).month
            kept = adviser.kept_ratio(case, listed)
            then = listed if kept is None else kept
        else:
            disk = _disk(case, kind, pricer)
            then = None if disk is None else month + disk
        if then is None:
            return None
        shape = "Arm, " if is_arm(kind) and not is_arm(today) else ""
        place = "" if at_home else f" in {kind.provider} {kind.region}"
        because = (
            f"{kind.name}{place} ({shape}{describe({Metric.CPU: kind.vcpu, Metric.MEMORY: kind.memory_gib})})"
            f" holds what is needed; check that the software runs there"
            + ("" if at_home else ", and what moving data costs")
        )
        rows.append(
            adviser.advise(
                case,
                findings[case.resource.name],
                Action.MIGRATE,
                to_type=kind.name if at_home else f"{kind.provider}/{kind.region}/{kind.name}",
                to_size=describe(amounts),
                amounts=amounts,
                then=then,
                because=because,
            )
        )
        cost += case.price.month
        plain += advice[case.resource.name].saving or Decimal(0)
    saving = sum((row.saving or Decimal(0) for row in rows), Decimal(0))
    if saving <= 0 or saving - plain < Decimal(str(adviser.options.migration_saving)) * cost:
        return None
    home = f"{members[0].resource.provider}/{members[0].resource.site}"
    where = f"{kind.provider}/{kind.region}"
    to = kind.name if where == home else f"{kind.name} in {where}"
    return Alternative(f"{title}: migrate to {to}", AlternativeKind.MIGRATION, rows[0].because, tuple(rows))


def _disk(case: Case, kind: InstanceType, pricer: Pricer) -> Decimal | None:
    """What its disk costs there; nothing where none is known of, None where it has no price there."""
    gib = case.held.get(Metric.STORAGE)
    if not gib:
        return Decimal(0)
    listed = pricer.catalog.storage_price(kind.provider, kind.region)
    price = None if listed is None else pricer.exchange.convert(listed.price_gib_month, listed.currency)
    return None if price is None else price * Decimal(repr(round(gib, 6)))


def _named(kind: InstanceType, patterns: Mapping[str, re.Pattern[str]]) -> bool:
    pattern = patterns.get(kind.provider)
    return bool(pattern and pattern.fullmatch(kind.name.lower()))
