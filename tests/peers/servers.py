"""Real servers on loopback: started for a test, ended by their process id."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "snmpd": "snmpd",
    "snmpbulkwalk": "snmp",
}


def program(name: str) -> str:
    """Path of a server's program; skips the test, saying what to install, where there is none."""
    found = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/bin")
    if found is None:
        pytest.skip(f"needs {name}: apt install {PACKAGES[name]}")
    return found


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(arguments: list[str], log: Path, ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it is ready; ended when the block ends."""
    with log.open("ab") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out)
    try:
        until(ready, lambda: process.poll() is None, log)
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends it by its id: politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def until(
    done: Callable[[], bool],
    alive: Callable[[], bool] = lambda: True,
    log: Path | None = None,
    seconds: float = 60,
) -> None:
    """Waits until it is done; fails with the log's end when it is not in time or not alive any more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        if done():
            return
        time.sleep(0.05)
    told = log.read_text(errors="replace")[-2_000:] if log else ""
    pytest.fail(f"it did not come about within {seconds:g} s\n{told}")


def answers(url: str) -> Callable[[], bool]:
    def check() -> bool:
        try:
            return httpx.get(url, trust_env=False, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    return check


@contextmanager
def prometheus(
    folder: Path, config: str, *more: str, port: int | None = None, retention: str = "10y"
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Prometheus with its data in folder/data and `more` options; gives its address and process."""
    port = port or free_port()
    (folder / "prometheus.yml").write_text(config)
    arguments = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={retention}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        *more,
    ]
    url = f"http://127.0.0.1:{port}"
    with running(arguments, folder / "prometheus.log", answers(f"{url}/-/ready")) as process:
        yield url, process


def backfill(folder: Path, text: str) -> None:
    """Writes OpenMetrics text as blocks of Prometheus' data."""
    (folder / "history.txt").write_text(text)
    source, data = str(folder / "history.txt"), str(folder / "data")
    subprocess.run(
        [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", source, data],
        check=True,
        capture_output=True,
        timeout=120,
    )  # fmt: skip
