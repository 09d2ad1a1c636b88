"""What the texts share: their note, which changes they know, how amounts and labels are written."""

from __future__ import annotations

from typing import Any

import yaml

from data.decision import Action
from models.estate import COMPUTE, Resource

NOTE = "Written by Headroom as a proposal. Review it; nothing has been changed."
RESIZES = frozenset({Action.RESIZE_TYPE, Action.RESIZE_AMOUNT, Action.BUY, Action.MIGRATE})
MACHINES = COMPUTE - {"workload", "endpoint"}
"""Kinds that are stopped, removed and resized one by one."""


def label(resource: Resource, name: str, default: str) -> str:
    return str(resource.labels.get(name) or default)


def plain(value: float) -> int | float:
    """Whole numbers without a point, others to four digits."""
    return int(value) if value == int(value) else round(value, 4)


def as_yaml(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)


def in_comment(text: str) -> str:
    """Text that stays within its comment line."""
    return " ".join(text.split())
