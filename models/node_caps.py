"""Node caps: a replica cannot be larger than the largest node it may run on.

Names of pools are only unique within a cluster: nearly every cluster has a pool `default`. A pool is
therefore known by its cluster and its name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from data.series import Metric
from models.estate import Resource
from models.pricing import Amounts

POOL_LABEL = "node_pool"
CLUSTER_LABEL = "cluster"
"""Labels that say which nodes a workload runs on: those of its pool where it names one, else of its
cluster."""

NODE_SHARE = 0.9
"""Share of a node that one replica may take; daemons of every node need the rest."""

_COUNTED = (Metric.CPU, Metric.MEMORY)

Nodes = tuple[str, str | None]
"""Cluster (empty = none is named) and pool; None = all nodes of the cluster."""


def nodes_of(resource: Resource) -> Nodes | None:
    """The nodes that a node belongs to or a workload runs on; None where no label says it."""
    cluster, pool = (str(resource.labels.get(name) or "") for name in (CLUSTER_LABEL, POOL_LABEL))
    return (cluster, pool or None) if cluster or pool else None


def known_capacities(
    stated: Mapping[str, Amounts], measured: Mapping[str, Amounts]
) -> dict[str, dict[str, float]]:
    """Resource -> metric -> capacity above 0: what was measured, else what the inventory states."""
    held: dict[str, dict[str, float]] = {}
    for source in (stated, measured):
        for name, amounts in source.items():
            held.setdefault(name, {}).update({m: amount for m, amount in amounts.items() if amount > 0})
    return held


def node_caps(
    resources: Sequence[Resource], held: Mapping[str, Amounts], stated: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Workload -> metric -> the most that one replica of it can hold; those of unknown nodes are left out.

    Nodes are servers and machines of the same cluster and pool. A pool without a cluster is any of that name;
    one that nobody knows, or that has no node just now, leaves the nodes of the cluster. `stated` wins over
    them.

    Args:
        held: resource -> metric -> capacity (`known_capacities`).
        stated: pool (`default`, or `cluster/default` of one cluster alone) or cluster -> metric -> amount of
            its largest node.
    """
    largest = _largest(resources, held)
    caps: dict[str, dict[str, float]] = {}
    for resource in resources:
        nodes = nodes_of(resource)
        if resource.kind != "workload" or nodes is None:
            continue
        cluster, pool = nodes
        node: dict[str, float] = {}
        if pool is not None:
            node = _near(largest, cluster, pool) | _said(stated, pool) | _said(stated, f"{cluster}/{pool}")
        if not node and cluster:
            node = largest.get((cluster, None), {}) | _said(stated, cluster)
        if node:
            caps[resource.name] = {metric: NODE_SHARE * amount for metric, amount in node.items()}
    return caps


def unknown_pools(resources: Sequence[Resource], stated: Collection[str]) -> list[str]:
    """Names in `stated` that no workload runs on: no advice reads them."""
    known: set[str] = set()
    for resource in resources:
        nodes = nodes_of(resource)
        if resource.kind == "workload" and nodes is not None:
            cluster, pool = nodes
            known |= {cluster} if pool is None else {cluster, pool, f"{cluster}/{pool}"}
    return sorted(set(stated) - known)


def _largest(resources: Sequence[Resource], held: Mapping[str, Amounts]) -> dict[Nodes, dict[str, float]]:
    """Nodes -> metric -> amount of the largest of them, for every pool and for every cluster as a whole."""
    largest: dict[Nodes, dict[str, float]] = {}
    for resource in resources:
        nodes = nodes_of(resource)
        if resource.kind not in {"server", "vm"} or nodes is None:
            continue
        amounts = {m: held.get(resource.name, {}).get(m, 0.0) for m in _COUNTED}
        for of in {nodes, (nodes[0], None)}:
            for metric, amount in amounts.items():
                if amount > 0:
                    pool = largest.setdefault(of, {})
                    pool[metric] = max(pool.get(metric, 0.0), amount)
    return largest


def _near(largest: Mapping[Nodes, dict[str, float]], cluster: str, pool: str) -> dict[str, float]:
    """The largest node of the pool: of that cluster, else of nodes that name none, else, where the workload
    names no cluster, of any."""
    for of in ((cluster, pool), ("", pool)):
        if of in largest:
            return largest[of]
    found: dict[str, float] = {}
    for (_, name), amounts in largest.items():
        if not cluster and name == pool:
            found = {m: max(found.get(m, 0.0), amounts.get(m, 0.0)) for m in {*found, *amounts}}
    return found


def _said(stated: Mapping[str, Mapping[str, float]], name: str) -> dict[str, float]:
    return dict(stated.get(name, {}))
