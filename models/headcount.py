"""How many members a pool needs: any one may fail, and the others stay within the budget of breaches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from data.decision import Finding
from data.series import Metric
from models.finding_options import FindingOptions
from models.fitting import describe
from models.members import with_reason
from models.pools import Pool
from models.pricing import Amounts
from models.usage import SATURATED


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


def why_so_many(pool: Pool, unit: Amounts, options: FindingOptions, needed: int) -> str:
    """A sentence on what so many members of the size `unit` hold, and what is left when some fail."""
    spare = options.spare_of(pool.tier)
    seen = float(np.max(pool.total[Metric.CPU])) if len(pool.total[Metric.CPU]) else float("nan")
    text = f"together their cpu peaks at {seen:.3g} cores; {needed} × {describe(unit)} hold that"
    left = needed - spare
    if spare and left > 0:
        share = max(_above(pool, m, left * size) for m, size in unit.items())
        text += f", and with {spare} of them gone {share:.1%} of hours are above what is left"
    return text


def breach_of(pool: Pool, unit: Amounts, members: int) -> float | None:
    """Share of recent hours in which the members together reach what they hold."""
    shares = [
        float((pool.total[m] * pool.uneven >= SATURATED * members * size).mean())
        for m, size in unit.items()
        if len(pool.total[m])
    ]
    return max(shares, default=None)


def _above(pool: Pool, metric: str, amount: float) -> float:
    seen = pool.total[metric]
    return float((seen * pool.uneven > amount).mean()) if len(seen) else 0.0
