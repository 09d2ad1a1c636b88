"""sysstat: numbers by hand from its JSON, and this machine through its own binary files."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from data.errors import ConfigError, SourceError
from data.frames import Batch
from ingest.sysstat import Sysstat
from tests.unit.ingest.sysstat_reply import sysstat_reply

SADC = "/usr/lib/sysstat/sadc"


def read(folder: Path, reply: object, **settings: Any) -> Batch:
    path = folder / "sa.json"
    path.write_text(reply if isinstance(reply, str) else json.dumps(reply))
    (batch,) = Sysstat((str(path),), **settings).pull(None)
    return batch


def test_the_numbers_of_one_record(tmp_path: Path) -> None:
    batch = read(tmp_path, sysstat_reply(2))
    assert batch.rows_read == 1 and batch.rejected.is_empty()
    # the record is stamped 01:00, the end of its hour
    assert batch.samples["ts"].unique().to_list() == [datetime(2024, 5, 1, tzinfo=UTC)]
    found = {
        (row[0], row[1]): row[2:]
        for row in batch.samples.select("resource", "metric", "value", "capacity").rows()
    }
    assert found == {
        ("web1", "cpu"): (2.0, 4.0),  # 100 - 48 idle - 2 waiting = 50 % of 4 cores
        ("web1", "memory"): (4.0, 16.0),  # 16 GiB of which 12 are available
        ("web1", "network_in"): (pytest.approx(125 * 1_024 * 8 / 1e6), None),
        ("web1", "network_out"): (pytest.approx(50 * 1_024 * 8 / 1e6), None),
        ("web1:/dev/sda1", "storage"): (3.0, 4.0),
    }


def test_without_the_slab_the_total_comes_from_the_share_in_use(tmp_path: Path) -> None:
    reply = sysstat_reply(3)
    for record in reply["sysstat"]["hosts"][0]["statistics"]:
        del record["memory"]["slab"]
    memory = read(tmp_path, reply).samples.filter(pl.col("metric") == "memory")
    assert memory["capacity"].to_list() == [16.0, 16.0]


def test_local_times_use_the_zone_of_the_settings(tmp_path: Path) -> None:
    reply = sysstat_reply(2)
    reply["sysstat"]["hosts"][0]["statistics"][0]["timestamp"]["utc"] = 0
    assert read(tmp_path, reply, timezone="Europe/Berlin").samples["ts"][0] == datetime(
        2024, 4, 30, 22, tzinfo=UTC
    )


def test_records_that_cannot_be_read_are_rejected_and_the_others_kept(tmp_path: Path) -> None:
    reply = sysstat_reply(5)
    records = reply["sysstat"]["hosts"][0]["statistics"]
    records[0] = 7
    records[1]["cpu-load"][0]["idle"] = "a lot"
    records[2]["timestamp"]["date"] = "someday"
    batch = read(tmp_path, reply)
    assert batch.samples["ts"].dt.hour().unique().to_list() == [3]
    assert batch.rejected["line"].to_list() == [1, 2, 3]
    assert batch.rejected["reason"][2] == "time of the record cannot be read"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("", "is empty"),
        ("{", "is no JSON"),
        ({"hosts": []}, "is no output of sadf -j: it has no sysstat.hosts"),
        ({"sysstat": {"hosts": 3}}, "is no output of sadf -j: its hosts are no list"),
        ({"sysstat": {"hosts": [{}]}}, "a host has no name or no statistics"),
    ],
)
def test_what_is_no_reply_is_an_error(tmp_path: Path, reply: object, message: str) -> None:
    with pytest.raises(SourceError, match=rf"sa\.json: {message}"):
        read(tmp_path, reply)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="step: 'often' is no length of time"):
        Sysstat(("x",), step="often")
    with pytest.raises(ConfigError, match="timezone: no time zone 'Mars'"):
        Sysstat(("x",), timezone="Mars")


def test_without_the_program_a_binary_file_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sa01").write_bytes(b"\x96\xd5u!")
    with pytest.raises(SourceError, match=r"no-such-sadf is not there to read it; install sysstat"):
        list(Sysstat((str(tmp_path / "sa01"),), sadf="no-such-sadf").pull(None))


@pytest.mark.peer
@pytest.mark.skipif(
    not (shutil.which("sadf") and Path(SADC).exists()),
    reason="needs Debian's sysstat: apt-get install sysstat",
)
def test_binary_files_of_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "sa01"
    subprocess.run([SADC, "-S", "XALL", "1", "3", str(path)], check=True, capture_output=True, timeout=30)
    (batch,) = Sysstat((str(path),), step="1s").pull(None)
    assert batch.rows_read == 2 and batch.rejected.is_empty()
    by_metric = {
        metric: rows for (metric,), rows in batch.samples.partition_by("metric", as_dict=True).items()
    }
    cpu = by_metric["cpu"]
    assert cpu["capacity"].unique().to_list() == [os.cpu_count()]
    assert cpu["value"].is_between(0, os.cpu_count() or 1).all()
    assert by_metric["memory"]["capacity"][0] == pytest.approx(
        psutil.virtual_memory().total / 2**30, rel=1e-6
    )
    root = os.statvfs("/")
    size = root.f_blocks * root.f_frsize / 2**30
    if "storage" in by_metric:  # a container may have no file system of its own
        assert any(held == pytest.approx(size, rel=0.1) for held in by_metric["storage"]["capacity"])
    damaged = tmp_path / "damaged"
    damaged.write_bytes(path.read_bytes()[:300])
    with pytest.raises(SourceError, match="sadf cannot read it"):
        list(Sysstat((str(damaged),)).pull(None))


def test_several_hosts_and_files(tmp_path: Path) -> None:
    reply = sysstat_reply(2)
    other = copy.deepcopy(reply["sysstat"]["hosts"][0])
    other["nodename"] = "web2"
    reply["sysstat"]["hosts"].append(other)
    for name in ("1.json", "2.json"):
        (tmp_path / name).write_text(json.dumps(reply))
    batches = list(Sysstat((str(tmp_path / "*.json"),)).pull(None))
    assert [batch.samples["resource"][0] for batch in batches] == ["web1", "web2"] * 2


def test_a_damaged_file_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text(json.dumps(sysstat_reply(3)))
    (tmp_path / "2.json").write_text('{"sysstat": {"hosts": 3}}')
    (tmp_path / "3.json").write_text(json.dumps(sysstat_reply(3)))
    samples = 0
    with pytest.raises(SourceError, match=r"2\.json"):
        for batch in Sysstat((str(tmp_path / "*.json"),)).pull(None):
            samples += batch.samples.height
    alone = sum(batch.samples.height for batch in Sysstat((str(tmp_path / "1.json"),)).pull(None))
    assert samples == 2 * alone > 0
