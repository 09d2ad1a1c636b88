"""A saved reply of the Prometheus HTTP API (query or query_range) as a table: labels, timestamp, value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from data.errors import SourceError
from ingest.blocks import opened
from ingest.distant import Place
from ingest.pieces import LINE, Piece

LARGEST = 128 * 2**20
"""Bytes; a reply is one JSON text and is read whole."""
TIMESTAMP, VALUE = "timestamp", "value"


def read_reply(path: Place) -> Iterator[Piece]:
    """Yields one piece with a row per sample; LINE counts the samples.

    Raises:
        SourceError: if it is no such reply, or one of an error.
    """
    with opened(path) as stream:
        try:
            text = stream.read(LARGEST + 1)
        except (OSError, EOFError, ValueError) as error:
            raise SourceError(f"{path}: cannot be read: {error}") from error
    if len(text) > LARGEST:
        raise SourceError(f"{path}: is larger than {LARGEST // 2**20} MiB; ask for less at once")
    if not text.strip():
        raise SourceError(f"{path}: is empty")
    try:
        reply = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: is no JSON: {error}") from error
    rows = list(_samples(reply, path))
    names = dict.fromkeys(name for labels, _, _ in rows for name in labels)
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    for labels, _, _ in rows:
        for name, cells in columns.items():
            cells.append(labels.get(name))
    table = pl.DataFrame(
        {**columns, TIMESTAMP: [row[1] for row in rows], VALUE: [row[2] for row in rows]},
        schema={**dict.fromkeys((*names, TIMESTAMP, VALUE), pl.String())},
    )
    yield Piece(table.with_columns(pl.int_range(1, table.height + 1, dtype=pl.Int64).alias(LINE)))


def _samples(reply: Any, path: Place) -> Iterator[tuple[dict[str, str], str, str]]:
    if not isinstance(reply, dict):
        raise SourceError(f"{path}: is no reply of the Prometheus API")
    if reply.get("status") != "success":
        raise SourceError(
            f"{path}: the reply is an error: {str(reply.get('error', 'without a reason'))[:200]}"
        )
    data = reply.get("data")
    found = data.get("result") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise SourceError(f"{path}: the reply holds no series")
    for series in found:
        try:
            labels = {str(name): str(text) for name, text in series["metric"].items()}
            pairs = series["values"] if "values" in series else [series["value"]]
            for at, value in pairs:
                yield labels, str(at), str(value)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise SourceError(f"{path}: a series of the reply cannot be read: {error!r}") from error
