"""serve: the dashboard as a web server, until interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.app import create_app
from dashboard.published import follow


def serve(
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 8050,
    workers: int = 2,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves the snapshots published in `folder`. Returns after Ctrl-C or SIGTERM.

    Every worker opens the published file itself, read-only, and follows the pointer; `on_ready` is
    called once, when requests are accepted. Where processes cannot fork, one process with threads serves.
    """
    if hasattr(os, "fork"):
        _gunicorn(folder, host, port, workers, on_ready)
    else:
        _threaded(folder, host, port, on_ready)


def _gunicorn(folder: Path, host: str, port: int, workers: int, on_ready: Callable[[], None]) -> None:
    from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            options: dict[str, Any] = {
                "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                "workers": workers,
                "worker_class": "gthread",
                "threads": 4,
                "timeout": 120,
                "graceful_timeout": 5,
                "loglevel": "warning",
                "proc_name": "headroom",
                # A control socket in the home directory would be shared by all servers of a user.
                "control_socket_disable": True,
                "when_ready": lambda _: on_ready(),
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            # Called in the worker, after the fork: neither DuckDB nor Polars survives one.
            return create_app(follow(folder)).server

    try:
        Server().run()
    except SystemExit as stop:
        if stop.code not in (0, None):
            raise


def _threaded(folder: Path, host: str, port: int, on_ready: Callable[[], None]) -> None:
    from werkzeug.serving import make_server

    server = make_server(host, port, create_app(follow(folder)).server, threaded=True)
    on_ready()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
