from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.estate import Estate
from dashboard.view import View
from data.snapshot import Snapshot
from tests.small_estate import publish_small_estate

NOW = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the small estate published."""
    return publish_small_estate(tmp_path_factory.mktemp("small") / "published")


@pytest.fixture(scope="session")
def estate(small: Path) -> Iterator[Estate]:
    with Snapshot.open(small) as snapshot:
        yield Estate(snapshot)


@pytest.fixture
def view(estate: Estate) -> View:
    return View(estate, {}, NOW)
