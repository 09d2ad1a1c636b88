"""Terraform: values for `*.auto.tfvars`, maps and lists by resource name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from data.decision import Action
from data.series import Metric
from models.changes import Change, in_order
from models.texts.wording import MACHINES, NOTE, RESIZES, in_comment, plain, times_in


def terraform_variables(changes: Sequence[Change]) -> str:
    """Values of variables, to be looked up where the resources of the clouds are declared.

    `instance_types`, `machine_sizes` (machines without a type of a price list), `disk_sizes_gib` (disks of
    machines), `volume_sizes_gib`, `added_members` (how many more like this one), and the lists
    `stopped_instances`, `removed_instances`, `deleted_volumes` and `deleted_snapshots`. What a variable
    cannot say, a move to another place, stands in a comment.
    """
    types: dict[str, str] = {}
    sizes: dict[str, str] = {}
    disks: dict[str, str] = {}
    volumes: dict[str, str] = {}
    added: dict[str, str] = {}
    lists: dict[str, list[str]] = {
        "stopped_instances": [],
        "removed_instances": [],
        "deleted_volumes": [],
        "deleted_snapshots": [],
    }
    notes: list[str] = []
    for change in in_order(changes):
        resource, advice = change.resource, change.advice
        if not resource.is_cloud:
            continue
        name = resource.name
        if advice.action is Action.STOP:
            of_kind = {"volume": "deleted_volumes", "snapshot": "deleted_snapshots"}
            if resource.kind in MACHINES | set(of_kind):
                lists[of_kind.get(resource.kind, "stopped_instances")].append(name)
        elif advice.action is Action.REMOVE_MEMBERS:
            lists["removed_instances"].append(name)
        elif advice.action is Action.ADD_MEMBERS:
            more = times_in(advice.to_size) - 1
            if more > 0:
                added[name] = str(more)
        elif advice.action is Action.MIGRATE and "/" in (advice.to_type or ""):
            notes.append(
                f"# {in_comment(name)}: move to {in_comment(advice.to_type or '')}; see the change plan\n"
            )
        elif resource.kind == "volume" and Metric.STORAGE in advice.targets:
            volumes[name] = str(math.ceil(advice.targets[Metric.STORAGE]))
        elif resource.kind in MACHINES and advice.action in RESIZES:
            if advice.to_type and advice.to_type != advice.from_type:
                types[name] = hcl(advice.to_type)
            elif Metric.CPU in advice.targets or Metric.MEMORY in advice.targets:
                sizes[name] = _object(
                    {
                        unit: str(plain(advice.targets[metric]))
                        for metric, unit in ((Metric.CPU, "cores"), (Metric.MEMORY, "memory_gib"))
                        if metric in advice.targets
                    }
                )
            if Metric.STORAGE in advice.targets:
                disks[name] = str(math.ceil(advice.targets[Metric.STORAGE]))
    blocks = [
        _map("instance_types", types),
        _map("machine_sizes", sizes),
        _map("disk_sizes_gib", disks),
        _map("volume_sizes_gib", volumes),
        _map("added_members", added),
        *(_list(name, entries) for name, entries in lists.items()),
        "".join(notes),
    ]
    body = "\n".join(block for block in blocks if block)
    return f"# {NOTE}\n\n{body}" if body else ""


def hcl(text: str) -> str:
    """A quoted HCL string: quotes, backslashes, control characters and template markers escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m[0]):04x}", escaped) + '"'


def _object(entries: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {text}" for key, text in entries.items()) + " }"


def _map(name: str, entries: Mapping[str, str]) -> str:
    if not entries:
        return ""
    lines = "".join(f"  {hcl(key)} = {text}\n" for key, text in entries.items())
    return f"{name} = {{\n{lines}}}\n"


def _list(name: str, entries: Sequence[str]) -> str:
    if not entries:
        return ""
    return f"{name} = [\n" + "".join(f"  {hcl(entry)},\n" for entry in entries) + "]\n"
