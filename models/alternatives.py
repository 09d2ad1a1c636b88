"""Alternatives: advice for several resources together, next to the advice for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from data.alternative import Alternative
from data.decision import Finding, Status
from data.recommendation import Recommendation
from models.adviser import Adviser
from models.case import Case
from models.decision_frames import RECOMMENDATION_SCHEMA, recommendation_row
from models.emptying import server_alternatives
from models.migrating import migration_alternatives
from models.pools import Pool
from models.regrouping import member_alternatives

_SHORT = frozenset({Status.UNDER_PROVISIONED, Status.AT_RISK})

ALTERNATIVE_SCHEMA: dict[str, pl.DataType] = {
    "alternative": pl.String(),
    "kind": pl.String(),
    "why": pl.String(),
    **RECOMMENDATION_SCHEMA,
}


def alternatives_of(
    cases: Sequence[Case],
    pools: Sequence[Pool],
    findings: Mapping[str, Finding],
    advice: Mapping[str, Recommendation],
    adviser: Adviser,
) -> tuple[Alternative, ...]:
    """All alternatives, by name; each saves something, ends a shortage, or is not there.

    Args:
        pools: of the cases (`models.pools.pools_of`).
        findings, advice: resource -> what was found and what is advised for it alone.
    """
    found = [
        *(one for pool in pools for one in member_alternatives(pool, findings, adviser)),
        *server_alternatives(cases, findings, adviser),
        *migration_alternatives(cases, pools, findings, advice, adviser),
    ]
    named: dict[str, Alternative] = {}
    for one in sorted(found, key=lambda one: (one.name, one.advice[0].resource)):
        short = any(findings[row.resource].status in _SHORT for row in one.advice)
        if one.saving is not None and one.saving <= 0 and not short:
            continue  # what costs nothing saves nothing
        if one.name in named:  # two pools may be called the same: another kind of machine, say
            one = Alternative(f"{one.name} ({one.advice[0].resource} …)", one.kind, one.because, one.advice)
        named[one.name] = one
    return tuple(named[name] for name in sorted(named))


def alternative_rows(alternatives: Sequence[Alternative]) -> pl.DataFrame:
    """Rows of the table `alternatives`: one per alternative and resource."""
    rows = [
        (one.name, str(one.kind), one.because, *recommendation_row(row))
        for one in alternatives
        for row in one.advice
    ]
    return pl.DataFrame(rows, schema=ALTERNATIVE_SCHEMA, orient="row")
