"""Ansible: a vars file with what is on premises, by name."""

from __future__ import annotations

from collections.abc import Sequence

from data.decision import Action
from data.series import Metric
from models.changes import Change, in_order
from models.texts.wording import MACHINES, NOTE, RESIZES, as_yaml, in_comment, plain

_UNITS = {Metric.CPU: "cores", Metric.MEMORY: "memory_gib", Metric.STORAGE: "storage_gib"}


def ansible_variables(changes: Sequence[Change]) -> str:
    """Sizes of machines and volumes, and lists of what is stopped, removed, deleted or added.

    Servers, volumes and links that must be bought have a line in `headroom_bought`, with the last day.
    """
    sizes: dict[str, dict[str, int | float | str]] = {}
    bought: dict[str, dict[str, object]] = {}
    lists: dict[str, list[str]] = {"headroom_stopped": [], "headroom_removed": [], "headroom_deleted": []}
    added: dict[str, str] = {}
    notes: list[str] = []
    for change in in_order(changes):
        resource, advice = change.resource, change.advice
        if resource.is_cloud or resource.kind in {"workload", "endpoint"}:
            continue
        if advice.action is Action.STOP:
            stops = resource.kind in MACHINES | {"link"}
            lists["headroom_stopped" if stops else "headroom_deleted"].append(resource.name)
        elif advice.action is Action.REMOVE_MEMBERS:
            lists["headroom_removed"].append(resource.name)
        elif advice.action is Action.ADD_MEMBERS:
            added[resource.name] = advice.to_size
        elif advice.action is Action.MIGRATE:
            where = in_comment(advice.to_type or "")
            notes.append(f"# {in_comment(resource.name)}: move to {where}; see the change plan\n")
        elif advice.action is Action.BUY and resource.kind in {"server", "link"}:
            bought[resource.name] = {
                "size": advice.to_size,
                "by": advice.buy_by.isoformat() if advice.buy_by else None,
            }
        elif advice.action in RESIZES and resource.kind != "link":
            amounts: dict[str, int | float | str] = {
                unit: plain(advice.targets[metric])
                for metric, unit in _UNITS.items()
                if metric in advice.targets
            }
            sizes[resource.name] = amounts or {"size": advice.to_type or advice.to_size}
    document: dict[str, object] = {}
    if sizes:
        document["headroom_sizes"] = sizes
    document |= {name: entries for name, entries in lists.items() if entries}
    if added:
        document["headroom_added"] = added
    if bought:
        document["headroom_bought"] = bought
    if not document and not notes:
        return ""
    return f"# {NOTE}\n" + "".join(notes) + (as_yaml(document) if document else "")
