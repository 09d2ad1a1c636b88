"""status, export, serve: looking at what was measured and concluded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import ConfigError, UnknownName
from headroom.commands.options import PORTS, SettingsFile, said

EXPORTS = (
    "findings",
    "metric_findings",
    "recommendations",
    "alternatives",
    "advised",
    "exhaustion",
    "resource_costs",
    "monthly_costs",
    "forecast_points",
    "forecast_series",
    "replay_scores",
    "replay_rules",
)

SUFFIXES = (".csv", ".parquet", ".ndjson", ".jsonl")
"""What an export can be written as, by the end of the file's name."""

KEYS = frozenset(
    [
        "grain",
        "scope",
        "alternative",
        "resource",
        "first_at",
        "action",
        "to_type",
        "to_size",
        "subject",
        "service",
        "provider",
        "site",
        "metric",
        "month",
        "ts",
        "tier",
        "model",
        "band",
        "policy",
        "target_breach",
        "hold_days",
        "window_days",
        "level",
        "margin",
        "is_forecast",
    ]
)
"""Columns that tell the rows of a table apart, and that an export is sorted by."""


def status(settings_file: SettingsFile = None) -> None:
    """Say what is stored, how fresh it is, what the last runs did and what was rejected.

    Example: headroom status
    """
    from headroom.settings import load
    from headroom.status import describe

    typer.echo(describe(load(settings_file)))


def export(
    table: Annotated[str, typer.Argument(help=f"One of {', '.join(EXPORTS)}.")],
    out: Annotated[
        Path | None, typer.Option(help="CSV, Parquet or NDJSON file; default CSV on standard output.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="An earlier published run; default the newest.")
    ] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Write a table of conclusions to a file.

    Example: headroom export recommendations --out changes.csv
    """
    from data.snapshot import Snapshot
    from headroom.settings import load

    if table not in EXPORTS:
        raise UnknownName("table", table, EXPORTS)
    suffix = None if out is None else out.suffix.lower()
    if suffix is not None and suffix not in SUFFIXES:
        raise ConfigError(f"--out: {out} must end in one of {', '.join(SUFFIXES)}")
    with Snapshot.open(load(settings_file).published, run_id) as snapshot:
        rows = snapshot.table(table)
    # The same conclusions are the same bytes: the database keeps no order of its own.
    rows = rows.sort([name for name in rows.columns if name in KEYS], maintain_order=True)
    if out is None:
        typer.echo(rows.write_csv(), nl=False)
        return
    try:
        if suffix == ".csv":
            rows.write_csv(out)
        elif suffix == ".parquet":
            rows.write_parquet(out)
        else:
            rows.write_ndjson(out)
    except OSError as error:
        raise ConfigError(f"--out: {out} cannot be written: {said(error)}") from error
    typer.echo(f"wrote {rows.height:,} rows to {out}", err=True)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default from the settings.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=PORTS, help="Port; the next free one is taken when it is in use; 0 = any."),
    ] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Start the dashboard over the published snapshots. Ctrl-C stops it.

    Example: headroom serve --port 8080
    """
    from headroom.serving import serve as start
    from headroom.settings import load

    start(load(settings_file), host=host, port=port)


def add_to(cli: typer.Typer) -> None:
    for command in (status, export, serve):
        cli.command()(command)
