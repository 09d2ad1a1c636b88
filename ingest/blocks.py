"""Text files as blocks of whole lines, whatever their size, compression and encoding.

A block is bounded, and so is a line: what is longer is skipped and reported, so that neither a huge file nor
a file without line ends fills the memory.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import pyarrow as pa

from data.errors import SourceError
from ingest.distant import Distant, Place, failure

BLOCK_BYTES = 16 * 2**20
"""Read at a time. Larger is not faster, and a frame of strings takes about eight times its text."""

LINE_LIMIT = 2**20
"""Bytes a line may have unless the settings say otherwise."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""In this order: the mark of UTF-32-LE starts with the one of UTF-16-LE."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of UTF-8 (of a file in UTF-8, as they are), or one line that is too long."""

    text: bytes
    """Ends in a line feed. Of a line that is too long, its beginning."""
    first_line: int
    """1 is the first line of the file."""
    lines: int
    """How many there are."""
    too_long: bool = False
    """The line exceeds the limit; `text` is where it starts."""


@contextmanager
def opened(path: Place) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked where its name ends in .gz or .zst.

    Raises:
        SourceError: if it cannot be opened.
    """
    try:
        raw = path.open() if isinstance(path, Distant) else path.open("rb")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    with raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast(BinaryIO, unpacked)
        elif path.suffix == ".zst":
            with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield raw


def blocks(
    path: Place,
    *,
    encoding: str = "utf-8",
    line_limit: int = LINE_LIMIT,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """Cuts the file at line ends (LF or CRLF; CR alone when the first block has no LF).

    Raises:
        SourceError: if it is empty, cannot be read or unpacked, or is not in that encoding.
    """
    with opened(path) as stream:
        yield from _cut(_decoded(stream, path, encoding, block_bytes), path, line_limit)


def _chunks(stream: BinaryIO, path: Place, size: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = stream.read(size)
        except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
            if isinstance(path, Distant) and type(error) is OSError:
                raise failure(str(path), error) from error
            packed = path.suffix in (".gz", ".zst")
            what = "cannot be unpacked; is it truncated or not compressed?" if packed else "cannot be read:"
            raise SourceError(f"{path}: {what} ({error})") from error
        if not chunk:
            return
        yield bytes(chunk)


def _decoded(stream: BinaryIO, path: Place, encoding: str, size: int) -> Iterator[bytes]:
    """The file in UTF-8 without byte order mark. A file said to be in UTF-8 is not checked here."""
    chunks = _chunks(stream, path, size)
    first = next(chunks, b"")
    if not first.strip():
        rest = next(chunks, b"") if first else b""
        if not rest:
            raise SourceError(f"{path}: is empty")
        first += rest
    for mark, marked in _BOMS:
        if first.startswith(mark):
            first, encoding = first[len(mark) :], marked
            break
    if codecs.lookup(encoding).name in ("utf-8", "ascii"):
        yield first
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        yield decoder.decode(first).encode()
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise SourceError(f"{path}: is not in the encoding {encoding!r}: {error}") from error


def _cut(chunks: Iterator[bytes], path: Place, line_limit: int) -> Iterator[Block]:
    line = 1
    carried = io.BytesIO()  # an unfinished line, at most line_limit long
    skipping = False
    only_cr: bool | None = None
    for chunk in chunks:
        if only_cr is None and chunk:
            only_cr = b"\n" not in chunk and b"\r" in chunk.rstrip(b"\r")
        if only_cr:
            chunk = chunk.replace(b"\r", b"\n")
        if skipping:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            chunk, skipping = chunk[end + 1 :], False
            line += 1
        end = chunk.rfind(b"\n") + 1
        if end:
            text = b"".join((carried.getvalue(), memoryview(chunk)[:end]))  # copied once
            carried = io.BytesIO()
            count = text.count(b"\n")
            yield from _bounded(text, line, count, line_limit)
            line += count
        carried.write(chunk[end:])
        if carried.tell() > line_limit:
            yield Block(carried.getvalue()[:1_000], line, 1, too_long=True)
            carried, skipping = io.BytesIO(), True
    rest = carried.getvalue()
    if rest:
        yield from _bounded(rest + b"\n", line, 1, line_limit)


def _bounded(text: bytes, first_line: int, lines: int, limit: int) -> Iterator[Block]:
    """The block, cut around lines that are longer than the limit."""
    # Every stretch of `limit` bytes without a line end holds a line that is too long: hop from end to end.
    start, line, position = 0, first_line, 0
    while position < len(text):
        hop = text.rfind(b"\n", position, position + limit + 1) + 1
        if hop:
            position = hop
            continue
        if position > start:
            before = text.count(b"\n", start, position)
            yield Block(text[start:position], line, before)
            line += before
        yield Block(text[position : position + 1_000], line, 1, too_long=True)
        line += 1
        start = position = text.index(b"\n", position) + 1
    if start < len(text):
        yield Block(text[start:] if start else text, line, lines - (line - first_line))
