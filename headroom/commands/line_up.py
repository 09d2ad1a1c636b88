"""Names of forecasters and policies for `--help`, where the registries would take seconds to import."""

from __future__ import annotations

FORECASTERS = (
    "fleet", "planning", "seasonal_naive", "statsmodels_ets", "statsmodels_stl_arima", "statsmodels_ucm",
    "prophet", "statsforecast_autoets", "statsforecast_dot", "statsforecast_mstl", "statsforecast_autoarima",
)  # fmt: skip
POLICIES = (
    "marginal", "percentile", "vpa", "krr", "compute_optimizer", "azure_advisor", "aria", "kubecost",
    "optscale",
)  # fmt: skip

FORECASTERS_TOLD = f"Forecasters: {', '.join(FORECASTERS)}."
POLICIES_TOLD = f"Policies: {', '.join(POLICIES)}."
