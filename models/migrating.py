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
    groups: dict[str, list[Case]] = {}
    pooled = {case.resource.name: pool for pool in pools for case in pool.cases}
    for case in cases:
        pool = pooled.get(case.resource.name)
        groups.setdefault(pool.text if pool else case.resource.name, []).append(case)
    for title, members in sorted(groups.items()):
        kinds = [_cheaper(case, findings[case.resource.name], adviser) for case in members]
        if any(kind is None for kind in kinds):
            continue
        found = _moved(title, members, kinds, findings, advice, adviser)  # type: ignore[arg-type]
        if found is not None:
            yield found


def _cheaper(case: Case, finding: Finding, adviser: Adviser) -> InstanceType | None:
    """The cheapest type elsewhere that holds the needs; None where there is none, or nothing may move."""
    resource, pricer, options = case.resource, adviser.pricer, adviser.options
    today = pricer.type_of(resource)
    if today is None or resource.kind not in COMPUTE or finding.status not in _CALM:
        return None
    if today.storage_gb or case.price.month is None:
        return None  # a disk inside the machine would stay behind
    if case.is_dated:
        return None
    needs = {Metric.CPU: today.vcpu, Metric.MEMORY: today.memory_gib}
    if finding.status is Status.OVER_PROVISIONED:
        for metric, held in tuple(needs.items()):
            if metric in case.used:
                needs[metric] = min(held, need(case.used[metric], case.sizes.get(metric), options))
    traffic = [case.used[m].peak for m in (Metric.NETWORK_IN, Metric.NETWORK_OUT) if m in case.used]
    network = max((rate for rate in traffic if rate == rate), default=0.0)
    best: InstanceType | None = None
    for kind in _candidates(today, pricer, options):
        if (
            kind.vcpu >= needs[Metric.CPU] * (1 - 1e-9)
            and kind.memory_gib >= needs[Metric.MEMORY] * (1 - 1e-9)
            and (kind.network_gbps is None or kind.network_gbps * 1000 >= network)
            and kind.currency == today.currency
            and (best is None or (kind.price_hour, kind.name) < (best.price_hour, best.name))
        ):
            best = kind
    return best


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
    kinds: Sequence[InstanceType],
    findings: Mapping[str, Finding],
    advice: Mapping[str, Recommendation],
    adviser: Adviser,
) -> Alternative | None:
    pricer = adviser.pricer
    rows = []
    cost = plain = Decimal(0)
    where = sorted({f"{kind.provider}/{kind.region}" for kind in kinds})
    for case, kind in zip(members, kinds, strict=True):
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
            then = month + _disk(case, kind, pricer)
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
    names = sorted({kind.name for kind in kinds})
    to = names[0] if len(names) == 1 else f"{len(names)} types"
    place = (
        "" if where == [f"{members[0].resource.provider}/{members[0].resource.site}"] else f" in {where[0]}"
    )
    return Alternative(
        f"{title}: migrate to {to}{place}", AlternativeKind.MIGRATION, rows[0].because, tuple(rows)
    )


def _disk(case: Case, kind: InstanceType, pricer: Pricer) -> Decimal:
    """What its disk costs there; nothing where none is known of or priced."""
    gib = case.held.get(Metric.STORAGE)
    listed = pricer.catalog.storage_price(kind.provider, kind.region)
    if not gib or listed is None:
        return Decimal(0)
    price = pricer.exchange.convert(listed.price_gib_month, listed.currency)
    return Decimal(0) if price is None else price * Decimal(repr(round(gib, 6)))


def _named(kind: InstanceType, patterns: Mapping[str, re.Pattern[str]]) -> bool:
    pattern = patterns.get(kind.provider)
    return bool(pattern and pattern.fullmatch(kind.name.lower()))
