"""Distant: text files in an object store (s3://), read as a stream; their names by pattern."""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import pyarrow as pa

from data.errors import ConfigError, SourceError, SourceUnavailable

_NO_OPTIONS: Mapping[str, str | int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Distant:
    """An object by its address."""

    address: str
    """s3://bucket/key"""
    storage: Mapping[str, str | int] = field(default_factory=lambda: _NO_OPTIONS)
    """Options of the store, as for Parquet files: endpoint_url, region, allow_http, max_retries."""

    def __str__(self) -> str:
        return self.address

    @property
    def suffix(self) -> str:
        """Its ending, as Path.suffix."""
        return PurePosixPath(self.address).suffix

    def open(self) -> BinaryIO:
        """Its bytes as they are.

        Raises:
            SourceError: there is no such object, or it may not be read.
            SourceUnavailable: the store does not answer.
        """
        try:
            opened = _store(self.address, self.storage).open_input_file(_key(self.address))
        except (OSError, pa.ArrowException) as error:
            raise failure(self.address, error) from error
        return cast(BinaryIO, opened)


Place = Path | Distant
"""Where a file is."""


def place_of(path: str, storage: Mapping[str, str | int]) -> Place:
    """The place that a path or an address means."""
    return Distant(path, storage) if "://" in path else Path(path)


def matching(pattern: str, storage: Mapping[str, str | int]) -> list[str]:
    """Addresses that the pattern stands for (* within a name, ** across folders), sorted.

    Raises:
        SourceError: nothing matches.
        SourceUnavailable: the store does not answer.
    """
    if not glob.has_magic(pattern):
        return [pattern]
    scheme, _, rest = pattern.partition("://")
    parts = rest.split("/")
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    if not fixed:
        raise ConfigError(f"{pattern}: the bucket must be named")
    from pyarrow import fs

    selector = fs.FileSelector("/".join(parts[:fixed]), recursive=True, allow_not_found=True)
    try:
        found = _store(pattern, storage).get_file_info(selector)
    except (OSError, pa.ArrowException) as error:
        raise failure(pattern, error) from error
    files = (one.path for one in found if one.type == fs.FileType.File)
    names = sorted(name for name in files if _fits(name.split("/"), parts))
    if not names:
        raise SourceError(f"{pattern}: no file matches")
    return [f"{scheme}://{name}" for name in names]


def failure(address: str, error: Exception) -> SourceError:
    """What went wrong at the store, in our words."""
    said = " ".join(str(error).split())[:300]
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{address}: there is no such object")
    if "ACCESS_DENIED" in said or "InvalidAccessKeyId" in said or "SignatureDoesNotMatch" in said:
        return SourceError(f"{address}: may not be read: {said}")
    return SourceUnavailable(f"{address}: cannot be fetched: {said}")


def _fits(names: list[str], parts: list[str]) -> bool:
    """Whether a path fits a pattern, both cut at slashes."""
    if not parts or not names:
        return not parts and not names
    if parts[0] == "**":
        below = range(len(names)) if len(parts) > 1 else range(len(names) + 1)
        return any(_fits(names[skipped:], parts[1:]) for skipped in below)
    return fnmatch.fnmatchcase(names[0], parts[0]) and _fits(names[1:], parts[1:])


def _key(address: str) -> str:
    return address.partition("://")[2]


def _store(address: str, storage: Mapping[str, str | int]) -> Any:
    """The file system of an address; keys come from the environment unless the options hold them."""
    scheme = address.partition("://")[0]
    if scheme not in ("s3", "s3a"):
        raise ConfigError(f"{address}: text files are read from s3://; of {scheme}:// only Parquet is")
    from pyarrow import fs

    options = {str(name).lower().removeprefix("aws_"): text for name, text in storage.items()}
    settings: dict[str, Any] = {"connect_timeout": 10.0, "request_timeout": 60.0}
    url = str(options.get("endpoint_url") or options.get("endpoint") or "")
    if url:
        protocol, _, host = url.rpartition("://")
        settings |= {"endpoint_override": host.rstrip("/"), "scheme": protocol or "https"}
    if options.get("region"):
        settings["region"] = str(options["region"])
    if options.get("access_key_id"):
        settings |= {
            "access_key": str(options["access_key_id"]),
            "secret_key": str(options.get("secret_access_key", "")),
        }
    if "max_retries" in options:
        tries = int(options["max_retries"]) + 1
        settings["retry_strategy"] = fs.AwsStandardS3RetryStrategy(max_attempts=tries)
    try:
        return fs.S3FileSystem(**settings)
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise SourceError(f"{address}: {' '.join(str(error).split())[:300]}") from error
