"""What `sadf -j` prints of a made-up host."""

from __future__ import annotations

from typing import Any


def sysstat_reply(hours: int) -> dict[str, Any]:
    """What `sadf -j` prints of a host with 4 cores and 16 GiB that is half busy, one record an hour."""
    records = [
        {
            "timestamp": {"date": "2024-05-01", "time": f"{hour:02}:00:00", "utc": 1, "interval": 3_600},
            "cpu-load": [
                {"cpu": "all", "user": 40.0, "system": 8.0, "iowait": 2.0, "steal": 2.0, "idle": 48.0}
            ],
            "memory": {
                "memfree": 2**21,
                "avail": 3 * 2**22,
                "memused": 2**22,
                "memused-percent": 25.0,
                "buffers": 2**21,
                "cached": 2**22,
                "slab": 2**22,
            },
            "network": {
                "net-dev": [
                    {"iface": "lo", "rxkB": 900.0, "txkB": 900.0},
                    {"iface": "eth0", "rxkB": 100.0, "txkB": 50.0},
                    {"iface": "eth1", "rxkB": 25.0, "txkB": 0.0},
                ]
            },
            "filesystems": [
                {"filesystem": "/dev/sda1", "MBfsfree": 1_024, "MBfsused": 3_072},
                {"filesystem": "tmpfs", "MBfsfree": 1, "MBfsused": 1},
            ],
        }
        for hour in range(1, hours)
    ]
    return {"sysstat": {"hosts": [{"nodename": "web1", "number-of-cpus": 4, "statistics": records}]}}
