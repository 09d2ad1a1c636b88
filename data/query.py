"""Runs the questions in `data/sql`: one file each, named parameters, answers as frames with times in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from data.errors import UnknownName

FOLDER = Path(__file__).parent / "sql"


@cache
def text_of(query: str) -> tuple[str, frozenset[str]]:
    """The text of a query and the names of its parameters. Raises UnknownName."""
    file = FOLDER / f"{query}.sql"
    if not query.replace("_", "").isalnum() or not file.is_file():
        raise UnknownName("query", query, (f.stem for f in FOLDER.glob("*.sql")))
    text = file.read_text(encoding="utf-8")
    names: set[str] = set()
    for statement in duckdb.extract_statements(text):
        names |= statement.named_parameters
    return text, frozenset(names)


def run(connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object]) -> pl.DataFrame:
    """The answer to `data/sql/<query>.sql`. A parameter not given is NULL; an unknown one is an error."""
    text, names = text_of(query)
    unknown = parameters.keys() - names
    if unknown:
        raise UnknownName(f"parameter of {query}", sorted(unknown)[0], names)
    return frame_of(connection, text, {name: parameters.get(name) for name in names})


def frame_of(
    connection: duckdb.DuckDBPyConnection, text: str, parameters: Mapping[str, object] | None = None
) -> pl.DataFrame:
    """Runs a statement; TIMESTAMP columns come back as UTC."""
    values = {name: plain(value) for name, value in (parameters or {}).items()}
    relation: Any = connection.sql(text, params=values or None)
    frame: pl.DataFrame = relation.pl()
    return zoned(frame)


def row_of(
    connection: duckdb.DuckDBPyConnection, text: str, parameters: Mapping[str, object] | None = None
) -> tuple[Any, ...] | None:
    """The first row of a statement's answer.

    Fetches all of it: DuckDB 2 refuses other work on a connection whose answer was fetched only in part.
    """
    rows = connection.execute(text, dict(parameters or {})).fetchall()
    return rows[0] if rows else None


def plain(value: object) -> object:
    """A parameter as DuckDB takes it: times in UTC without zone, sequences as lists."""
    if isinstance(value, datetime):
        return naive(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (tuple, list, set, frozenset)):
        return [plain(item) for item in value]
    return value


def naive(moment: datetime) -> datetime:
    """UTC without its zone, as the TIMESTAMP columns hold it. Raises ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"a time needs a time zone: {moment.isoformat()}")
    return moment.astimezone(UTC).replace(tzinfo=None)


def zoned(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns of times without zone get UTC, in microseconds."""
    times = [
        name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime) and not dtype.time_zone
    ]
    return frame.with_columns(
        pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC") for name in times
    )


def unzoned(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns of times with a zone become UTC without zone, as the TIMESTAMP columns hold them."""
    times = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    return frame.with_columns(
        pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us"))
        if frame.schema[name].time_zone  # type: ignore[attr-defined]
        else pl.col(name).cast(pl.Datetime("us"))
        for name in times
    )
