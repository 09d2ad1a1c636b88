"""Azure Monitor: CPU, memory and network of virtual machines, and what there is. The extra `azure`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.frames import SAMPLE_SCHEMA, Batch, Inventory
from data.series import Metric, Window
from ingest.http import secret
from ingest.pieces import rejections
from ingest.polled import Polled, inventory_of, one_line
from ingest.source import Source

NAMESPACE = "Microsoft.Compute/virtualMachines"
MACHINES_AT_ONCE = 50
"""That the batch API takes in one request."""
SLOTS_AT_ONCE = 288
"""Intervals to ask for in one request: a day of 5 minutes."""

_CPU, _FREE, _IN, _OUT = "Percentage CPU", "Available Memory Bytes", "Network In Total", "Network Out Total"
_RETRIES = 2
"""Of one request, by the clients; the job tries the whole pull again."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine."""

    identity: str
    """Its resource ID."""
    name: str
    region: str
    type: str
    cores: float | None
    memory_gib: float | None
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Azure(Polled):
    """Reads Azure Monitor's metrics in batches; every field is a setting of `[source.NAME]`.

    Credentials are those of the machine (environment, managed identity, Azure CLI), or a token. Steps are 1m,
    5m, 15m, 30m or 1h; Azure keeps them for 93 days.
    """

    subscriptions: tuple[str, ...]
    """Their IDs."""
    token_variable: str = ""
    """Environment variable with an access token; "" = whatever azure-identity finds."""
    service_tag: str = "service"
    """Tag that names the service a machine belongs to."""
    management_url: str = "https://management.azure.com"
    """Of the resource manager, e.g. of a sovereign cloud."""
    metrics_url: str = "https://{region}.metrics.monitor.azure.com"
    """Of the metrics in a region."""

    def __post_init__(self) -> None:
        if not self.subscriptions:
            raise ConfigError("subscriptions: none is named")
        Polled.__post_init__(self)
        if self.step_seconds not in (60, 300, 900, 1_800, 3_600):
            raise ConfigError(f"step: {self.step} is none of 1m, 5m, 15m, 30m, 1h")

    def targets(self) -> dict[str, Source]:
        """Each subscription as a source of its own."""
        return {one: replace(self, subscriptions=(one,)) for one in self.subscriptions}

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields the intervals that lie within the window; see `ingest.source.Source`."""
        asked = self.asked(window)
        for subscription in self.subscriptions:
            by_region: dict[str, list[Machine]] = {}
            for machine in self._machines(subscription):
                by_region.setdefault(machine.region, []).append(machine)
            for region, machines in sorted(by_region.items()):
                client = self._metrics_client(region)
                for start in range(0, len(machines), MACHINES_AT_ONCE):
                    some = machines[start : start + MACHINES_AT_ONCE]
                    for at, until in asked.parts(SLOTS_AT_ONCE, region):
                        yield self._batch(client, region, some, at, until)

    def inventory(self) -> Inventory:
        """The machines of all subscriptions with their sizes."""
        machines = [machine for one in self.subscriptions for machine in self._machines(one)]
        resources = [
            {
                "resource": one.name, "kind": "vm", "service": one.tags.get(self.service_tag),
                "provider": "azure", "site": one.region, "instance_type": one.type,
                "labels": json.dumps({**one.tags, "id": one.identity}, sort_keys=True),
            }
            for one in machines
        ]  # fmt: skip
        sizes = [
            {"resource": one.name, "metric": str(metric), "capacity": amount}
            for one in machines
            for metric, amount in ((Metric.CPU, one.cores), (Metric.MEMORY, one.memory_gib))
            if amount is not None
        ]
        return inventory_of(resources, sizes)

    def _machines(self, subscription: str) -> list[Machine]:
        with _explained(self.management_url):
            from azure.mgmt.compute import ComputeManagementClient

            client = ComputeManagementClient(
                self._credential(),
                subscription,
                base_url=self.management_url,
                credential_scopes=[f"{self.management_url.rstrip('/')}/.default"],
                connection_timeout=self.timeout,
                read_timeout=self.timeout,
                retry_total=_RETRIES,
            )
            options = _options(self.management_url)
            found = list(client.virtual_machines.list_all(**options))
            sizes: dict[tuple[str, str], tuple[float, float]] = {}
            for region in {one.location for one in found}:
                for size in client.virtual_machine_sizes.list(region, **options):
                    if size.name and size.number_of_cores and size.memory_in_mb:
                        amounts = float(size.number_of_cores), size.memory_in_mb / 1024
                        sizes[region, size.name] = amounts
            machines = []
            for one in found:
                type_of = str(one.hardware_profile.vm_size)
                cores, memory = sizes.get((one.location, type_of), (None, None))
                tags = dict(one.tags or {})
                machines.append(
                    Machine(str(one.id), str(one.name), one.location, type_of, cores, memory, tags)
                )
            return machines

    def _metrics_client(self, region: str) -> Any:
        url = self.metrics_url.format(region=region)
        with _explained(url):
            from azure.monitor.querymetrics import MetricsClient

            return MetricsClient(
                url,
                self._credential(),
                connection_timeout=self.timeout,
                read_timeout=self.timeout,
                retry_total=_RETRIES,
            )

    def _batch(self, client: Any, region: str, machines: list[Machine], start: int, end: int) -> Batch:
        """The intervals from start to end, epoch seconds."""
        url = self.metrics_url.format(region=region)
        with _explained(url):
            results = client.query_resources(
                resource_ids=[one.identity for one in machines],
                metric_namespace=NAMESPACE,
                metric_names=[_CPU, _FREE, _IN, _OUT],
                timespan=(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)),
                granularity=timedelta(seconds=self.step_seconds),
                aggregations=["Average", "Maximum", "Minimum", "Total"],
                **_options(url),
            )
            rows, bad = self._rows(results, machines, start, end)
        samples = pl.DataFrame(rows, schema=SAMPLE_SCHEMA, orient="row")
        return Batch(samples, rejections(url, bad), len(rows) + len(bad))

    def _rows(
        self, results: Any, machines: list[Machine], start: int, end: int
    ) -> tuple[list[tuple[Any, ...]], list[tuple[int | None, str, str | None]]]:
        known = {one.identity.casefold(): one for one in machines}
        rows: list[tuple[Any, ...]] = []
        bad: list[tuple[int | None, str, str | None]] = []
        for result in results:
            for metric in result.metrics:
                for series in metric.timeseries:
                    for point in series.data:
                        machine = known[_owner(metric.id)]
                        if start <= point.timestamp.timestamp() < end:
                            row = self._row(machine, metric.name, point)
                            if row is not None:
                                rows.append(row)
                if not metric.timeseries and getattr(metric, "error_code", None) not in (None, "Success"):
                    bad.append((None, f"Azure Monitor answers {metric.error_code}", metric.id))
        return rows, bad

    def _row(self, machine: Machine, name: str, point: Any) -> tuple[Any, ...] | None:
        """A sample; None where nothing was reported, or what is free of an unknown size."""
        at = point.timestamp.astimezone(UTC)
        if name == _CPU and point.average is not None:
            # The inventory knows of which size at that time.
            return at, machine.name, "cpu", point.average, point.maximum, None, "%"
        if name == _FREE and point.average is not None and machine.memory_gib is not None:
            # The least that was free is the most that was used.
            mean, peak = (
                None if free is None else machine.memory_gib - free / 2**30
                for free in (point.average, point.minimum)
            )
            return at, machine.name, "memory", mean, peak, machine.memory_gib, "GiB"
        if name in (_IN, _OUT) and point.total is not None:
            flow = point.total * 8 / 1e6 / self.step_seconds
            return (
                at,
                machine.name,
                "network_in" if name == _IN else "network_out",
                flow,
                None,
                None,
                "Mbit/s",
            )
        return None

    def _credential(self) -> Any:
        if self.token_variable:
            return _Token(secret(self.token_variable))
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()


@dataclass(frozen=True, slots=True)
class _Token:
    """A credential that is a token."""

    token: str

    def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken(self.token, int(time.time()) + 3_600)


def _owner(metric_id: str) -> str:
    """The resource that a metric's ID starts with."""
    return metric_id.partition("/providers/Microsoft.Insights/")[0].casefold()


def _options(url: str) -> dict[str, Any]:
    """Secrets travel in the clear only where they do not leave the machine."""
    address = urlsplit(url)
    return {"enforce_https": False} if address.scheme == "http" and address.hostname in _LOOPBACK else {}


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Errors of the Azure clients in our words."""
    try:
        from azure.core import exceptions
    except ImportError as error:
        raise SourceError(
            "the Azure clients are not installed; they come with the extra: headroom[azure]"
        ) from error
    try:
        yield
    except ImportError as error:
        raise SourceError(
            "the Azure clients are not installed; they come with the extra: headroom[azure]"
        ) from error
    except exceptions.ClientAuthenticationError as error:
        raise SourceError(f"{url}: no credentials, or refused: {one_line(error)}") from error
    except exceptions.HttpResponseError as error:
        status = error.status_code or 0
        kind = SourceUnavailable if status in (408, 429) or status >= 500 else SourceError
        raise kind(f"{url}: answers {status} {one_line(error)}") from error
    except (exceptions.ServiceRequestError, exceptions.ServiceResponseError) as error:
        if "non-https" in str(error):
            raise SourceError(f"{url}: {one_line(error)}") from error
        raise SourceUnavailable(f"{url}: cannot be reached: {one_line(error)}") from error
    except exceptions.AzureError as error:
        raise SourceError(f"{url}: {one_line(error)}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{url}: the reply cannot be read: {error!r}"[:300]) from error
