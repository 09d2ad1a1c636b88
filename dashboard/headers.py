"""Security headers, caching and compression of everything the server sends."""

from __future__ import annotations

import gzip

import brotli  # type: ignore[import-untyped]
from dash import Dash
from flask import Flask, Response, request
from flask_compress import Compress

_SUITES = "/_dash-component-suites/"


def add_headers(app: Dash) -> None:
    """Adds them to the app's server."""
    server = app.server
    server.config.update(COMPRESS_ALGORITHM=["br", "gzip"], COMPRESS_BR_LEVEL=4, COMPRESS_MIN_SIZE=1000)
    Compress(server)
    _compress_once(server)
    hashes: list[str] = []

    @server.after_request  # type: ignore[untyped-decorator]
    def secure(response: Response) -> Response:
        if not hashes:
            # Late on purpose: Dash registers inline scripts up to the first request.
            hashes.extend(app.csp_hashes())
        scripts = " ".join(["'self'", *hashes])
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline';"
            " img-src 'self' data:; font-src 'self' data:; worker-src blob:; connect-src 'self';"
            " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        if request.path.startswith(_SUITES) and response.status_code == 200:
            # Fingerprinted bundles already have a year; plotly.min.js has none and is the largest of all.
            response.headers.setdefault("Cache-Control", "public, max-age=3600")
        return response


def _compress_once(server: Flask) -> None:
    """Compresses each script bundle once per process: for every request it made pages slower, not faster."""
    packed: dict[tuple[str, str], bytes] = {}

    @server.after_request
    def pack(response: Response) -> Response:
        if not request.path.startswith(_SUITES) or response.status_code != 200:
            return response
        accepted = request.headers.get("Accept-Encoding", "")
        encoding = "br" if "br" in accepted else "gzip" if "gzip" in accepted else None
        if encoding is None:
            return response
        key = (request.path, encoding)
        if key not in packed:
            response.direct_passthrough = False
            script = response.get_data()
            packed[key] = brotli.compress(script, quality=5) if encoding == "br" else gzip.compress(script, 6)
        response.direct_passthrough = False
        response.set_data(packed[key])
        response.headers["Content-Encoding"] = encoding
        response.headers["Vary"] = "Accept-Encoding"
        return response
