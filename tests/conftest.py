"""What many tests share: real traces, and the sample fleet worked through once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import polars as pl
import pytest

# Nothing here is timed: a busy machine is no fault of the program.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# One BLAS thread per process, before numpy is imported: as the program does, and bytes compare only then.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

if TYPE_CHECKING:
    from data.snapshot import Snapshot
    from headroom.settings import Settings

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
"""Real traces for tests; not part of the project, so tests that need them skip where they are absent."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"no real traces beside the repository ({SHARED.parent.name}/{SHARED.name})")
    return SHARED


@pytest.fixture(scope="session")
def demo_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The whole sample fleet, worked through once. Put its users in the xdist group `demo`."""
    from headroom.demo import prepare

    return prepare(tmp_path_factory.mktemp("fleet") / "demo")


@pytest.fixture(scope="session")
def demo_snapshot(demo_settings: Settings) -> tuple[Snapshot, pl.DataFrame]:
    """The published sample fleet and its planted truths."""
    from data.snapshot import Snapshot

    return Snapshot.open(demo_settings.published), pl.read_parquet(demo_settings.root / "truths.parquet")
