"""Cloud bills in the FOCUS format: read leniently, with a report of what does not conform.

Real exports deviate (texts `NULL`, times without zone, spellings, null costs): a planner needs the money all
the same, and to know how far to trust the bill. Only a charge without cost, currency or start is rejected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from data.billing import summed
from data.bills import BILL_SCHEMA, CONFORMANCE_SCHEMA, MONEY, BillBatch
from data.errors import ConfigError
from data.frames import UTC_TIME, empty
from ingest.distant import matching
from ingest.file_formats import Format, files_of, read_file
from ingest.focus_columns import (
    ENUMERATIONS,
    KNOWN,
    NEEDED,
    NOT_NULL,
    READ_AS,
    VERSIONS,
    mandatory,
    version_of,
)
from ingest.from_table import from_table
from ingest.pieces import LINE, Piece, check_columns
from ingest.times import Time, to_utc

_NOTHING = ["", "NULL", "null", "None", "N/A"]
_AMERICAN = ("%m/%d/%y", "%m/%d/%Y", "%m/%d/%y %H:%M", "%m/%d/%Y %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Bills:
    """Reads FOCUS bills, versions 1.0 to 1.4; every field is a setting of `[bills.NAME]`."""

    paths: tuple[str, ...]
    """Files (CSV or Parquet, text also as .gz or .zst), with * and ** as in a shell; also at s3://."""
    version: str = "auto"
    """1.0 to 1.4, or auto: by the columns that are there."""
    separator: str = ""
    """Between fields of text files; "" = comma."""
    encoding: str = "utf-8"
    """Of text files; a byte order mark wins."""
    storage: Mapping[str, str | int] = field(default_factory=dict)
    """Options of the object store for s3:// paths, as of `files`."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise ConfigError("paths: no file is named")
        if self.version not in ("auto", *VERSIONS):
            raise ConfigError(f"version: {self.version!r} is none of auto, {', '.join(VERSIONS)}")
        self._format()

    def pull(self) -> Iterator[BillBatch]:
        """Yields the charges of all files in batches of bounded size.

        Raises:
            SourceError: if a file cannot be read, or has no cost, currency or start of charges.
        """
        for path in self.files():
            yield from self.read(path)

    def _format(self) -> Format:
        return Format(separator=self.separator, encoding=self.encoding, storage=self.storage)

    def files(self) -> list[str]:
        """The files that the paths stand for, each by itself: a copy shows, and columns may differ.

        Raises SourceError if there are none, SourceUnavailable if an object store does not answer.
        """
        found: list[str] = []
        for path in files_of(self.paths, self._format()):
            listed = path.partition("://")[0] in ("s3", "s3a") and "://" in path
            found += matching(path, self.storage) if listed else [path]
        return list(dict.fromkeys(found))

    def read(self, path: str) -> Iterator[BillBatch]:
        """Yields the charges of one file; raises as `pull` does."""
        known: list[str] = []
        spelled: dict[str, str] = {}

        def wanted(columns: list[str]) -> list[str]:
            spelled.update(_other_spellings(columns))
            meant = [spelled.get(name, name) for name in columns if name != LINE]
            check_columns(path, NEEDED, meant)
            known[:] = meant
            return [name for name in columns if name != LINE and spelled.get(name, name) in KNOWN]

        first = True
        for piece in read_file(path, self._format(), wanted):
            if not known and piece.rows.width:
                wanted(piece.rows.columns)
            if piece.rows.is_empty():
                yield BillBatch(empty(BILL_SCHEMA), rejected=piece.rejected, rows_read=piece.rejected.height)
                continue
            notes = _Conformance(path)
            if first:
                notes.columns(known, version_of(known) if self.version == "auto" else self.version)
                notes.spellings(spelled)
                first = False
            yield _charges(replace(piece, rows=piece.rows.rename(spelled, strict=False)), path, notes)

    @classmethod
    def from_table(cls, table: Mapping[str, object], root: Path | None = None) -> Bills:
        """Builds it from its settings table; relative paths start from `root`.

        Raises:
            ConfigError: if a setting does not exist or cannot be; says what would be right.
        """
        bills = from_table(cls, table)
        if root is None:
            return bills
        paths = (path if "://" in path else str(root / Path(path).expanduser()) for path in bills.paths)
        return replace(bills, paths=tuple(paths))


def conformance(batches: list[BillBatch]) -> pl.DataFrame:
    """CONFORMANCE_SCHEMA of all batches together: one row per file, column and finding."""
    return summed(pl.concat([empty(CONFORMANCE_SCHEMA), *(batch.conformance for batch in batches)]))


def _other_spellings(columns: list[str]) -> dict[str, str]:
    """Columns that are known by another spelling, e.g. billing_currency, as query engines write them."""
    folded = {name.casefold(): name for name in KNOWN}
    found: dict[str, str] = {}
    for name in columns:
        meant = folded.get(name.strip().replace("_", "").casefold())
        if meant is not None and name not in KNOWN and meant not in columns and meant not in found.values():
            found[name] = meant
    return found


class _Conformance:
    """Collects what does not conform in one piece of a file."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._rows: list[tuple[str, str, str, int | None, str | None]] = []

    def columns(self, names: list[str], version: str) -> None:
        """Notes columns that are missing in that version, and those nobody knows."""
        for name in mandatory(version):
            if name not in names:
                self._rows.append((self._origin, name, f"column of FOCUS {version} is missing", None, None))
        for name in names:
            if name not in KNOWN and not name.startswith("x_"):
                self._rows.append(
                    (self._origin, name, "column is unknown; own ones start with x_", None, None)
                )

    def spellings(self, names: Mapping[str, str]) -> None:
        """Notes names of columns that are not written as the specification writes them."""
        for theirs, name in names.items():
            self._rows.append((self._origin, name, "column name in another spelling", None, theirs))

    def note(self, column: str, finding: str, where: pl.Series, shown: pl.Series | None = None) -> None:
        """Counts the rows where the mask holds."""
        count = int(where.fill_null(False).sum())
        if count:
            example = None
            if shown is not None:
                example = str(shown.filter(where.fill_null(False))[0])[:120]
            self._rows.append((self._origin, column, finding, count, example))

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame(self._rows, schema=CONFORMANCE_SCHEMA, orient="row")


def _charges(piece: Piece, path: str, notes: _Conformance) -> BillBatch:
    rows = piece.rows
    read: dict[str, pl.Series] = {}
    for name in rows.columns:
        if name in KNOWN:
            read[name] = _cells(rows[name], name, notes)
    columns = {}
    for ours, theirs in READ_AS.items():
        kind = BILL_SCHEMA[ours]
        found = [read[name] for name in theirs if name in read]
        column = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height) if not found else found[0]
        for other in found[1:]:
            column = column.zip_with(column.is_not_null(), other)
        columns[ours] = column.cast(kind) if column.dtype != kind else column
    table = pl.DataFrame(columns).with_columns(pl.lit(path).alias("origin"), rows[LINE].alias("line"))
    backwards = table["charge_end"] <= table["charge_start"]
    notes.note("ChargePeriodEnd", "charge ends before it starts", backwards)
    reason = pl.coalesce(
        pl.when(pl.col("billed_cost").is_null()).then(pl.lit("BilledCost is missing or no number")),
        pl.when(pl.col("currency").is_null()).then(pl.lit("BillingCurrency is missing")),
        pl.when(pl.col("charge_start").is_null()).then(pl.lit("ChargePeriodStart is missing or no time")),
    )
    table = table.with_columns(reason.alias("reason"))
    bad = table["reason"].is_not_null()
    rejected = piece.rejected
    if bad.any():
        shown = [pl.col(name).cast(pl.String).fill_null("") for name in rows.columns if name != LINE]
        raw = rows.select(pl.concat_str(shown, separator=",").str.head(1_000).alias("raw"))
        refused = table.with_columns(raw["raw"]).filter(bad).select("origin", "line", "reason", "raw")
        rejected = pl.concat([rejected, refused])
    charges = table.filter(~bad).select(*BILL_SCHEMA)
    return BillBatch(charges, notes.frame(), rejected, rows.height + piece.rejected.height)


def _cells(column: pl.Series, name: str, notes: _Conformance) -> pl.Series:
    """The column in its type; notes what does not conform."""
    if column.dtype == pl.String:
        texts = column.str.strip_chars()
        notes.note(name, "text NULL in place of nothing", texts.str.to_uppercase() == "NULL")
        column = texts.set(texts.is_in(_NOTHING).fill_null(False), None)
    kind = next((BILL_SCHEMA[ours] for ours, theirs in READ_AS.items() if name in theirs), pl.String())
    if kind == UTC_TIME:
        read = _times(column, name, notes)
    elif kind == MONEY or kind == pl.Float64():
        read = column.cast(kind, strict=False)
        notes.note(name, "not a number", read.is_null() & column.is_not_null(), column)
    elif name in ENUMERATIONS:
        read = _enumerated(column.cast(pl.String), name, notes)
    elif name == "Tags" and column.dtype != pl.String:
        read = _json(column)
    else:
        read = column.cast(pl.String, strict=False)
    if name == "BillingCurrency":
        notes.note(name, "not a code of ISO 4217", ~read.str.contains(r"^[A-Z]{3}$"), read)
        # Else charges in eur and in EUR would be of two currencies.
        read = read.str.to_uppercase()
    if name in NOT_NULL:
        notes.note(name, "is null", read.is_null() & column.is_null())
    return read


def _times(column: pl.Series, name: str, notes: _Conformance) -> pl.Series:
    read = to_utc(column, Time())
    if column.dtype != pl.String:
        return read
    zoned = column.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
    notes.note(name, "time without zone, read as UTC", read.is_not_null() & ~zoned, column)
    for pattern in _AMERICAN:
        open_ = read.is_null() & column.is_not_null()
        if not open_.any():
            return read
        again = to_utc(column, Time(format=pattern))
        found = open_ & again.is_not_null()
        notes.note(name, "time is not ISO 8601, read as month/day/year", found, column)
        read = read.zip_with(~found, again)
    notes.note(name, "not a time", read.is_null() & column.is_not_null(), column)
    return read


def _enumerated(column: pl.Series, name: str, notes: _Conformance) -> pl.Series:
    allowed = ENUMERATIONS[name]
    exact = column.is_in(list(allowed))
    folded = {value.casefold(): value for value in allowed}
    meant = column.str.to_lowercase().replace_strict(folded, default=None, return_dtype=pl.String)
    notes.note(name, "value in another spelling", meant.is_not_null() & ~exact, column)
    notes.note(name, "value is not in the specification", meant.is_null() & column.is_not_null(), column)
    return meant.zip_with(meant.is_not_null(), column)


def _json(column: pl.Series) -> pl.Series:
    """Tags of a Parquet file: a map or a structure as a JSON object."""
    if isinstance(column.dtype, pl.Struct):
        return column.struct.json_encode()
    if isinstance(column.dtype, pl.List) and isinstance(column.dtype.inner, pl.Struct):
        texts = []
        for pairs in column.to_list():
            told = None if pairs is None else {str(pair["key"]): pair["value"] for pair in pairs}
            texts.append(None if told is None else json.dumps(told, default=str))
        return pl.Series(column.name, texts, dtype=pl.String)
    return column.cast(pl.String, strict=False)
