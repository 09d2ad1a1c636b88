"""serve: the dashboard as a web server, until interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dash import Dash
from flask import Flask

from dashboard.app import create_app
from dashboard.published import follow
from data.app_state import AppState
from models.pricing import Pricer


def serve(
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 8050,
    workers: int = 2,
    on_ready: Callable[[], None] = lambda: None,
    state_url: str | None = None,
    pricer: Callable[[], Pricer] | None = None,
    extend: Callable[[Flask], object] | None = None,
) -> None:
    """Serves the snapshots published in `folder`. Returns after Ctrl-C or SIGTERM.

    Every worker opens the published file itself, read-only, and follows the pointer; `on_ready` is
    called once, when requests are accepted. Decisions and scenarios are kept at `state_url` (a database
    URL), without one nothing can be decided; `pricer` prices what-if. `extend` may add routes to
    each worker's server. Where processes cannot fork, one process with threads serves.
    """
    if hasattr(os, "fork"):
        _gunicorn(folder, host, port, workers, on_ready, state_url, pricer, extend)
    else:
        _threaded(folder, host, port, on_ready, state_url, pricer, extend)


def _gunicorn(
    folder: Path,
    host: str,
    port: int,
    workers: int,
    on_ready: Callable[[], None],
    state_url: str | None,
    pricer: Callable[[], Pricer] | None,
    extend: Callable[[Flask], object] | None,
) -> None:
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
            return _app(folder, state_url, pricer, extend).server

    try:
        Server().run()
    except SystemExit as stop:
        if stop.code not in (0, None):
            raise


def _app(
    folder: Path,
    state_url: str | None,
    pricer: Callable[[], Pricer] | None,
    extend: Callable[[Flask], object] | None,
) -> Dash:
    state = AppState(state_url) if state_url else None
    app = create_app(follow(folder), state=state, pricer=pricer)
    if extend is not None:
        extend(app.server)
    # Dash knows its scripts only once the index was made: a worker asked for a script first would refuse it.
    app.server.test_client().get("/")
    return app


def _threaded(
    folder: Path,
    host: str,
    port: int,
    on_ready: Callable[[], None],
    state_url: str | None,
    pricer: Callable[[], Pricer] | None,
    extend: Callable[[Flask], object] | None,
) -> None:
    from werkzeug.serving import make_server

    server = make_server(host, port, _app(folder, state_url, pricer, extend).server, threaded=True)
    on_ready()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
