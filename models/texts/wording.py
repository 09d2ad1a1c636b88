"""What the texts share: their note, which changes they know, how amounts and labels are written."""

from __future__ import annotations

from typing import Any

import yaml

from data.decision import Action
from models.estate import COMPUTE, Resource

NOTE = "Written by Headroom as a proposal. Review it; nothing has been changed."
RESIZES = frozenset({Action.RESIZE_TYPE, Action.RESIZE_AMOUNT, Action.BUY, Action.MIGRATE})
CHANGE_WORDS = {
    Action.KEEP: "keep",
    Action.RESIZE_TYPE: "change type",
    Action.RESIZE_AMOUNT: "resize",
    Action.ADD_MEMBERS: "add members",
    Action.REMOVE_MEMBERS: "remove",
    Action.MIGRATE: "migrate",
    Action.STOP: "stop",
    Action.BUY: "buy",
}
"""What is done, in the words of a change plan."""
_JOINED: dict[str, str] = {Action.KEEP: " ", Action.REMOVE_MEMBERS: ", leaving "}
MACHINES = COMPUTE - {"workload", "endpoint"}
"""Kinds that are stopped, removed and resized one by one."""


def change_in_words(action: str, to_size: str) -> str:
    """`resize to 4 cores`, `stop`; an action that nobody knows any more is said by its own name."""
    words = CHANGE_WORDS[Action(action)] if action in set(Action) else action.replace("_", " ")
    if action == Action.STOP or to_size in ("", "nothing"):
        return words
    return words + _JOINED.get(action, " to ") + to_size


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


def times_in(size: str) -> int:
    """The count in `3 × 4 cores, 16 GiB`; 1 without one."""
    count, sign, _ = size.partition(" × ")
    digits = count.replace(",", "")
    return int(digits) if sign and digits.isdecimal() else 1
