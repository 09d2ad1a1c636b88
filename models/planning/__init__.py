"""Daily demand up to a year ahead: level ensemble, sample paths, reach."""

from __future__ import annotations

from models.planning.plan import (
    cleaned_series,
    growing_series,
    plan,
    plan_and_reach,
    plan_bands,
    reach_of,
)

__all__ = ["cleaned_series", "growing_series", "plan", "plan_and_reach", "plan_bands", "reach_of"]
