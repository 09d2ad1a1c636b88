"""Kubernetes: one strategic merge patch per workload."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from data.decision import Action
from data.series import Metric
from models.changes import Change, in_order
from models.estate import Resource, replicas_of
from models.texts.wording import CHANGE_WORDS, NOTE, RESIZES, as_yaml, in_comment, label, times_in

_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "CronJob": "batch/v1",
    "ReplicationController": "v1",
}
"""Kinds whose template may be patched, and their API; pods and jobs are made anew instead."""
_COUNTED = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})
_HINT = "Limits below the new requests must be raised with them, or the API refuses the patch."


def kubernetes_patches(changes: Sequence[Change]) -> str:
    """Patches separated by `---`, for `kubectl patch --patch-file`; what no patch can do is a comment.

    A workload is `namespace/name` or has the label `namespace` (default `default`). Its kind comes from the
    label `workload_kind` (default `Deployment`). Advice is about all replicas together (label `replicas`,
    default 1) and all containers: the label `containers` (JSON, name -> {cpu, memory} of one replica) shares
    requests among them; else they go to the one that `container` names (default: the workload's name).
    """
    documents: list[str] = []
    notes: list[str] = []
    for change in in_order(changes):
        resource, advice = change.resource, change.advice
        if resource.kind != "workload" or advice.action is Action.KEEP:
            continue
        kind = label(resource, "workload_kind", "Deployment")
        spec = _spec(change, kind)
        left = _not_shared(change)
        if kind not in _VERSIONS or spec is None or not (spec or left):
            what = "requests" if advice.action in RESIZES else CHANGE_WORDS[advice.action]
            notes.append(f"# {in_comment(resource.name)}: a {in_comment(kind)} takes no patch for {what}\n")
            continue
        if left:
            told = f"none of its containers requests {left} today, so it must be shared by hand"
            notes.append(f"# {in_comment(resource.name)}: {told}\n")
        if not spec:
            continue
        namespace, _, name = resource.name.rpartition("/")
        documents.append(
            as_yaml(
                {
                    "apiVersion": label(resource, "api_version", _VERSIONS[kind]),
                    "kind": kind,
                    "metadata": {
                        "name": name,
                        "namespace": label(resource, "namespace", namespace or "default"),
                    },
                    "spec": spec,
                }
            )
        )
    if not documents and not notes:
        return ""
    head = f"# {NOTE}\n# {_HINT}\n" + "".join(notes)
    return head + "---\n".join(documents)


def _spec(change: Change, kind: str) -> dict[str, Any] | None:
    """What the patch sets, perhaps nothing; None where the kind has no such field."""
    resource, advice = change.resource, change.advice
    if advice.action is Action.STOP:
        if kind == "CronJob":
            return {"suspend": True}
        return {"replicas": 0} if kind in _COUNTED else None
    counted: dict[str, Any] = {}
    replicas = replicas_of(resource)
    if advice.action in (Action.ADD_MEMBERS, Action.REMOVE_MEMBERS):
        if " × " not in advice.to_size or kind not in _COUNTED:
            return None
        replicas = times_in(advice.to_size)
        counted = {"replicas": replicas}
    elif advice.action not in RESIZES:
        return None
    of_one = {metric: amount / replicas for metric, amount in advice.targets.items()}
    containers = _containers(resource, of_one)
    if not containers:
        return counted  # nobody knows whose requests they are
    template = {"template": {"spec": {"containers": containers}}}
    return {"jobTemplate": {"spec": template}} if kind == "CronJob" else counted | template


def _containers(resource: Resource, targets: Mapping[str, float]) -> list[dict[str, Any]]:
    """Requests of each container of one replica, in proportion to what they request today."""
    shares = _stated(resource)
    if len(shares) < 2:
        own = resource.name.rpartition("/")[2]
        name = next(iter(shares), "") or label(resource, "container", own)
        return [{"name": name, "resources": {"requests": _quantities(targets)}}]
    containers = []
    for name, amounts in sorted(shares.items()):
        part = {
            metric: target * amounts.get(metric, 0.0) / total
            for metric, target in targets.items()
            if (total := sum(one.get(metric, 0.0) for one in shares.values())) > 0 and amounts.get(metric)
        }
        if requests := _quantities(part):
            containers.append({"name": name, "resources": {"requests": requests}})
    return containers


def _not_shared(change: Change) -> str:
    """The advised metrics that none of several containers requests today: nobody knows whose they are."""
    shares = _stated(change.resource)
    if len(shares) < 2 or change.advice.action is Action.STOP:
        return ""
    missing = [
        str(metric)
        for metric in (Metric.CPU, Metric.MEMORY)
        if metric in change.advice.targets and not any(one.get(metric, 0.0) > 0 for one in shares.values())
    ]
    return " and ".join(missing)


def _stated(resource: Resource) -> dict[str, dict[str, float]]:
    """Container -> metric -> amount, from the label; empty where it is missing or unreadable."""
    found = resource.labels.get("containers")
    try:
        stated = json.loads(found) if isinstance(found, str) else found
        return {
            str(name): {str(metric): float(amount) for metric, amount in amounts.items()}
            for name, amounts in (stated or {}).items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}


def _quantities(targets: Mapping[str, float]) -> dict[str, str]:
    """Cores as millicores, GiB as MiB, rounded up."""
    requests = {}
    if Metric.CPU in targets:
        requests["cpu"] = f"{math.ceil(targets[Metric.CPU] * 1000 - 1e-6)}m"
    if Metric.MEMORY in targets:
        requests["memory"] = f"{math.ceil(targets[Metric.MEMORY] * 1024 - 1e-6)}Mi"
    return requests
