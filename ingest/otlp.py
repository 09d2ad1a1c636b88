"""OpenTelemetry metrics over HTTP: an ExportMetricsServiceRequest to readings. Pure.

Gauges and sums are read, cumulative and delta. Histograms and summaries say how values were distributed, not
how much there was, and are left out with a note.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from data.errors import SourceError
from ingest.readings import NAMES, ReadingList

LARGEST = 64 * 2**20
"""Bytes of one request, unpacked."""

_DELTA, _CUMULATIVE = 1, 2
"""AggregationTemporality of opentelemetry.proto.metrics.v1."""
_LEFT_OUT = ("histogram", "exponential_histogram", "summary")
_NO_VALUE = 1
"""DataPointFlags: there is none."""


def unpacked(payload: bytes, encoding: str) -> bytes:
    """The payload without its Content-Encoding.

    Raises:
        SourceError: it is not so encoded, or too large.
    """
    if encoding in ("", "identity"):
        return payload
    if encoding not in ("gzip", "deflate"):
        raise SourceError(f"OTLP: the encoding {encoding!r} is not known; use gzip or none")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16 if encoding == "gzip" else zlib.MAX_WBITS)
    try:
        text = unpacker.decompress(payload, LARGEST + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"OTLP: is no {encoding}: {error}") from error
    if len(text) > LARGEST:
        raise SourceError(f"OTLP: is larger than {LARGEST:,} bytes unpacked")
    if not unpacker.eof:
        raise SourceError(f"OTLP: the {encoding} is cut off")
    return text


def decoded(text: bytes, *, as_json: bool = False) -> Any:
    """The ExportMetricsServiceRequest in a text.

    Raises:
        SourceError: it is none.
    """
    request = ExportMetricsServiceRequest()
    try:
        if as_json:
            json_format.Parse(text, request, ignore_unknown_fields=True)
        else:
            request.ParseFromString(text)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise SourceError(f"OTLP: is no ExportMetricsServiceRequest: {first}") from error
    if text.strip() not in (b"", b"{}") and not request.resource_metrics:
        raise SourceError("OTLP: is no ExportMetricsServiceRequest: it has no resource metrics")
    return request


def left_out(request: Any) -> dict[str, int]:
    """Metrics that are no gauge and no sum, with their number of points."""
    found: dict[str, int] = {}
    for _, metric in _metrics(request):
        kind = metric.WhichOneof("data")
        if kind in _LEFT_OUT:
            found[metric.name] = found.get(metric.name, 0) + len(getattr(metric, kind).data_points)
    return found


def add_readings(
    text: bytes,
    readings: ReadingList,
    rejected: list[tuple[int | None, str, str | None]],
    *,
    as_json: bool = False,
) -> int:
    """Adds what recipes use to the readings; returns how many points there were.

    Raises:
        SourceError: as `decoded` does.
    """
    request = decoded(text, as_json=as_json)
    seen = 0
    for name, points in left_out(request).items():
        seen += points
        rejected.append((None, "histograms and summaries are not read", f"{name}: {points} points"))
    for about, metric in _metrics(request):
        kind = metric.WhichOneof("data")
        if kind not in ("gauge", "sum"):
            continue
        data = getattr(metric, kind)
        seen += len(data.data_points)
        if metric.name not in NAMES:
            continue
        of_kind, problem = _kind(kind, data)
        if problem:
            rejected.append((None, problem, f"{metric.name}: {len(data.data_points)} points"))
            continue
        for point in data.data_points:
            if point.flags & _NO_VALUE:
                continue
            labels = {**about, **_attributes(point.attributes)}
            value = point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)
            at, start = point.time_unix_nano // 1_000, point.start_time_unix_nano // 1_000 or None
            if point.WhichOneof("value") is None or not math.isfinite(value) or not 0 < at < 2**53:
                rejected.append((None, f"value {value} at {at} us cannot be used", f"{metric.name} {labels}"))
            elif of_kind == "delta" and (start is None or start >= at):
                reason = "a delta without the start of its interval cannot be used"
                rejected.append((None, reason, f"{metric.name} {labels}"))
            else:
                readings.add(metric.name, labels, [(at, start, value)], of_kind)
    return seen


def _kind(kind: str, data: Any) -> tuple[str, str]:
    """gauge, counter or delta; or what is wrong with it."""
    if kind == "gauge":
        return "gauge", ""
    if data.aggregation_temporality == _CUMULATIVE:
        # A sum that may fall, such as memory in use, is read like a gauge.
        return ("counter" if data.is_monotonic else "gauge"), ""
    if data.aggregation_temporality == _DELTA:
        if data.is_monotonic:
            return "delta", ""
        return "", "changes of a sum that may fall say nothing without its beginning; send it cumulative"
    return "", "a sum without its temporality cannot be used"


def _metrics(request: Any) -> Iterator[tuple[dict[str, str], Any]]:
    """Every metric with the attributes of what it is about."""
    for group in request.resource_metrics:
        about = _attributes(group.resource.attributes)
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                yield about, metric


def _attributes(attributes: Any) -> dict[str, str]:
    found = {}
    for one in attributes:
        kind = one.value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value", "bool_value"):
            found[one.key] = str(getattr(one.value, kind))
    return found
