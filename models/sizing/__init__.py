"""Every sizing policy by its configured name. Adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from models.sizing.marginal import Marginal
from models.sizing.policy import SizingPolicy

POLICIES: Mapping[str, Callable[..., SizingPolicy]] = MappingProxyType(
    {
        "marginal": Marginal,
    }
)
