"""AWS: CloudWatch metrics of EC2, EBS, RDS and load balancers, and what there is of them. The extra `aws`."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.frames import SAMPLE_SCHEMA, Batch, Inventory
from data.series import Window
from ingest.aws_estate import SERVICES, Ask, Client, Estate, Item
from ingest.from_table import instead
from ingest.pieces import rejections
from ingest.polled import Polled, inventory_of, one_line
from ingest.source import Source

QUERIES_AT_ONCE = 500
"""That GetMetricData takes in one request."""
POINTS_AT_ONCE = 90_000
"""GetMetricData answers at most 100,800 points."""

_LATER = (
    "Throttl", "RequestLimitExceeded", "RequestThrottled", "TooManyRequests", "SlowDown",
    "ServiceUnavailable", "InternalFailure", "InternalServiceFault",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aws(Polled):
    """Reads CloudWatch through GetMetricData; every field is a setting of `[source.NAME]`.

    Credentials are those of the machine: environment, profile or role. Steps of 5m need no detailed
    monitoring; CloudWatch keeps them for 63 days.
    """

    regions: tuple[str, ...]
    """e.g. eu-central-1."""
    services: tuple[str, ...] = ("ec2", "ebs", "rds", "elb")
    """ec2, ebs, rds, elb."""
    profile: str = ""
    """Profile of the AWS configuration; "" = the default."""
    endpoint_url: str = ""
    """Another address of all services, e.g. of a private endpoint or a test server."""
    service_tag: str = "service"
    """Tag that names the service a resource belongs to."""

    def __post_init__(self) -> None:
        if not self.regions:
            raise ConfigError("regions: none is named")
        for name in self.services:
            if name not in SERVICES:
                raise ConfigError(f"services: no service {name!r}{instead(name, SERVICES)}")
        Polled.__post_init__(self)

    def targets(self) -> dict[str, Source]:
        """Each region as a source of its own."""
        return {region: replace(self, regions=(region,)) for region in self.regions}

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields the intervals that lie within the window; see `ingest.source.Source`."""
        return self._pull(window, None)

    def narrowed(self, resources: Collection[str]) -> Source:
        """The same source, asking for these resources only: each metric asked for is billed."""
        return _Narrowed(self, frozenset(resources))

    def _pull(self, window: Window | None, only: Collection[str] | None) -> Iterator[Batch]:
        asked = self.asked(window)
        for region in self.regions:
            with _explained(region):
                client = self._client(region)
                asks = [
                    ask
                    for _, of_item in self._estate(client)
                    for ask in of_item
                    if only is None or ask.resource in only
                ]
            # Two queries each: the mean and the peak.
            half = QUERIES_AT_ONCE // 2
            for start in range(0, len(asks), half):
                some = asks[start : start + half]
                slots = max(1, POINTS_AT_ONCE // (2 * len(some)))
                for at, until in asked.parts(slots, region):
                    with _explained(region):
                        batch = self._batch(client, some, at, until, region)
                    yield batch

    def inventory(self) -> Inventory:
        """What there is in all regions, with the sizes that no sample states."""
        items: list[tuple[str, Item]] = []
        for region in self.regions:
            with _explained(region):
                items += [(region, item) for item, _ in self._estate(self._client(region))]
        resources = [
            {
                "resource": item.resource, "kind": item.kind, "service": item.service, "provider": "aws",
                "site": region, "instance_type": item.instance_type, "labels": item.labels,
            }
            for region, item in items
        ]  # fmt: skip
        sizes = [
            {"resource": item.resource, "metric": metric, "valid_from": item.since, "capacity": amount}
            for _, item in items
            for metric, amount in item.capacities
        ]
        return inventory_of(resources, sizes)

    def _estate(self, client: Client) -> Iterator[tuple[Item, list[Ask]]]:
        estate = Estate(client, self.service_tag, self.names)
        for name in self.services:
            yield from SERVICES[name](estate)

    def _client(self, region: str) -> Client:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise SourceError("boto3 is not installed; it comes with the extra: headroom[aws]") from error
        # Any: the overloads of the stubs, where they are installed, want the name of a service they know.
        session: Any = boto3.Session(profile_name=self.profile or None, region_name=region)
        config = Config(
            connect_timeout=self.timeout,
            read_timeout=self.timeout,
            # Slows down by itself when AWS asks for it.
            retries={"mode": "adaptive", "total_max_attempts": 4},
        )

        @functools.cache
        def client(service: str) -> Any:
            return session.client(service, endpoint_url=self.endpoint_url or None, config=config)

        return client

    def _batch(self, client: Client, asks: list[Ask], start: int, end: int, region: str) -> Batch:
        """The intervals from start to end, epoch seconds."""
        queries = []
        for number, ask in enumerate(asks):
            statistics = ("Sum",) if ask.summed else ("Average", "Maximum" if ask.factor > 0 else "Minimum")
            for which, statistic in enumerate(statistics):
                metric = {
                    "Namespace": ask.namespace,
                    "MetricName": ask.name,
                    "Dimensions": [{"Name": name, "Value": text} for name, text in ask.dimensions],
                }
                stat = {"Metric": metric, "Period": self.step_seconds, "Stat": statistic}
                queries.append({"Id": f"q{number}_{which}", "MetricStat": stat})
        columns: dict[str, list[Any]] = {"ask": [], "which": [], "ts": [], "amount": []}
        bad: list[tuple[int | None, str, str | None]] = []
        pages = client("cloudwatch").get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
            ScanBy="TimestampAscending",
        )  # fmt: skip
        for page in pages:
            for answer in page["MetricDataResults"]:
                number, which = (int(part) for part in answer["Id"][1:].split("_"))
                if answer.get("StatusCode") in ("InternalError", "Forbidden"):
                    said = f"CloudWatch answers {answer['StatusCode']}"
                    bad.append(
                        (None, said, f"{asks[number].namespace} {asks[number].name} {asks[number].resource}")
                    )
                columns["ask"] += [number] * len(answer["Values"])
                columns["which"] += [which] * len(answer["Values"])
                columns["ts"] += [round(at.timestamp() * 1e6) for at in answer["Timestamps"]]
                columns["amount"] += answer["Values"]
        samples = _samples(columns, asks, self.step_seconds)
        return Batch(samples, rejections(region, bad), samples.height + len(bad))


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """Some resources of an account."""

    aws: Aws
    resources: frozenset[str]

    def pull(self, window: Window | None) -> Iterator[Batch]:
        return self.aws._pull(window, self.resources)


def _samples(columns: dict[str, list[Any]], asks: list[Ask], step: int) -> pl.DataFrame:
    """Demand, peak and capacity of each interval."""
    points = pl.DataFrame(
        columns, schema={"ask": pl.UInt32, "which": pl.UInt8, "ts": pl.Int64, "amount": pl.Float64}
    )
    about = pl.DataFrame(
        [
            (
                one.resource, str(one.metric), one.unit, one.factor / (step if one.summed else 1),
                one.offset, one.capacity,
            )
            for one in asks
        ],
        schema={
            "resource": pl.String, "metric": pl.String, "unit": pl.String, "factor": pl.Float64,
            "offset": pl.Float64, "capacity": pl.Float64,
        },
        orient="row",
    ).with_row_index("ask")  # fmt: skip
    mean = points.filter(pl.col("which") == 0).select("ask", "ts", pl.col("amount").alias("value"))
    peak = points.filter(pl.col("which") == 1).select("ask", "ts", pl.col("amount").alias("value_max"))
    scaled = pl.col("value", "value_max") * pl.col("factor") + pl.col("offset")
    return (
        mean.join(peak, on=["ask", "ts"], how="left", maintain_order="left")
        .join(about, on="ask", how="left", maintain_order="left")
        .with_columns(scaled)
        .with_columns(
            pl.col("ts").cast(SAMPLE_SCHEMA["ts"]),
            # Rounding at the source must not put the peak below the mean.
            pl.when(pl.col("value_max").is_not_null())
            .then(pl.max_horizontal("value", "value_max"))
            .alias("value_max"),
        )
        .select(*SAMPLE_SCHEMA)
    )


@contextmanager
def _explained(region: str) -> Iterator[None]:
    """Errors of botocore in our words."""
    try:
        from botocore import exceptions
        from botocore.parsers import ResponseParserError
    except ImportError as error:
        raise SourceError("boto3 is not installed; it comes with the extra: headroom[aws]") from error
    try:
        yield
    except exceptions.ClientError as error:
        told = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        text = f"{region}: {error.operation_name}: {told.get('Code')}: {one_line(told.get('Message', ''))}"
        later = status >= 500 or str(told.get("Code", "")).startswith(_LATER)
        raise (SourceUnavailable if later else SourceError)(text) from error
    except (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.ProfileNotFound,
    ) as error:
        raise SourceError(f"{region}: no credentials: {one_line(str(error))}") from error
    except (exceptions.HTTPClientError, exceptions.EndpointConnectionError) as error:
        raise SourceUnavailable(f"{region}: cannot be reached: {one_line(str(error))}") from error
    except exceptions.BotoCoreError as error:
        raise SourceError(f"{region}: {one_line(str(error))}") from error
    except (ResponseParserError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{region}: the reply cannot be read: {one_line(repr(error))}") from error
