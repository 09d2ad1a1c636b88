"""sysstat: the activity files of Linux servers, as `sadf -j` prints them or as they lie on the disk."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from data.errors import ConfigError, SourceError
from data.frames import SAMPLE_SCHEMA, Batch
from data.series import UNITS, Metric, Window
from ingest.all_or_nothing import each_file
from ingest.file_formats import Format, check_pattern, files_of
from ingest.from_table import from_table
from ingest.intake import settle
from ingest.pieces import rejections
from ingest.times import Time, length_of_time, to_utc

LARGEST = 64 * 2**20
"""Bytes of JSON for one file; at one record a minute a day takes about 2 MiB."""

_ASKED = ("-u", "ALL", "-r", "ALL", "-n", "DEV", "-F")
"""Processors, memory with the slab (without it the total cannot be told), interfaces, file systems."""

Row = tuple[str, str, float, float | None, str]
"""Resource, metric, value, capacity, unit."""


@dataclass(frozen=True, slots=True)
class Sysstat:
    """Reads sysstat files of one or many hosts; every field is a setting of `[source.NAME]`."""

    paths: tuple[str, ...]
    """Files, with * and ** as in a shell: output of `sadf -j`, or binary like /var/log/sysstat/sa*."""
    step: str = "1m"
    """Binary files are averaged to it when they hold more."""
    timezone: str = "UTC"
    """Time zone of records that are not marked as UTC."""
    skip_interfaces: str = r"^(lo|veth|docker|br-|virbr|ifb|cali|flannel|cni|tun|tap)"
    """Regular expression: interfaces that are not added up, because they lead nowhere outside."""
    skip_filesystems: str = r"^(tmpfs|devtmpfs|overlay|shm|/dev/loop)"
    """Regular expression: file systems that are no storage."""
    sadf: str = "sadf"
    """The program that reads binary files; part of the package sysstat."""
    timeout_seconds: float = 60.0
    """How long it may take for one file."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise ConfigError("paths: no file is named")
        check_pattern("skip_interfaces", self.skip_interfaces)
        check_pattern("skip_filesystems", self.skip_filesystems)
        try:
            length_of_time(self.step)
        except ConfigError as error:
            raise ConfigError(f"step: {error}") from error
        Time(timezone=self.timezone)

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields one batch per host of each file; see `ingest.source.Source`.

        cpu counts everything but idle time and waiting for disks, so also what the hypervisor took away: the
        machine wanted it. memory is what a new program could not have. network is the sum over interfaces. A
        file that cannot be used does not keep the others from being read: the error comes at the end.
        """
        yield from each_file(self.files(), lambda path: self._read(path, window))

    def _read(self, path: str, window: Window | None) -> Iterator[Batch]:
        for host in _parsed(self._text(path), path):
            yield self._batch(host, path, window)

    def files(self) -> list[str]:
        """The files that the paths stand for. Raises SourceError if there are none."""
        return files_of(self.paths, Format())

    @classmethod
    def from_table(cls, table: Mapping[str, object], root: Path | None = None) -> Sysstat:
        """Builds the source from its settings table; relative paths start from `root`.

        Raises:
            ConfigError: if a setting does not exist or cannot be; says what would be right.
        """
        source = from_table(cls, table)
        if root is None:
            return source
        return replace(source, paths=tuple(str(root / Path(path).expanduser()) for path in source.paths))

    def _text(self, path: str) -> bytes:
        """The JSON of a file."""
        try:
            with Path(path).open("rb") as file:
                text = file.read(LARGEST + 1)
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
        if not text.strip():
            raise SourceError(f"{path}: is empty")
        if not text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            text = self._converted(path)
        if len(text) > LARGEST:
            raise SourceError(f"{path}: is larger than {LARGEST // 2**20} MiB as JSON; set a longer step")
        return text

    def _converted(self, path: str) -> bytes:
        seconds = max(1, round(length_of_time(self.step).total_seconds()))
        command = [self.sadf, "-j", str(Path(path).resolve()), str(seconds), "--", *_ASKED]
        try:
            done = subprocess.run(command, capture_output=True, timeout=self.timeout_seconds, check=False)
        except FileNotFoundError as error:
            raise SourceError(f"{path}: {self.sadf} is not there to read it; install sysstat") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceError(f"{path}: {self.sadf} gave no answer: {error}") from error
        if done.returncode:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
            raise SourceError(f"{path}: {self.sadf} cannot read it: {said[0] if said else done.returncode}")
        return done.stdout

    def _batch(self, host: Mapping[str, Any], path: str, window: Window | None) -> Batch:
        name = str(host.get("nodename") or "")
        records = host.get("statistics")
        if not name or not isinstance(records, list):
            raise SourceError(f"{path}: a host has no name or no statistics")
        cores = _number(host.get("number-of-cpus"))
        total = _total_memory(records)
        rows: list[tuple[str, timedelta, int, Row]] = []
        bad: list[tuple[int | None, str, str | None]] = []
        for number, record in enumerate(records, start=1):
            try:
                stamp, zone, interval = _stamp(record, self.timezone)
                measured = list(self._measured(name, record, cores, total))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                bad.append((number, f"record cannot be read: {error!r}", json.dumps(record)[:1_000]))
                continue
            rows.extend((f"{zone} {stamp}", interval, number, row) for row in measured)
        frame = self._frame(rows)
        unread = frame.filter(pl.col("ts").is_null())
        bad += [
            (line, "time of the record cannot be read", None)
            for line in unread["line"].unique(maintain_order=True)
        ]
        good, refused = settle(frame.filter(pl.col("ts").is_not_null()))
        bad += list(refused.select("line", "reason", pl.lit(None)).iter_rows())
        samples = good.select(*SAMPLE_SCHEMA)
        if window is not None:
            samples = samples.filter(pl.col("ts").is_between(window.start, window.end, closed="left"))
        return Batch(samples, rejections(path, bad), len(records))

    def _frame(self, rows: list[tuple[str, timedelta, int, Row]]) -> pl.DataFrame:
        """SAMPLE_SCHEMA with `line`; sysstat stamps the end of an interval, we its start."""
        stamped = pl.Series([text.split(" ", 1)[1] for text, _, _, _ in rows], dtype=pl.String)
        ts = to_utc(stamped, Time())
        if self.timezone != "UTC":
            local = pl.Series([text.startswith("local ") for text, _, _, _ in rows], dtype=pl.Boolean)
            ts = ts.zip_with(~local, to_utc(stamped, Time(timezone=self.timezone)))
        back = pl.Series([interval for _, interval, _, _ in rows], dtype=pl.Duration("us"))
        facts = pl.DataFrame(
            [row for _, _, _, row in rows],
            schema={
                "resource": pl.String,
                "metric": pl.String,
                "value": pl.Float64,
                "capacity": pl.Float64,
                "unit": pl.String,
            },
            orient="row",
        )
        return facts.with_columns(
            (ts - back).alias("ts"),
            pl.lit(None, pl.Float64).alias("value_max"),
            pl.Series("line", [number for _, _, number, _ in rows], dtype=pl.Int64),
        ).select(*SAMPLE_SCHEMA, "line")

    def _measured(
        self, name: str, record: Mapping[str, Any], cores: float | None, total: float | None
    ) -> Iterator[Row]:
        for one in record.get("cpu-load") or ():
            if one["cpu"] in ("all", "-1") and cores:
                busy = (100.0 - float(one["idle"]) - float(one["iowait"])) / 100.0
                # shares of a second sampled one after the other may add up to a hair below nothing
                yield name, Metric.CPU, max(0.0, busy) * cores, cores, UNITS[Metric.CPU]
        memory = record.get("memory") or {}
        if "avail" in memory and total:
            yield name, Metric.MEMORY, total - float(memory["avail"]), total, "KiB"
        interfaces = [
            one
            for one in (record.get("network") or {}).get("net-dev") or ()
            if not re.search(self.skip_interfaces, str(one["iface"]))
        ]
        if interfaces:
            for metric, key in ((Metric.NETWORK_IN, "rxkB"), (Metric.NETWORK_OUT, "txkB")):
                yield name, metric, sum(float(one[key]) for one in interfaces), None, "KiB/s"
        for one in record.get("filesystems") or ():
            label = str(one.get("mountpoint") or one["filesystem"])
            if not re.search(self.skip_filesystems, label):
                used, free = float(one["MBfsused"]), float(one["MBfsfree"])
                yield f"{name}:{label}", Metric.STORAGE, used, used + free, "MiB"


def _parsed(text: bytes, path: str) -> list[Mapping[str, Any]]:
    try:
        reply = json.loads(text)
        hosts = reply["sysstat"]["hosts"]
    except (ValueError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(f"{path}: is no JSON: {first}") from error
    except (KeyError, TypeError) as error:
        raise SourceError(f"{path}: is no output of sadf -j: it has no sysstat.hosts") from error
    if not isinstance(hosts, list) or not all(isinstance(host, dict) for host in hosts):
        raise SourceError(f"{path}: is no output of sadf -j: its hosts are no list")
    return hosts


def _stamp(record: Mapping[str, Any], timezone: str) -> tuple[str, str, timedelta]:
    """The record's time as a text, whether it is utc or local, and how long it lasted."""
    at = record["timestamp"]
    zone = "utc" if at.get("utc") or timezone == "UTC" else "local"
    interval = float(at.get("interval") or 0)
    if not 0 <= interval <= 86_400:
        raise ValueError(f"an interval of {interval:g} s")
    return f"{at['date']} {at['time']}", zone, timedelta(seconds=interval)


def _total_memory(records: list[Any]) -> float | None:
    """KiB of the machine. Where not all of its parts are printed, from the rounded share in use."""
    exact, rounded = [], []
    for record in records:
        memory = record.get("memory") if isinstance(record, dict) else None
        if not isinstance(memory, dict):
            continue
        parts = [_number(memory.get(name)) for name in ("memfree", "memused", "buffers", "cached", "slab")]
        used, share = parts[1], _number(memory.get("memused-percent"))
        if None not in parts:
            exact.append(sum(part for part in parts if part is not None))
        elif used is not None and share:
            rounded.append(100.0 * used / share)
    if exact:
        return median(exact)
    return median(rounded) if rounded else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
