"""`headroom sources check`: it connects, reads the newest intervals and says what it found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from typer.testing import CliRunner

from headroom.cli import cli
from headroom.jobs.check import check
from headroom.settings import Settings, load
from ingest.landing import Kind, Landing
from tests.peers.servers import free_port
from tests.standin import Asked, Reply, standing_in
from tests.unit.ingest.payloads import START, node_scrape

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def settings(folder: Path, text: str) -> Settings:
    (folder / "headroom.toml").write_text(text)
    return load(folder / "headroom.toml", {})


def test_a_server_that_does_not_answer_does_not_work(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    chosen = settings(tmp_path, f'[source.dead]\nkind = "prometheus"\nurl = "{url}"\nattempts = 1\n')
    (found,) = check(chosen, "dead", NOW)
    assert not found.works and "cannot be reached" in str(found.error)
    shown = CliRunner().invoke(
        cli, ["sources", "check", "dead", "--settings", str(tmp_path / "headroom.toml")]
    )
    assert shown.exit_code == 1 and "dead: does not work: " in shown.output


def test_a_server_is_asked_for_its_newest_intervals(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        form = parse_qs(asked.body.decode())
        labels = {"instance": "web-1:9100"}
        if asked.path.endswith("/query"):
            series = {"metric": labels, "value": [NOW.timestamp(), "1"]}
            return Reply(200, {"status": "success", "data": {"resultType": "vector", "result": [series]}})
        first, last, step = (int(form[name][0]) for name in ("start", "end", "step"))
        points = [[at, "1.5"] for at in range(first, last + 1, step)]
        series = {"metric": labels, "values": points}
        return Reply(200, {"status": "success", "data": {"resultType": "matrix", "result": [series]}})

    with standing_in(answer) as (url, _):
        query = '[[source.all.queries]]\nmetric = "cpu"\nunit = "cores"\ndemand = "x"\ncapacity = "y"\n'
        text = f'[source.all]\nkind = "prometheus"\nurl = "{url}"\npresets = []\n{query}'
        (found,) = check(settings(tmp_path, text), "all", NOW)
    assert found.works and found.kinds == {"server": 1}
    assert (found.usable, found.resources, found.metrics) == (3, {"web-1"}, {"cpu"})
    assert found.newest is not None and NOW - found.newest < timedelta(minutes=11)


def test_rows_that_cannot_be_used_are_counted_by_reason(tmp_path: Path) -> None:
    rows = "".join(f"2024-05-01T{hour:02}:00:00Z,a,cpu,40,%\n" for hour in range(24))
    (tmp_path / "m.csv").write_text(f"ts,resource,metric,value,unit\n{rows}")
    files = '[source.files]\nkind = "files"\npaths = ["m.csv"]\n'
    chosen = settings(tmp_path, files)
    (found,) = check(chosen, "files", NOW)
    assert not found.works
    assert found.reasons == {"% of an unknown capacity: the inventory states no cpu of a": 24}
    (tmp_path / "sizes.csv").write_text("resource,metric,capacity\na,cpu,8\n")
    (found,) = check(settings(tmp_path, f'{files}[inventory]\ncapacities = ["sizes.csv"]\n'), "files", NOW)
    assert found.works and (found.usable, found.reasons) == (24, {})


def test_looking_at_what_was_pushed_takes_nothing_away(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "")
    with Landing(tmp_path / "var" / "landing", 2**30) as landing:
        for at in range(0, 601, 60):
            landing.append(Kind.REMOTE_WRITE, node_scrape(at), START + timedelta(hours=1))
    for _ in range(2):
        (found,) = check(chosen, "landing", NOW)
        assert found.works and found.resources == {"web-1"} and found.kinds == {"server": 1}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_shows_only_what_it_can_know(tmp_path: Path, dry_run: bool) -> None:
    (tmp_path / "m.csv").write_text("ts,resource,metric,value,unit\n2024-05-01T00:00:00Z,a,cpu,-1,cores\n")
    settings(tmp_path, '[source.files]\nkind = "files"\npaths = ["m.csv"]\n')
    command = ["ingest", "--settings", str(tmp_path / "headroom.toml"), *(["--dry-run"] if dry_run else [])]
    shown = CliRunner().invoke(cli, command)
    assert ("would load" in shown.output) is dry_run
    assert ("replaced" in shown.output) is not dry_run
    assert ("files: would reject 1: value -1.0 is negative" in shown.output) is dry_run
    assert ("files: 1 rows were not loaded" in shown.output) is not dry_run
