"""Prometheus remote write 1.0: a snappy-compressed protobuf to readings. Pure.

The message is the one of https://prometheus.io/docs/specs/prw/remote_write_spec/; its fields are declared
here because no package on the index ships them.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from data.errors import SourceError
from ingest import facts
from ingest.readings import NAMES, ReadingList

LARGEST = 64 * 2**20
"""Bytes of one request, unpacked."""

_LATEST = 253_402_300_800_000
"""Milliseconds since 1970 at which the year 10000 begins, which no date here can be in."""
_STALE = 0x7FF0000000000002
"""Bits of the NaN by which Prometheus says that a series ended."""


def _write_request(package: str, *, labels_apart: bool) -> Any:
    """Classes of the message and its labels; with `labels_apart` these stay bytes, which compare faster."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    file.syntax = "proto3"
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name: str, *fields: tuple[str, int, Any, str]) -> None:
        one = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            added = one.field.add(name=field, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
            if of:
                added.label = kinds.LABEL_REPEATED
                if kind == kinds.TYPE_MESSAGE:
                    added.type_name = f".{package}.{of}"

    message("Label", ("name", 1, kinds.TYPE_STRING, ""), ("value", 2, kinds.TYPE_STRING, ""))
    message("Sample", ("value", 1, kinds.TYPE_DOUBLE, ""), ("timestamp", 2, kinds.TYPE_INT64, ""))
    # On the wire a message is the same as its bytes.
    of_labels = kinds.TYPE_BYTES if labels_apart else kinds.TYPE_MESSAGE
    message("TimeSeries", ("labels", 1, of_labels, "Label"), ("samples", 2, kinds.TYPE_MESSAGE, "Sample"))
    message("WriteRequest", ("timeseries", 1, kinds.TYPE_MESSAGE, "TimeSeries"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ("WriteRequest", "Label")
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{one}")) for one in names]


WriteRequest, _ = _write_request("headroom.prometheus", labels_apart=False)
_RawRequest, _Label = _write_request("headroom.prometheus_raw", labels_apart=True)


def decoded(payload: bytes) -> Any:
    """The WriteRequest in a payload.

    Raises:
        SourceError: it is no snappy, no such message, or too large.
    """
    return _parsed(_unpacked(payload), WriteRequest)


def add_readings(
    payload: bytes, readings: ReadingList, rejected: list[tuple[int | None, str, str | None]]
) -> int:
    """Adds what recipes use to the readings; returns how many samples there were.

    Raises:
        SourceError: as `decoded` does.
    """
    seen = 0
    request = _parsed(_unpacked(payload), _RawRequest)
    named = [(_named(series.labels, readings), series.samples) for series in request.timeseries]
    for (name, labels, places), samples in named:
        seen += len(samples)
        if name in facts.NAMES:
            readings.facts.of_info(name, labels, [(one.timestamp, one.value) for one in samples])
        if places is None:
            continue
        for sample in samples:
            at, value = sample.timestamp, sample.value
            if math.isfinite(value) and 0 < at < _LATEST:
                readings.add_at(places, at * 1_000, None, value)
            elif struct.unpack("<Q", struct.pack("<d", value))[0] != _STALE:
                rejected.append((None, f"value {value} at {at} ms cannot be used", f"{name} {labels}"))
    return seen


def _named(raw: Any, readings: ReadingList) -> tuple[str, dict[str, str], list[int] | None]:
    """Name, labels and places of a series by its labels' bytes; places are None where no recipe uses it.

    Raises:
        SourceError: they are no labels.
    """
    key = tuple(raw)
    known = readings.by_bytes.get(key)
    if known is None:
        labels = {}
        for one in key:
            label = _Label()
            try:
                label.ParseFromString(one)
            except DecodeError as error:
                raise SourceError(f"remote write: is no WriteRequest: {_first(error)}") from error
            labels[label.name] = label.value
        name = labels.pop("__name__", "")
        places = readings.places_of(name, labels) if name in NAMES else None
        known = readings.by_bytes[key] = name, labels, places
    return known


def _unpacked(payload: bytes) -> bytes:
    try:
        size = cramjam.snappy.decompress_raw_len(payload)
        if size > LARGEST:
            raise SourceError(f"remote write: {size:,} bytes unpacked are more than {LARGEST:,}")
        return bytes(cramjam.snappy.decompress_raw(payload))
    except cramjam.DecompressionError as error:
        raise SourceError(f"remote write: is no snappy: {_first(error)}") from error


def _parsed(text: bytes, kind: Any) -> Any:
    request = kind()
    try:
        request.ParseFromString(text)
    except DecodeError as error:
        raise SourceError(f"remote write: is no WriteRequest: {_first(error)}") from error
    if text and not request.timeseries and not _has_metadata(text):
        raise SourceError("remote write: is no WriteRequest: it has no series")
    return request


def _has_metadata(text: bytes) -> bool:
    """Whether it starts with field 3 of the message: metadata alone is sent now and then."""
    return text[0] == 0x1A


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
