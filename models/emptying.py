"""Servers that can be emptied: what they do fits onto others of their site.

A physical server cannot be cut to half its cores; money comes back only when a whole one is given back. So
the servers of a site that have room are packed: first fit by decreasing need onto the largest, and what is
left over is freed, but for the spares that may fail; the largest of what is left over are those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data.alternative import Alternative, AlternativeKind
from data.decision import Action, Finding, Status
from data.outcome import Refusal
from data.series import Metric
from models.adviser import Adviser
from models.case import Case
from models.finding_options import FindingOptions
from models.findings import need
from models.packing import pack

_LEAST_SERVERS = 3
_CALM = frozenset({Status.RIGHT_SIZED, Status.OVER_PROVISIONED})
STAYS_LABEL = "stays"
"""Label of a server that must not be emptied nor take in others: licences, hardware of its own."""


def server_alternatives(
    cases: Sequence[Case], findings: Mapping[str, Finding], adviser: Adviser
) -> Iterator[Alternative]:
    """One per site where servers can be emptied, by site."""
    sites: dict[str, list[Case]] = {}
    for case in cases:
        if _may_move(case, findings[case.resource.name], adviser.options):
            sites.setdefault(case.resource.site or "", []).append(case)
    for site, servers in sorted(sites.items()):
        if len(servers) < _LEAST_SERVERS:
            continue
        found = _emptied(site, servers, findings, adviser)
        if found is not None:
            yield found


def _may_move(case: Case, finding: Finding, options: FindingOptions) -> bool:
    resource = case.resource
    measured = all(m in case.used and m in case.held for m in (Metric.CPU, Metric.MEMORY))
    known = measured and case.price.month is not None
    return (
        resource.kind == "server"
        and resource.provider == "on_premises"
        and known
        and not resource.is_labelled(STAYS_LABEL)
        and finding.status in _CALM
        and all(u.history_days >= options.min_over_days for u in case.used.values())
        and not case.is_dated
        and case.days_uncut >= options.min_over_days
    )


def _emptied(
    site: str, servers: Sequence[Case], findings: Mapping[str, Finding], adviser: Adviser
) -> Alternative | None:
    needs = {case.resource.name: _needs(case, adviser.options) for case in servers}
    held = {case.resource.name: case.held for case in servers}
    hosts = pack(needs, held)
    taken = set(hosts.values())
    # The largest are kept as spares: they stand in for any other.
    emptied = sorted(
        (case for case in servers if case.resource.name not in taken),
        key=lambda case: (-case.held[Metric.CPU], case.resource.name),
    )
    spare = adviser.options.spare_of(min(case.resource.tier for case in servers))
    gone = {case.resource.name for case in emptied[spare:]}
    if not gone:
        return None
    moved: dict[str, list[str]] = {}
    for name, host in hosts.items():
        if host != name:
            moved.setdefault(host, []).append(name)
    because = (
        f"what {len(servers)} servers do fits onto {len(taken)} of them within the usable share"
        + (f"; {spare} {'is kept as a spare' if spare == 1 else 'are kept as spares'}" if spare else "")
        + "; moving is work of its own, and the cost is saved when they are given back"
    )
    rows = []
    for case in servers:
        name = case.resource.name
        finding = findings[name]
        if name in gone:
            why = f"what it does fits onto {hosts[name]}; {because}"
            rows.append(adviser.end(case, finding, Action.REMOVE_MEMBERS, why))
            continue
        taken_over = sorted(moved.get(name, ()))
        why = f"it takes over from {', '.join(taken_over)}; {because}" if taken_over else because
        rows.append(adviser.keep(case, finding, because=why))
    place = f"servers in {site}" if site else "servers without a site"
    return Alternative(
        f"{place}: {len(gone)} of {len(servers)} emptied onto others",
        AlternativeKind.CONSOLIDATION,
        because,
        tuple(rows),
    )


def _needs(case: Case, options: FindingOptions) -> dict[str, float]:
    """Metric -> room it takes on a host: its needs, at most what it holds; network by its peak."""
    wanted = {}
    for metric, used in case.used.items():
        size = case.sizes.get(metric)
        amount = need(used, None if isinstance(size, Refusal) else size, options)
        if metric in case.held:
            wanted[metric] = min(amount, case.held[metric])
    return wanted
