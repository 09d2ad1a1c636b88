"""Replies of Azure's resource manager and metrics API in their documented form, made by rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.standin import Answer, Asked, Reply

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
SERVER = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Sql/servers/shop"
START = (datetime.now(UTC) - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
"""Of the one day that was measured: lately, so that a first pull need not go back for years."""
GIB = 2**30


def machine(
    name: str = "web-1",
    *,
    group: str = "shop",
    subscription: str = SUBSCRIPTION,
    region: str = "westeurope",
    cores: int = 4,
) -> dict[str, Any]:
    """As the resource manager lists it."""
    return {
        "id": _id(subscription, group, f"Microsoft.Compute/virtualMachines/{name}"),
        "name": name, "location": region, "tags": {"service": "shop"},
        "properties": {"hardwareProfile": {"vmSize": f"Standard_D{cores}s_v5"}},
    }  # fmt: skip


def disk(
    name: str = "web-1-data", *, group: str = "shop", subscription: str = SUBSCRIPTION
) -> dict[str, Any]:
    """As the resource manager lists it."""
    return {
        "id": _id(subscription, group, f"Microsoft.Compute/disks/{name}"),
        "name": name, "location": "westeurope", "tags": {"service": "shop"},
        "sku": {"name": "Premium_LRS"}, "properties": {"diskSizeGB": 128, "diskMBpsReadWrite": 100},
    }  # fmt: skip


def _id(subscription: str, group: str, rest: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{rest}"


def answering(*estate: dict[str, Any]) -> Answer:
    """A cloud with these machines and disks in their subscriptions, and the databases of one server."""

    def answer(asked: Asked) -> Reply:
        for of in ("virtualMachines", "disks"):
            if asked.path.endswith(f"/providers/Microsoft.Compute/{of}") and _signed(asked):
                mine = "/".join(asked.path.split("/")[:3])
                listed = [one for one in estate if one["id"].startswith(mine) and f"/{of}/" in one["id"]]
                return Reply(200, {"value": listed})
        return _further(asked)

    return answer


def answer(asked: Asked) -> Reply:
    """4 cores and 16 GiB: 25 % busy (50 % at most), 12 GiB free (10 at least), 1 and 2 Mbit/s."""
    return answering(machine(), disk())(asked)


def _signed(asked: Asked) -> bool:
    return asked.headers.get("authorization") == "Bearer the-token" and not asked.path.startswith("/nowhere")


def _further(asked: Asked) -> Reply:
    if asked.path.startswith("/nowhere"):
        return Reply(404, {"error": {"code": "NotFound", "message": asked.path}})
    if not _signed(asked):
        return Reply(401, {"error": {"code": "InvalidAuthenticationToken", "message": "no token"}})
    if asked.path.endswith("/vmSizes"):
        sizes = [
            {"name": f"Standard_D{cores}s_v5", "numberOfCores": cores, "memoryInMB": cores * 4_096}
            for cores in (4, 8)
        ]
        return Reply(200, {"value": sizes})
    if asked.path.endswith("/providers/Microsoft.Sql/servers"):
        server = {"id": SERVER, "name": "shop", "location": "westeurope", "properties": {}}
        if asked.query.get("page") == ["2"]:
            return Reply(200, {"value": [server]})
        host = asked.headers["host"]
        return Reply(200, {"value": [], "nextLink": f"http://{host}{asked.path}?api-version=1&page=2"})
    if asked.path.endswith("/servers/shop/databases"):
        names = {"master": {"name": "S0", "capacity": 10}, "orders": {"name": "GP_Gen5", "capacity": 4},
                 "small": {"name": "Basic", "capacity": 5}}  # fmt: skip
        databases = [
            {
                "id": f"{SERVER}/databases/{name}", "name": name, "location": "westeurope", "sku": sku,
                "properties": {"maxSizeBytes": 32 * GIB},
            }
            for name, sku in names.items()
        ]  # fmt: skip
        return Reply(200, {"value": databases})
    if asked.path.endswith("/metrics:getBatch"):
        return Reply(
            200,
            {"values": [_values(machine, asked.query) for machine in json.loads(asked.body)["resourceids"]]},
        )
    return Reply(404, {"error": {"code": "NotFound", "message": asked.path}})


def _values(machine: str, query: dict[str, list[str]]) -> dict[str, Any]:
    first, last = (datetime.fromisoformat(query[name][0]) for name in ("starttime", "endtime"))
    step = {"PT5M": timedelta(minutes=5), "PT1H": timedelta(hours=1)}[query["interval"][0]]
    moments = [first + step * number for number in range(int((last - first) / step))]
    known = [at for at in moments if START <= at < START + timedelta(days=1)]
    amounts = {
        "Percentage CPU": ("Percent", {"average": 25.0, "maximum": 50.0}),
        "Available Memory Bytes": ("Bytes", {"average": 12.0 * GIB, "minimum": 10.0 * GIB}),
        "Available Memory Percentage": ("Percent", {"average": 75.0, "minimum": 62.5}),
        "Network In Total": ("Bytes", {"total": 37_500_000.0}),
        "Network Out Total": ("Bytes", {"total": 75_000_000.0}),
        "Composite Disk Write Bytes/sec": ("BytesPerSecond", {"average": 375_000.0, "maximum": 500_000.0}),
        "Composite Disk Read Bytes/sec": ("BytesPerSecond", {"average": 500_000.0, "maximum": 625_000.0}),
        "cpu_percent": ("Percent", {"average": 10.0, "maximum": 30.0}),
        "storage": ("Bytes", {"average": 8.0 * GIB, "maximum": 9.0 * GIB}),
    }
    amounts = {name: amounts[name] for name in query["metricnames"][0].split(",")}
    return {
        "starttime": query["starttime"][0], "endtime": query["endtime"][0], "interval": "PT5M",
        "namespace": query["metricnamespace"][0], "resourceregion": "westeurope",
        "resourceid": machine,
        "value": [
            {
                "id": f"{machine}/providers/Microsoft.Insights/metrics/{name}",
                "type": "Microsoft.Insights/metrics",
                "name": {"value": name, "localizedValue": name},
                "displayDescription": "", "unit": unit, "errorCode": "Success",
                "timeseries": [
                    {
                        "metadatavalues": [],
                        # Where nothing was reported there is a time without values.
                        "data": [
                            {"timeStamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", **(some if at in known else {})}
                            for at in moments
                        ],
                    }
                ],
            }
            for name, (unit, some) in amounts.items()
        ],
    }  # fmt: skip
