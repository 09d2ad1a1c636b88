"""An HTTP server on loopback that answers as a function says: in a documented form, or brokenly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    body: bytes | str | dict[str, Any] | list[Any] = b""
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[Asked], Reply]


@contextmanager
def standing_in(answer: Answer) -> Iterator[tuple[str, list[Asked]]]:
    """Its address and what it was asked so far."""
    server, asked = start(answer)
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        ended(server)


def ended(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()


def start(answer: Answer) -> tuple[ThreadingHTTPServer, list[Asked]]:
    """A running server, to be `ended`."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            headers = {name.lower(): text for name, text in self.headers.items()}
            one = Asked(self.command, address.path, parse_qs(address.query), headers, body)
            asked.append(one)
            reply = answer(one)
            sent = reply.body
            if isinstance(sent, dict | list):
                sent = json.dumps(sent)
            if isinstance(sent, str):
                sent = sent.encode()
            self.send_response(reply.status)
            for name, text in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server, asked
