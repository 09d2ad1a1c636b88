"""Every sizing policy by its configured name. Adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from models.sizing.aria import Aria
from models.sizing.azure_advisor import AzureAdvisor
from models.sizing.compute_optimizer import ComputeOptimizer
from models.sizing.krr import Krr
from models.sizing.kubecost import Kubecost
from models.sizing.marginal import Marginal
from models.sizing.optscale import OptScale
from models.sizing.percentile import Percentile
from models.sizing.policy import SizingPolicy
from models.sizing.vpa import Vpa

POLICIES: Mapping[str, Callable[..., SizingPolicy]] = MappingProxyType(
    {
        "marginal": Marginal,
        "percentile": Percentile,
        "vpa": Vpa,
        "krr": Krr,
        "compute_optimizer": ComputeOptimizer,
        "azure_advisor": AzureAdvisor,
        "aria": Aria,
        "kubecost": Kubecost,
        "optscale": OptScale,
    }
)
