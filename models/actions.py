"""Changes as text a person can apply: Terraform variables, Kubernetes patches, Ansible variables, a plan.

Headroom changes nothing itself. Every text is escaped for its format, says what to check first, and is the
same for the same changes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import yaml

from data.decision import Action
from data.money import ZERO
from data.series import Metric
from models.changes import Change, in_order
from models.estate import Resource

_RESIZES = frozenset({Action.RESIZE_TYPE, Action.RESIZE_AMOUNT, Action.BUY})
_HEAD = "| Resource | Change | From | To | Saving a month | Confidence | Why |"
_NOTE = "Written by Headroom as a proposal. Review it; nothing has been changed."


def terraform_variables(changes: Sequence[Change]) -> str:
    """Values for `*.auto.tfvars`: types, volume sizes and stopped machines of the clouds.

    The variables are maps by resource name, to be looked up where the resources are declared.
    """
    types: dict[str, str] = {}
    volumes: dict[str, int] = {}
    stopped: list[str] = []
    for change in in_order(changes):
        name, advice = change.resource.name, change.advice
        if not change.resource.is_cloud:
            continue
        if advice.action is Action.STOP:
            stopped.append(name)
            continue
        if advice.action is Action.RESIZE_TYPE and advice.to_type:
            types[name] = advice.to_type
        elif advice.action in _RESIZES and Metric.STORAGE in advice.targets:
            volumes[name] = math.ceil(advice.targets[Metric.STORAGE])
    blocks = [
        _hcl_map("instance_types", {k: _hcl(v) for k, v in types.items()}),
        _hcl_map("volume_sizes_gib", {k: str(v) for k, v in volumes.items()}),
    ]
    if stopped:
        names = "".join(f"  {_hcl(name)},\n" for name in stopped)
        blocks.append(f"stopped_instances = [\n{names}]\n")
    body = "\n".join(block for block in blocks if block)
    return f"# {_NOTE}\n\n{body}" if body else ""


def kubernetes_patches(changes: Sequence[Change]) -> str:
    """One strategic merge patch per workload, separated by `---`, for `kubectl patch --patch-file`.

    Namespace, kind and container come from the inventory's labels `namespace`, `workload_kind` and
    `container`; without them the defaults are `default`, `Deployment` and the workload's own name.
    """
    documents = []
    for change in in_order(changes):
        resource, advice = change.resource, change.advice
        if resource.kind != "workload" or advice.action not in _RESIZES | {Action.STOP}:
            continue
        spec: dict[str, Any]
        if advice.action is Action.STOP:
            spec = {"replicas": 0}
        else:
            requests = _quantities(advice.targets)
            container = {
                "name": _label(resource, "container", resource.name),
                "resources": {"requests": requests},
            }
            spec = {"template": {"spec": {"containers": [container]}}}
        documents.append(
            {
                "apiVersion": _label(resource, "api_version", "apps/v1"),
                "kind": _label(resource, "workload_kind", "Deployment"),
                "metadata": {"name": resource.name, "namespace": _label(resource, "namespace", "default")},
                "spec": spec,
            }
        )
    if not documents:
        return ""
    return f"# {_NOTE}\n" + "---\n".join(_yaml(document) for document in documents)


def ansible_variables(changes: Sequence[Change]) -> str:
    """A vars file with the sizes of machines and volumes on premises, by name."""
    sizes: dict[str, dict[str, int | float]] = {}
    stopped: list[str] = []
    for change in in_order(changes):
        resource, advice = change.resource, change.advice
        if resource.is_cloud or resource.kind in {"workload", "link", "endpoint"}:
            continue
        if advice.action is Action.STOP:
            stopped.append(resource.name)
        elif advice.action in _RESIZES:
            units = {Metric.CPU: "cores", Metric.MEMORY: "memory_gib", Metric.STORAGE: "storage_gib"}
            sizes[resource.name] = {
                unit: _plain(advice.targets[metric])
                for metric, unit in units.items()
                if metric in advice.targets
            }
    if not sizes and not stopped:
        return ""
    return f"# {_NOTE}\n" + _yaml({"headroom_sizes": sizes, "headroom_stopped": stopped})


def change_plan(changes: Sequence[Change]) -> str:
    """A change request in Markdown: what, why, money, what to check, the way back; a table per service."""
    if not changes:
        return ""
    lines = ["# Change plan", "", _NOTE, "", *_totals(changes), ""]
    ordered = in_order(changes)
    for service in dict.fromkeys(c.resource.service for c in ordered):
        lines += [f"## {_markdown(service or 'No service')}", ""]
        lines += [
            "| Resource | Change | From | To | Saving a month | Confidence | Why |",
            "|---|---|---|---|---:|---|---|",
        ]
        for change in (c for c in ordered if c.resource.service == service):
            advice = change.advice
            saving = "unknown" if advice.saving is None else f"{advice.saving:,.2f} {advice.currency}"
            cells = [
                change.resource.name,
                _WORDS[advice.action] + (f" by {advice.buy_by}" if advice.buy_by else ""),
                _named(advice.from_type, advice.from_size),
                _named(advice.to_type, advice.to_size),
                saving,
                advice.confidence,
                advice.because,
            ]
            lines.append("| " + " | ".join(_markdown(cell) for cell in cells) + " |")
        lines.append("")
    return "\n".join([*lines, *_CHECKS, ""])


ACTIONS: Mapping[str, tuple[str, Callable[[Sequence[Change]], str]]] = MappingProxyType(
    {
        "terraform": ("headroom.auto.tfvars", terraform_variables),
        "kubernetes": ("headroom-patches.yaml", kubernetes_patches),
        "ansible": ("headroom-vars.yaml", ansible_variables),
        "plan": ("change-plan.md", change_plan),
    }
)
"""Format -> (file name, writer). A writer gives an empty text where none of the changes is for it."""

_WORDS = {
    Action.KEEP: "keep",
    Action.RESIZE_TYPE: "change type",
    Action.RESIZE_AMOUNT: "resize",
    Action.ADD_MEMBERS: "add members",
    Action.REMOVE_MEMBERS: "remove members",
    Action.STOP: "stop",
    Action.BUY: "buy",
}

_CHECKS = (
    "## Before",
    "",
    "1. Ask the owner of each service; smaller sizes first for the least important tier.",
    "2. Take a snapshot or note today's size (column From): it is the way back.",
    "3. Stop and start machines within their change window; a change of type restarts them.",
    "",
    "## After",
    "",
    "1. Watch utilization for a full week before the next step.",
    "2. Go back to the size in column From when demand stays above nine tenths of the new one.",
    "3. Load the new inventory: Headroom then measures what the change really saved.",
)


def _totals(changes: Sequence[Change]) -> list[str]:
    known = [c.advice.saving for c in changes if c.advice.saving is not None]
    saved = sum((s for s in known if s > 0), ZERO)
    spent = -sum((s for s in known if s < 0), Decimal("0.00"))
    currency = changes[0].advice.currency
    lines = [
        f"{len(changes)} changes: {saved:,.2f} {currency} saved and {spent:,.2f} {currency} spent a month."
    ]
    unknown = len(changes) - len(known)
    if unknown:
        lines.append(f"The price of {unknown} of them is unknown and not part of these sums.")
    return lines


def _quantities(targets: Mapping[str, float]) -> dict[str, str]:
    """Cores as millicores, GiB as MiB, rounded up."""
    requests = {}
    if Metric.CPU in targets:
        requests["cpu"] = f"{math.ceil(targets[Metric.CPU] * 1000 - 1e-6)}m"
    if Metric.MEMORY in targets:
        requests["memory"] = f"{math.ceil(targets[Metric.MEMORY] * 1024 - 1e-6)}Mi"
    return requests


def _label(resource: Resource, name: str, default: str) -> str:
    return str(resource.labels.get(name) or default)


def _named(instance_type: str | None, size: str) -> str:
    return f"{instance_type} ({size})" if instance_type else size


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) else round(value, 4)


def _yaml(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)


def _hcl(text: str) -> str:
    """A quoted HCL string: quotes, backslashes, control characters and template markers escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m[0]):04x}", escaped) + '"'


def _hcl_map(name: str, entries: Mapping[str, str]) -> str:
    if not entries:
        return ""
    lines = "".join(f"  {_hcl(key)} = {text}\n" for key, text in entries.items())
    return f"{name} = {{\n{lines}}}\n"


def _markdown(text: str) -> str:
    """Text for a table cell: markup, pipes and line ends lose their meaning."""
    flat = re.sub(r"\s+", " ", text)
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", flat)
