"""SNMP against a real agent: Debian's snmpd on loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from data.errors import SourceError, SourceUnavailable
from ingest.intake import intake
from ingest.snmp import Snmp, SnmpBatch
from tests.peers.servers import free_port, program, running

pytestmark = pytest.mark.peer


@contextmanager
def agent(folder: Path, more: str = "") -> Iterator[str]:
    """An agent for the community `planner`; gives its address."""
    program("snmpbulkwalk")
    port = free_port(socket.SOCK_DGRAM)
    config = folder / "snmpd.conf"
    config.write_text(
        f"rocommunity planner 127.0.0.1\nagentaddress udp:127.0.0.1:{port}\nincludeAllDisks 10%\n{more}"
    )
    environment = f"SNMP_PERSISTENT_DIR={folder}"
    arguments = ["/usr/bin/env", environment, program("snmpd"), "-f", "-Lo", "-C", "-c", str(config)]

    def ready() -> bool:
        os.environ["HEADROOM_TEST_COMMUNITY"] = "planner"
        source = Snmp(
            (f"127.0.0.1:{port}",), community_variable="HEADROOM_TEST_COMMUNITY", timeout=0.3, retries=0
        )
        try:
            return bool(source.inventory().resources.height)
        except SourceError:
            return False

    with running(arguments, folder / "snmpd.log", ready):
        yield f"127.0.0.1:{port}"


def test_this_machine_through_its_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    monkeypatch.setenv("HEADROOM_TEST_COMMUNITY", "planner")
    with agent(tmp_path) as address:
        source = Snmp(
            (address,),
            community_variable="HEADROOM_TEST_COMMUNITY",
            interval=0.5,
            state=str(tmp_path / "state.parquet"),
            skip_interfaces="^$",
        )
        (first,) = source.pull(None)
        usable = intake(first, now=datetime.now(UTC))
        assert usable.rejected.is_empty()
        rows = {(row["resource"], row["metric"]): row for row in usable.samples.iter_rows(named=True)}
        memory = rows["127.0.0.1", "memory"]
        assert memory["capacity"] == pytest.approx(psutil.virtual_memory().total / 2**30)
        assert 0 < memory["value"] < memory["capacity"]
        disk = rows["127.0.0.1:/", "storage"]
        assert disk["capacity"] == pytest.approx(psutil.disk_usage("/").total / 2**30, rel=0.01)
        links = {name for name, metric in rows if metric == "network_in"}
        up = {name for name, stats in psutil.net_if_stats().items() if stats.isup and name != "lo"}
        assert links == {f"127.0.0.1:{name}" for name in up}

        # Nothing is kept before the batch is loaded; afterwards one walk is enough.
        assert not (tmp_path / "state.parquet").exists()
        source.loaded(first)
        assert isinstance(first, SnmpBatch) and first.counters is not None
        (second,) = source.pull(None)
        flows = second.samples.filter(second.samples["metric"].str.starts_with("network"))
        assert flows["ts"].unique().to_list() == first.counters["ts"].unique().to_list()


def test_version_3_with_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_SECRET", "first secret 1")
    monkeypatch.setenv("PRIVACY_SECRET", "second secret 2")
    users = 'createUser planner SHA "first secret 1" AES "second secret 2"\nrouser planner authPriv\n'
    with agent(tmp_path, users) as address:
        settings = {
            "version": "3", "user": "planner",
            "auth_password_variable": "AUTH_SECRET", "privacy_password_variable": "PRIVACY_SECRET",
        }  # fmt: skip
        source = Snmp((address,), **settings)  # type: ignore[arg-type]
        assert "127.0.0.1:/" in source.inventory().resources["resource"].to_list()
        monkeypatch.setenv("AUTH_SECRET", "another secret")
        with pytest.raises(SourceError, match="127"):
            list(source.pull(None))


def test_one_device_that_does_not_answer_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADROOM_TEST_COMMUNITY", "planner")
    silent = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    with agent(tmp_path) as address:
        source = Snmp(
            (silent, address),
            community_variable="HEADROOM_TEST_COMMUNITY",
            interval=0.2,
            timeout=0.3,
            retries=0,
        )
        batches = []
        with pytest.raises(SourceUnavailable, match=f"{silent}: snmpbulkwalk: Timeout"):
            for batch in source.pull(None):
                batches.append(batch)
    assert batches[0].samples.height > 0
