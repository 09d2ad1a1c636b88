"""Second files that a source reads besides its measurements: times by key, clocks of cores."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from data.errors import SourceError
from ingest.core_clock import Clock, CoreClock, clock_table
from ingest.file_formats import Format, read_file
from ingest.pieces import LINE, check_columns
from ingest.times import Time, to_utc


def read_time_table(time: Time, like: Format) -> pl.DataFrame | None:
    """key (a text) and ts of the file that `time.table` names; None without one.

    Rows without a readable time are left out: what refers to them is rejected for it.

    Args:
        like: how the measurements are read; the table has the same separator and quotes.

    Raises:
        SourceError: if it cannot be read or has not the columns.
    """
    setting = time.table
    if setting is None:
        return None
    how = replace(
        like,
        kind="auto",
        header=setting.header,
        transposed=setting.transposed,
        fixed_width=False,
        columns=(),
        skip_lines=0,
    )
    names = [name for name in (setting.key, setting.column) if name]
    plain = replace(time, table=None, column=setting.column)
    parts = []
    for rows, first in _rows(setting.path, how, names):
        key = rows[setting.key] if setting.key else rows[LINE] - first
        parts.append(
            pl.DataFrame(
                {"key": key.cast(pl.String).str.strip_chars(), "ts": to_utc(rows[setting.column], plain)}
            )
        )
    if not parts:
        raise SourceError(f"{setting.path}: has no times")
    return pl.concat(parts).drop_nulls().unique("key", keep="first", maintain_order=True)


def read_clock(setting: CoreClock | None, mhz_per_core: float | None) -> Clock:
    """What the settings say about the clock of a core.

    Raises:
        SourceError: if the file cannot be read or has not the columns.
    """
    if setting is None:
        return Clock(None, mhz_per_core)
    names = [name for name in (setting.resource, setting.cores, setting.mhz, setting.valid_from) if name]
    parts = [rows for rows, _ in _rows(setting.path, Format(), names)]
    if not parts:
        raise SourceError(f"{setting.path}: has no rows")
    rows = pl.concat(parts)
    since = to_utc(rows[setting.valid_from], Time()) if setting.valid_from else None
    return Clock(clock_table(rows, setting, since), mhz_per_core)


def _rows(path: str, how: Format, names: list[str]) -> list[tuple[pl.DataFrame, int]]:
    """The pieces of a small file with the line of its first row, checked for the columns."""

    def wanted(columns: list[str]) -> list[str]:
        check_columns(path, names, columns)
        return names

    found = []
    for piece in read_file(path, how, wanted):
        if piece.rows.height:
            check_columns(path, names, piece.rows.columns)
            found.append((piece.rows, piece.first_line))
    return found
