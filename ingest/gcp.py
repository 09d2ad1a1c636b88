"""Google Cloud Monitoring: virtual machines, their disks, Cloud SQL, and their sizes. The extra `gcp`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.frames import SAMPLE_SCHEMA, UTC_TIME, Batch, Inventory
from data.series import Metric, Window
from ingest.from_table import instead
from ingest.gcp_estate import Key, Owner, database_of, estate_of
from ingest.gcp_queries import PLACES, QUERIES, REPORTED, Query
from ingest.http import secret
from ingest.pieces import rejections
from ingest.polled import Polled, inventory_of, one_line
from ingest.source import Source

SLOTS_AT_ONCE = 288
"""Intervals to ask for in one request: a day of 5 minutes."""

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Gcp(Polled):
    """Reads Cloud Monitoring time series, aligned by the server; every field is a setting of `[source.NAME]`.

    Credentials are those of the machine (application default credentials), or a token. Cloud Monitoring keeps
    six weeks.
    """

    projects: tuple[str, ...]
    """Their IDs."""
    token_variable: str = ""
    """Environment variable with an access token; "" = application default credentials."""
    services: tuple[str, ...] = ("compute", "disks", "sql")
    """compute, disks, sql."""
    service_label: str = "service"
    """Label that names the service a machine or its disk belongs to."""
    monitoring_endpoint: str = "monitoring.googleapis.com"
    """Of Cloud Monitoring; a loopback address is reached without encryption."""
    compute_endpoint: str = "compute.googleapis.com"
    """Of Compute Engine; a loopback address is reached without encryption."""

    def __post_init__(self) -> None:
        if not self.projects:
            raise ConfigError("projects: none is named")
        for name in self.services:
            if name not in QUERIES:
                raise ConfigError(f"services: no service {name!r}{instead(name, QUERIES)}")
        Polled.__post_init__(self)

    def targets(self) -> dict[str, Source]:
        """Each project as a source of its own."""
        return {project: replace(self, projects=(project,)) for project in self.projects}

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields the intervals that lie within the window; see `ingest.source.Source`."""
        asked = self.asked(window)
        with _explained(self.monitoring_endpoint):
            client = self._monitoring()
        for project in self.projects:
            owners = self._machines(project)
            for service in self.services:
                for query in QUERIES[service]:
                    for at, until in asked.parts(SLOTS_AT_ONCE, project):
                        yield self._batch(client, project, service, query, owners, at, until)

    def inventory(self) -> Inventory:
        """What there is in all projects, with the sizes that no sample states."""
        owners = [owner for project in self.projects for owner in self._owners(project)]
        resources = [
            {
                "resource": one.name, "kind": one.kind, "service": one.labels.get(self.service_label),
                "provider": "gcp", "site": one.site, "instance_type": one.type,
                "labels": json.dumps(dict(one.labels), sort_keys=True),
            }
            for one in owners
        ]  # fmt: skip
        sizes = [
            {"resource": one.name, "metric": str(metric), "capacity": amount}
            for one in owners
            for metric, amount in one.sizes.items()
        ]
        return inventory_of(resources, sizes)

    def _owners(self, project: str) -> Iterator[Owner]:
        """Everything of the services that are asked for."""
        for service, owners in self._machines(project).items():
            if service in self.services:
                # A disk is there once, however many machines share it.
                yield from {one.name: one for one in owners.values()}.values()
        if "sql" in self.services:
            # The databases that reported lately; their sizes come with the samples.
            now = int(datetime.now(UTC).timestamp() // self.step_seconds) * self.step_seconds
            with _explained(f"{self.monitoring_endpoint} {project}"):
                points = self._points(
                    self._monitoring(), project, "sql", REPORTED, "", "ALIGN_MEAN",
                    now - 3_600 - self.step_seconds, now,
                )  # fmt: skip
            yield from (database_of(key, self.names) for key in sorted({key for key, _ in points}))

    def _batch(
        self,
        client: Any,
        project: str,
        service: str,
        query: Query,
        owners: Mapping[str, Mapping[Key, Owner]],
        start: int,
        end: int,
    ) -> Batch:
        """The intervals from start to end, epoch seconds."""

        def points(type_of: str, aligner: str) -> dict[tuple[Key, int], float]:
            return self._points(client, project, service, type_of, query.filter, aligner, start, end)

        with _explained(f"{self.monitoring_endpoint} {project}"):
            mean = points(query.type, "ALIGN_RATE" if query.rate else "ALIGN_MEAN")
            peak = points(query.type, "ALIGN_MAX") if query.peaks and mean else {}
            whole = points(query.capacity, "ALIGN_MEAN") if query.capacity and mean else {}
        rows: dict[tuple[int, str], tuple[float, float | None, float | None]] = {}
        unused: dict[tuple[str, str], int] = {}
        for (key, at), amount in mean.items():
            owner = database_of(key, self.names) if service == "sql" else owners[service].get(key)
            held = whole.get((key, at))
            reason = ""
            if owner is None:
                reason = f"the {'machine' if service == 'compute' else 'disk'} is not there any more"
            elif query.capacity and query.metric == Metric.CPU and held is None:
                reason = "the number of cores was not reported"
            if owner is None or reason:
                shown = reason, "/".join(key)
                unused[shown] = unused.get(shown, 0) + 1
                continue
            # The share of a database's cores is of as many as it had at that time.
            factor = held if query.metric == Metric.CPU and held is not None else query.factor
            capacity = None if held is None else held * (1.0 if query.metric == Metric.CPU else factor)
            value, high = amount * factor, peak.get((key, at))
            most = None if high is None else max(high * factor, value)
            if (at, owner.name) in rows:
                # A disk that several machines share: what all of them do.
                value += rows[at, owner.name][0]
            rows[at, owner.name] = value, most, capacity
        bad = [
            (None, reason, f"{query.type} {name}: {count} points")
            for (reason, name), count in sorted(unused.items())
        ]
        schema = {**SAMPLE_SCHEMA, "ts": pl.Int64()}
        table = [
            (at * 1_000_000, name, str(query.metric), *amounts, query.unit)
            for (at, name), amounts in rows.items()
        ]
        samples = pl.DataFrame(table, schema=schema, orient="row").with_columns(pl.col("ts").cast(UTC_TIME))
        return Batch(samples, rejections(project, bad), len(table) + sum(unused.values()))

    def _points(
        self,
        client: Any,
        project: str,
        service: str,
        type_of: str,
        further: str,
        aligner: str,
        start: int,
        end: int,
    ) -> dict[tuple[Key, int], float]:
        """By place and start of the interval; several series of a place are added up."""
        from google.api_core import exceptions
        from google.cloud import monitoring_v3

        place = PLACES[service]
        condition = f'metric.type = "{type_of}" AND resource.type = "{place.resource_type}"'
        # A project may watch over others, whose machines may have the same names.
        if not project.isdigit():  # a number is no ID
            condition += f' AND resource.labels.project_id = "{project}"'
        if further:
            condition += f" AND {further}"
        request = monitoring_v3.ListTimeSeriesRequest(
            name=f"projects/{project}",
            filter=condition,
            # A point is the interval that ends with it; the first one asked for ends one step later.
            interval=monitoring_v3.TimeInterval(
                start_time=datetime.fromtimestamp(start + self.step_seconds, UTC),
                end_time=datetime.fromtimestamp(end, UTC),
            ),
            aggregation=monitoring_v3.Aggregation(
                alignment_period={"seconds": self.step_seconds},
                per_series_aligner=getattr(monitoring_v3.Aggregation.Aligner, aligner),
                cross_series_reducer=monitoring_v3.Aggregation.Reducer.REDUCE_SUM,
                group_by_fields=list(place.fields),
            ),
            page_size=100_000,
        )
        found: dict[tuple[Key, int], float] = {}
        try:
            for series in client.list_time_series(request=request, **self._patience()):
                key = tuple(_label(series, name) for name in place.fields)
                for point in series.points:
                    at = round(point.interval.end_time.timestamp()) - self.step_seconds
                    if start <= at < end:
                        found[key, at] = found.get((key, at), 0.0) + _amount(point.value)
        except exceptions.NotFound as error:
            # A project in which no agent or database ever reported does not know the metric.
            if "Cannot find metric" not in str(error):
                raise
        return found

    def _machines(self, project: str) -> dict[str, dict[Key, Owner]]:
        """See `estate_of`."""
        with _explained(f"{self.compute_endpoint} {project}"):
            from google.cloud import compute_v1
            from google.cloud.compute_v1.services.instances.transports import InstancesRestTransport
            from google.cloud.compute_v1.services.machine_types.transports import MachineTypesRestTransport

            options: dict[str, Any] = {
                "host": self.compute_endpoint,
                "credentials": self._credentials(),
                "url_scheme": "http" if _is_loopback(self.compute_endpoint) else "https",
            }
            instances = compute_v1.InstancesClient(transport=InstancesRestTransport(**options))
            types = compute_v1.MachineTypesClient(transport=MachineTypesRestTransport(**options))
            sizes: dict[tuple[str, str], dict[str, float]] = {}
            found = []
            with instances, types:
                request = compute_v1.AggregatedListInstancesRequest(project=project)
                for _, scope in instances.aggregated_list(request=request, **self._patience()):
                    for one in scope.instances:
                        found.append(one)
                        zone, type_of = one.zone.rsplit("/", 1)[-1], one.machine_type.rsplit("/", 1)[-1]
                        if (zone, type_of) not in sizes:
                            size = types.get(
                                project=project, zone=zone, machine_type=type_of, **self._patience()
                            )
                            amounts = {
                                Metric.CPU: float(size.guest_cpus),
                                Metric.MEMORY: size.memory_mb / 1024,
                            }
                            sizes[zone, type_of] = {str(name): amount for name, amount in amounts.items()}
            return estate_of(project, found, sizes, self.names, self.services)

    def _monitoring(self) -> Any:
        from google.cloud import monitoring_v3
        from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport

        if _is_loopback(self.monitoring_endpoint):
            import grpc  # type: ignore[import-untyped]

            channel = grpc.insecure_channel(self.monitoring_endpoint)
            return monitoring_v3.MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel))
        return monitoring_v3.MetricServiceClient(
            transport=MetricServiceGrpcTransport(
                host=self.monitoring_endpoint, credentials=self._credentials()
            )
        )

    def _patience(self) -> dict[str, Any]:
        """How long to wait for a reply, and to try again; left alone the clients try for ten minutes."""
        from google.api_core import retry

        again = retry.Retry(predicate=retry.if_transient_error, timeout=self.timeout)
        return {"timeout": self.timeout, "retry": again}

    def _credentials(self) -> Any:
        """None leaves it to the client to look for them."""
        if not self.token_variable:
            return None
        from google.oauth2.credentials import Credentials

        return Credentials(secret(self.token_variable))  # type: ignore[no-untyped-call]


def _label(series: Any, name: str) -> str:
    """The label of a series that a field of a place means."""
    of, _, label = name.rpartition(".")
    if of == "metadata.system_labels":
        system = series.metadata.system_labels
        return str(system[label]) if system is not None and label in system else ""
    labels = series.metric.labels if of == "metric.labels" else series.resource.labels
    return str(labels.get(label, ""))


def _amount(value: Any) -> float:
    """The number in a TypedValue, whichever of its fields holds it."""
    held = type(value).pb(value).WhichOneof("value")
    if held not in ("double_value", "int64_value"):
        raise ValueError(f"a point holds {held} instead of a number")
    return float(getattr(value, held))


def _is_loopback(endpoint: str) -> bool:
    return endpoint.rpartition(":")[0] in _LOOPBACK


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Errors of the Google clients in our words."""
    missing = "the Google clients are not installed; they come with the extra: headroom[gcp]"
    try:
        from google.api_core import exceptions
        from google.auth import exceptions as auth_exceptions
        from google.protobuf.json_format import ParseError
        from google.protobuf.message import DecodeError
        from requests import exceptions as web_exceptions
    except ImportError as error:
        raise SourceError(missing) from error
    try:
        yield
    except ImportError as error:
        raise SourceError(missing) from error
    except auth_exceptions.TransportError as error:
        raise SourceUnavailable(f"{where}: cannot be reached: {one_line(error)}") from error
    except auth_exceptions.GoogleAuthError as error:
        raise SourceError(f"{where}: no credentials, or refused: {one_line(error)}") from error
    except (exceptions.ServerError, exceptions.TooManyRequests, exceptions.RetryError) as error:
        raise SourceUnavailable(f"{where}: {one_line(error)}") from error
    except exceptions.GoogleAPIError as error:
        raise SourceError(f"{where}: {one_line(error)}") from error
    except (web_exceptions.JSONDecodeError, ParseError, DecodeError) as error:
        raise SourceError(f"{where}: the reply cannot be read: {one_line(error)}") from error
    except web_exceptions.RequestException as error:
        raise SourceUnavailable(f"{where}: cannot be reached: {one_line(error)}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{where}: the reply cannot be read: {one_line(error)}") from error
