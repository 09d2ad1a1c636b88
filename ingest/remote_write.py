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

_STALE = 0x7FF0000000000002
"""Bits of the NaN by which Prometheus says that a series ended."""


def _write_request() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="headroom_remote_write.proto", package="headroom.prometheus"
    )
    file.syntax = "proto3"
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name: str, *fields: tuple[str, int, Any, str]) -> None:
        one = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            added = one.field.add(name=field, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
            if of:
                added.type_name = f".headroom.prometheus.{of}"
                added.label = kinds.LABEL_REPEATED

    message("Label", ("name", 1, kinds.TYPE_STRING, ""), ("value", 2, kinds.TYPE_STRING, ""))
    message("Sample", ("value", 1, kinds.TYPE_DOUBLE, ""), ("timestamp", 2, kinds.TYPE_INT64, ""))
    message(
        "TimeSeries", ("labels", 1, kinds.TYPE_MESSAGE, "Label"), ("samples", 2, kinds.TYPE_MESSAGE, "Sample")
    )
    message("WriteRequest", ("timeseries", 1, kinds.TYPE_MESSAGE, "TimeSeries"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("headroom.prometheus.WriteRequest"))


WriteRequest = _write_request()


def decoded(payload: bytes) -> Any:
    """The WriteRequest in a payload.

    Raises:
        SourceError: it is no snappy, no such message, or too large.
    """
    try:
        size = cramjam.snappy.decompress_raw_len(payload)
        if size > LARGEST:
            raise SourceError(f"remote write: {size:,} bytes unpacked are more than {LARGEST:,}")
        text = bytes(cramjam.snappy.decompress_raw(payload))
    except cramjam.DecompressionError as error:
        raise SourceError(f"remote write: is no snappy: {_first(error)}") from error
    request = WriteRequest()
    try:
        request.ParseFromString(text)
    except DecodeError as error:
        raise SourceError(f"remote write: is no WriteRequest: {_first(error)}") from error
    if text and not request.timeseries and not _has_metadata(text):
        raise SourceError("remote write: is no WriteRequest: it has no series")
    return request


def add_readings(
    payload: bytes, readings: ReadingList, rejected: list[tuple[int | None, str, str | None]]
) -> int:
    """Adds what recipes use to the readings; returns how many samples there were.

    Raises:
        SourceError: as `decoded` does.
    """
    seen = 0
    for series in decoded(payload).timeseries:
        seen += len(series.samples)
        labels = {label.name: label.value for label in series.labels}
        name = labels.pop("__name__", "")
        if name in facts.NAMES:
            readings.facts.of_info(name, labels, [(one.timestamp, one.value) for one in series.samples])
        if name not in NAMES:
            continue
        points: list[tuple[int, int | None, float]] = []
        for sample in series.samples:
            at, value = sample.timestamp, sample.value
            if math.isfinite(value) and 0 < at < 2**53:
                points.append((at * 1_000, None, value))
            elif struct.unpack("<Q", struct.pack("<d", value))[0] != _STALE:
                rejected.append((None, f"value {value} at {at} ms cannot be used", f"{name} {labels}"))
        readings.add(name, labels, points)
    return seen


def _has_metadata(text: bytes) -> bool:
    """Whether it starts with field 3 of the message: metadata alone is sent now and then."""
    return text[0] == 0x1A


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
