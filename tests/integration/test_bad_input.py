"""Bad input from file to summary: one clear line or a counted row each, and the good rows are loaded."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.integration.command_line import ROOT, headroom

HEAD = "ts,resource,metric,value,unit\n"
GOOD = "2024-05-01T00:00:00Z,good,cpu,2,cores\n"
GIB = 2**30


def ingest(folder: Path) -> tuple[dict[str, str], subprocess.CompletedProcess[str]]:
    """Runs `headroom ingest`; the row of the source's summary by title."""
    done = headroom(folder, "ingest")
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return dict(
        zip(("source", "read", "loaded", "replaced", "unchanged", "rejected"), lines[1], strict=False)
    ), done


def settle(folder: Path, pattern: str = "*.csv", more: str = "") -> None:
    (folder / "headroom.toml").write_text(f'[source.files]\nkind = "files"\npaths = ["{pattern}"]\n{more}')


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("files: ")]


BAD = {
    "2024-05-01T00:00:00Z,a,cpu,1,furlong": "unit 'furlong' is no unit of cpu",
    "2024-05-01T00:00:00Z,a,memory,1,cores": "unit 'cores' is no unit of memory",
    "soon,a,cpu,1,cores": "time 'soon' is not an ISO 8601 time",
    "2024-05-01T00:00:00Z,a,cpu,NaN,cores": "value is NaN",
    "2024-05-01T00:00:00Z,a,cpu,inf,cores": "value is infinite",
    "2024-05-01T00:00:00Z,a,cpu,-1,cores": "value -1.0 is negative",
    "2024-05-01T00:00:00Z,a,cpu,1": "has 4 fields instead of 5",
}


def test_bad_rows_are_counted_once_and_the_good_ones_loaded(tmp_path: Path) -> None:
    settle(tmp_path)
    (tmp_path / "m.csv").write_text(HEAD + GOOD + "\n".join(BAD) + "\n" + GOOD.replace("good", "better"))
    summary, done = ingest(tmp_path)
    assert done.returncode == 0
    assert (summary["read"], summary["loaded"], summary["rejected"]) == ("9", "2", "7")
    assert errors(done) == ["files: 7 rows were not loaded; `headroom status` says why"]
    status = headroom(tmp_path, "status").stdout
    assert all(reason in status for reason in BAD.values())
    told = json.loads(headroom(tmp_path, "health", "--json").stdout)["rejected"]
    assert [(row["source"], row["rows"]) for row in told] == [("files", 1)] * len(BAD)
    # The same file again is no news, though its summary says the same.
    again, _ = ingest(tmp_path)
    assert (again["loaded"], again["unchanged"], again["rejected"]) == ("0", "2", "7")
    assert json.loads(headroom(tmp_path, "health", "--json").stdout)["rejected"] == told


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "bad.csv",
            b"time,host\n",
            "bad.csv: no column 'ts' (nor 'resource', 'metric', 'unit', 'value'); it has",
        ),
        ("bad.csv", b"ts,resource,metric,value\n" + GOOD.encode(), "bad.csv: no column 'unit'; it has 'ts'"),
        ("bad.csv", b"", "bad.csv: is empty"),
        ("bad.parquet", b"", "bad.parquet: is empty"),
        ("bad.parquet", b"PAR1 and so on", "bad.parquet: is no readable Parquet file; is it truncated?"),
        (
            "bad.csv.gz",
            gzip.compress(HEAD.encode() * 1_000)[:-9],
            "bad.csv.gz: cannot be unpacked; is it truncated",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_and_does_not_stop_the_others(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / "good.csv").write_text(HEAD + GOOD)
    (tmp_path / name).write_bytes(content)
    settle(tmp_path, "[bg]*")
    summary, done = ingest(tmp_path)
    assert done.returncode == 1
    assert summary["loaded"] == "1"
    (line,) = errors(done)
    assert says in line


def test_a_parquet_file_that_breaks_off_is_named_and_the_others_are_loaded(tmp_path: Path) -> None:
    settle(tmp_path, "*.parquet")
    frame = pl.read_csv((HEAD + GOOD).encode())
    frame.write_parquet(tmp_path / "good.parquet")
    (tmp_path / "part.parquet").write_bytes((tmp_path / "good.parquet").read_bytes()[:-20])
    summary, done = ingest(tmp_path)
    assert done.returncode == 1 and summary["loaded"] == "1"
    (line,) = errors(done)
    assert "part.parquet: is no readable Parquet file; is it truncated?" in line


def test_duplicate_resources_and_unknown_services_are_told(tmp_path: Path) -> None:
    settle(tmp_path, more='[inventory]\nresources = "inventory/r.csv"\nservices = "inventory/s.csv"\n')
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "r.csv").write_text(
        "resource,kind,service\ngood,vm,shop\ngood,server,shop\nlost,vm,shpo\n"
    )
    (tmp_path / "inventory" / "s.csv").write_text("service,team\nshop,web\n")
    (tmp_path / "m.csv").write_text(HEAD + GOOD)
    summary, done = ingest(tmp_path)
    assert done.returncode == 0 and summary["loaded"] == "1"
    rejected = {
        row["reason"]: row["rows"]
        for row in json.loads(headroom(tmp_path, "health", "--json").stdout)["rejected"]
    }
    assert rejected == {
        "good occurs twice; the first row counts": 1,
        "service 'shpo' of lost is not among the services; kept as unowned": 1,
    }


MEASURE = """
import pathlib, runpy, sys
sys.argv = ["headroom", "ingest"]
try:
    runpy.run_module("headroom", run_name="__main__")
finally:
    # Not ru_maxrss: a process started from a large one begins with that one's peak.
    status = pathlib.Path("/proc/self/status").read_text()
    print("peak", status.split("VmHWM:")[1].split()[0], flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["last", "between"])
def test_a_line_of_a_gibibyte_is_rejected_in_bounded_memory(tmp_path: Path, where: str) -> None:
    """The line is a hole in the file (zeros): it costs no disk, and reads like any other bytes."""
    settle(tmp_path)
    with (tmp_path / "m.csv").open("wb") as file:
        file.write((HEAD + GOOD).encode())
        file.seek(GIB, os.SEEK_CUR)
        if where == "between":
            file.write(b"\n" + GOOD.replace("good", "better").encode())
        else:
            file.write(b"x")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("files"))
    assert row[1:6] == (["3", "2", "0", "0", "1"] if where == "between" else ["2", "1", "0", "0", "1"])
    peak = next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("peak"))
    assert peak * 1024 < GIB / 2
    assert "line is longer than 1,048,576 bytes" in headroom(tmp_path, "status").stdout


def test_a_full_disk_ends_in_one_line(tmp_path: Path) -> None:
    """A limit on the size of files stands for it: a write then fails in the same way."""
    settle(tmp_path)
    (tmp_path / "m.csv").write_text(HEAD + GOOD)
    ingest(tmp_path)
    size = (tmp_path / "var" / "headroom.duckdb").stat().st_size
    first = datetime(2024, 5, 2, tzinfo=UTC)
    rows = (
        f"{first + timedelta(minutes=i // 300):%Y-%m-%dT%H:%M:%SZ},r{i % 300},cpu,{i * 0.37 % 61:.9f},cores\n"
        for i in range(400_000)
    )
    (tmp_path / "m.csv").write_text(HEAD + GOOD + "".join(rows))
    done = subprocess.run(
        [sys.executable, "-m", "headroom", "ingest"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size + 2**19, size + 2**19)),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("headroom: ")]
    assert "no room left on the disk of" in line
    summary, done = ingest(tmp_path)
    assert done.returncode == 0
    assert int(summary["loaded"].replace(",", "")) + int(summary["unchanged"].replace(",", "")) == 400_001
