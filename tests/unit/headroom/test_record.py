"""What a step leaves behind in `runs` when it ends early."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.store import Store
from headroom.jobs.run import Run
from headroom.settings import Settings
from tests.store_frames import NOW


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (RuntimeError("Query interrupted"), "interrupted"),
        (ValueError("first line\nsecond"), "first line"),
        (ZeroDivisionError(), "ZeroDivisionError"),
    ],
)
def test_a_step_that_ends_early_says_why(error: BaseException, message: str, tmp_path: Path) -> None:
    with Store.open(tmp_path / "headroom.duckdb") as store:
        run = Run(Settings(), store, NOW, "run-1")
        with pytest.raises(type(error)), run.record("forecast"):
            raise error
        row = store.frame("status_runs", count=1).row(0, named=True)
    assert (row["outcome"], row["message"]) == ("failed", message)
