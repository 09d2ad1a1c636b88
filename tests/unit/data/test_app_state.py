"""Application state: what was decided and saved survives, in order, for every process."""

from __future__ import annotations

import os
import sqlite3
import string
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.app_state import VERSION, AppState, SavedScenario
from data.choice import Choice, Verdict
from data.errors import StoreUnavailable, UnknownName

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def choice(resource: str, verdict: Verdict = Verdict.ACCEPT, **more: object) -> Choice:
    fields: dict[str, object] = {"reason": "licence"} if verdict is Verdict.DISMISS else {}
    if verdict is Verdict.DEFER:
        fields["until"] = date(2026, 12, 24)
    return Choice(resource, verdict, "resize_type", NOON, **(fields | more))  # type: ignore[arg-type]


def test_constructing_touches_nothing(tmp_path: Path) -> None:
    AppState.at(tmp_path / "app.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_the_last_choice_about_a_resource_counts_and_all_are_kept(tmp_path: Path) -> None:
    state = AppState.at(tmp_path / "app.sqlite")
    state.choose(choice("web-1"))
    state.choose(choice("web-2", Verdict.DEFER))
    state.choose(choice("web-1", Verdict.DISMISS))
    assert {name: one.verdict for name, one in state.choices().items()} == {
        "web-1": Verdict.DISMISS,
        "web-2": Verdict.DEFER,
    }
    assert [one.verdict for one in state.history("web-1")] == [Verdict.DISMISS, Verdict.ACCEPT]
    state.choose(choice("web-1", Verdict.WITHDRAW))
    assert list(state.choices()) == ["web-2"]
    assert len(state.history()) == 4
    state.close()
    assert list(AppState.at(tmp_path / "app.sqlite").choices()) == ["web-2"]


names = st.text(string.printable + "äß'\"; DROP TABLE choices; --", min_size=1, max_size=20)
money = st.none() | st.decimals(0, 10**9, places=2)


@given(
    resource=names,
    reason=names.filter(str.strip),
    until=st.none() | st.dates(),
    cost=money,
    share=st.none() | st.floats(0, 1),
    targets=st.dictionaries(st.sampled_from(["cpu", "memory"]), st.floats(0, 1e6)),
    hours=st.integers(-14, 14),
)
def test_a_choice_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    resource: str,
    reason: str,
    until: date | None,
    cost: Decimal | None,
    share: float | None,
    targets: dict[str, float],
    hours: int,
) -> None:
    state = AppState.at(tmp_path_factory.getbasetemp() / "same.sqlite")
    kept = Choice(
        resource,
        Verdict.DISMISS,
        "stop",
        NOON + timedelta(hours=hours),
        by="ada",
        reason=reason.strip(),
        until=until,
        run_id="r",
        targets=targets,
        cost_now=cost,
        breach_then=share,
    )
    state.choose(kept)
    assert state.choices()[resource] == kept
    state.close()


def test_dismissing_needs_a_reason_and_deferring_a_day() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Choice("web-1", Verdict.DISMISS, "stop", NOON, reason="  ")
    with pytest.raises(ValueError, match="needs a day"):
        Choice("web-1", Verdict.DEFER, "stop", NOON)
    with pytest.raises(ValueError, match="time zone"):
        Choice("web-1", Verdict.ACCEPT, "stop", NOON.replace(tzinfo=None))


def test_scenarios_are_saved_by_name_replaced_and_removed(tmp_path: Path) -> None:
    state = AppState.at(tmp_path / "app.sqlite")
    state.save_scenario(SavedScenario("twice", {"events": [{"factor": 2}]}, NOON, "ada"))
    state.save_scenario(SavedScenario("twice", {"events": [{"factor": 2.5}]}, NOON))
    state.save_scenario(SavedScenario("loss", {"events": []}, NOON))
    assert [one.name for one in state.scenarios()] == ["loss", "twice"]
    assert state.scenario("twice").document == {"events": [{"factor": 2.5}]}
    assert state.scenario("twice").saved_at == NOON
    state.remove_scenario("twice")
    with pytest.raises(UnknownName, match="unknown scenario 'twice'"):
        state.scenario("twice")
    with pytest.raises(UnknownName):
        state.remove_scenario("twice")


def test_a_newer_schema_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    state = AppState.at(tmp_path / "app.sqlite")
    state.choices()
    state.close()
    with sqlite3.connect(tmp_path / "app.sqlite") as connection:
        connection.execute("UPDATE schema_version SET version = ?", (VERSION + 1,))
    connection.close()
    with pytest.raises(StoreUnavailable, match="newer program"):
        AppState.at(tmp_path / "app.sqlite").choices()
    (tmp_path / "note.sqlite").write_text("this is no database " * 100)
    with pytest.raises(StoreUnavailable, match=r"note\.sqlite"):
        AppState.at(tmp_path / "note.sqlite").choices()
    with pytest.raises(StoreUnavailable, match="cannot open"):
        AppState.at(tmp_path / "nowhere" / "app.sqlite").choices()


def test_a_password_in_the_address_is_not_told() -> None:
    with pytest.raises(StoreUnavailable) as told:
        AppState("postgresql+nothing://ada:secret@127.0.0.1:1/app").choices()
    assert "secret" not in str(told.value)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from data.app_state import AppState
from data.choice import Choice, Verdict
state = AppState.at(Path(sys.argv[1]))
for i in range(25):
    state.choose(Choice(f"{sys.argv[2]}-{i}", Verdict.ACCEPT, "stop", datetime.now(UTC)))
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "app.sqlite"), name],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        for name in ("a", "b", "c", "d", "e")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0, 0]
    assert len(AppState.at(tmp_path / "app.sqlite").choices()) == 125
