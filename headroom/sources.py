"""Builds the configured sources: `kind` picks one from the table, the other keys are its fields."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from data.errors import ConfigError, UnknownName
from headroom.settings import Settings
from ingest.from_table import from_table, instead
from ingest.registry import SOURCES
from ingest.source import Source

PUSHED = "landing"
"""Kind and name of the source that loads what was pushed."""


def build(name: str, table: Mapping[str, Any], root: Path) -> Source:
    """Builds the source `name` from its settings table; relative paths in it start at `root`.

    Raises:
        ConfigError: the kind, or one of its settings, does not exist or cannot be.
    """
    fields = dict(table)
    kind = str(fields.pop("kind", ""))
    if kind not in SOURCES:
        raise ConfigError(f"[source.{name}]: no kind {kind!r}{instead(kind, SOURCES)}")
    factory = cast("Any", SOURCES[kind])
    try:
        if hasattr(factory, "from_table"):
            return cast("Source", factory.from_table(fields, root))
        return cast("Source", from_table(factory, fields, kind))
    except ConfigError as error:
        raise ConfigError(f"[source.{name}]: {error}") from error


def configured(settings: Settings, only: str | None = None) -> dict[str, Source]:
    """Every configured source by name, or the one asked for.

    Raises:
        ConfigError: a source is configured wrongly.
        UnknownName: `only` names no source.
    """
    tables = tables_of(settings)
    if only is not None and only not in tables:
        raise UnknownName("source", only, tables)
    return {name: build(name, table, settings.root) for name, table in tables.items() if only in (None, name)}


def tables_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """The settings tables of all sources: those configured, and what was pushed, if anything ever was."""
    tables = dict(settings.source)
    landing = settings.folder / "landing"
    pushed = any(table.get("kind") == PUSHED for table in tables.values())
    if landing.is_dir() and not pushed and PUSHED not in tables:
        tables[PUSHED] = {"kind": PUSHED, "folder": str(landing.absolute())}
    return tables
