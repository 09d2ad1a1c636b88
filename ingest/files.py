"""Files: tables in any format and layout that the settings can describe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from data.errors import ConfigError, SourceError
from data.frames import Batch
from data.series import Driver, Window
from ingest.ahead import ahead
from ingest.all_or_nothing import each_file
from ingest.blocks import LINE_LIMIT
from ingest.core_clock import Clock, CoreClock
from ingest.event_rates import EventRates
from ingest.file_formats import Format, check_pattern, files_of, read_file
from ingest.file_samples import FileSamples
from ingest.from_table import from_table
from ingest.layouts import MISSING, Layout, Value, check_value
from ingest.pieces import LINE, check_columns
from ingest.side_files import read_clock, read_time_table
from ingest.times import Time, length_of_time

_NONE: Mapping[str, str] = MappingProxyType({})
_CONSTANTS = ("resource", "metric", "unit", "capacity")
EVENT = "one event"
"""Column that stands for the value where rows are events."""


class _NamedBy(NamedTuple):
    """What the settings and the name of a file say of all its rows."""

    resource: str
    metric: str
    start: str


@dataclass(frozen=True, slots=True)
class Files:
    """Reads measurements from files; every field is a setting of `[source.NAME]` with `kind = "files"`."""

    paths: tuple[str, ...]
    """Files, with * and ** as in a shell; also addresses such as s3://bucket/metrics/*.csv.gz."""
    format: str = "auto"
    """csv, tsv, parquet, ndjson, prometheus (a saved reply of its HTTP API), or auto: by the ending before
    .gz or .zst."""
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
    transposed: bool = False
    """Whether the file's lines are its columns; `header` then says that each line starts with its name."""
    fixed_width: bool = False
    """Whether columns are told by where they start: where the header's names do, or `field_starts`."""
    field_starts: tuple[int, ...] = ()
    """Where columns of fixed width start, from 0."""
    storage: Mapping[str, str | int] = field(default_factory=lambda: _NONE)
    """Options of the object store for s3:// paths, e.g. { endpoint_url = "https://…", region = "eu-1" }; keys
    are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment."""
    events_per: str = ""
    """Set, e.g. to 1m, where a row is an event and has no value: they are counted into requests/s."""

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
        if self.events_per:
            try:
                length_of_time(self.events_per)
            except ConfigError as error:
                raise ConfigError(f"events_per: {error}") from error
        for one in self.values:
            check_value(one, self.drivers)
        if not self.values and {"metric", "unit"} <= set(self.constants):
            check_value(Value(self.value, self.constants["metric"], self.constants["unit"]), self.drivers)
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

        A file that cannot be used does not keep the others from being read: the error comes at the end. Of
        such a file nothing is yielded, unless it is so large that its beginning was handed over already.
        The next batch is read while the caller loads this one.
        """
        return ahead(self._batches(window))

    def _batches(self, window: Window | None) -> Iterator[Batch]:
        files = self.files()
        clock = read_clock(self.core_clock, self.mhz_per_core)
        times = read_time_table(self.time, self._format())
        yield from each_file(files, lambda path: self._read(path, window, clock, times))

    def _read(
        self, path: str, window: Window | None, clock: Clock, times: pl.DataFrame | None
    ) -> Iterator[Batch]:
        named = self._named(path)
        rates = EventRates(length_of_time(self.events_per)) if self.events_per else None
        reading: FileSamples | None = None

        def wanted(columns: list[str]) -> list[str]:
            nonlocal reading
            layout = self._layout(columns, named)
            reading = FileSamples(path, self.time, layout, named.start, times, clock)
            needed = [name for name in reading.needs() if name != EVENT]
            check_columns(path, needed, columns)
            # A file of events may have nothing but times; without any column there would be no rows.
            return needed or columns[:1]

        for piece in read_file(path, self._format(), wanted):
            if reading is None and piece.rows.width:
                wanted([name for name in piece.rows.columns if name != LINE])
            if piece.rows.is_empty():
                yield Batch(FileSamples.nothing(), piece.rejected, piece.rejected.height)
                continue
            assert reading is not None
            if rates is not None:
                piece = replace(piece, rows=piece.rows.with_columns(pl.lit(1.0).alias(EVENT)))
            batch = reading.batch(piece, window)
            if rates is not None:
                rates.add(batch.samples)
                batch = replace(batch, samples=FileSamples.nothing())
            yield batch
        if rates is not None:
            yield Batch(rates.samples())

    def files(self) -> list[str]:
        """The files that the paths stand for. Raises SourceError if there are none."""
        return files_of(self.paths, self._format())

    def _format(self) -> Format:
        return Format(
            self.format, self.separator, self.quote, self.header, self.columns, self.skip_lines,
            self.skip_matching, self.encoding, self.line_limit, self.transposed, self.fixed_width,
            self.field_starts, self.storage,
        )  # fmt: skip

    def _named(self, path: str) -> _NamedBy:
        groups: dict[str, str | None] = {}
        if self.name_pattern:
            found = re.search(self.name_pattern, path)
            if found is None:
                raise SourceError(f"{path}: its name does not match name_pattern {self.name_pattern!r}")
            groups = found.groupdict()
        return _NamedBy(
            groups.get("resource") or self.constants.get("resource", ""),
            groups.get("metric") or self.constants.get("metric", Driver.REQUESTS if self.events_per else ""),
            groups.get("start") or "",
        )

    def _layout(self, columns: list[str], named: _NamedBy) -> Layout:
        """The settings as a layout of this file: default columns that are not there are left out."""

        def present(name: str, default: str) -> str:
            return "" if name == default and name not in columns else name

        resource = self.resource
        told = named.resource or (self.values and all(one.resource for one in self.values))
        if resource == ("resource",) and "resource" not in columns and told:
            resource = ()
        constant_capacity = self.constants.get("capacity")
        layout = Layout(
            resource=resource,
            resource_is=named.resource,
            metric="" if named.metric else self.metric,
            metric_is=named.metric,
            unit="" if "unit" in self.constants or self.events_per else self.unit,
            unit_is="requests/s" if self.events_per else self.constants.get("unit", ""),
            value=EVENT if self.events_per else self.value,
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
