"""Bills, health and compact from the command line, on real and synthetic FOCUS files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.store import Store
from tests.integration.command_line import headroom

HEAD = "ts,resource,metric,value,unit\n"


@pytest.mark.parametrize("command", ["compact", "health", "export-focus", "ingest"])
def test_every_command_explains_itself_with_an_example(command: str, tmp_path: Path) -> None:
    done = headroom(tmp_path, command, "--help")
    assert done.returncode == 0 and "Example:" in done.stdout


def test_bills_are_loaded_exactly_once_and_shown(tmp_path: Path, shared_data: Path) -> None:
    (tmp_path / "bad.csv").write_text("BilledCost,BillingCurrency\n")
    bills = shared_data / "raw" / "focus"
    (tmp_path / "headroom.toml").write_text(
        f'[bills.cloud]\npaths = ["{bills}/*.csv"]\n[bills.broken]\npaths = ["bad.csv"]\n'
    )
    for before in ("0", "1,214"):
        done = headroom(tmp_path, "ingest", "cloud")
        assert done.returncode == 0, done.stderr
        row = done.stdout.splitlines()[1].split()
        assert row[:6] == ["cloud", "4", "1,214", "1,214", before, "0"]
        assert "BillingPeriodEnd: time without zone, read as UTC (1,000 rows" in done.stdout
    with Store.open_readonly(tmp_path / "var" / "headroom.duckdb") as store:
        files = store.frame("bills_files")
        months = store.frame("bills_by_service")
        assert files["charges"].sum() == months["charges"].sum() == 1_214
        assert files["billed_cost"].sum() == months["billed_cost"].sum()
    assert "1,214 charges of 4 files; bill against computed cost" in headroom(tmp_path, "status").stdout
    broken = headroom(tmp_path, "ingest")
    assert broken.returncode == 1
    assert "broken: " in broken.stderr and "no column 'ChargePeriodStart'" in broken.stderr


def test_settings_of_bills_are_checked_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "headroom.toml").write_text('[bills.cloud]\npath = "x.csv"\n')
    done = headroom(tmp_path, "ingest")
    assert done.returncode == 2
    assert "headroom: [bills.cloud]: no setting 'path'; did you mean 'paths'?" in done.stderr


def test_health_tells_silent_from_reporting_and_compact_keeps_rollups(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = [
        f"{(now - timedelta(hours=hour)):%Y-%m-%dT%H:%M:%SZ},{name},cpu,1,cores"
        for name, newest in (("steady", 1), ("gone", 72))
        for hour in range(newest, 24 * 20)
        if not (name == "steady" and 100 <= hour < 110)
    ]
    (tmp_path / "m.csv").write_text(HEAD + "\n".join(rows) + "\n")
    (tmp_path / "headroom.toml").write_text(
        '[store]\nkeep_samples_days = 5\n[source.files]\nkind = "files"\npaths = ["m.csv"]\n'
    )
    assert headroom(tmp_path, "ingest").returncode == 0
    told = json.loads(headroom(tmp_path, "health", "--json").stdout)
    states = {
        row["resource"]: (row["state"], row["gaps"], row["longest_gap_hours"]) for row in told["resources"]
    }
    assert states == {"steady": ("reporting", 1, 10), "gone": ("silent", 0, 0)}
    assert told["series"] == {"never": 0, "silent": 1, "late": 0, "reporting": 1}
    assert told["sources"][0]["source"] == "files" and told["sources"][0]["rows_loaded"] == len(rows)
    shown = headroom(tmp_path, "health").stdout
    assert "gone" in shown and "silent" in shown

    done = headroom(tmp_path, "compact")
    assert done.returncode == 0 and "removed " in done.stdout, done.stderr
    with Store.open_readonly(tmp_path / "var" / "headroom.duckdb") as store:
        hours = store.frame("rollups_of_hour").height
        kept = store.frame("status_counts")["samples"][0]
    assert hours == len(rows) and 0 < kept < len(rows)
    headroom(tmp_path, "ingest")
    with Store.open_readonly(tmp_path / "var" / "headroom.duckdb") as store:
        assert store.frame("rollups_of_hour").height == hours
        assert store.frame("status_counts")["samples"][0] == kept
