"""Replies of Azure's resource manager and metrics API in their documented form, made by rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.standin import Asked, Reply

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
MACHINE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web-1"
)
START = (datetime.now(UTC) - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
"""Of the one day that was measured: lately, so that a first pull need not go back for years."""
GIB = 2**30


def answer(asked: Asked) -> Reply:
    """4 cores and 16 GiB: 25 % busy (50 % at most), 12 GiB free (10 at least), 1 and 2 Mbit/s."""
    if asked.path.startswith("/nowhere"):
        return Reply(404, {"error": {"code": "NotFound", "message": asked.path}})
    if asked.headers.get("authorization") != "Bearer the-token":
        return Reply(401, {"error": {"code": "InvalidAuthenticationToken", "message": "no token"}})
    if asked.path.endswith("/virtualMachines"):
        machine = {
            "id": MACHINE, "name": "web-1", "location": "westeurope", "tags": {"service": "shop"},
            "properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v5"}},
        }  # fmt: skip
        return Reply(200, {"value": [machine]})
    if asked.path.endswith("/vmSizes"):
        return Reply(200, {"value": [{"name": "Standard_D4s_v5", "numberOfCores": 4, "memoryInMB": 16_384}]})
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
        "Network In Total": ("Bytes", {"total": 37_500_000.0}),
        "Network Out Total": ("Bytes", {"total": 75_000_000.0}),
    }
    return {
        "starttime": query["starttime"][0], "endtime": query["endtime"][0], "interval": "PT5M",
        "namespace": "Microsoft.Compute/virtualMachines", "resourceregion": "westeurope",
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
