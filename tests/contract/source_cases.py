"""One case per kind of source: how to set it up on something real, and on something broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from pytest import MonkeyPatch

from data.series import Window
from ingest.landing import Kind, Landing
from ingest.pushed import STATE
from tests.peers.test_aws import account
from tests.peers.test_snmp import agent
from tests.standin import Asked, Reply, ended, standing_in
from tests.standin import start as start_server
from tests.unit.ingest import azure_replies, gcp_replies
from tests.unit.ingest.payloads import node_scrape
from tests.unit.ingest.sysstat_reply import sysstat_reply


@dataclass(frozen=True)
class SourceCase:
    """What the laws need to know of one kind."""

    settings: dict[str, Any]
    """A table that reads something real."""
    broken: dict[str, Any] | None
    """A table that reaches an answer nobody can use; None where nothing can be wrong."""
    window: Window
    """A stretch in which something was measured, but not everything; of a live source one long ago."""
    live: bool = False
    """Measures anew with every pull, so two pulls differ."""
    close: Callable[[], None] = lambda: None
    """Ends what the case started."""


def _files(folder: Path) -> SourceCase:
    rows = "".join(f"2024-05-01T{hour:02}:00:00Z,host-{hour % 3},cpu,{hour},cores\n" for hour in range(24))
    (folder / "good.csv").write_text("ts,resource,metric,value,unit\n" + rows + "soon,host-1,cpu,1,cores\n")
    (folder / "broken.parquet").write_bytes(b"PAR1" + bytes(range(256)) * 4)
    return SourceCase(
        settings={"paths": [str(folder / "good.csv")]},
        broken={"paths": [str(folder / "broken.parquet")]},
        window=Window(datetime(2024, 5, 1, 6, tzinfo=UTC), datetime(2024, 5, 1, 12, tzinfo=UTC)),
    )


LONG_AGO = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC))


def _host(folder: Path) -> SourceCase:
    return SourceCase(settings={"interval": 0.1, "count": 2}, broken=None, window=LONG_AGO, live=True)


def _snmp(folder: Path) -> SourceCase:
    """A real agent; skips where there is none."""
    stack = ExitStack()
    address = stack.enter_context(agent(folder))
    common = {"timeout": 0.3, "retries": 0, "interval": 0.1}
    return SourceCase(
        settings={"hosts": [address], "community_variable": "HEADROOM_TEST_COMMUNITY", **common},
        broken={"hosts": ["127.0.0.1:1"], **common},
        window=LONG_AGO,
        live=True,
        close=stack.close,
    )


def _sysstat(folder: Path) -> SourceCase:
    (folder / "day.json").write_text(json.dumps(sysstat_reply(24)))
    (folder / "broken.json").write_text('{"sysstat": {"hosts": 3}}')
    return SourceCase(
        settings={"paths": [str(folder / "day.json")]},
        broken={"paths": [str(folder / "broken.json")]},
        window=Window(datetime(2024, 5, 1, 6, tzinfo=UTC), datetime(2024, 5, 1, 12, tzinfo=UTC)),
    )


def _aws(folder: Path) -> SourceCase:
    stack = ExitStack()
    url, _ = stack.enter_context(account())
    days = (datetime.now(UTC) - datetime(2024, 4, 30, tzinfo=UTC)).total_seconds() / 86_400
    common = {"regions": ["eu-west-1"], "services": ["ec2"], "history_days": days}
    return SourceCase(
        settings={"endpoint_url": url, **common},
        broken={"endpoint_url": f"{url}/nothing-here", **common},
        window=Window(datetime(2024, 5, 1, 0, 10, tzinfo=UTC), datetime(2024, 5, 1, 0, 40, tzinfo=UTC)),
        close=stack.close,
    )


def _azure(folder: Path) -> SourceCase:
    stack = ExitStack()
    url, _ = stack.enter_context(standing_in(azure_replies.answer))
    patch = stack.enter_context(MonkeyPatch.context())
    patch.setenv("AZURE_TEST_TOKEN", "the-token")
    common = {
        "subscriptions": [azure_replies.SUBSCRIPTION], "token_variable": "AZURE_TEST_TOKEN",
        "history_days": 5, "metrics_url": url, "step": "1h",
    }  # fmt: skip
    start = azure_replies.START
    return SourceCase(
        settings={"management_url": url, **common},
        broken={"management_url": f"{url}/nowhere", **common},
        window=Window(start + timedelta(hours=6), start + timedelta(hours=12)),
        close=stack.close,
    )


def _gcp(folder: Path) -> SourceCase:
    stack = ExitStack()
    settings = stack.enter_context(gcp_replies.cloud())
    settings = {**settings, "projects": ["shop"], "history_days": 5, "step": "1h"}
    nonsense = stack.enter_context(gcp_replies.monitoring(lambda _: b"\xff\xff\xff"))
    patch = stack.enter_context(MonkeyPatch.context())
    patch.setenv("GCP_TEST_TOKEN", "the-token")
    start = gcp_replies.START
    return SourceCase(
        settings=settings,
        broken={**settings, "monitoring_endpoint": nonsense, "timeout": 1.0},
        window=Window(start + timedelta(hours=6), start + timedelta(hours=12)),
        close=stack.close,
    )


def _landing(folder: Path) -> SourceCase:
    received = datetime(2024, 5, 1, 3, tzinfo=UTC)
    with Landing(folder / "landing", 2**30) as landing:
        landing.append(Kind.REMOTE_WRITE, node_scrape(-300, "silent"), received)
        for at in range(0, 7_200, 60):
            landing.append(Kind.REMOTE_WRITE, node_scrape(at), received)
    (folder / "broken").mkdir()
    (folder / "broken" / STATE).write_bytes(b"PAR1 nonsense")
    return SourceCase(
        settings={"folder": str(folder / "landing")},
        broken={"folder": str(folder / "broken")},
        window=Window(datetime(2024, 5, 1, 0, 30, tzinfo=UTC), datetime(2024, 5, 1, 1, tzinfo=UTC)),
    )


def _prometheus(folder: Path) -> SourceCase:
    """Replies in the documented form; what a real server gives is tested in tests/peers."""
    start = datetime(2024, 5, 1, tzinfo=UTC).timestamp()

    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/broken"):
            return Reply(200, {"status": "success", "data": {"resultType": "matrix", "result": [3]}})
        form = parse_qs(asked.body.decode())
        first, last, step = (int(form[name][0]) for name in ("start", "end", "step"))
        points = [[at, str(at % 7)] for at in range(first, last + 1, step) if start < at <= start + 86_400]
        series = [{"metric": {"instance": f"web-{number}:9100"}, "values": points} for number in (1, 2)]
        return Reply(200, {"status": "success", "data": {"resultType": "matrix", "result": series}})

    server, _ = start_server(answer)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    days_ago = (datetime.now(UTC) - datetime(2024, 5, 1, tzinfo=UTC)).total_seconds() / 86_400
    common = {
        "presets": [], "queries": [{"metric": "cpu", "unit": "cores", "demand": "x"}],
        "requests_per_second": 1e6, "attempts": 1, "history_days": days_ago + 1, "step": "1h",
    }  # fmt: skip
    return SourceCase(
        settings={"url": url, **common},
        broken={"url": f"{url}/broken", **common},
        window=Window(datetime(2024, 5, 1, 6, tzinfo=UTC), datetime(2024, 5, 1, 12, tzinfo=UTC)),
        close=lambda: ended(server),
    )


CASES: Mapping[str, Callable[[Path], SourceCase]] = {
    "aws": _aws,
    "azure": _azure,
    "files": _files,
    "gcp": _gcp,
    "host": _host,
    "landing": _landing,
    "prometheus": _prometheus,
    "snmp": _snmp,
    "sysstat": _sysstat,
}
"""By kind; a new source brings its case."""
