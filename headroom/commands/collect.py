"""receive and host: taking in what is pushed, and a first look at this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from headroom.commands.options import PORTS, SettingsFile


def receive(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default from the settings.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=PORTS, help="Port to listen on; 0 = any.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Take in Prometheus remote write and OTLP/HTTP metrics, and keep them until `headroom ingest`.

    Example: headroom receive --port 8051
    """
    from headroom.receiver import OTLP_PATH, WRITE_PATH, serve
    from headroom.serving import free_port
    from headroom.settings import load

    settings = load(settings_file)
    host = host or settings.receive.host
    wanted = settings.receive.port if port is None else port
    chosen = free_port(host, wanted)
    shown = f"[{host}]" if ":" in host else host

    def ready() -> None:
        typer.echo(f"remote write: http://{shown}:{chosen}{WRITE_PATH}")
        typer.echo(f"OTLP/HTTP:    http://{shown}:{chosen}{OTLP_PATH}  (Ctrl-C stops it)")

    serve(settings, host, chosen, ready)


def host(
    seconds: Annotated[float, typer.Option(help="How long to look.")] = 5.0,
) -> None:
    """Look at this machine for a few seconds: what it does, what it has, what is left.

    Example: headroom host --seconds 10
    """
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from headroom.jobs.run import clock
    from ingest.host import Host
    from ingest.intake import intake

    batches = [intake(batch, now=clock()) for batch in Host(interval=seconds, count=1).pull(None)]
    table = Table(box=None, pad_edge=False)
    for title in ("resource", "metric"):
        table.add_column(title)
    for title in ("demand", "capacity", "utilization"):
        table.add_column(title, justify="right")
    for row in pl.concat(batch.samples for batch in batches).iter_rows(named=True):
        value, capacity, unit = row["value"], row["capacity"], row["unit"]
        table.add_row(
            row["resource"],
            row["metric"],
            f"{value:,.2f} {unit}",
            "unknown" if capacity is None else f"{capacity:,.2f} {unit}",
            f"{value / capacity:.0%}" if capacity else "unknown",
        )
    Console(highlight=False).print(table)
    typer.echo(
        'to keep such measurements: [source.here] kind = "host" in the settings, then `headroom ingest`'
    )


def add_to(cli: typer.Typer) -> None:
    cli.command()(receive)
    cli.command()(host)
