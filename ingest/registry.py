"""Every source by its configured kind. Adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ingest.aws import Aws
from ingest.azure import Azure
from ingest.files import Files
from ingest.gcp import Gcp
from ingest.host import Host
from ingest.prometheus import Prometheus
from ingest.pushed import Pushed
from ingest.snmp import Snmp
from ingest.source import Source
from ingest.sysstat import Sysstat

SOURCES: Mapping[str, Callable[..., Source]] = MappingProxyType(
    {
        "aws": Aws,
        "azure": Azure,
        "files": Files,
        "gcp": Gcp,
        "host": Host,
        "landing": Pushed,
        "prometheus": Prometheus,
        "snmp": Snmp,
        "sysstat": Sysstat,
    }
)
