"""Application state on PostgreSQL: a private cluster on loopback keeps all that SQLite keeps."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sql

from data.app_state import VERSION, AppState, SavedScenario
from data.choice import Choice, Verdict
from data.errors import StoreUnavailable, UnknownName
from headroom.settings import load
from tests.peers.servers import free_port

pytest.importorskip("psycopg", reason="needs psycopg, the extra `postgres`")

pytestmark = [pytest.mark.peer, pytest.mark.xdist_group("postgres")]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def programs() -> Path:
    """Folder of the newest server's programs; skips where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: float(one.parts[4]))
    if found:
        return found[-1].parent
    named = shutil.which("initdb")
    if named is None:
        pytest.skip("needs a PostgreSQL server, the package `postgresql`")
    return Path(named).parent


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A cluster of its own in a temporary folder; its address without a database."""
    folder = programs()
    # The server refuses to run as root, and nobody else may enter the folders pytest makes for root.
    before: list[str] = []
    home = Path(tempfile.mkdtemp(prefix="headroom-pg-"))
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            home.rmdir()
            pytest.skip("the server refuses to run as root and there is no user `postgres`")
        os.chown(home, user.pw_uid, user.pw_gid)
        before = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    port = free_port()
    data, log = home / "data", home / "log"
    options = f"-h 127.0.0.1 -p {port} -k {home} -c fsync=off"
    try:
        _ran([*before, folder / "initdb", "-D", data, "-U", "headroom", "-A", "trust", "--no-sync"])
        _ran([*before, folder / "pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "-o", options, "start"])
        try:
            yield f"postgresql://headroom@127.0.0.1:{port}"
        finally:
            _ran([*before, folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(home)


def _ran(words: list[object]) -> None:
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd="/", timeout=90, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database for one test."""
    name = f"of_{abs(hash(request.node.name))}"
    engine = sql.create_engine(
        f"{server.replace('postgresql', 'postgresql+psycopg')}/postgres", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(sql.text(f"CREATE DATABASE {name}"))
    yield f"{server}/{name}"
    engine.dispose()


def choice(resource: str, verdict: Verdict = Verdict.ACCEPT, **more: object) -> Choice:
    return Choice(resource, verdict, "resize_type", NOON, **more)  # type: ignore[arg-type]


def test_what_was_decided_comes_back_as_it_was(url: str) -> None:
    whole = choice(
        "web-1'; DROP TABLE choices; --",
        Verdict.DEFER,
        by="ada",
        reason="ünder way, 5 % — 'quoted'",
        until=date(2027, 1, 15),
        run_id="20261120-1200",
        from_type="m6i.2xlarge",
        to_type="m6i.large",
        from_size="8 cores, 32 GiB",
        to_size="2 cores, 8 GiB",
        targets={"cpu": 2.0, "memory": 8.0},
        cost_now=Decimal("312.44"),
        cost_then=Decimal("78.11"),
        currency="EUR",
        breach_now=0.0,
        breach_then=0.0125,
    )
    with closing(AppState(url)) as state:
        state.choose(whole)
        state.choose(choice("web-2"))
        state.choose(choice("web-2", Verdict.WITHDRAW))
    with closing(AppState(url)) as again:
        assert again.choices() == {whole.resource: whole}
        assert [one.verdict for one in again.history("web-2")] == [Verdict.WITHDRAW, Verdict.ACCEPT]
        assert again.history()[-1] == whole


def test_scenarios_are_saved_replaced_and_removed(url: str) -> None:
    with closing(AppState(url)) as state:
        state.save_scenario(SavedScenario("twice", {"events": [{"factor": 2}]}, NOON, "ada"))
        state.save_scenario(SavedScenario("twice", {"events": [{"factor": 2.5}]}, NOON))
        state.save_scenario(SavedScenario("Loss", {"events": []}, NOON))
        assert {one.name for one in state.scenarios()} == {"Loss", "twice"}
        assert state.scenario("twice").document == {"events": [{"factor": 2.5}]}
        state.remove_scenario("twice")
        with pytest.raises(UnknownName, match="unknown scenario 'twice'"):
            state.remove_scenario("twice")


WRITER = """
import sys
from datetime import UTC, datetime
from data.app_state import AppState, SavedScenario
from data.choice import Choice, Verdict
state = AppState(sys.argv[1])
for i in range(20):
    state.choose(Choice(f"{sys.argv[2]}-{i}", Verdict.ACCEPT, "stop", datetime.now(UTC)))
    state.save_scenario(SavedScenario("shared", {"by": sys.argv[2], "turn": i}, datetime.now(UTC)))
"""


def test_processes_that_start_and_write_at_once_lose_nothing(url: str) -> None:
    root = Path(__file__).parents[2]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, name],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        for name in "abcde"
    ]
    assert [writer.wait(90) for writer in writers] == [0] * 5
    with closing(AppState(url)) as state:
        assert len(state.choices()) == 100
        assert [one.name for one in state.scenarios()] == ["shared"]


def test_a_newer_schema_a_wrong_database_and_a_dead_server_are_one_line(url: str, server: str) -> None:
    with closing(AppState(url)) as state:
        state.choices()
    engine = sql.create_engine(url.replace("postgresql", "postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sql.text(f"UPDATE schema_version SET version = {VERSION + 1}"))
    engine.dispose()
    with pytest.raises(StoreUnavailable, match="newer program"):
        AppState(url).choices()
    with pytest.raises(StoreUnavailable, match="nowhere") as told:
        AppState(f"{server.replace('headroom@', 'headroom:secret@')}/nowhere").choices()
    assert "secret" not in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(StoreUnavailable, match="cannot open"):
        AppState(f"postgresql://headroom@127.0.0.1:{free_port()}/app").choices()


def test_a_connection_that_was_cut_is_made_again(url: str) -> None:
    """A restart of the database costs no dashboard process its state."""
    with closing(AppState(url)) as state:
        state.choose(choice("web-1"))
        engine = sql.create_engine(url.replace("postgresql", "postgresql+psycopg"))
        with engine.begin() as connection:
            connection.execute(
                sql.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )
        engine.dispose()
        assert list(state.choices()) == ["web-1"]


def test_the_settings_name_the_database(url: str, tmp_path: Path) -> None:
    file = tmp_path / "headroom.toml"
    file.write_text(f'[store]\napp_state = "{url}"\n', encoding="utf-8")
    settings = load(file, environ={})
    with closing(AppState(settings.app_state_url)) as state:
        state.choose(choice("web-1"))
        assert list(state.choices()) == ["web-1"]
    assert not list(tmp_path.glob("**/*.sqlite"))
