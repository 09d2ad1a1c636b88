"""compact and health: the store's size and the state of what is in it."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from headroom.commands.options import SettingsFile, moment, opened

_SHOWN = 20


def compact(settings_file: SettingsFile = None) -> None:
    """Make the store small: forget what is older than the settings keep, and pack the rest tightly.

    Example: headroom compact
    """
    from headroom.jobs.compact import compact as job
    from headroom.jobs.compact import sentence

    with opened(settings_file) as run:
        typer.echo(sentence(job(run)))


def health(
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON, for other programs.")] = False,
    now: Annotated[
        str | None, typer.Option(help="Tell silence from this moment; default the newest hour measured.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Healthy resources too.")] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Say who reports: per source and resource freshness, coverage over 28 days, gaps, rejected rows.

    A resource that stopped reporting is silent, not idle: nobody knows what it uses.

    Example: headroom health --json
    """
    from headroom.health import read
    from headroom.settings import load

    told: dict[str, Any] = read(load(settings_file), moment(now, "--now"))
    if as_json:
        typer.echo(json.dumps(told, indent=1))
        return
    _show(told, every)


def _show(told: dict[str, Any], every: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    table = Table(box=None, pad_edge=False)
    for title in ("source", "last run", "outcome", "newest sample"):
        table.add_column(title)
    for title in ("runs", "failed", "loaded", "replaced", "rejected"):
        table.add_column(title, justify="right")
    table.add_column("why rejected", no_wrap=False)
    for row in told["sources"]:
        counts = (
            row["runs"],
            row["failed_runs"],
            row["rows_loaded"],
            row["rows_replaced"],
            row["rows_rejected"],
        )
        table.add_row(
            row["source"],
            row["last_started_at"] or "never",
            row["last_outcome"] or "",
            row["newest_sample"] or row["watermark"] or "",
            *(f"{count:,}" for count in counts),
            row["rejected_because"] or "",
        )
    console.print(table)
    states = ", ".join(f"{count:,} {state}" for state, count in told["series"].items() if count)
    console.print(f"\nseries: {states or 'none'}; coverage and gaps over {told['days']} days")
    rows = [
        row
        for row in told["resources"]
        if every or row["state"] != "reporting" or row["gaps"] or (row["coverage"] or 0) < 1
    ]
    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    for title in ("resource", "metric", "state", "newest sample"):
        table.add_column(title)
    for title in ("coverage", "gaps", "longest gap"):
        table.add_column(title, justify="right")
    shown = rows if every else rows[:_SHOWN]
    for row in shown:
        coverage = "" if row["coverage"] is None else f"{100 * row['coverage']:.1f} %"
        table.add_row(
            row["resource"],
            row["metric"] or "",
            row["state"],
            row["newest_at"] or "",
            coverage,
            f"{row['gaps']:,}",
            f"{row['longest_gap_hours']:,} h" if row["gaps"] else "",
        )
    console.print(table)
    if len(rows) > len(shown):
        console.print(f"and {len(rows) - len(shown):,} more; --all shows them")


def add_to(cli: typer.Typer) -> None:
    cli.command()(compact)
    cli.command()(health)
