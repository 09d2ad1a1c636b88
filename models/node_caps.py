"""Node caps: a replica cannot be larger than the largest node it may run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data.series import Metric
from models.estate import Resource
from models.pricing import Amounts

POOL_LABELS = ("node_pool", "cluster")
"""Labels that say which nodes a workload runs on; the first one that is set counts."""

NODE_SHARE = 0.9
"""Share of a node that one replica may take; daemons of every node need the rest."""

_COUNTED = (Metric.CPU, Metric.MEMORY)


def node_caps(
    resources: Sequence[Resource], held: Mapping[str, Amounts], stated: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Workload -> metric -> the most that one replica of it can hold; those of unknown nodes are left out.

    Nodes are servers and machines with the same label; `stated` (pool or cluster -> metric -> amount) wins
    over them.

    Args:
        held: resource -> metric -> capacity.
    """
    largest: dict[tuple[str, str], dict[str, float]] = {}
    for resource in resources:
        if resource.kind not in {"server", "vm"}:
            continue
        for label in POOL_LABELS:
            name = str(resource.labels.get(label) or "")
            if not name:
                continue
            pool = largest.setdefault((label, name), {})
            for metric in _COUNTED:
                amount = held.get(resource.name, {}).get(metric, 0.0)
                if amount > 0:
                    pool[metric] = max(pool.get(metric, 0.0), amount)
    caps: dict[str, dict[str, float]] = {}
    for resource in resources:
        if resource.kind != "workload":
            continue
        for label in POOL_LABELS:
            name = str(resource.labels.get(label) or "")
            node = {**largest.get((label, name), {}), **stated.get(name, {})} if name else {}
            if node:
                caps[resource.name] = {metric: NODE_SHARE * amount for metric, amount in node.items()}
                break
    return caps
