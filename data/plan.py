"""A plan: recommendations that can all be carried out together, with one total."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change that could be made. Money per month."""

    name: str
    """What it is called in the plan, unique: 'vm-001: resize to m7i.large'."""
    resources: frozenset[str]
    """Every resource it changes or removes; two proposals that share one exclude each other."""
    saving: Decimal | None
    """Below 0 where money must be spent; None = unknown, counts as nothing."""
    risk: float = 0.0
    """Expected breached hours it adds a week, weighted by tier; below 0 where it removes some."""
    required: bool = False
    """Repairs a shortage: taken before anything is saved."""
    window: str | None = None
    """Change window it needs, where changes are limited to windows."""
    because: str = ""
    """Why, of a change of several resources together; one sentence, lower case, no full stop."""

    def __post_init__(self) -> None:
        if not self.resources:
            raise ValueError(f"{self.name}: a proposal changes at least one resource")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A proposal that is not in the plan, and why."""

    proposal: Proposal
    because: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Proposals without conflicts; the saving is counted once and never above the cost."""

    chosen: tuple[Proposal, ...]
    left_out: tuple[LeftOut, ...]
    cost: Decimal
    """What all resources cost now, including those the plan does not touch."""
    saving: Decimal
    """Sum over the chosen proposals; below 0 where shortages cost more than is saved."""
    risk: float
    """Expected breached hours the plan adds a week."""
    notes: tuple[str, ...] = field(default_factory=tuple)
    """What a reader of the total must know, e.g. how many savings are unknown."""

    @property
    def cost_then(self) -> Decimal:
        return self.cost - self.saving
