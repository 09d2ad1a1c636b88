"""SNMP: interfaces, processors, memory and volumes of network devices and servers, through snmpbulkwalk."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.frames import CAPACITY_SCHEMA, RESOURCE_SCHEMA, SAMPLE_SCHEMA, UTC_TIME, Batch, Inventory
from data.series import Window
from ingest.counters import rates
from ingest.from_table import from_table
from ingest.http import secret
from ingest.pieces import rejections
from ingest.snmp_tables import TREES, Reading, parsed, reading_of
from ingest.times import length_of_time

COUNTER_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "metric": pl.String(),
    "ts": UTC_TIME,
    "value": pl.UInt64(),
    "bits": pl.Int32(),
    "limit": pl.Float64(),
    "start": UTC_TIME,
}
"""Octet counters; `limit` in bytes per second, 0 = unknown; `start` is when the device came up."""
_KEY = ("resource", "metric")


@dataclass(frozen=True, slots=True)
class SnmpBatch(Batch):
    """A batch with the counters that the next pull goes on from."""

    counters: pl.DataFrame | None = None
    """COUNTER_SCHEMA."""


@dataclass(frozen=True, slots=True)
class Snmp:
    """Walks IF-MIB and HOST-RESOURCES-MIB of devices; every field is a setting of `[source.NAME]`."""

    live: ClassVar[bool] = True
    """It tells what is, not what was: every pull measures anew."""

    hosts: tuple[str, ...]
    """Names or addresses, with :port where it is not 161."""
    version: str = "2c"
    """2c or 3."""
    community_variable: str = ""
    """Version 2c: environment variable that holds the community; "" = public."""
    user: str = ""
    """Version 3: the user."""
    level: str = "authPriv"
    """Version 3: noAuthNoPriv, authNoPriv or authPriv."""
    auth_protocol: str = "SHA"
    """Version 3: MD5, SHA, SHA-256, SHA-512."""
    auth_password_variable: str = ""
    """Version 3: environment variable that holds it."""
    privacy_protocol: str = "AES"
    """Version 3: DES, AES."""
    privacy_password_variable: str = ""
    """Version 3: environment variable that holds it."""
    state: str = ""
    """File that keeps the counters until the next pull, so that rates cover all of the time between; "" = two
    walks, `interval` apart, and nothing known beyond them."""
    interval: float = 10.0
    """Seconds between two walks where there are no earlier counters."""
    longest_gap: str = "2h"
    """Counters read longer ago than this say nothing."""
    skip_interfaces: str = r"^(lo|Null|Loopback|veth|docker|br-|virbr|ifb|cali|flannel|cni|tun|tap|Vlan)"
    """Regular expression: interfaces that are not wanted."""
    skip_volumes: str = r"^/(dev|run|sys|proc|snap)(/|$)"
    """Regular expression: volumes that are not wanted."""
    timeout: float = 5.0
    """Seconds to wait for one answer."""
    retries: int = 1
    """How often to ask again."""
    time_limit: float = 120.0
    """Seconds for all walks of one device."""
    parallel: int = 8
    """Devices to ask at the same time."""

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ConfigError("hosts: no device is named")
        for host in self.hosts:
            # A name that starts with a dash would be an option of the program.
            if not host or host.startswith("-") or any(sign.isspace() for sign in host):
                raise ConfigError(f"hosts: {host!r} is no name of a device")
        if self.version not in ("2c", "3"):
            raise ConfigError(f"version: {self.version!r} is neither 2c nor 3")
        if self.version == "3" and not self.user:
            raise ConfigError("user: version 3 needs one")
        for name in ("interval", "timeout", "time_limit", "parallel"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name}: {getattr(self, name):g} is not above 0")
        try:
            length_of_time(self.longest_gap)
        except ConfigError as error:
            raise ConfigError(f"longest_gap: {error}") from error

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields one batch; outside the window nothing. See `ingest.source.Source`.

        A device that does not answer does not keep the others from being read: the error comes at the end.
        """
        now = datetime.now(UTC)
        if window is not None and not window.start <= now < window.end:
            return
        before = self._kept()
        readings, errors = self._read()
        if any(not self._known(before, one.counters) for one in readings):
            time.sleep(self.interval)
            before = pl.concat([before, *(one.counters for one in readings)])
            again, more = self._read()
            readings, errors = again, errors or more
        counters = pl.concat([pl.DataFrame(schema=COUNTER_SCHEMA), *(one.counters for one in readings)])
        speeds = counters.select(*_KEY, "ts", pl.col("limit").replace(0.0, None).alias("capacity"))
        links = (
            rates(pl.concat([before, counters]), _KEY, length_of_time(self.longest_gap))
            .join(speeds, on=[*_KEY, "ts"])
            .select(
                pl.col("since").alias("ts"),
                *_KEY,
                pl.col("rate").alias("value"),
                pl.lit(None, pl.Float64).alias("value_max"),
                "capacity",
                pl.lit("B/s").alias("unit"),
            )
        )
        gauges = [pl.DataFrame(one.gauges, schema=SAMPLE_SCHEMA, orient="row") for one in readings]
        samples = pl.concat([links.cast(SAMPLE_SCHEMA), *gauges])  # type: ignore[arg-type]
        bad = [(None, reason, raw) for one in readings for reason, raw in one.problems]
        yield SnmpBatch(samples, rejections("snmp", bad), samples.height + len(bad), counters=counters)
        if errors:
            more_text = f" (and {len(errors) - 1} more devices)" if len(errors) > 1 else ""
            raise type(errors[0])(f"{errors[0]}{more_text}") from errors[0]

    def loaded(self, batch: Batch) -> None:
        """Keeps the counters of a loaded batch for the next pull."""
        if not self.state or not isinstance(batch, SnmpBatch) or batch.counters is None:
            return
        path = Path(self.state)
        silent = self._kept().join(batch.counters, on=_KEY, how="anti")
        partial = path.with_name(f"{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pl.concat([silent, batch.counters]).write_parquet(partial)
            partial.replace(path)
        except OSError as error:
            raise SourceError(f"{path}: cannot be written: {error.strerror or error}") from error

    def inventory(self) -> Inventory:
        """Devices, their links and volumes, with their sizes."""
        readings, errors = self._read()
        if errors and not readings:
            raise errors[0]
        rows = {name: kind for one in readings for name, kind in one.resources.items()}
        sizes = [
            (row[1], row[2], row[5] / 2**30 if row[6] == "B" else row[5])
            for one in readings
            for row in one.gauges
            if row[5] is not None
        ]
        for one in readings:
            links = one.counters.filter(pl.col("limit") > 0).select(*_KEY, pl.col("limit") * 8 / 1e6)
            sizes += links.rows()
        return Inventory(
            resources=pl.DataFrame(
                {"resource": list(rows), "kind": list(rows.values())},
                schema={name: RESOURCE_SCHEMA[name] for name in ("resource", "kind")},
            ),
            capacities=pl.DataFrame(
                sizes,
                schema={name: CAPACITY_SCHEMA[name] for name in ("resource", "metric", "capacity")},
                orient="row",
            ),
        )

    @classmethod
    def from_table(cls, table: Mapping[str, object], root: Path | None = None) -> Snmp:
        """Builds the source from its settings table; a relative `state` starts from `root`."""
        found = from_table(cls, table)
        if root is None or not found.state:
            return found
        return replace(found, state=str(root / Path(found.state).expanduser()))

    def _known(self, before: pl.DataFrame, counters: pl.DataFrame) -> bool:
        """Whether there are earlier counters, not too old, of all these."""
        fresh = counters.join(before.select(*_KEY, pl.col("ts").alias("then")), on=_KEY, how="left")
        gap = pl.col("ts") - pl.col("then")
        return bool(fresh.select((gap <= length_of_time(self.longest_gap)).fill_null(False).all()).item())

    def _kept(self) -> pl.DataFrame:
        path = Path(self.state) if self.state else None
        if path is None or not path.exists():
            return pl.DataFrame(schema=COUNTER_SCHEMA)
        try:
            return pl.read_parquet(path).cast(COUNTER_SCHEMA)  # type: ignore[arg-type]
        except (pl.exceptions.PolarsError, OSError) as error:
            first = (str(error).splitlines() or [""])[0][:200]
            raise SourceError(f"{path}: cannot be read: {first}; remove it to start anew") from error

    def _read(self) -> tuple[list[Reading], list[SourceError]]:
        """A walk of every device, and what went wrong with the others."""
        program = shutil.which("snmpbulkwalk")
        if program is None:
            raise SourceError("snmpbulkwalk is not installed; it comes with the package snmp")

        def walked(host: str, folder: str) -> Reading | SourceError:
            try:
                return self._walk(program, host, folder)
            except SourceError as error:
                return error

        with self._configured() as folder, ThreadPoolExecutor(self.parallel) as pool:
            found = list(pool.map(lambda host: walked(host, folder), self.hosts))
        return [one for one in found if isinstance(one, Reading)], [
            one for one in found if isinstance(one, SourceError)
        ]

    def _walk(self, program: str, host: str, folder: str) -> Reading:
        deadline = time.monotonic() + self.time_limit
        tables: dict[str, dict[str, str]] = {}
        began = datetime.now(UTC)
        for tree in TREES:
            arguments = [program, "-On", "-OU", "-Ot", "-Oe", "-Ob", "-Cr25", "-t", f"{self.timeout:g}"]
            arguments += ["-r", str(self.retries), "-v", self.version, host, tree]
            # No MIB files are read: names would only have to be turned back into numbers.
            environment = {"SNMPCONFPATH": folder, "MIBS": "", "LC_ALL": "C", "HOME": folder}
            try:
                done = subprocess.run(
                    arguments,
                    capture_output=True,
                    check=False,
                    timeout=max(deadline - time.monotonic(), 0.1),
                    env=environment,
                )
            except subprocess.TimeoutExpired as error:
                raise SourceUnavailable(f"{host}: not walked within {self.time_limit:g} s") from error
            except OSError as error:
                raise SourceError(f"{host}: snmpbulkwalk cannot run: {error.strerror}") from error
            if done.returncode:
                said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
                text = said[-1][:200] if said else f"exit {done.returncode}"
                # A wrong community gets no answer either, so it may be worth another try.
                kind = SourceUnavailable if "Timeout" in text or "No Response" in text else SourceError
                raise kind(f"{host}: snmpbulkwalk: {text}")
            parsed(done.stdout.decode("utf-8", "replace"), tables)
        return reading_of(host, tables, began, self.skip_interfaces, self.skip_volumes)

    @contextmanager
    def _configured(self) -> Iterator[str]:
        """A folder with the secrets as the program's own settings: arguments could be seen by everyone."""
        lines = []
        if self.version == "2c":
            lines.append(
                f"defCommunity {secret(self.community_variable) if self.community_variable else 'public'}"
            )
        else:
            lines += [f"defSecurityName {self.user}", f"defSecurityLevel {self.level}"]
            if self.level != "noAuthNoPriv":
                password = secret(self.auth_password_variable)
                lines += [f"defAuthType {self.auth_protocol}", f"defAuthPassphrase {password}"]
            if self.level == "authPriv":
                password = secret(self.privacy_password_variable)
                lines += [f"defPrivType {self.privacy_protocol}", f"defPrivPassphrase {password}"]
        with tempfile.TemporaryDirectory(prefix="headroom-snmp-") as folder:
            descriptor = os.open(Path(folder) / "snmp.conf", os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write("\n".join(lines) + "\n")
            yield folder
