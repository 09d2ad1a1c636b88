"""What every file format is read into: pieces of a table, still as the file had them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from data.errors import SourceError
from data.frames import REJECTED_SCHEMA, empty

LINE = "line of the file"
"""Name of the column that carries the line (or row) number; no file's own column is called that."""

RAW_LIMIT = 1_000
"""Characters kept of a rejected row."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file. Text formats give columns of strings, Parquet gives its own types."""

    rows: pl.DataFrame
    """The file's columns and LINE."""
    rejected: pl.DataFrame = field(default_factory=lambda: empty(REJECTED_SCHEMA))
    """REJECTED_SCHEMA: lines that are no rows."""
    first_line: int = 1
    """Line of the file's first row, whether usable or not: rows without a time are counted from it."""
    text: bytes = b""
    """The lines as they came, where rows are lines; shown of rows that are rejected."""
    text_line: int = 1
    """Line of the file with which `text` starts."""

    def raw(self, lines: pl.Series) -> pl.Series:
        """What the file has at these lines; without the text, the row's cells."""
        if self.text:
            came = self.text.split(b"\n")
            shown = [
                came[line - self.text_line][: 4 * RAW_LIMIT].decode("utf-8", "replace").strip("\r")
                for line in lines
            ]
            return pl.Series("raw", [one[:RAW_LIMIT] for one in shown], dtype=pl.String)
        cells = pl.concat_str(pl.exclude(LINE).cast(pl.String).fill_null(""), separator=",")
        told = self.rows.join(lines.alias(LINE).unique().to_frame(), on=LINE, how="semi")
        told = told.select(LINE, cells.str.head(RAW_LIMIT).alias("raw"))
        return lines.alias(LINE).to_frame().join(told, on=LINE, how="left", maintain_order="left")["raw"]


def rejections(origin: str, rows: Sequence[tuple[int | None, str, str | None]]) -> pl.DataFrame:
    """REJECTED_SCHEMA from (line, reason, raw text)."""
    return pl.DataFrame(
        [(origin, line, reason, None if raw is None else raw[:RAW_LIMIT]) for line, reason, raw in rows],
        schema=REJECTED_SCHEMA,
        orient="row",
    )


def no_rows(names: Sequence[str]) -> pl.DataFrame:
    """The rows of a text file that has a header and nothing else."""
    return pl.DataFrame(schema={**dict.fromkeys(names, pl.String()), LINE: pl.Int64()})


def check_columns(origin: str, needed: Iterable[str], known: Sequence[str]) -> None:
    """Raises SourceError where columns that are needed are not there."""
    missing = [name for name in needed if name not in known]
    if missing:
        raise missing_column(origin, missing[0], known, missing[1:])


def missing_column(origin: str, name: str, known: Iterable[str], further: Sequence[str] = ()) -> SourceError:
    """The error for columns the settings name and the file has not; says what it has."""
    names = [column for column in known if column != LINE]
    near = difflib.get_close_matches(name, names, n=1)
    shown = ", ".join(repr(column) for column in names[:12]) + (" …" if len(names) > 12 else "")
    hint = f"did you mean {near[0]!r}? " if near else ""
    more = f" (nor {', '.join(repr(one) for one in further)})" if further else ""
    return SourceError(f"{origin}: no column {name!r}{more}; {hint}it has {shown or 'none'}")
