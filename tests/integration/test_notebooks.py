"""The notebooks run on a published run and say what the dashboard says."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.small_estate import publish_small_estate

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_small_estate(tmp_path_factory.mktemp("notebook"))


def loaded(file: Path) -> Any:
    """The notebook as a module."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_first_look_reads_the_findings_and_draws_the_most_urgent_forecast(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADROOM_PUBLISHED", str(published))
    _, names = loaded(ROOT / "notebooks" / "first_look.py").app.run()
    assert names["next_out"]["subject"].to_list() == ["orders-db-1", "link-fra-ams"]
    assert names["fan"].usable == 1800 and len(names["fan"].ahead) == 90
    assert "exhaustion" in [trace.name for trace in names["figure"].data]
    assert dict(names["findings"].select("status", "unused_cost").iter_rows())["idle"] == 160
    assert names["worth"]["resource"].to_list() == ["web-1", "web-2", "batch-1"]
    assert names["trust"]["coverage_80"].to_list() == [0.79] * names["trust"].height
    names["snapshot"].close()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_as_a_program(notebook: Path, published: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(notebook)],
        cwd=ROOT,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "HEADROOM_PUBLISHED": str(published)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr


def test_replay_scores_every_policy_and_draws_the_frontier(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADROOM_PUBLISHED", str(published))
    _, names = loaded(ROOT / "notebooks" / "replay.py").app.run()
    scores = names["scores"]
    assert set(scores["policy"]) == set(names["POLICIES"]) and scores["entity_windows"].min() > 0
    assert names["history"].slots // 24 - names["start_day"] == 14
    assert names["calibration"]["target_breach"].to_list() == [0.0025, 0.005, 0.01, 0.02]
    held = names["calibration"]["allocated"].to_list()
    assert held == sorted(held, reverse=True), "a tighter target never holds less"
    # Of 360 rules those that no other beats: with more hours too small, less is held.
    rules = names["rules"]
    assert 2 < rules.height < 360
    assert rules["breached_hours"].is_sorted() and rules["allocated"].is_sorted(descending=True)
    drawn = {trace.name for trace in names["figure"].data}
    assert drawn == {"marginal", "other policies", "best rule in hindsight"}
    names["snapshot"].close()
