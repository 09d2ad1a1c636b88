"""Texts that are not one row per line: transposed tables and columns of fixed width."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from data.errors import SourceError
from ingest.blocks import blocks
from ingest.delimited import Delimited, distinct, fields_of
from ingest.distant import Place
from ingest.pieces import LINE, Piece, no_rows, rejections

LARGEST = 128 * 2**20
"""Bytes of a transposed file, which can only be read whole."""

_NAME = re.compile(r"\S+(?: \S+)*")
"""A name in a header of fixed width: words with single blanks between them."""


def read_transposed(path: Place, how: Delimited) -> Iterator[Piece]:
    """Yields a table whose lines are its columns; with `header` the first field of each line is its name.

    LINE counts the fields of a line.

    Raises:
        SourceError: if lines have different lengths, or the file is too large to be turned.
    """
    names: list[str] = []
    columns: list[list[str]] = []
    size = 0
    for block in blocks(path, encoding=how.encoding, line_limit=max(how.line_limit, LARGEST)):
        size += len(block.text)
        if block.too_long or size > LARGEST:
            raise SourceError(f"{path}: is larger than {LARGEST // 2**20} MiB and transposed; turn it before")
        for raw in block.text.decode("utf-8", "replace").split("\n"):
            line = raw.strip("\r")
            if not line.strip() or (how.skip_matching and re.search(how.skip_matching, line)):
                continue
            found = [one.strip() for one in fields_of(line, how)]
            names.append(found[0] if how.header else f"column_{len(columns) + 1}")
            columns.append(found[1:] if how.header else found)
    lengths = {len(column) for column in columns}
    if not columns or lengths == {0}:
        raise SourceError(f"{path}: has no rows")
    if len(lengths) > 1:
        raise SourceError(
            f"{path}: its lines have different lengths: {', '.join(map(str, sorted(lengths)[:5]))}"
        )
    if how.columns:
        if len(how.columns) != len(columns):
            raise SourceError(
                f"{path}: has {len(columns)} lines, but the settings name {len(how.columns)} columns"
            )
        names = list(how.columns)
    table = pl.DataFrame(dict(zip(distinct(names), columns, strict=True)))
    table = table.with_columns(pl.when(pl.all() != "").then(pl.all()).name.keep())
    yield Piece(table.with_columns(pl.int_range(1, table.height + 1, dtype=pl.Int64).alias(LINE)))


def read_fixed_width(path: Place, how: Delimited, starts: tuple[int, ...]) -> Iterator[Piece]:
    """Yields the rows of a listing in columns.

    Args:
        starts: where the columns start, from 0; () = where the header's names start.

    Raises:
        SourceError: if there is no header to tell the columns by.
    """
    names = list(how.columns)
    pending = how.header
    yielded = False
    for block in blocks(path, encoding=how.encoding, line_limit=how.line_limit):
        if block.too_long:
            reason = f"line is longer than {how.line_limit:,} bytes"
            bad = [(block.first_line, reason, block.text.decode("utf-8", "replace"))]
            yield Piece(pl.DataFrame(), rejections(str(path), list(bad)))
            continue
        texts = block.text.decode("utf-8", "replace").split("\n")[:-1]
        lines = pl.DataFrame({"text": texts}, schema={"text": pl.String}).with_columns(
            pl.col("text").str.strip_suffix("\r"),
            pl.int_range(block.first_line, block.first_line + len(texts), dtype=pl.Int64).alias(LINE),
        )
        lines = lines.filter((pl.col("text").str.strip_chars() != "") & (pl.col(LINE) > how.skip_lines))
        if how.skip_matching:
            lines = lines.filter(~pl.col("text").str.contains(how.skip_matching))
        if pending and lines.height:
            head = str(lines["text"][0])
            starts = starts or tuple(found.start() for found in _NAME.finditer(head))
            cut = [head[start:end].strip() for start, end in _spans(starts)]
            names = names or distinct(cut)
            lines, pending = lines[1:], False
        if not lines.height:
            continue
        names = names or [f"column_{i}" for i in range(1, len(starts) + 1)]
        if len(names) != len(starts):
            raise SourceError(
                f"{path}: {len(starts)} columns are found but {len(names)} named; set field_starts"
            )
        yield _sliced(lines, names, starts, str(path))
        yielded = True
    if pending or not names:
        raise SourceError(f"{path}: has no header line")
    if not yielded:  # so that the header is looked at
        yield Piece(no_rows(names))


def _spans(starts: tuple[int, ...]) -> list[tuple[int, int | None]]:
    return list(zip(starts, (*starts[1:], None), strict=True))


def _sliced(lines: pl.DataFrame, names: list[str], starts: tuple[int, ...], origin: str) -> Piece:
    text = pl.col("text")
    overflow = pl.any_horizontal(
        [~text.str.slice(start - 1, 1).is_in(["", " ", "\t"]) for start in starts if start > 0]
        or [pl.lit(False)]
    )
    wrong = lines.select(overflow.alias("wrong"))["wrong"]
    bad = rejections(
        origin, [(line, "a field runs into the next column", raw) for raw, line in lines.filter(wrong).rows()]
    )
    cut = lines.filter(~wrong).select(
        *(
            text.str.slice(start, None if end is None else end - start).str.strip_chars().alias(name)
            for name, (start, end) in zip(names, _spans(starts), strict=True)
        ),
        LINE,
    )
    filled = pl.col(pl.String)
    return Piece(cut.with_columns(pl.when(filled != "").then(filled).name.keep()), bad)
