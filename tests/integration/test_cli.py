"""The command line as a newcomer meets it: own process, own folder, real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.main import get_command

from headroom.cli import cli
from headroom.command_list import SECTIONS
from headroom.commands import line_up
from models.forecasters import FORECASTERS
from models.sizing import POLICIES

COMMANDS = tuple(name for names in SECTIONS.values() for name in names)


def headroom(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("HEADROOM_")}
    return subprocess.run(
        [sys.executable, "-m", "headroom", *words],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three servers, 40 days of hours in CSV, one of them at its limit, one unused; run through once."""
    folder = tmp_path_factory.mktemp("own")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = 40 * 24
    times = [end - timedelta(hours=hours - i) for i in range(hours)]
    rng = np.random.default_rng(3)
    day = 1 + 0.5 * np.sin(np.arange(hours) * 2 * np.pi / 24)
    demand = {"busy": np.minimum(3.6 * day, 4.0), "calm": 2.2 * day / 1.5, "unused": 0.01 * day}
    rows = [
        pl.DataFrame(
            {
                "time": times,
                "host": name,
                "metric": "cpu",
                "value": values * rng.normal(1, 0.01, hours),
                "capacity": 4.0,
                "unit": "cores",
            }
        )
        for name, values in demand.items()
    ]
    (folder / "metrics").mkdir()
    pl.concat(rows).with_columns(pl.col("value").clip(0, 4)).write_csv(folder / "metrics" / "cpu.csv")
    (folder / "resources.csv").write_text(
        "resource,kind,service,provider,site\nbusy,vm,shop,on_premises,dc1\ncalm,vm,shop,on_premises,dc1\nunused,vm,,on_premises,dc1\n"
    )
    (folder / "services.csv").write_text("service,team,owner,tier\nshop,web,Ada,1\n")
    (folder / "headroom.toml").write_text(
        '[inventory]\nresources = "resources.csv"\nservices = "services.csv"\n'
        '[source.servers]\nkind = "files"\npaths = ["metrics/*.csv"]\ntime = "time"\nresource = "host"\n'
    )
    done = headroom(folder, "run")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str, tmp_path: Path) -> None:
    done = headroom(tmp_path, command, "--help")
    assert done.returncode == 0
    assert "Example:" in done.stdout


def test_help_lists_the_forecasters_and_policies_there_are(tmp_path: Path) -> None:
    assert set(line_up.FORECASTERS) == set(FORECASTERS) and set(line_up.POLICIES) == set(POLICIES)
    for command, names in (("forecast", FORECASTERS), ("decide", POLICIES), ("replay", POLICIES)):
        told = headroom(tmp_path, command, "--help").stdout
        assert all(name in told for name in names), command


def test_the_list_of_commands_names_each_once() -> None:
    assert sorted(COMMANDS) == sorted(get_command(cli).commands)
    assert len(set(COMMANDS)) == len(COMMANDS)


def test_own_files_become_findings(folder: Path) -> None:
    done = headroom(folder, "export", "findings", "--out", "findings.csv")
    assert done.returncode == 0, done.stderr
    status = dict(pl.read_csv(folder / "findings.csv").select("resource", "status").iter_rows())
    assert status["busy"] == "under_provisioned"
    assert status["unused"] in ("idle", "over_provisioned")


def test_a_second_ingest_changes_nothing(folder: Path) -> None:
    done = headroom(folder, "ingest")
    assert done.returncode == 0, done.stderr
    read, loaded, replaced, unchanged, rejected = done.stdout.splitlines()[-1].split()[1:6]
    assert (read, loaded, replaced, unchanged, rejected) == ("2,880", "0", "0", "2,880", "0")


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    before = headroom(folder, "status").stdout.splitlines()[1]
    done = headroom(folder, "ingest", "--dry-run")
    assert done.returncode == 0 and "would load" in done.stdout
    assert headroom(folder, "status").stdout.splitlines()[1] == before


def test_status_says_what_is_stored(folder: Path) -> None:
    done = headroom(folder, "status")
    assert done.returncode == 0
    assert "2,880 samples of 3 series on 3 resources of 1 services" in done.stdout


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("export", "nothing"), 2, "unknown table 'nothing'"),
        (("ingest", "nobody"), 2, "unknown source 'nobody'; there are servers"),
        (("status", "-c", "elsewhere.toml"), 2, "no such settings file"),
        (("ingest", "--since", "yesterday"), 2, "--since: 'yesterday' is not a time"),
        (("export", "findings", "--run", "20000101T000000-0000"), 2, "unknown run"),
        (("forecast-file", "nowhere.csv", "--horizon", "4", "--out", "o.csv"), 1, "nowhere.csv"),
        (("replay-file", "nowhere.csv", "--metric", "cpu", "--out", "o.csv"), 1, "nowhere.csv"),
        (
            ("export", "findings", "--out", "no/f.csv"),
            2,
            "no/f.csv cannot be written: No such file",
        ),
        (("export", "findings", "--out", "f"), 2, "f must end in one of .csv, .parquet, .ndjson, .jsonl"),
        (("export-focus", "--out", "no/f.csv"), 2, "no/f.csv cannot be written: No such file"),
        (("init", "."), 2, ". is a folder; name the file, as in headroom.toml"),
        (("init", "headroom.toml/inner.toml"), 2, "headroom.toml/inner.toml cannot be written: "),
        (
            ("decision", "busy", "defer", "--until", "soon"),
            2,
            "--until: 'soon' is not a day",
        ),
    ],
)
def test_an_error_is_one_line_that_names_the_thing(
    folder: Path, words: tuple[str, ...], status: int, says: str
) -> None:
    done = headroom(folder, *words)
    assert done.returncode == status
    (line,) = [text for text in done.stderr.splitlines() if text]
    assert line.startswith("headroom: ") and says in line


@pytest.mark.parametrize("command", ["serve", "receive"])
@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_cannot_be_is_refused(folder: Path, command: str, port: str) -> None:
    done = headroom(folder, command, "--port", port)
    assert done.returncode == 2 and "--port" in done.stderr and "Traceback" not in done.stderr


def test_an_export_is_written_by_the_end_of_its_name_whatever_its_case(folder: Path) -> None:
    assert headroom(folder, "export", "findings", "--out", "F.CSV").returncode == 0
    assert (folder / "F.CSV").read_text() == headroom(folder, "export", "findings").stdout


CTRL_C = """
import os, signal, time
from headroom import cli

def command():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    except KeyboardInterrupt:
        raise RuntimeError("Query interrupted") from None  # what DuckDB makes of it

cli.cli = command
cli.main()
"""


def test_ctrl_c_in_a_query_is_no_bug(tmp_path: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", CTRL_C], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_what_init_writes_works_once_its_tables_are_uncommented(tmp_path: Path) -> None:
    assert headroom(tmp_path, "init").returncode == 0
    lines = (tmp_path / "headroom.toml").read_text().splitlines()
    start, end = lines.index("# [inventory]"), next(i for i, line in enumerate(lines) if "[bills" in line)
    uncommented = [
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line
        for line in (line.replace("   =", " =").replace("  =", " =") for line in lines[start:end])
    ]
    (tmp_path / "headroom.toml").write_text("\n".join([*lines[:start], *uncommented, *lines[end:]]))
    for name, text in {
        "inventory/resources.csv": "resource,kind,service\nweb-1,vm,shop\n",
        "inventory/services.csv": "service,team,owner,tier\nshop,web,Ada,1\n",
        "inventory/dependencies.csv": "service,depends_on\n",
        "inventory/capacities.csv": "resource,metric,valid_from,capacity\nweb-1,cpu,2026-01-01T00:00:00Z,4\n",
        "inventory/events.csv": "ts,ends_at,subject,kind,description\n",
        "metrics/a.csv": "time,host,metric,value,unit\n2026-11-01T00:00:00Z,web-1,cpu,1.5,cores\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = headroom(tmp_path, "ingest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 samples of 1 series on 1 resources of 1 services" in headroom(tmp_path, "status").stdout


def test_init_does_not_overwrite(folder: Path) -> None:
    done = headroom(folder, "init")
    assert done.returncode == 2 and "is there already" in done.stderr


def test_bad_rows_are_counted_and_the_good_ones_loaded(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "ts,resource,metric,value,unit\n"
        "2026-01-01T00:00Z,a,cpu,1,cores\n2026-01-01T01:00Z,a,cpu,nan,cores\n2026-01-01T02:00Z,a,cpu,-1,cores\n"
        "soon,a,cpu,1,cores\n2026-01-01T03:00Z,a,cpu,1,furlong\n2026-01-01T04:00Z,a,cpu,inf,cores\n"
    )
    (tmp_path / "headroom.toml").write_text('[source.m]\nkind = "files"\npaths = ["m.csv"]\n')
    done = headroom(tmp_path, "ingest")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[1:6] == ["6", "1", "0", "0", "5"]
    assert "5 rows were not loaded" in done.stderr
    reasons = headroom(tmp_path, "status").stdout
    for reason in ("is not an ISO 8601 time", "furlong", "negative", "NaN", "infinite"):
        assert reason in reasons


def test_one_bad_source_does_not_stop_the_other(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("ts,resource,metric,value,unit\n2026-01-01T00:00Z,a,cpu,1,cores\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 cut short")
    (tmp_path / "headroom.toml").write_text(
        '[source.bad]\nkind = "files"\npaths = ["bad.parquet"]\n'
        '[source.good]\nkind = "files"\npaths = ["good.csv"]\n'
    )
    done = headroom(tmp_path, "ingest")
    assert done.returncode == 1
    assert "bad.parquet" in done.stderr
    assert done.stdout.splitlines()[-1].split()[:3] == ["good", "1", "1"]


def test_the_dashboard_starts_answers_and_stops_on_interrupt(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "headroom", "serve", "--port", "0"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Headroom is at http://127.0.0.1:"), line
        address = line.split()[3]
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
    time.sleep(0.1)
    with pytest.raises(OSError):
        urllib.request.urlopen(address, timeout=2)
