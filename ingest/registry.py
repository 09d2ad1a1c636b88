"""Every source by its configured kind. Adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ingest.files import Files
from ingest.source import Source

SOURCES: Mapping[str, Callable[..., Source]] = MappingProxyType(
    {
        "files": Files,
    }
)
