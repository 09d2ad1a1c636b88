"""Builds a part from its TOML table: the keys are its fields, nested tables its nested parts."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from data.errors import ConfigError

Part = TypeVar("Part")


def from_table(part: type[Part], table: Mapping[str, object], where: str = "") -> Part:
    """Builds the dataclass that the table describes.

    Args:
        where: name of the table in errors; "" = the caller says it.

    Raises:
        ConfigError: if a setting does not exist, is missing or has the wrong type; says what would be right.
    """
    hints = typing.get_type_hints(part)
    every = dataclasses.fields(part)  # type: ignore[arg-type]
    fields = {one.name: one for one in every if one.metadata.get("setting", True)}
    settings: dict[str, object] = {}
    of_table = f"{where}: " if where else ""
    within = f"{where}." if where else ""
    for name, value in table.items():
        if name not in fields:
            raise ConfigError(f"{of_table}no setting {name!r}{instead(name, fields)}")
        settings[name] = _typed(hints[name], value, f"{within}{name}")
    for name, one in fields.items():
        needed = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if needed and name not in settings:
            raise ConfigError(f"{of_table}the setting {name!r} is missing")
    try:
        return part(**settings)
    except ConfigError as error:
        raise ConfigError(f"{of_table}{error}") from error


def instead(wrong: str, right: typing.Iterable[str]) -> str:
    """The end of an error about a name: what was probably meant, or what there is."""
    names = sorted(right)
    near = difflib.get_close_matches(wrong, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"


def _typed(hint: Any, value: object, where: str) -> object:
    """The value as the field's type wants it."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        errors = []
        for one in inner:
            if one is type(None):
                continue
            try:
                return _typed(one, value, where)
            except ConfigError as error:
                errors.append(error)
        raise errors[0]
    if origin is tuple:
        items = [value] if isinstance(value, str | dict) else value
        if not isinstance(items, list | tuple):
            raise ConfigError(f"{where}: expected a list, got {value!r}")
        return tuple(_typed(inner[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a table, got {value!r}")
        return {str(key): _typed(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        if isinstance(value, hint):  # type: ignore[arg-type]
            return value
        if isinstance(value, str) and "column" in {one.name for one in dataclasses.fields(hint)}:
            value = {"column": value}
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a table, got {value!r}")
        return from_table(typing.cast("type[Any]", hint), value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        expected = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
        raise ConfigError(f"{where}: expected {expected.get(hint, hint.__name__)}, got {value!r}")
    return value
