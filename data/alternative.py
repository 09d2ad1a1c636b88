"""An alternative: advice for several resources as a whole, the rival of the advice for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from data.decision import Action
from data.money import ZERO
from data.recommendation import Recommendation


class AlternativeKind(StrEnum):
    """What kind of change it is."""

    MEMBERS = "members"
    """Fewer or more of the same size."""
    CONSOLIDATION = "consolidation"
    """Several small ones become fewer larger ones, or servers are emptied onto others."""
    MIGRATION = "migration"
    """To another family, provider or region."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A set of recommendations that only make sense together. Money per month."""

    name: str
    """Unique: 'shop: 3 of 8 members of web in frankfurt fewer'."""
    kind: AlternativeKind
    because: str
    """One sentence with the numbers it rests on, lower case, no full stop."""
    advice: tuple[Recommendation, ...]
    """One per resource it touches, by name; those that only take over load are kept."""

    def __post_init__(self) -> None:
        if not any(one.action is not Action.KEEP for one in self.advice):
            raise ValueError(f"{self.name}: an alternative changes at least one resource")

    @property
    def saving(self) -> Decimal | None:
        """Sum over its resources; None where one of them is not known."""
        savings = [one.saving for one in self.advice]
        if any(saving is None for saving in savings):
            return None
        return sum((saving for saving in savings if saving is not None), ZERO)
