"""Daily demand up to a year ahead: level ensemble, sample paths, reach."""

from __future__ import annotations

from models.planning.plan import growing_series, plan, plan_and_reach, plan_bands, reach_of

__all__ = ["growing_series", "plan", "plan_and_reach", "plan_bands", "reach_of"]
