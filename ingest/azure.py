"""Azure Monitor: virtual machines, disks, SQL databases, and their sizes. The extra `azure`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.frames import SAMPLE_SCHEMA, Batch, Inventory
from data.series import Metric, Window
from ingest.azure_measures import KINDS, Kind, Measure, Reading
from ingest.from_table import instead
from ingest.http import secret
from ingest.pieces import rejections
from ingest.polled import Asked, Polled, inventory_of, one_line, together
from ingest.source import Source

RESOURCES_AT_ONCE = 50
"""That the batch API takes in one request."""
SLOTS_AT_ONCE = 288
"""Intervals to ask for in one request: a day of 5 minutes."""

_RETRIES = 2
"""Of one request, by the clients; the job tries the whole pull again."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DISKS, _SERVERS = "Microsoft.Compute/disks", "Microsoft.Sql/servers"
_VERSIONS = {_DISKS: "2023-04-02", _SERVERS: "2021-11-01"}
"""Of the resource manager's interface to them."""
_BY_CORES = ("GP_", "BC_", "HS_")
"""How sizes of databases start that are sold by cores."""


@dataclass(frozen=True, slots=True)
class Item:
    """A resource."""

    identity: str
    """Its resource ID."""
    name: str
    region: str
    type: str | None
    tags: Mapping[str, str]
    sizes: Mapping[str, float]
    """By metric, in our units."""


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
    services: tuple[str, ...] = ("vm", "disks", "sql")
    """vm, disks, sql."""
    service_tag: str = "service"
    """Tag that names the service a resource belongs to."""
    management_url: str = "https://management.azure.com"
    """Of the resource manager, e.g. of a sovereign cloud."""
    metrics_url: str = "https://{region}.metrics.monitor.azure.com"
    """Of the metrics in a region."""

    def __post_init__(self) -> None:
        if not self.subscriptions:
            raise ConfigError("subscriptions: none is named")
        for name in self.services:
            if name not in KINDS:
                raise ConfigError(f"services: no service {name!r}{instead(name, KINDS)}")
        Polled.__post_init__(self)
        if self.step_seconds not in (60, 300, 900, 1_800, 3_600):
            raise ConfigError(f"step: {self.step} is none of 1m, 5m, 15m, 30m, 1h")

    def targets(self) -> dict[str, Source]:
        """Each subscription as a source of its own."""
        return {one: replace(self, subscriptions=(one,)) for one in self.subscriptions}

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields the intervals that lie within the window; see `ingest.source.Source`."""
        asked = self.asked(window)
        problems: list[SourceError] = []
        for subscription in self.subscriptions:
            for service, items in self._items(subscription).items():
                by_region: dict[str, list[Item]] = {}
                for item in items:
                    by_region.setdefault(item.region, []).append(item)
                for region, of_region in sorted(by_region.items()):
                    try:
                        yield from self._of_region(asked, region, KINDS[service], of_region)
                    except SourceError as error:
                        # A region that refuses must not keep the others from being read.
                        problems.append(error)
        if problems:
            raise together(problems)

    def _of_region(self, asked: Asked, region: str, kind: Kind, items: list[Item]) -> Iterator[Batch]:
        client = self._metrics_client(region)
        for start in range(0, len(items), RESOURCES_AT_ONCE):
            some = items[start : start + RESOURCES_AT_ONCE]
            for at, until in asked.parts(SLOTS_AT_ONCE, region):
                yield self._batch(client, region, kind, some, at, until)

    def inventory(self) -> Inventory:
        """What there is in all subscriptions, with its sizes."""
        items = [
            (KINDS[service].kind, item)
            for subscription in self.subscriptions
            for service, some in self._items(subscription).items()
            for item in some
        ]
        resources = [
            {
                "resource": one.name, "kind": kind, "service": one.tags.get(self.service_tag),
                "provider": "azure", "site": one.region, "instance_type": one.type,
                "labels": json.dumps({**one.tags, "id": one.identity}, sort_keys=True),
            }
            for kind, one in items
        ]  # fmt: skip
        sizes = [
            {"resource": one.name, "metric": str(metric), "capacity": amount}
            for _, one in items
            for metric, amount in one.sizes.items()
        ]
        return inventory_of(resources, sizes)

    def _items(self, subscription: str) -> dict[str, list[Item]]:
        """What there is of each service that is asked for."""
        with _explained(self.management_url):
            from azure.mgmt.compute import ComputeManagementClient

            client: Any = ComputeManagementClient(
                self._credential(),
                subscription,
                base_url=self.management_url,
                credential_scopes=[f"{self.management_url.rstrip('/')}/.default"],
                connection_timeout=self.timeout,
                read_timeout=self.timeout,
                retry_policy=_retries(self.timeout),
            )
            listing: dict[str, Callable[[], list[Item]]] = {
                "vm": lambda: self._machines(client),
                "disks": lambda: self._disks(client, subscription),
                "sql": lambda: self._databases(client, subscription),
            }
            listed = {service: listing[service]() for service in self.services}
        return {service: self._named(service, subscription, items) for service, items in listed.items()}

    def _named(self, service: str, subscription: str, items: list[Item]) -> list[Item]:
        """The items by the names they have here: several groups and subscriptions may use the same one."""
        within = f"/subscriptions/{subscription}/".casefold()
        names = {
            one.identity.casefold(): (
                one.name,
                f"{_group(one)}/{one.name}",
                f"{subscription}/{_group(one)}/{one.name}",
            )
            for one in items
        }
        called = self.names.called(KINDS[service].kind, names, within)
        return [replace(one, name=called[one.identity.casefold()]) for one in items]

    def _machines(self, client: Any) -> list[Item]:
        options = _options(self.management_url)
        found = list(client.virtual_machines.list_all(**options))
        sizes: dict[tuple[str, str], dict[str, float]] = {}
        for region in {one.location for one in found}:
            for size in client.virtual_machine_sizes.list(region, **options):
                if size.name and size.number_of_cores and size.memory_in_mb:
                    amounts = {
                        Metric.CPU: float(size.number_of_cores),
                        Metric.MEMORY: size.memory_in_mb / 1024,
                    }
                    sizes[region, size.name] = {str(metric): amount for metric, amount in amounts.items()}
        machines = []
        for one in found:
            type_of = str(one.hardware_profile.vm_size)
            held = sizes.get((one.location, type_of), {})
            tags = dict(one.tags or {})
            machines.append(Item(str(one.id), str(one.name), one.location, type_of, tags, held))
        return machines

    def _disks(self, client: Any, subscription: str) -> list[Item]:
        found = []
        for one in self._listed(client, f"/subscriptions/{subscription}/providers/{_DISKS}", _DISKS):
            about = one.get("properties") or {}
            sizes: dict[str, float] = {}
            if about.get("diskSizeGB"):
                sizes[Metric.STORAGE] = float(about["diskSizeGB"])
            if about.get("diskMBpsReadWrite"):
                flow = float(about["diskMBpsReadWrite"]) * 8
                sizes |= {Metric.NETWORK_IN: flow, Metric.NETWORK_OUT: flow}
            type_of = (one.get("sku") or {}).get("name")
            found.append(Item(one["id"], one["name"], one["location"], type_of, one.get("tags") or {}, sizes))
        return found

    def _databases(self, client: Any, subscription: str) -> list[Item]:
        found = []
        servers = f"/subscriptions/{subscription}/providers/{_SERVERS}"
        for server in self._listed(client, servers, _SERVERS):
            for one in self._listed(client, f"{server['id']}/databases", _SERVERS):
                if one["name"] == "master":  # belongs to the server
                    continue
                about, sku = one.get("properties") or {}, one.get("sku") or {}
                sizes: dict[str, float] = {}
                if about.get("maxSizeBytes"):
                    sizes[Metric.STORAGE] = float(about["maxSizeBytes"]) / 2**30
                if str(sku.get("name", "")).startswith(_BY_CORES) and sku.get("capacity"):
                    sizes[Metric.CPU] = float(sku["capacity"])
                name = f"{server['name']}/{one['name']}"
                tags = one.get("tags") or {}
                found.append(Item(one["id"], name, one["location"], sku.get("name"), tags, sizes))
        return found

    def _listed(self, client: Any, path: str, of: str) -> Iterator[dict[str, Any]]:
        """Every resource of a list, page by page."""
        from azure.core.rest import HttpRequest

        url = f"{self.management_url.rstrip('/')}{path}?api-version={_VERSIONS[of]}"
        while url:
            reply = client.send_request(HttpRequest("GET", url), **_options(self.management_url))
            reply.raise_for_status()
            page = reply.json()
            yield from page["value"]
            url = page.get("nextLink") or ""

    def _metrics_client(self, region: str) -> Any:
        url = self.metrics_url.format(region=region)
        with _explained(url):
            from azure.monitor.querymetrics import MetricsClient

            return MetricsClient(
                url,
                self._credential(),
                connection_timeout=self.timeout,
                read_timeout=self.timeout,
                retry_policy=_retries(self.timeout),
            )

    def _batch(self, client: Any, region: str, kind: Kind, items: list[Item], start: int, end: int) -> Batch:
        """The intervals from start to end, epoch seconds."""
        url = self.metrics_url.format(region=region)
        with _explained(url):
            results = client.query_resources(
                resource_ids=[one.identity for one in items],
                metric_namespace=kind.namespace,
                metric_names=[one.name for one in kind.measures],
                timespan=(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)),
                granularity=timedelta(seconds=self.step_seconds),
                aggregations=["Average", "Maximum", "Minimum", "Total"],
                **_options(url),
            )
            rows, bad = self._rows(results, kind, items, start, end)
        samples = pl.DataFrame(rows, schema=SAMPLE_SCHEMA, orient="row")
        return Batch(samples, rejections(url, bad), len(rows) + len(bad))

    def _rows(
        self, results: Any, kind: Kind, items: list[Item], start: int, end: int
    ) -> tuple[list[tuple[Any, ...]], list[tuple[int | None, str, str | None]]]:
        known = {one.identity.casefold(): one for one in items}
        measures = {one.name: one for one in kind.measures}
        rows: list[tuple[Any, ...]] = []
        bad: list[tuple[int | None, str, str | None]] = []
        spare: list[tuple[Any, ...]] = []
        for result in results:
            for metric in result.metrics:
                for series in metric.timeseries:
                    for point in series.data:
                        item = known[_owner(metric.id)]
                        if start <= point.timestamp.timestamp() < end:
                            measure = measures[metric.name]
                            row = self._row(item, measure, point)
                            if row is not None and measure.reading == Reading.FREE:
                                spare.append(row)
                            elif row is not None:
                                rows.append(row)
                if not metric.timeseries and getattr(metric, "error_code", None) not in (None, "Success"):
                    bad.append((None, f"Azure Monitor answers {metric.error_code}", metric.id))
        known_better = {row[:3] for row in rows}
        rows += [row for row in spare if row[:3] not in known_better]
        return rows, bad

    def _row(self, item: Item, measure: Measure, point: Any) -> tuple[Any, ...] | None:
        """A sample; None where nothing was reported, or nothing that means something without a size."""
        at, metric = point.timestamp.astimezone(UTC), str(measure.metric)
        held = item.sizes.get(metric)
        if measure.sized and held is None:
            return None
        mean, most = point.average, point.maximum
        unit = "B" if measure.reading == Reading.USED else "B/s"
        match measure.reading:
            case Reading.SHARE:
                # The inventory knows of which size at that time.
                return None if mean is None else (at, item.name, metric, mean, most, None, "%")
            case Reading.FREE_SHARE:
                # The least that was free is the most that was used.
                mean, most = (None if free is None else 100 - free for free in (point.average, point.minimum))
                return None if mean is None else (at, item.name, metric, mean, most, None, "%")
            case Reading.FREE:
                assert held is not None
                mean, most = (
                    None if free is None else held - free / 2**30 for free in (point.average, point.minimum)
                )
                return None if mean is None else (at, item.name, metric, mean, most, held, "GiB")
            case Reading.TOTAL:
                if point.total is None:
                    return None
                return at, item.name, metric, point.total / self.step_seconds, None, None, unit
        # What a disk or database may take at most is in the inventory, by its time.
        return None if mean is None else (at, item.name, metric, mean, most, None, unit)

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


def _retries(most: float) -> Any:
    """How the clients try again: a service that is asked too much may want them to wait for an hour."""
    from azure.core.pipeline.policies import RetryPolicy

    class Patience(RetryPolicy):  # type: ignore[misc, type-arg, unused-ignore]
        def get_retry_after(self, response: Any) -> float | None:
            wanted = super().get_retry_after(response)
            return None if wanted is None else min(wanted, most)

    return Patience(retry_total=_RETRIES)


def _group(item: Item) -> str:
    """The resource group, from /subscriptions/…/resourceGroups/…/providers/…"""
    parts = item.identity.split("/")
    return parts[4] if len(parts) > 4 else ""


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
