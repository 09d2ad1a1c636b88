"""Starts the dashboard on a free port and says where it is."""

from __future__ import annotations

import socket

import typer
from flask import Flask

from data.errors import ConfigError
from headroom.settings import Settings

_TRIES = 50


def free_port(host: str, first: int) -> int:
    """The first port from `first` on that nobody listens on; 0 = any.

    Raises:
        ConfigError: the address cannot be used, or 50 ports in a row are taken.
    """
    for port in range(first, min(first + _TRIES, 65536)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if isinstance(error, socket.gaierror) or error.errno in (13, 99):
                    raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
                continue
            return int(probe.getsockname()[1])
    raise ConfigError(
        f"ports {first} to {first + _TRIES - 1} of {host} are all taken; choose one with --port"
    )


def serve(settings: Settings, host: str | None = None, port: int | None = None) -> None:
    """Serves until interrupted."""
    from dashboard.serve import serve as run_server
    from headroom.jobs.actions import pricer_of

    host = host or settings.serve.host
    chosen = free_port(host, settings.serve.port if port is None else port)
    shown = f"[{host}]" if ":" in host else host

    def extend(server: Flask) -> None:
        from headroom.receiver import register

        register(server, settings)

    def ready() -> None:
        typer.echo(f"Headroom is at http://{shown}:{chosen}  (Ctrl-C stops it)")

    run_server(
        settings.published,
        host=host,
        port=chosen,
        workers=settings.serve.workers,
        on_ready=ready,
        state_url=settings.app_state_url,
        pricer=lambda: pricer_of(settings),
        extend=extend if settings.receive.enabled else None,
    )
