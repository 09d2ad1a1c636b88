"""Builds the configured sources: `kind` picks one from the table, the other keys are its fields."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from typing import Any

from data.errors import ConfigError, UnknownName
from headroom.settings import Settings
from ingest.registry import SOURCES
from ingest.source import Source


def build(name: str, table: Mapping[str, Any]) -> Source:
    """Builds the source `name` from its settings table.

    Raises:
        ConfigError: the kind, or one of its settings, does not exist or cannot be.
    """
    where = f"[source.{name}]"
    fields = dict(table)
    kind = str(fields.pop("kind", ""))
    if kind not in SOURCES:
        near = difflib.get_close_matches(kind, SOURCES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(SOURCES))}"
        raise ConfigError(f"{where}: no kind {kind!r}; {hint}")
    factory = SOURCES[kind]
    from_table: Callable[[Mapping[str, Any]], Source] | None = getattr(factory, "from_table", None)
    try:
        if from_table is not None:
            return from_table(fields)
        known = [field.name for field in dataclasses.fields(factory)]  # type: ignore[arg-type]
        for field in fields:
            if field not in known:
                near = difflib.get_close_matches(field, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                raise ConfigError(f"{kind} has no setting {field!r}; {hint}")
        return factory(**fields)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def configured(settings: Settings, only: str | None = None) -> dict[str, Source]:
    """Every configured source by name, or the one asked for.

    Raises:
        ConfigError: a source is configured wrongly.
        UnknownName: `only` names no source.
    """
    if only is not None and only not in settings.source:
        raise UnknownName("source", only, settings.source)
    return {name: build(name, table) for name, table in settings.source.items() if only in (None, name)}
