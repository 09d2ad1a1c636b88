"""Targets that are down for a while and come back: the progress of the others skips nothing of theirs."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from data.series import Window
from data.store import Store
from headroom.jobs import pulling
from headroom.jobs.ingest import ingest
from headroom.jobs.run import Run
from headroom.settings import Settings, load
from headroom.sources import configured
from tests.peers.servers import free_port, prometheus, until
from tests.standin import Asked, Reply, standing_in

moto_server = pytest.importorskip("moto.server", reason="needs moto[server], part of the extra `dev`")

pytestmark = [pytest.mark.peer]


class Relay:
    """Passes connections on to a port until it is cut; `mend` brings it back."""

    def __init__(self, target: int) -> None:
        self.port, self._target = free_port(), target
        self._open: list[socket.socket] = []
        self._listening: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        listening = socket.create_server(("127.0.0.1", self.port))
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def cut(self) -> None:
        assert self._listening is not None
        for one in (self._listening, *self._open):
            with contextlib.suppress(OSError):  # closed by the other side
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        try:
            while text := one.recv(65_536):
                other.sendall(text)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def sender(folder: Path, name: str, port: int) -> Iterator[str]:
    """A Prometheus that watches itself and passes that on to a port."""
    (folder / name).mkdir()
    own = free_port()
    config = f"""
global: {{scrape_interval: 1s, external_labels: {{sender: {name}}}}}
scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{own}']}}]}}]
remote_write:
  - url: http://127.0.0.1:{port}/api/v1/write
    queue_config: {{batch_send_deadline: 1s, min_backoff: 30ms, max_backoff: 500ms}}
"""
    with prometheus(folder / name, config, port=own) as (url, _):
        yield url


def settings(folder: Path, text: str) -> Settings:
    (folder / "headroom.toml").write_text(text)
    return load(folder / "headroom.toml", {})


@pytest.mark.slow
@pytest.mark.xdist_group("prometheus")
def test_a_sender_that_was_cut_off_is_caught_up_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two senders, one server. While one is cut off the other moves the watermark beyond the overlap."""
    monkeypatch.setattr(pulling, "OVERLAP", timedelta(seconds=2))
    metric = "process_resident_memory_bytes"
    with prometheus(tmp_path, "scrape_configs: []\n", "--web.enable-remote-write-receiver") as (url, _):
        relay = Relay(int(url.rsplit(":", 1)[1]))
        chosen = settings(
            tmp_path,
            f"""
[source.all]
kind = "prometheus"
url = "{url}"
presets = []
step = "2s"
settle = "1s"
requests_per_second = 1000.0
history_days = 0.01
[[source.all.queries]]
metric = "memory"
unit = "B"
resource = "{{sender}}"
demand = "avg by (sender) (avg_over_time({metric}[$step]))"
""",
        )

        def newest(name: str) -> float:
            """When the server last got a sample of a sender, in seconds since 1970."""
            query = {"query": f'timestamp({metric}{{sender="{name}"}})'}
            reply = httpx.get(f"{url}/api/v1/query", params=query, trust_env=False, timeout=10).json()
            found = reply["data"]["result"]
            return float(found[0]["value"][1]) if found else 0.0

        def reached(name: str, seconds: float) -> None:
            goal = datetime.now(UTC).timestamp() + seconds
            until(lambda: newest(name) > goal)

        def pulled() -> None:
            with Store.open(chosen.store_path) as store:
                (summary,) = ingest(Run(chosen, store, datetime.now(UTC), "run"))
            assert summary.error is None

        with sender(tmp_path, "a", int(url.rsplit(":", 1)[1])), sender(tmp_path, "b", relay.port):
            began = datetime.now(UTC)
            reached("b", 5)
            reached("a", 1)
            pulled()
            relay.cut()
            cut = datetime.now(UTC)
            reached("a", 10)
            pulled()
            with Store.open(chosen.store_path) as store:
                kept = store.frame("samples_of", resource="b")
                mark = store.watermark("all")
            assert kept.height > 0 and mark is not None
            assert mark > kept["ts"].max() + timedelta(seconds=4)  # type: ignore[operator]
            relay.mend()
            mended = datetime.now(UTC)
            reached("b", 6)
            pulled()
        # What the server holds by now, of both.
        with Store.open(chosen.store_path) as store:
            end = store.frame("samples_of", resource="b")["ts"].max()
            assert isinstance(end, datetime)
            window = Window(began, end)
            held = pl.concat(one.samples for one in configured(chosen)["all"].pull(window))
            for name in ("a", "b"):
                expected = held.filter(pl.col("resource") == name)
                found = store.frame("samples_of", resource=name, start=window.start, until=window.end)
                assert found["ts"].to_list() == expected["ts"].to_list()
                assert (found["value"] * 2**30 - expected["value"]).abs().max() < 1  # type: ignore[operator]
        missed = found.filter(pl.col("ts").is_between(cut, mended))
        assert missed.height >= 4, "nothing was missing, so nothing was proved"


REGIONS = ("eu-west-1", "eu-central-1")
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, set[str]]]:
    """An account with a machine in each region, half a day of its metrics, and the regions that are down."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        httpx.post(f"{url}/moto-api/reset", trust_env=False).raise_for_status()
        for region in REGIONS:
            ec2 = boto3.client("ec2", endpoint_url=url, region_name=region)
            image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
            machine = ec2.run_instances(ImageId=image, InstanceType="m5.large", MinCount=1, MaxCount=1)
            data: list[Any] = [
                {
                    "MetricName": "CPUUtilization",
                    "Dimensions": [{"Name": "InstanceId", "Value": machine["Instances"][0]["InstanceId"]}],
                    "Timestamp": START + timedelta(minutes=5 * number),
                    "Value": float(number % 100),
                }
                for number in range(144)
            ]
            boto3.client("cloudwatch", endpoint_url=url, region_name=region).put_metric_data(
                Namespace="AWS/EC2", MetricData=data
            )
        down: set[str] = set()

        def answer(asked: Asked) -> Reply:
            if any(f"/{region}/" in asked.headers.get("authorization", "") for region in down):
                error = "<Error><Code>UnauthorizedOperation</Code><Message>down</Message></Error>"
                return Reply(403, f"<Response><Errors>{error}</Errors></Response>")
            passed = {name: text for name, text in asked.headers.items() if name != "content-length"}
            reply = httpx.request(
                asked.method, f"{url}{asked.path}", content=asked.body, headers=passed, trust_env=False
            )
            return Reply(reply.status_code, reply.content, {"Content-Type": reply.headers["content-type"]})

        with standing_in(answer) as (front, _):
            yield front, down
    finally:
        server.stop()


@pytest.mark.xdist_group("moto")
def test_a_region_that_was_down_is_caught_up_with(account: tuple[str, set[str]], tmp_path: Path) -> None:
    url, down = account
    where = f'regions = {list(REGIONS)}\nendpoint_url = "{url}"\n'
    chosen = settings(tmp_path, f'[source.cloud]\nkind = "aws"\nservices = ["ec2"]\n{where}')

    def pulled(hours: int) -> tuple[str | None, dict[str, int]]:
        """The error, and how many samples each machine has."""
        with Store.open(chosen.store_path) as store:
            (summary,) = ingest(
                Run(chosen, store, START + timedelta(hours=hours), "run"), sleep=lambda _: None
            )
            counts = store.frame("samples_of", metric="cpu").group_by("resource").len().sort("len")
        return summary.error, counts["len"].to_list()  # type: ignore[return-value]

    assert pulled(3) == (None, [36, 36])
    down.add(REGIONS[1])
    error, counts = pulled(9)
    assert counts == [36, 108]
    assert error is not None and "eu-central-1" in error and "eu-west-1" not in error
    down.clear()
    assert pulled(11) == (None, [132, 132])
    with Store.open(chosen.store_path) as store:
        marks = {region: store.watermark("cloud", region) for region in REGIONS}
    assert set(marks.values()) == {START + timedelta(hours=10, minutes=55)}
