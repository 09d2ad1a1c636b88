"""Google Cloud Monitoring: CPU, memory and network of virtual machines, and their sizes. Extra `gcp`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.frames import SAMPLE_SCHEMA, UTC_TIME, Batch, Inventory
from data.series import Metric, Window
from ingest.http import secret
from ingest.pieces import rejections
from ingest.polled import Polled, inventory_of, one_line
from ingest.source import Source

SLOTS_AT_ONCE = 288
"""Intervals to ask for in one request: a day of 5 minutes."""

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Query:
    """A metric of Cloud Monitoring, and how it becomes one of ours."""

    metric: str
    unit: str
    type: str
    """Its name in Cloud Monitoring."""
    rate: bool = False
    """Whether it counts: its increase per second is taken."""
    factor: float = 1.0
    peaks: bool = False
    """Whether a second request asks for the highest value within an interval."""
    filter: str = ""
    """Further condition."""


_COMPUTE = "compute.googleapis.com/instance"
QUERIES = (
    # The inventory knows of how many cores at that time.
    Query(Metric.CPU, "fraction", f"{_COMPUTE}/cpu/utilization", peaks=True),
    # Only machines with the Ops Agent report memory from within; all others not at all, apart from type E2.
    Query(
        Metric.MEMORY, "GiB", "agent.googleapis.com/memory/bytes_used", factor=2.0**-30, peaks=True,
        filter='metric.labels.state = "used"',
    ),
    Query(Metric.NETWORK_IN, "Mbit/s", f"{_COMPUTE}/network/received_bytes_count", rate=True, factor=8 / 1e6),
    Query(Metric.NETWORK_OUT, "Mbit/s", f"{_COMPUTE}/network/sent_bytes_count", rate=True, factor=8 / 1e6),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine."""

    name: str
    zone: str
    type: str
    cores: float | None
    memory_gib: float | None
    labels: dict[str, str]


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
    service_label: str = "service"
    """Label that names the service a machine belongs to."""
    monitoring_endpoint: str = "monitoring.googleapis.com"
    """Of Cloud Monitoring; a loopback address is reached without encryption."""
    compute_endpoint: str = "compute.googleapis.com"
    """Of Compute Engine; a loopback address is reached without encryption."""

    def __post_init__(self) -> None:
        if not self.projects:
            raise ConfigError("projects: none is named")
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
            machines = {(one.zone, one.name): one for one in self._machines(project)}
            for query in QUERIES:
                for at, until in asked.parts(SLOTS_AT_ONCE, project):
                    yield self._batch(client, project, query, machines, at, until)

    def inventory(self) -> Inventory:
        """The machines of all projects with their sizes."""
        machines = [machine for project in self.projects for machine in self._machines(project)]
        resources = [
            {
                "resource": one.name, "kind": "vm", "service": one.labels.get(self.service_label),
                "provider": "gcp", "site": one.zone, "instance_type": one.type,
                "labels": json.dumps(one.labels, sort_keys=True),
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

    def _batch(
        self,
        client: Any,
        project: str,
        query: Query,
        machines: dict[tuple[str, str], Machine],
        start: int,
        end: int,
    ) -> Batch:
        """The intervals from start to end, epoch seconds."""
        with _explained(f"{self.monitoring_endpoint} {project}"):
            mean = self._points(
                client, project, query, "ALIGN_RATE" if query.rate else "ALIGN_MEAN", start, end
            )
            peak = self._points(client, project, query, "ALIGN_MAX", start, end) if query.peaks else {}
        rows: list[tuple[Any, ...]] = []
        strangers: dict[str, int] = {}
        for (zone, name, at), amount in mean.items():
            machine = machines.get((zone, name))
            if machine is None:
                strangers[f"{zone}/{name}"] = strangers.get(f"{zone}/{name}", 0) + 1
                continue
            high = peak.get((zone, name, at))
            held = machine.memory_gib if query.metric == Metric.MEMORY else None
            value = amount * query.factor
            rows.append(
                (
                    at * 1_000_000, name, str(query.metric), value,
                    None if high is None else max(high * query.factor, value), held, query.unit,
                )
            )  # fmt: skip
        bad = [
            (
                None,
                "the machine is not there any more",
                f"{query.type} {name}: {count} points",
            )
            for name, count in sorted(strangers.items())
        ]
        schema = {**SAMPLE_SCHEMA, "ts": pl.Int64()}
        samples = pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("ts").cast(UTC_TIME))
        return Batch(samples, rejections(project, bad), len(rows) + sum(strangers.values()))

    def _points(
        self, client: Any, project: str, query: Query, aligner: str, start: int, end: int
    ) -> dict[tuple[str, str, int], float]:
        """By zone, machine and start of the interval; several series of a machine are added up."""
        from google.cloud import monitoring_v3

        condition = f'metric.type = "{query.type}" AND resource.type = "gce_instance"'
        if query.filter:
            condition += f" AND {query.filter}"
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
                group_by_fields=["resource.labels.zone", "metadata.system_labels.name"],
            ),
            page_size=100_000,
        )
        found: dict[tuple[str, str, int], float] = {}
        for series in client.list_time_series(request=request, **self._patience()):
            zone = series.resource.labels.get("zone", "")
            system = series.metadata.system_labels
            name = str(system["name"]) if system is not None and "name" in system else ""
            for point in series.points:
                at = round(point.interval.end_time.timestamp()) - self.step_seconds
                if start <= at < end:
                    found[zone, name, at] = found.get((zone, name, at), 0.0) + _amount(point.value)
        return found

    def _machines(self, project: str) -> list[Machine]:
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
            known: dict[tuple[str, str], tuple[float, float]] = {}
            machines = []
            with instances, types:
                request = compute_v1.AggregatedListInstancesRequest(project=project)
                for _, scope in instances.aggregated_list(request=request, **self._patience()):
                    for one in scope.instances:
                        zone, type_of = one.zone.rsplit("/", 1)[-1], one.machine_type.rsplit("/", 1)[-1]
                        if (zone, type_of) not in known:
                            size = types.get(
                                project=project, zone=zone, machine_type=type_of, **self._patience()
                            )
                            known[zone, type_of] = float(size.guest_cpus), size.memory_mb / 1024
                        cores, memory = known[zone, type_of]
                        machines.append(Machine(one.name, zone, type_of, cores, memory, dict(one.labels)))
            return machines

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
