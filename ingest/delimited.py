"""Separated text (CSV, TSV, spaces) into pieces: vectorised, with the line number of every row.

A row is a line. Line ends inside quotes do not occur in measurements and are rejected: so a stray quote costs
a line and not the rest of the file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from data.errors import SourceError
from ingest.blocks import Block, blocks
from ingest.distant import Place
from ingest.pieces import LINE, Piece, no_rows, rejections

WHITESPACE = "whitespace"
"""Separator that stands for any run of spaces and tabs."""

_NEVER = "\x1e"
"""The record separator: no line of text contains it, so that polars hands over whole lines."""


@dataclass(frozen=True, slots=True)
class Delimited:
    """How the text is cut into fields."""

    separator: str
    quote: str | None
    header: bool
    columns: tuple[str, ...]
    """Names given in the settings; () = from the header, or column_1, column_2 … without one."""
    skip_lines: int
    skip_matching: str | None
    """Regular expression: lines in which it is found are no rows."""
    encoding: str
    line_limit: int


def read_delimited(path: Place, how: Delimited) -> Iterator[Piece]:
    """Yields the rows of the file as strings, trimmed only where the separator is whitespace.

    Raises:
        SourceError: if the file is empty, has no header, or cannot be read.
    """
    origin = str(path)
    names = list(how.columns)
    header_found = not how.header
    first = 0
    for block in blocks(path, encoding=how.encoding, line_limit=how.line_limit):
        if block.too_long:
            reason = f"line is longer than {how.line_limit:,} bytes"
            raw = block.text.decode("utf-8", "replace")
            yield Piece(pl.DataFrame(), rejections(origin, [(block.first_line, reason, raw)]))
            continue
        text, line = _after(block, how.skip_lines)
        if not header_found:
            found, text, line = _header(text, line, how)
            if found is None:
                continue
            header_found = True
            names = names or found
        if not text:
            continue
        if not names:
            names = _invented(text, line, how)
            if not names:
                continue
        count = block.lines - (line - block.first_line)
        piece = _piece(text, line, count, names, how, origin)
        first = first or line
        yield replace(piece, first_line=first, text=text, text_line=line)
    if not header_found:
        raise SourceError(f"{path}: has no header line; set header = false if it never has one")
    if not names:
        raise SourceError(f"{path}: has no rows")
    if not first:  # so that the header is looked at
        yield Piece(no_rows(names))


def _after(block: Block, skip: int) -> tuple[bytes, int]:
    """The block without the file's first `skip` lines."""
    text, line = block.text, block.first_line
    while line <= skip and text:
        text = text[text.index(b"\n") + 1 :]
        line += 1
    return text, line


def _header(text: bytes, line: int, how: Delimited) -> tuple[list[str] | None, bytes, int]:
    """The names in the first line that is neither blank nor skipped; the text after it."""
    while text:
        end = text.index(b"\n") + 1
        head, text = text[:end].decode("utf-8", "replace").strip("\r\n"), text[end:]
        line += 1
        if not head.strip() or _skipped(head, how):
            continue
        return distinct([name.strip() for name in fields_of(head, how)]), text, line
    return None, text, line


def _invented(text: bytes, line: int, how: Delimited) -> list[str]:
    """Names for a file without header: as many as its first row has fields."""
    found, _, _ = _header(text, line, how)
    return [] if found is None else [f"column_{i}" for i in range(1, len(found) + 1)]


def distinct(names: list[str]) -> list[str]:
    """Names that occur again get their number: `size`, `size_2`."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return distinct


def _skipped(line: str, how: Delimited) -> bool:
    return how.skip_matching is not None and re.search(how.skip_matching, line) is not None


def fields_of(line: str, how: Delimited) -> list[str]:
    """The fields of one line; a broken quote is taken as text."""
    if how.separator == WHITESPACE:
        return line.split()
    if how.quote is None:
        return line.split(how.separator)
    try:
        return next(csv.reader([line], delimiter=how.separator, quotechar=how.quote), [])
    except csv.Error:
        return line.split(how.separator)


def _piece(text: bytes, line: int, count: int, names: list[str], how: Delimited, origin: str) -> Piece:
    if how.skip_matching is None and how.separator != WHITESPACE:
        rows = _whole(text, count, names, how)
        if rows is not None:
            return Piece(rows.with_columns(pl.int_range(line, line + count, dtype=pl.Int64).alias(LINE)))
    return _line_by_line(text, line, names, how, origin)


def _whole(text: bytes, count: int, names: list[str], how: Delimited) -> pl.DataFrame | None:
    """The block in one go; None unless every line is exactly one row of the right width."""
    quoted = how.quote is not None and how.quote.encode() in text
    try:
        rows = pl.read_csv(
            text,
            has_header=False,
            separator=how.separator,
            quote_char=how.quote if quoted else None,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if rows.height != count or rows.width != len(names):
        return None
    if rows[rows.columns[0]].null_count() and (
        rows.width == 1 or rows.filter(pl.all_horizontal(pl.all().is_null())).height
    ):
        return None  # there are blank lines
    if rows[rows.columns[-1]].null_count() and text.count(how.separator.encode()) != count * (len(names) - 1):
        return None  # a line may have too few fields: polars fills them up
    rows.columns = names
    return rows


def _line_by_line(text: bytes, line: int, names: list[str], how: Delimited, origin: str) -> Piece:
    """A block that is not plain: comments, blank or ragged lines, broken quotes, bytes that are no text."""
    lines = pl.DataFrame(
        {"text": text.decode("utf-8", "replace").split("\n")[:-1]}, schema={"text": pl.String}
    )
    lines = lines.with_columns(
        pl.col("text").str.strip_suffix("\r"),
        pl.int_range(line, line + lines.height, dtype=pl.Int64).alias(LINE),
    ).filter(pl.col("text").str.strip_chars() != "")
    if how.skip_matching is not None:
        lines = lines.filter(~pl.col("text").str.contains(how.skip_matching))
    bad: list[tuple[int | None, str, str | None]] = []
    broken = pl.col("text").str.contains("\ufffd", literal=True)
    for raw, number in lines.filter(broken).rows():
        bad.append((number, "line is not UTF-8; is the setting encoding right?", raw))
    lines = lines.filter(~broken)

    width = len(names)
    separator = how.separator
    if separator == WHITESPACE:
        separator = " "
        lines = lines.with_columns(pl.col("text").str.strip_chars().str.replace_all(r"\s+", " "))
    if how.quote is not None and how.quote.encode() in text and how.separator != WHITESPACE:
        rows = _quoted(lines, width, how, bad)
    else:
        fields = pl.col("text").str.count_matches(separator, literal=True) + 1
        lines = lines.with_columns(fields.alias("fields"))
        for raw, number, found in lines.filter(pl.col("fields") != width).rows():
            bad.append((number, _wrong_width(found, names), raw))
        lines = lines.filter(pl.col("fields") == width)
        cut = lines["text"].str.split_exact(separator, width - 1).struct.unnest()
        cut.columns = [f"field_{i}" for i in range(width)]
        rows = cut.with_columns(lines[LINE])
    rows.columns = [*names, LINE]
    # As polars reads it: nothing between two separators is absent.
    rows = rows.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)).name.keep())
    bad.sort(key=lambda row: row[0] or 0)
    return Piece(rows, rejections(origin, bad))


def _quoted(
    lines: pl.DataFrame, width: int, how: Delimited, bad: list[tuple[int | None, str, str | None]]
) -> pl.DataFrame:
    """Lines with quotes, one at a time; appends what is broken to `bad`."""
    rows: list[list[str | int]] = []
    for raw, number in lines.rows():
        try:
            fields = next(csv.reader([raw], delimiter=how.separator, quotechar=how.quote, strict=True), [])
        except csv.Error:
            bad.append((number, "quote is not closed on its line", raw))
            continue
        if len(fields) != width:
            bad.append((number, f"has {len(fields)} fields instead of {width}", raw))
            continue
        rows.append([*fields, number])
    schema = {**{f"field_{i}": pl.String for i in range(width)}, LINE: pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _wrong_width(found: int, names: list[str]) -> str:
    return f"has {found} fields instead of {len(names)}"
