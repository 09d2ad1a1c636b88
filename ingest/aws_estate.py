"""What there is in an AWS region, and which CloudWatch metrics say how much of it is used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from data.names import Names
from data.series import Metric

GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Ask:
    """One CloudWatch metric of one resource, and how it becomes demand: offset + factor x value."""

    resource: str
    metric: str
    unit: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    factor: float = 1.0
    offset: float = 0.0
    capacity: float | None = None
    """In `unit`, where the value means nothing without it; otherwise the inventory knows that of its time."""
    summed: bool = False
    """Whether CloudWatch counts per period; the sum is then divided by its seconds."""


@dataclass(frozen=True, slots=True)
class Item:
    """One resource of the inventory."""

    resource: str
    kind: str
    instance_type: str | None
    service: str | None
    labels: str
    capacities: tuple[tuple[str, float], ...] = ()
    """Metric and amount in our unit, where no sample states it."""
    since: datetime | None = None
    """Since when it surely has had these; None = since it was last asked."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of an instance type."""

    cores: float
    memory_gib: float
    network_mbit: float | None
    """What it can keep up, not what it may burst to."""


Client = Callable[[str], Any]
"""The boto3 client of a service in the region."""


class Estate:
    """Asks a region what there is. Every method may raise what botocore raises."""

    def __init__(self, client: Client, service_tag: str, names: Names) -> None:
        self._client = client
        self._service_tag = service_tag
        self._names = names
        self._sizes: dict[str, Size] = {}

    def ec2(self) -> Iterator[tuple[Item, list[Ask]]]:
        """Instances: CPU and network; memory where the CloudWatch agent reports it."""
        pages = self._client("ec2").get_paginator("describe_instances").paginate()
        instances = [
            one
            for page in pages
            for reservation in page["Reservations"]
            for one in reservation["Instances"]
            if one["State"]["Name"] not in ("terminated", "shutting-down")
        ]
        self._learn({one["InstanceType"] for one in instances})
        of_agent = self._agent_dimensions()
        for one in instances:
            identity, size = one["InstanceId"], self._sizes.get(one["InstanceType"])
            tags = _tags(one.get("Tags"))
            site = one.get("Placement", {}).get("AvailabilityZone", "")
            # A size changes only while an instance is stopped: since its last start it has had this one.
            item = self._item(
                identity, "vm", one["InstanceType"], tags, _sizes(size), one.get("LaunchTime"), zone=site
            )
            of_instance = (("InstanceId", identity),)
            asks = [
                _bytes(identity, metric, "AWS/EC2", name, of_instance)
                for metric, name in ((Metric.NETWORK_IN, "NetworkIn"), (Metric.NETWORK_OUT, "NetworkOut"))
            ]
            if size is not None:
                asks.append(_share(identity, Metric.CPU, "AWS/EC2", "CPUUtilization", of_instance))
                if identity in of_agent:
                    name, dimensions = "mem_used_percent", of_agent[identity]
                    asks.append(_share(identity, Metric.MEMORY, "CWAgent", name, dimensions))
            yield item, asks

    def ebs(self) -> Iterator[tuple[Item, list[Ask]]]:
        """Volumes: bytes written are in, bytes read are out; how full they are only their machine knows."""
        for page in self._client("ec2").get_paginator("describe_volumes").paginate():
            for one in page["Volumes"]:
                identity, throughput = one["VolumeId"], one.get("Throughput")
                limit = throughput * 2**20 * 8 / 1e6 if throughput else None
                hosts = ", ".join(attached["InstanceId"] for attached in one.get("Attachments", ()))
                loose = "" if hosts else "yes"
                flow = () if limit is None else ((Metric.NETWORK_IN, limit), (Metric.NETWORK_OUT, limit))
                size = (("storage", float(one["Size"])), *flow)
                tags = _tags(one.get("Tags"))
                of_volume = (("VolumeId", identity),)
                asks = [
                    _bytes(identity, metric, "AWS/EBS", name, of_volume)
                    for metric, name in (
                        (Metric.NETWORK_IN, "VolumeWriteBytes"),
                        (Metric.NETWORK_OUT, "VolumeReadBytes"),
                    )
                ]
                yield (
                    self._item(
                        identity,
                        "volume",
                        one.get("VolumeType"),
                        tags,
                        size,
                        attached_to=hosts,
                        unattached=loose,
                    ),
                    asks,
                )

    def rds(self) -> Iterator[tuple[Item, list[Ask]]]:
        """Databases: CPU, memory, storage and network; the network of their class is nobody's promise."""
        pages = self._client("rds").get_paginator("describe_db_instances").paginate()
        databases = [one for page in pages for one in page["DBInstances"]]
        self._learn({one["DBInstanceClass"].removeprefix("db.") for one in databases})
        called = self._called(
            "database", {one["DBInstanceArn"]: one["DBInstanceIdentifier"] for one in databases}
        )
        for one in databases:
            of_database = (("DBInstanceIdentifier", one["DBInstanceIdentifier"]),)
            identity = called[one["DBInstanceArn"]]
            size = self._sizes.get(one["DBInstanceClass"].removeprefix("db."))
            disk = float(one["AllocatedStorage"])
            asks = [_free(identity, Metric.STORAGE, "FreeStorageSpace", of_database, disk)]
            asks += [
                Ask(identity, metric, "Mbit/s", "AWS/RDS", name, of_database, 8 / 1e6)
                for metric, name in (
                    (Metric.NETWORK_IN, "NetworkReceiveThroughput"),
                    (Metric.NETWORK_OUT, "NetworkTransmitThroughput"),
                )
            ]
            if size is not None:
                asks += [
                    _share(identity, Metric.CPU, "AWS/RDS", "CPUUtilization", of_database),
                    _free(identity, Metric.MEMORY, "FreeableMemory", of_database, size.memory_gib),
                ]
            tags, engine = _tags(one.get("TagList")), one.get("Engine", "")
            sizes = _sizes(size)[:2]
            yield self._item(identity, "database", one["DBInstanceClass"], tags, sizes, engine=engine), asks

    def elb(self) -> Iterator[tuple[Item, list[Ask]]]:
        """Application load balancers: requests, and bytes passed on."""
        client = self._client("elbv2")
        pages = client.get_paginator("describe_load_balancers").paginate()
        balancers = [
            one for page in pages for one in page["LoadBalancers"] if one.get("Type") == "application"
        ]
        called = self._called(
            "endpoint", {one["LoadBalancerArn"]: one["LoadBalancerName"] for one in balancers}
        )
        for one in balancers:
            name = called[one["LoadBalancerArn"]]
            # CloudWatch names it by the end of its ARN: app/name/number.
            of_balancer = (("LoadBalancer", one["LoadBalancerArn"].split(":loadbalancer/")[-1]),)
            space = "AWS/ApplicationELB"
            asks = [
                Ask(name, "requests", "requests/s", space, "RequestCount", of_balancer, summed=True),
                _bytes(name, Metric.NETWORK_IN, space, "ProcessedBytes", of_balancer),
            ]
            yield self._item(name, "endpoint", None, {}), asks

    def _called(self, kind: str, listed: Mapping[str, str]) -> dict[str, str]:
        """What resources are called, by ARN: other regions and accounts may have others of their name."""
        names, within = {}, None
        for arn, name in listed.items():
            # arn:aws:rds:eu-west-1:123456789012:db:orders
            _, _, service, region, account, _ = arn.split(":", 5)
            names[arn] = name, f"{region}/{name}", f"{account}/{region}/{name}"
            within = f"arn:{arn.split(':')[1]}:{service}:{region}:{account}:"
        return self._names.called(kind, names, within)

    def _agent_dimensions(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """By instance: the dimensions under which the CloudWatch agent reports memory."""
        found = {}
        pages = self._client("cloudwatch").get_paginator("list_metrics")
        for page in pages.paginate(Namespace="CWAgent", MetricName="mem_used_percent"):
            for one in page["Metrics"]:
                dimensions = tuple((each["Name"], each["Value"]) for each in one["Dimensions"])
                if "InstanceId" in dict(dimensions):
                    found[dict(dimensions)["InstanceId"]] = dimensions
        return found

    def _learn(self, types: set[str]) -> None:
        """Asks for the sizes of instance types; those that the region does not know stay unknown."""
        wanted = sorted(types - self._sizes.keys())
        for start in range(0, len(wanted), 100):
            pages = self._client("ec2").get_paginator("describe_instance_types").paginate(
                Filters=[{"Name": "instance-type", "Values": wanted[start : start + 100]}]
            )  # fmt: skip
            for page in pages:
                for one in page["InstanceTypes"]:
                    cards = one.get("NetworkInfo", {}).get("NetworkCards", [])
                    gigabits = [card.get("BaselineBandwidthInGbps") for card in cards]
                    self._sizes[one["InstanceType"]] = Size(
                        float(one["VCpuInfo"]["DefaultVCpus"]),
                        one["MemoryInfo"]["SizeInMiB"] / 1024,
                        sum(gigabits) * 1000 if gigabits and None not in gigabits else None,
                    )

    def _item(
        self,
        resource: str,
        kind: str,
        instance_type: str | None,
        tags: Mapping[str, str],
        capacities: tuple[tuple[str, float], ...] = (),
        since: datetime | None = None,
        **labels: str,
    ) -> Item:
        named = json.dumps({**tags, **{name: text for name, text in labels.items() if text}}, sort_keys=True)
        return Item(resource, kind, instance_type, tags.get(self._service_tag), named, capacities, since)


SERVICES: Mapping[str, Callable[[Estate], Iterator[tuple[Item, list[Ask]]]]] = MappingProxyType(
    {"ec2": Estate.ec2, "ebs": Estate.ebs, "rds": Estate.rds, "elb": Estate.elb}
)
"""Every service that can be read, by its configured name."""


def _sizes(size: Size | None) -> tuple[tuple[str, float], ...]:
    if size is None:
        return ()
    flow = size.network_mbit
    network = () if flow is None else ((Metric.NETWORK_IN, flow), (Metric.NETWORK_OUT, flow))
    return (Metric.CPU, size.cores), (Metric.MEMORY, size.memory_gib), *network


def _share(
    resource: str, metric: str, namespace: str, name: str, dimensions: tuple[tuple[str, str], ...]
) -> Ask:
    """A percentage of the capacity."""
    return Ask(resource, metric, "%", namespace, name, dimensions)


def _bytes(
    resource: str, metric: str, namespace: str, name: str, dimensions: tuple[tuple[str, str], ...]
) -> Ask:
    """Bytes counted per period."""
    return Ask(resource, metric, "Mbit/s", namespace, name, dimensions, 8 / 1e6, summed=True)


def _free(
    resource: str, metric: str, name: str, dimensions: tuple[tuple[str, str], ...], capacity_gib: float
) -> Ask:
    """Bytes that a database has left: the rest is used."""
    return Ask(resource, metric, "GiB", "AWS/RDS", name, dimensions, -1 / GIB, capacity_gib, capacity_gib)


def _tags(listed: list[dict[str, str]] | None) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in listed or ()}
