"""Stand-ins for Compute Engine (HTTP) and Cloud Monitoring (gRPC) with replies in the documented form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.standin import Answer, Asked, Reply, standing_in

START = (datetime.now(UTC) - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
"""Of the one day that was measured: lately, so that a first pull need not go back for years."""
ZONE = "europe-west3-a"
GIB = 2.0**30

AMOUNTS = {
    ("compute.googleapis.com/instance/cpu/utilization", "ALIGN_MEAN"): 0.25,
    ("compute.googleapis.com/instance/cpu/utilization", "ALIGN_MAX"): 0.5,
    ("agent.googleapis.com/memory/bytes_used", "ALIGN_MEAN"): 4 * GIB,
    ("agent.googleapis.com/memory/bytes_used", "ALIGN_MAX"): 6 * GIB,
    ("compute.googleapis.com/instance/network/received_bytes_count", "ALIGN_RATE"): 125_000.0,
    ("compute.googleapis.com/instance/network/sent_bytes_count", "ALIGN_RATE"): 250_000.0,
    ("compute.googleapis.com/instance/disk/write_bytes_count", "ALIGN_RATE"): 375_000.0,
    ("compute.googleapis.com/instance/disk/read_bytes_count", "ALIGN_RATE"): 500_000.0,
    ("cloudsql.googleapis.com/database/cpu/utilization", "ALIGN_MEAN"): 0.1,
    ("cloudsql.googleapis.com/database/cpu/utilization", "ALIGN_MAX"): 0.3,
    ("cloudsql.googleapis.com/database/cpu/reserved_cores", "ALIGN_MEAN"): 8.0,
    ("cloudsql.googleapis.com/database/memory/usage", "ALIGN_MEAN"): 6 * GIB,
    ("cloudsql.googleapis.com/database/memory/usage", "ALIGN_MAX"): 7 * GIB,
    ("cloudsql.googleapis.com/database/memory/quota", "ALIGN_MEAN"): 32 * GIB,
    ("cloudsql.googleapis.com/database/disk/bytes_used", "ALIGN_MEAN"): 40 * GIB,
    ("cloudsql.googleapis.com/database/disk/quota", "ALIGN_MEAN"): 100 * GIB,
    ("cloudsql.googleapis.com/database/network/received_bytes_count", "ALIGN_RATE"): 125_000.0,
    ("cloudsql.googleapis.com/database/network/sent_bytes_count", "ALIGN_RATE"): 125_000.0,
}
"""What a machine of 4 cores and 16 GiB, its disk and a database of 8 cores do all of that day."""


URL = "https://www.googleapis.com/compute/v1/projects"


def machine(
    name: str = "web-1",
    *,
    zone: str = ZONE,
    project: str = "shop",
    disks: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    cores: int = 4,
) -> dict[str, Any]:
    """As Compute Engine lists it, with its disks by device."""
    disks = {"persistent-disk-0": "web-1-data"} if disks is None else disks
    place = f"{URL}/{project}/zones/{zone}"
    return {
        "name": name, "zone": place, "labels": labels or {"service": "shop"},
        "machineType": f"{place}/machineTypes/e2-standard-{cores}",
        "disks": [
            {"deviceName": device, "diskSizeGb": "100", "source": f"{place}/disks/{disk}"}
            for device, disk in disks.items()
        ],
    }  # fmt: skip


def computing(*machines: dict[str, Any]) -> Answer:
    """A Compute Engine with these machines in their projects and zones, a page for each, and their type."""

    def compute(asked: Asked) -> Reply:
        if asked.path.endswith("/aggregated/instances"):
            mine = [one for one in machines if asked.path.split("/")[-3] == one["zone"].split("/")[-3]]
            place = int(asked.query.get("pageToken", ["0"])[0])
            items: dict[str, Any] = {"zones/us-east1-b": {"warning": {}}}
            for one in mine[place : place + 1]:
                items[f"zones/{one['zone'].rsplit('/', 1)[-1]}"] = {"instances": [one]}
            further = {"nextPageToken": str(place + 1)} if place + 1 < len(mine) else {}
            return Reply(200, {"items": items, **further})
        of_type, _, cores = asked.path.rpartition("/machineTypes/e2-standard-")
        if of_type:
            size = {"name": f"e2-standard-{cores}", "guestCpus": int(cores), "memoryMb": int(cores) * 4_096}
            return Reply(200, size)
        return Reply(404, {"error": {"code": 404, "message": "not found"}})

    return compute


def time_series(request: Any, machines: Sequence[tuple[str, ...]] = (("web-1",),)) -> Any:
    """A ListTimeSeriesResponse with a series per machine; newest points first, as the service orders them.

    Args:
        machines: name, zone, project and device of each; what is left out is as of the only machine.
    """
    from google.cloud import monitoring_v3

    step = timedelta(seconds=request.aggregation.alignment_period.seconds)
    aligner = request.aggregation.per_series_aligner.name
    amount = next(
        (amount for (kind, by), amount in AMOUNTS.items() if f'"{kind}"' in request.filter and by == aligner),
        None,
    )
    if amount is None:
        return monitoring_v3.ListTimeSeriesResponse()
    points, at = [], request.interval.end_time
    while at >= request.interval.start_time:
        if START < at <= START + timedelta(days=1):
            interval = monitoring_v3.TimeInterval(start_time=at - step, end_time=at)
            points.append(monitoring_v3.Point(interval=interval, value={"double_value": amount}))
        at -= step
    found = []
    for one in machines if points else ():
        name, zone, project, device = (*one, *("web-1", ZONE, "shop", "persistent-disk-0")[len(one) :])
        # Of the projects that it watches over those that were asked for.
        if "project_id" in request.filter and f'project_id = "{project}"' not in request.filter:
            continue
        about: dict[str, Any] = {
            "metric": {"type": "m", "labels": {}},
            "resource": {"type": "gce_instance", "labels": {"zone": zone, "project_id": project}},
            "metadata": {"system_labels": {"name": name}},
        }
        if "/instance/disk/" in request.filter:
            about["metric"]["labels"]["device_name"] = device
        if "cloudsql" in request.filter:
            labels = {"region": "europe-west3", "project_id": project, "database_id": f"{project}:orders"}
            about = {"metric": {"type": "m"}, "resource": {"type": "cloudsql_database", "labels": labels}}
        found.append({**about, "points": points})
    return monitoring_v3.ListTimeSeriesResponse(time_series=found)


@contextmanager
def monitoring(reply: Any = time_series) -> Iterator[str]:
    """A gRPC server of one method; gives its address."""
    import grpc
    from google.cloud import monitoring_v3

    def answer(request: Any, context: Any) -> Any:
        try:
            return reply(request)
        except LookupError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))

    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=monitoring_v3.ListTimeSeriesRequest.deserialize,
        response_serializer=lambda message: (
            message if isinstance(message, bytes) else type(message).serialize(message)
        ),
    )
    server = grpc.server(futures.ThreadPoolExecutor(2))
    service = "google.monitoring.v3.MetricService"
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {"ListTimeSeries": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@contextmanager
def cloud(reply: Any = time_series, compute: Answer | None = None) -> Iterator[dict[str, Any]]:
    """Both; gives the settings that reach them."""
    with standing_in(compute or computing(machine())) as (url, _), monitoring(reply) as address:
        yield {
            "projects": ("shop",),
            "token_variable": "GCP_TEST_TOKEN",
            "monitoring_endpoint": address,
            "compute_endpoint": url.removeprefix("http://"),
        }
