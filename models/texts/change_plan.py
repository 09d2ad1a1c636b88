"""A change request in Markdown: what, why, money, what to check, the way back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from data.decision import Action
from data.money import ZERO
from models.changes import Change, in_order
from models.proposals import WINDOW_LABEL
from models.texts.wording import CHANGE_WORDS, NOTE

_HEAD = (
    "| Resource | Change | From | To | Saving a month | Confidence | Window | Why |",
    "|---|---|---|---|---:|---|---|---|",
)
_CHECKS = (
    "## Before",
    "",
    "1. Ask the owner of each service; smaller sizes first for the least important tier.",
    "2. Take a snapshot or note today's size (column From): it is the way back.",
    "3. Stop and start machines within their change window; a change of type restarts them.",
)
_OF_MEMBERS = "Take members out of the load balancer one at a time, and wait an hour between them."
_OF_MIGRATION = "Try a migration with one machine for a week: other processors run other code."
_OF_DELETION = "What is deleted does not come back: keep a last copy for as long as the owner asks for."
_OF_SHRINKING = (
    "Few volumes shrink in place: copy to a new one of the smaller size, and keep the old for a week."
)
_AFTER = (
    "## After",
    "",
    "1. Watch utilization for a full week before the next step.",
    "2. Go back to the size in column From when demand stays above nine tenths of the new one.",
    "3. Load the new inventory: Headroom then measures what the change really saved.",
)


def change_plan(changes: Sequence[Change]) -> str:
    """The request, with a table per service."""
    if not changes:
        return ""
    lines = ["# Change plan", "", NOTE, "", *_totals(changes), ""]
    ordered = in_order(changes)
    for service in dict.fromkeys(c.resource.service for c in ordered):
        lines += [f"## {_markdown(service or 'No service')}", "", *_HEAD]
        for change in (c for c in ordered if c.resource.service == service):
            advice = change.advice
            saving = "unknown" if advice.saving is None else f"{advice.saving:,.2f} {advice.currency}"
            cells = [
                change.resource.name,
                _word(change) + (f" by {advice.buy_by}" if advice.buy_by else ""),
                _named(advice.from_type, advice.from_size),
                _named(advice.to_type, advice.to_size),
                saving,
                advice.confidence,
                str(change.resource.labels.get(WINDOW_LABEL) or ""),
                advice.because,
            ]
            lines.append("| " + " | ".join(_markdown(cell) for cell in cells) + " |")
        lines.append("")
    return "\n".join([*lines, *_before(ordered), "", *_AFTER, ""])


def _before(changes: Sequence[Change]) -> list[str]:
    """What to do first, as far as the changes ask for it."""
    actions = {change.advice.action for change in changes}
    more = []
    if Action.REMOVE_MEMBERS in actions:
        more.append(_OF_MEMBERS)
    if Action.MIGRATE in actions:
        more.append(_OF_MIGRATION)
    if any(_word(change) == "delete" for change in changes):
        more.append(_OF_DELETION)
    if any(
        c.resource.kind == "volume" and _word(c) == "resize" and (c.advice.saving or 0) > 0 for c in changes
    ):
        more.append(_OF_SHRINKING)
    return [*_CHECKS, *(f"{number}. {text}" for number, text in enumerate(more, start=4))]


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


def _word(change: Change) -> str:
    """Machines are stopped; what only holds data is deleted."""
    if change.advice.action is Action.STOP and change.resource.kind in {"volume", "snapshot"}:
        return "delete"
    return CHANGE_WORDS[change.advice.action]


def _named(instance_type: str | None, size: str) -> str:
    return f"{instance_type} ({size})" if instance_type else size


def _markdown(text: str) -> str:
    """Text for a table cell: markup, pipes and line ends lose their meaning."""
    flat = re.sub(r"\s+", " ", text)
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", flat)
