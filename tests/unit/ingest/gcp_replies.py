"""Stand-ins for Compute Engine (HTTP) and Cloud Monitoring (gRPC) with replies in the documented form."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.standin import Asked, Reply, standing_in

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
}
"""What a machine of 4 cores and 16 GiB does all of that day."""


def compute(asked: Asked) -> Reply:
    """One machine, and its type."""
    url = "https://www.googleapis.com/compute/v1/projects/shop"
    if asked.path.endswith("/aggregated/instances"):
        machine = {
            "name": "web-1", "zone": f"{url}/zones/{ZONE}", "labels": {"service": "shop"},
            "machineType": f"{url}/zones/{ZONE}/machineTypes/e2-standard-4",
        }  # fmt: skip
        items = {f"zones/{ZONE}": {"instances": [machine]}, "zones/us-east1-b": {"warning": {}}}
        return Reply(200, {"items": items})
    if asked.path.endswith("/machineTypes/e2-standard-4"):
        return Reply(200, {"name": "e2-standard-4", "guestCpus": 4, "memoryMb": 16_384})
    return Reply(404, {"error": {"code": 404, "message": "not found"}})


def time_series(request: Any, machine: str = "web-1") -> Any:
    """A ListTimeSeriesResponse with one series; newest points first, as the service orders them."""
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
    return monitoring_v3.ListTimeSeriesResponse(
        time_series=[
            {
                "metric": {"type": "m"},
                "resource": {"type": "gce_instance", "labels": {"zone": ZONE, "project_id": "shop"}},
                "metadata": {"system_labels": {"name": machine}},
                "points": points,
            }
        ]
        if points
        else []
    )


@contextmanager
def monitoring(reply: Any = time_series) -> Iterator[str]:
    """A gRPC server of one method; gives its address."""
    import grpc
    from google.cloud import monitoring_v3

    def answer(request: Any, context: Any) -> Any:
        return reply(request)

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
def cloud(reply: Any = time_series) -> Iterator[dict[str, Any]]:
    """Both; gives the settings that reach them."""
    with standing_in(compute) as (url, _), monitoring(reply) as address:
        yield {
            "projects": ("shop",),
            "token_variable": "GCP_TEST_TOKEN",
            "monitoring_endpoint": address,
            "compute_endpoint": url.removeprefix("http://"),
        }
