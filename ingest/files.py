"""Files: CSV, TSV, Parquet and NDJSON, packed or not, in any layout that the settings can describe."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from data.errors import ConfigError, SourceError
from data.frames import SAMPLE_SCHEMA, Batch
from data.series import Window
from ingest.blocks import LINE_LIMIT
from ingest.core_clock import Clock, CoreClock, clock_table
from ingest.file_formats import Format, check_pattern, read_file
from ingest.from_table import from_table
from ingest.layouts import MISSING, Layout, Value, check_value
from ingest.pieces import LINE, Piece, missing_column
from ingest.times import Time, parts_to_utc, positions_to_utc, to_utc

_NONE: Mapping[str, str] = MappingProxyType({})
_CONSTANTS = ("resource", "metric", "unit", "capacity")
_OPTIONAL = ("value_max", "capacity", "unit", "metric", "resource")
"""Columns of the long layout that may be absent while they have their default names."""


class _NamedBy(NamedTuple):
    """What the name of a file says."""

    resource: str
    metric: str
    start: str


@dataclass(frozen=True, slots=True)
class Files:
    """Reads measurements from files; every field is a setting of `[source.NAME]` with `kind = "files"`."""

    paths: tuple[str, ...]
    """Files, with * and ** as in a shell; Parquet also at addresses such as s3://bucket/file.parquet."""
    format: str = "auto"
    """csv, tsv, parquet, ndjson, or auto: by the ending before .gz or .zst."""
    separator: str = ""
    """Between fields: one character, or `whitespace`; "" = comma, in TSV a tab."""
    quote: str = '"'
    """Around fields that contain the separator; "" = none."""
    header: bool = True
    """Whether the first line names the columns; otherwise they are column_1, column_2, …"""
    columns: tuple[str, ...] = ()
    """Names of the columns, instead of the header's."""
    skip_lines: int = 0
    """Lines to skip at the start of a file."""
    skip_matching: str = ""
    """Regular expression: lines in which it is found are skipped, e.g. ^# for comments."""
    encoding: str = "utf-8"
    """Of text files; a byte order mark wins."""
    decimal_comma: bool = False
    """Whether numbers read 1.234,5."""
    line_limit: int = LINE_LIMIT
    """Bytes; a longer line is rejected."""

    time: Time = field(default_factory=Time)
    """Where the time is: a column's name, or a table with the fields of Time."""
    resource: tuple[str, ...] = ("resource",)
    """Column with the resource; several are joined by a slash."""
    metric: str = "metric"
    """Long layout: column with the metric."""
    value: str = "value"
    """Long layout: column with the value, the mean over the interval."""
    value_max: str = "value_max"
    """Long layout: column with the highest value within the interval; may be absent."""
    capacity: str = "capacity"
    """Long layout: column with the capacity; may be absent."""
    unit: str = "unit"
    """Long layout: column with the unit of value, value_max and capacity."""
    capacity_unit: str = ""
    """Unit of the capacity where it differs; percentages then become amounts."""
    values: tuple[Value, ...] = ()
    """Wide layout: the columns with values; the settings of the long layout are then not used."""
    constants: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """What is the same in all rows: resource, metric, unit, capacity. A constant resource also stands in
    where the column is empty."""
    name_pattern: str = ""
    """Regular expression over a file's path with groups (?P<resource>…), (?P<metric>…), (?P<start>…)."""
    where: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Reads only rows whose column has that text."""
    metrics: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Names of metrics in the file to names of ours."""
    skip_metrics: tuple[str, ...] = ()
    """Metrics (after renaming) that are not wanted; others that nobody knows are rejected."""
    drivers: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Further metrics that drive demand, each with its unit."""
    missing: tuple[str, ...] = MISSING
    """Texts that stand for nothing."""
    mhz_per_core: float | None = None
    """Turns MHz and GHz into cores."""
    core_clock: CoreClock | None = None
    """A file with cores and MHz of each resource; wins over mhz_per_core."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise ConfigError("paths: no file is named")
        self._format()
        check_pattern("name_pattern", self.name_pattern)
        for name in self.constants:
            if name not in _CONSTANTS:
                raise ConfigError(f"constants: {name!r} is none of {', '.join(_CONSTANTS)}")
        for one in self.values:
            check_value(one, self.drivers)
        if self.mhz_per_core is not None and not 100 <= self.mhz_per_core <= 10_000:
            raise ConfigError(f"mhz_per_core: {self.mhz_per_core:g} MHz is no clock of a core; e.g. 2600")
        capacity = self.constants.get("capacity")
        if capacity is not None:
            try:
                float(capacity)
            except ValueError as error:
                raise ConfigError(f"constants.capacity: {capacity!r} is not a number") from error

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields the samples of all files within the window; see `ingest.source.Source`.

        A file that cannot be used does not keep the others from being read: the error comes at the end.
        """
        files = self._files()
        clock = self._clock()
        errors: list[SourceError] = []
        for path in files:
            try:
                yield from self._read(path, window, clock)
            except SourceError as error:
                errors.append(error)
        if len(errors) > 1:
            more = f" (and {len(errors) - 1} more of {len(files)} files cannot be used)"
            raise type(errors[0])(f"{errors[0]}{more}") from errors[0]
        if errors:
            raise errors[0]

    def _files(self) -> list[str]:
        found: list[str] = []
        for pattern in self.paths:
            if "://" in pattern:
                found.append(pattern)
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

    def _format(self) -> Format:
        return Format(
            self.format, self.separator, self.quote, self.header, self.columns, self.skip_lines,
            self.skip_matching, self.encoding, self.line_limit,
        )  # fmt: skip

    def _read(self, path: str, window: Window | None, clock: Clock) -> Iterator[Batch]:
        named = self._named(path)
        layout: Layout | None = None
        table: pl.DataFrame | None = None
        if self.time.table is not None:
            table = self._time_table()
        position = 0

        def wanted(columns: list[str]) -> list[str]:
            nonlocal layout
            layout = self._layout(columns, named, path)
            return self._checked(layout, columns, path)

        for piece in read_file(path, self._format(), wanted):
            rows = piece.rows
            if rows.is_empty():
                yield Batch(_no_samples(), piece.rejected, piece.rejected.height)
                continue
            if layout is None:
                wanted([name for name in rows.columns if name != LINE])
            assert layout is not None
            if position == 0:
                position = int(rows[LINE].item(0))
            yield self._batch(piece, path, layout, named, window, clock, position, table)

    def _batch(
        self,
        piece: Piece,
        path: str,
        layout: Layout,
        named: _NamedBy,
        window: Window | None,
        clock: Clock,
        first: int,
        table: pl.DataFrame | None,
    ) -> Batch:
        rows = piece.rows
        ts = self._times(rows, named, first, table)
        good, bad = layout.samples(piece, ts, path, clock)
        samples = good.select(*SAMPLE_SCHEMA)
        if window is not None:
            samples = samples.filter(pl.col("ts").is_between(window.start, window.end, closed="left"))
        rejected = piece.rejected
        if ts.null_count():
            bad = pl.concat([self._unread_times(rows, ts), bad])
        if bad.height:
            texts = rows.join(bad.select(LINE).unique(), on=LINE, how="semi").select(
                LINE,
                pl.concat_str(pl.exclude(LINE).cast(pl.String).fill_null(""), separator=",").alias("raw"),
            )
            found = bad.join(texts, on=LINE, how="left", maintain_order="left").select(
                pl.lit(path).alias("origin"),
                pl.col(LINE).alias("line"),
                "reason",
                pl.col("raw").str.head(1_000),
            )
            rejected = pl.concat([rejected, found])
        return Batch(samples, rejected, rows.height + piece.rejected.height)

    def _times(
        self, rows: pl.DataFrame, named: _NamedBy, first: int, table: pl.DataFrame | None
    ) -> pl.Series:
        time = self.time
        if time.constant:
            moment = time.moment(time.constant)
            assert moment is not None
            return moment.new_from_index(0, rows.height)
        if time.step:
            start = time.moment(named.start or time.start)
            if start is None:
                raise SourceError("time.start: neither the settings nor the file's name say when it starts")
            return positions_to_utc(rows[LINE] - first, start, time)
        if time.parts:
            return parts_to_utc(rows, time)
        if table is None:
            return to_utc(rows[time.column], time)
        key = rows[time.column] if time.table and time.table.key else rows[LINE] - first
        found = (
            key.cast(pl.String)
            .str.strip_chars()
            .alias("key")
            .to_frame()
            .join(table, on="key", how="left", maintain_order="left")
        )
        return found["ts"]

    def _unread_times(self, rows: pl.DataFrame, ts: pl.Series) -> pl.DataFrame:
        """Says why the rows without a time have none."""
        time = self.time
        bad = rows.filter(ts.is_null())
        names = [name for name in time.needs() if name in bad.columns]
        shown = (
            pl.concat_str(pl.col(names).cast(pl.String).fill_null(""), separator=" ") if names else pl.lit("")
        )
        if time.table is not None:
            reason = pl.format(f"time of key '{{}}' is not in {time.table.path}", shown)
        else:
            expected = {"auto": "an ISO 8601 time or an epoch", "epoch": "an epoch"}
            what = expected.get(time.format, f"a time like {time.format}")
            reason = (
                pl.when(shown.str.strip_chars() == "")
                .then(pl.lit("time is missing"))
                .otherwise(pl.format(f"time '{{}}' is not {what}", shown.str.head(60)))
            )
        found = bad.select(LINE, reason.alias("reason"))
        if time.timezone == "UTC" or time.table is not None:
            return found
        plain = replace(time, timezone="UTC")
        readable = parts_to_utc(bad, plain) if time.parts else to_utc(bad[time.column], plain)
        clock = pl.format(
            f"time '{{}}' is skipped or occurs twice in {time.timezone}, where the clock was changed", shown
        )
        return found.with_columns(
            reason=pl.when(readable.is_not_null())
            .then(bad.select(clock.alias("clock"))["clock"])
            .otherwise("reason")
        )

    def _named(self, path: str) -> _NamedBy:
        """What the settings and the file's name say of all its rows."""
        groups: dict[str, str | None] = {}
        if self.name_pattern:
            found = re.search(self.name_pattern, path)
            if found is None:
                raise SourceError(f"{path}: its name does not match name_pattern {self.name_pattern!r}")
            groups = found.groupdict()
        return _NamedBy(
            groups.get("resource") or self.constants.get("resource", ""),
            groups.get("metric") or self.constants.get("metric", ""),
            groups.get("start") or "",
        )

    def _layout(self, columns: list[str], named: _NamedBy, path: str) -> Layout:
        """The settings as a layout of this file: default columns that are not there are left out."""

        def present(name: str, default: str) -> str:
            return "" if name == default and name not in columns else name

        resource = self.resource
        if resource == ("resource",) and "resource" not in columns and named.resource:
            resource = ()
        constant_capacity = self.constants.get("capacity")
        layout = Layout(
            resource=resource,
            resource_is=named.resource,
            metric="" if named.metric else self.metric,
            metric_is=named.metric,
            unit="" if "unit" in self.constants else self.unit,
            unit_is=self.constants.get("unit", ""),
            value=self.value,
            value_max=present(self.value_max, "value_max"),
            capacity="" if constant_capacity else present(self.capacity, "capacity"),
            capacity_is=float(constant_capacity) if constant_capacity else None,
            capacity_unit=self.capacity_unit,
            values=self.values,
            where=self.where,
            metrics=self.metrics,
            skip_metrics=self.skip_metrics,
            drivers=self.drivers,
            missing=self.missing,
            decimal_comma=self.decimal_comma,
        )
        if layout.metric_is and not layout.values and layout.unit_is:
            check_value(Value(self.value, layout.metric_is, layout.unit_is), self.drivers)
        return layout

    def _checked(self, layout: Layout, columns: list[str], path: str) -> list[str]:
        """The columns to read.

        Raises:
            SourceError: if one is not there.
        """
        needed = list(dict.fromkeys((*self.time.needs(), *layout.needs())))
        for name in needed:
            if name not in columns:
                raise missing_column(path, name, columns)
        return needed

    def _time_table(self) -> pl.DataFrame:
        """key (a text) and ts of the second file; rows without a readable time are left out."""
        setting = self.time.table
        assert setting is not None
        how = replace(self._format(), kind="auto", header=setting.header, columns=(), skip_lines=0)
        names = (setting.key, setting.column) if setting.key else (setting.column,)

        def wanted(columns: list[str]) -> list[str]:
            for name in names:
                if name not in columns:
                    raise missing_column(setting.path, name, columns)
            return list(names)

        tables = []
        first = 0
        for piece in read_file(setting.path, how, wanted):
            if piece.rows.is_empty():
                continue
            wanted([name for name in piece.rows.columns if name != LINE])
            first = first or int(piece.rows[LINE].item(0))
            key = piece.rows[setting.key] if setting.key else piece.rows[LINE] - first
            plain = replace(self.time, table=None, column=setting.column)
            ts = to_utc(piece.rows[setting.column], plain)
            tables.append(pl.DataFrame({"key": key.cast(pl.String).str.strip_chars(), "ts": ts}))
        if not tables:
            raise SourceError(f"{setting.path}: has no times")
        return pl.concat(tables).drop_nulls().unique("key", keep="first", maintain_order=True)

    def _clock(self) -> Clock:
        setting = self.core_clock
        if setting is None:
            return Clock(None, self.mhz_per_core)
        names = [name for name in (setting.resource, setting.cores, setting.mhz, setting.valid_from) if name]

        def wanted(columns: list[str]) -> list[str]:
            for name in names:
                if name not in columns:
                    raise missing_column(setting.path, name, columns)
            return names

        pieces = [piece.rows for piece in read_file(setting.path, Format(), wanted) if piece.rows.height]
        if not pieces:
            raise SourceError(f"{setting.path}: has no rows")
        rows = pl.concat(pieces)
        wanted(rows.columns)
        since = to_utc(rows[setting.valid_from], Time()) if setting.valid_from else None
        return Clock(clock_table(rows, setting, since), self.mhz_per_core)

    @classmethod
    def from_table(cls, table: Mapping[str, object], root: Path | None = None) -> Files:
        """Builds the source from its settings table.

        Args:
            root: folder that relative paths start from; None = the current one.

        Raises:
            ConfigError: if a setting does not exist or cannot be; says what would be right.
        """
        files = from_table(cls, table)
        return files if root is None else files.under(root)

    def under(self, root: Path) -> Files:
        """The same source with relative paths starting from `root`."""

        def at(path: str) -> str:
            return path if "://" in path else str(root / Path(path).expanduser())

        time, clock = self.time, self.core_clock
        if time.table is not None:
            time = replace(time, table=replace(time.table, path=at(time.table.path)))
        if clock is not None:
            clock = replace(clock, path=at(clock.path))
        return replace(self, paths=tuple(at(path) for path in self.paths), time=time, core_clock=clock)


def _no_samples() -> pl.DataFrame:
    return pl.DataFrame(schema=SAMPLE_SCHEMA)
