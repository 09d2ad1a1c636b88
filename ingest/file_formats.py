"""Opens a file in the format its name or the settings say."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import polars as pl

from data.errors import ConfigError, SourceError
from ingest.blocks import LINE_LIMIT, blocks
from ingest.delimited import WHITESPACE, Delimited, read_delimited
from ingest.distant import Place, matching, place_of
from ingest.parquet import read_distant_parquet, read_parquet
from ingest.pieces import LINE, Piece, rejections
from ingest.prometheus_reply import read_reply
from ingest.whole_texts import read_fixed_width, read_transposed

FORMATS = ("auto", "csv", "tsv", "parquet", "ndjson", "prometheus")
_ENDINGS = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet", ".pq": "parquet",
    ".ndjson": "ndjson", ".jsonl": "ndjson",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """How files are opened and cut into rows."""

    kind: str = "auto"
    """One of FORMATS; auto goes by the ending, and reads what has no known ending as CSV."""
    separator: str = ""
    """Between fields: one character, or `whitespace` for any run of blanks; "" = comma, in TSV a tab."""
    quote: str = '"'
    """Around fields that contain the separator; "" = none."""
    header: bool = True
    columns: tuple[str, ...] = ()
    skip_lines: int = 0
    skip_matching: str = ""
    encoding: str = "utf-8"
    line_limit: int = LINE_LIMIT
    transposed: bool = False
    fixed_width: bool = False
    field_starts: tuple[int, ...] = ()
    storage: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.kind not in FORMATS:
            raise ConfigError(f"format: {self.kind!r} is none of {', '.join(FORMATS)}")
        if self.separator != WHITESPACE and len(self.separator.encode()) > 1:
            raise ConfigError(
                f"separator: {self.separator!r} is not one character; use e.g. ';' or 'whitespace'"
            )
        if len(self.quote.encode()) > 1:
            raise ConfigError(f"quote: {self.quote!r} is not one character")
        if self.separator in ("\n", "\r") or (self.quote and self.quote == self.separator):
            raise ConfigError("separator: must be neither a line end nor the quote")
        if self.skip_lines < 0:
            raise ConfigError("skip_lines: must not be negative")
        if self.line_limit < 1_000:
            raise ConfigError("line_limit: must be at least 1,000 bytes")
        if len(set(self.columns)) < len(self.columns):
            raise ConfigError("columns: a name occurs twice")
        if self.transposed and self.fixed_width:
            raise ConfigError("fixed_width: cannot be transposed too")
        if list(self.field_starts) != sorted(set(self.field_starts)) or min(self.field_starts, default=0) < 0:
            raise ConfigError("field_starts: must grow from 0 on")
        if self.fixed_width and not self.header and not self.field_starts:
            raise ConfigError("fixed_width: without a header needs field_starts, e.g. [0, 12, 30]")
        check_pattern("skip_matching", self.skip_matching)
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ConfigError(
                f"encoding: {self.encoding!r} is unknown; e.g. utf-8, latin-1, utf-16"
            ) from error

    def kind_of(self, path: str) -> str:
        """The format of that file."""
        if self.kind != "auto":
            return self.kind
        bare = re.sub(r"\.(gz|zst)$", "", path)
        return _ENDINGS.get(Path(bare).suffix.lower(), "csv")


def files_of(patterns: Sequence[str], how: Format) -> list[str]:
    """The files and addresses that patterns (* and ** as in a shell) stand for, each once, folders left out.

    Raises:
        SourceError: a pattern matches nothing.
        SourceUnavailable: an object store does not answer.
    """
    found: list[str] = []
    for pattern in patterns:
        if "://" in pattern:
            # Parquet's reader takes patterns itself.
            parquet = how.kind_of(pattern) == "parquet"
            found.extend([pattern] if parquet else matching(pattern, how.storage))
            continue
        expanded = str(Path(pattern).expanduser())
        magic = glob.has_magic(expanded)
        # Path.glob refuses absolute patterns.
        matches = sorted(glob.glob(expanded, recursive=True)) if magic else [expanded]  # noqa: PTH207
        matches = [name for name in matches if not Path(name).is_dir()]
        if not matches:
            raise SourceError(f"{pattern}: no file matches")
        found.extend(matches)
    return list(dict.fromkeys(found))


def check_pattern(name: str, pattern: str) -> None:
    """Raises ConfigError unless the regular expression works here and in Polars."""
    try:
        re.compile(pattern)
        pl.Series(["x"]).str.contains(pattern)
    except (re.error, pl.exceptions.PolarsError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"{name}: {pattern!r} is no regular expression: {first}") from error


def read_file(path: str, how: Format, wanted: Callable[[list[str]], list[str]]) -> Iterator[Piece]:
    """Yields the rows of the file.

    Args:
        path: a file, or an address such as s3://bucket/file.parquet.
        wanted: picks, from the columns of the file, those to read.

    Raises:
        SourceError: if it cannot be read as what it should be.
    """
    kind, place = how.kind_of(path), place_of(path, how.storage)
    if kind == "parquet":
        if "://" in path:
            yield from read_distant_parquet(path, how.storage, wanted)
        else:
            yield from read_parquet(path, wanted)
    elif kind == "prometheus":
        yield from read_reply(place)
    elif kind == "ndjson":
        yield from _read_ndjson(place, how, wanted)
    else:
        separator = how.separator or ("\t" if kind == "tsv" else ",")
        delimited = Delimited(
            separator=separator,
            quote=how.quote or None,
            header=how.header,
            columns=how.columns,
            skip_lines=how.skip_lines,
            skip_matching=how.skip_matching or None,
            encoding=how.encoding,
            line_limit=how.line_limit,
        )
        if how.transposed:
            yield from read_transposed(place, delimited)
        elif how.fixed_width:
            yield from read_fixed_width(place, delimited, how.field_starts)
        else:
            yield from read_delimited(place, delimited)


def _read_ndjson(path: Place, how: Format, wanted: Callable[[list[str]], list[str]]) -> Iterator[Piece]:
    columns: list[str] | None = None
    for block in blocks(path, encoding=how.encoding, line_limit=how.line_limit):
        if block.too_long:
            raw = block.text.decode("utf-8", "replace")
            reason = f"line is longer than {how.line_limit:,} bytes"
            yield Piece(pl.DataFrame(), rejections(str(path), [(block.first_line, reason, raw)]))
            continue
        if columns is None:
            columns = wanted(_keys(block.text))
        yield _objects(block.text, block.first_line, columns, str(path))


def _keys(text: bytes, objects: int = 100) -> list[str]:
    """The keys of the first objects, those of nested ones joined by dots."""
    keys: dict[str, None] = {}
    for line in text.splitlines()[: 10 * objects]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            keys.update(dict.fromkeys(flat(found)))
    return list(keys)


def _objects(text: bytes, line: int, columns: list[str], origin: str) -> Piece:
    count = text.count(b"\n")
    try:
        if any("." in name for name in columns):
            raise ValueError("nested keys are read one by one")
        rows = pl.read_ndjson(text, schema=dict.fromkeys(columns, pl.String()))
        if rows.height == count:
            return Piece(rows.with_columns(pl.int_range(line, line + count, dtype=pl.Int64).alias(LINE)))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError):
        pass  # some line is no object: find out which
    kept: list[list[object]] = []
    bad: list[tuple[int | None, str, str | None]] = []
    for number, one in enumerate(text.split(b"\n")[:-1], start=line):
        if not one.strip():
            continue
        try:
            found = json.loads(one)
            if not isinstance(found, dict):
                raise ValueError(f"a {type(found).__name__}, not an object")
        except (ValueError, RecursionError) as error:
            bad.append((number, f"line is no JSON object: {error}", one.decode("utf-8", "replace")))
            continue
        cells = flat(found)
        kept.append([*(cells.get(name) for name in columns), number])
    schema = {**dict.fromkeys(columns, pl.String()), LINE: pl.Int64()}
    return Piece(pl.DataFrame(kept, schema=schema, orient="row"), rejections(origin, bad))


def flat(found: dict[str, object], prefix: str = "") -> dict[str, str | None]:
    """The object's values as texts, those of nested objects under `outer.inner`."""
    cells: dict[str, str | None] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            cells.update(flat(value, f"{prefix}{key}."))
        elif value is None:
            cells[prefix + key] = None
        elif isinstance(value, str):
            cells[prefix + key] = value
        else:
            cells[prefix + key] = json.dumps(value)
    return cells
