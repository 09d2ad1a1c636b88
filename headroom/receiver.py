"""Receiver: takes in Prometheus remote write and OTLP/HTTP, and keeps it until it is loaded.

A sender is told that its data arrived only once they are on the disk: 204 for remote write, 200 for OTLP.
What cannot be read is refused with 400 and must not be sent again; under pressure it is 429 with Retry-After.
"""

from __future__ import annotations

import contextlib
import hmac
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, request
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from data.errors import ConfigError, SourceError
from headroom.settings import Settings
from ingest import otlp, remote_write
from ingest.landing import Kind, Landing, LandingFull

WRITE_PATH, OTLP_PATH = "/api/v1/write", "/v1/metrics"
LARGEST = 32 * 2**20
"""Bytes of a request as sent."""
RETRY_AFTER = 10
"""Seconds after which a sender should try again."""


def landing_folder(settings: Settings) -> Path:
    """Where received data wait to be loaded."""
    return settings.folder / "landing"


def register(server: Flask, settings: Settings) -> Landing:
    """Mounts the routes on a server; returns the landing, whose `close` lets go of its open segment.

    They know no session, so protection against forged forms is switched off for them.

    Raises:
        ConfigError: the token's variable is not set.
    """
    landing = Landing(landing_folder(settings), settings.receive.limit_mib * 2**20)
    variable = settings.receive.token_variable
    token = os.environ.get(variable, "") if variable else ""
    if variable and not token:
        raise ConfigError(f"[receive] token_variable: the environment variable {variable!r} is not set")
    routes = blueprint(landing, token)
    server.register_blueprint(routes)
    if "csrf" in server.extensions:
        server.extensions["csrf"].exempt(routes)
    return landing


def serve(settings: Settings, host: str, port: int, on_ready: Callable[[], None] = lambda: None) -> None:
    """Runs the receiver alone. Returns after Ctrl-C or SIGTERM."""

    def application() -> Flask:
        server = Flask("headroom.receiver")
        register(server, settings)
        return server

    if os.name != "posix":
        from werkzeug.serving import make_server

        with contextlib.suppress(KeyboardInterrupt):
            waiting = make_server(host, port, application(), threaded=True)
            on_ready()
            waiting.serve_forever()
        return

    from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            options: dict[str, Any] = {
                "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                "workers": settings.receive.workers,
                "worker_class": "gthread",
                "threads": 8,
                "graceful_timeout": 5,
                "loglevel": "warning",
                "proc_name": "headroom-receive",
                "control_socket_disable": True,
                "when_ready": lambda _: on_ready(),
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            # In the worker, after the fork: each has its own segment.
            return application()

    try:
        Server().run()
    except SystemExit as stop:
        if stop.code not in (0, None):
            raise


def blueprint(
    landing: Landing, token: str = "", clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Blueprint:
    """The routes over a landing.

    Args:
        token: senders must present it as a bearer token; "" = anyone who reaches the port may send.
    """
    routes = Blueprint("receiver", __name__)

    def refused() -> Response | None:
        presented = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and not hmac.compare_digest(presented.encode(), token.encode()):
            return _text(401, "a bearer token is needed")
        return None

    def kept(kind: Kind, payload: bytes) -> Response | None:
        try:
            landing.append(kind, payload, clock())
        except LandingFull as error:
            answer = _text(429, str(error))
            answer.headers["Retry-After"] = str(RETRY_AFTER)
            return answer
        return None

    @routes.post(WRITE_PATH)
    def write() -> Response:
        if denied := refused():
            return denied
        if "io.prometheus.write.v2" in request.headers.get("Content-Type", ""):
            return _text(415, "remote write 2.0 is not read; senders fall back to 1.0")
        if request.headers.get("Content-Encoding", "snappy") != "snappy":
            return _text(415, "remote write is compressed with snappy")
        payload = _payload()
        if payload is None:
            return _text(413, f"more than {LARGEST:,} bytes; lower max_samples_per_send")
        try:
            remote_write.decoded(payload)
        except SourceError as error:
            return _text(400, str(error))
        return kept(Kind.REMOTE_WRITE, payload) or Response(status=204)

    @routes.post(OTLP_PATH)
    def metrics() -> Response:
        if denied := refused():
            return denied
        kind = (request.mimetype or "application/x-protobuf").lower()
        if kind not in ("application/x-protobuf", "application/json"):
            return _text(415, "OTLP is sent as application/x-protobuf or application/json")
        as_json = kind == "application/json"
        payload = _payload()
        if payload is None:
            return _text(413, f"more than {LARGEST:,} bytes; send smaller batches")
        try:
            text = otlp.unpacked(payload, request.headers.get("Content-Encoding", "").lower())
            message = otlp.decoded(text, as_json=as_json)
        except SourceError as error:
            return _text(400, str(error))
        if full := kept(Kind.OTLP_JSON if as_json else Kind.OTLP, text):
            return full
        return _taken(otlp.left_out(message), as_json=as_json)

    return routes


def _taken(left_out: dict[str, int], *, as_json: bool) -> Response:
    """200, with a note about what is not read."""
    reply = ExportMetricsServiceResponse()
    if left_out:
        reply.partial_success.rejected_data_points = sum(left_out.values())
        names = ", ".join(sorted(left_out)[:10])
        reply.partial_success.error_message = f"histograms and summaries are not read: {names}"
    if as_json:
        from google.protobuf import json_format

        return Response(json_format.MessageToJson(reply), 200, mimetype="application/json")
    return Response(reply.SerializeToString(), 200, mimetype="application/x-protobuf")


def _payload() -> bytes | None:
    """The request's body; None if it is too large."""
    if (request.content_length or 0) > LARGEST:
        return None
    body = request.stream.read(LARGEST + 1)
    return body if len(body) <= LARGEST else None


def _text(status: int, message: str) -> Response:
    return Response(f"{message}\n", status, mimetype="text/plain")
