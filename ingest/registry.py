"""Every source by its configured kind. Adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ingest.files import Files
from ingest.host import Host
from ingest.prometheus import Prometheus
from ingest.pushed import Pushed
from ingest.snmp import Snmp
from ingest.source import Source
from ingest.sysstat import Sysstat

SOURCES: Mapping[str, Callable[..., Source]] = MappingProxyType(
    {
        "files": Files,
        "host": Host,
        "landing": Pushed,
        "prometheus": Prometheus,
        "snmp": Snmp,
        "sysstat": Sysstat,
    }
)
