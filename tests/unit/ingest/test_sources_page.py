"""docs/sources.md: every kind has a section, and every TOML example builds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from headroom.settings import Settings
from headroom.sources import build
from ingest.registry import SOURCES

PAGE = (Path(__file__).parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_every_kind_has_a_section(kind: str) -> None:
    assert re.search(rf"^## {kind}\b", PAGE, re.MULTILINE)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_setting(text: str, tmp_path: Path) -> None:
    settings = Settings.model_validate(tomllib.loads(text))
    for name, table in settings.source.items():
        build(name, table, tmp_path)
