"""ingest, forecast, decide, publish, run: the steps of a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from headroom.commands.line_up import FORECASTERS_TOLD, POLICIES_TOLD
from headroom.commands.options import SettingsFile, Since, Until, moment, opened

if TYPE_CHECKING:
    from headroom.jobs.backtest import Grain
    from headroom.jobs.pulling import SourceSummary


_COUNTS = ("read", "loaded", "replaced", "unchanged", "rejected")
_REASONS = 5
"""Shown of why a dry run would reject rows."""


def ingest(
    source: Annotated[
        str | None, typer.Argument(help="One configured source or set of bills; default all.")
    ] = None,
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be loaded; write nothing.")
    ] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Load measurements of the configured sources and cloud bills, and refresh the rollups.

    Example: headroom ingest servers --since 2026-11-01
    """
    from headroom.commands.bills import show_bills
    from headroom.jobs import ingest as job
    from headroom.jobs.bills import configured_bills, load_bills

    with opened(settings_file) as run:
        settings = run.settings
        start, end = moment(since, "--since"), moment(until, "--until")
        is_bill = source in settings.bills and source not in settings.source
        configured_bills(settings)  # what is configured wrongly must not stop a run halfway
        summaries = [] if is_bill else job.ingest(run, only=source, since=start, until=end, dry_run=dry_run)
        # After the inventory, which says whose the charges are.
        bills = load_bills(run, only=source, dry_run=dry_run) if is_bill or source is None else []
        deviations = None if dry_run or not bills else run.store.frame("bills_conformance")
    if not summaries and not bills:
        typer.echo("no sources are configured; add a [source.NAME] table to the settings", err=True)
        raise typer.Exit(2)
    if summaries:
        show(summaries, dry_run)
    show_bills(bills, deviations)
    if any(summary.error for summary in summaries) or any(bill.errors for bill in bills):
        raise typer.Exit(1)


def show(summaries: list[SourceSummary], dry_run: bool = False) -> None:
    """A row per source, then the errors."""
    from rich.console import Console
    from rich.table import Table

    titles = ("read", "would load", "rejected") if dry_run else _COUNTS
    table = Table(box=None, pad_edge=False)
    table.add_column("source")
    for title in titles:
        table.add_column(title, justify="right")
    table.add_column("newest sample")
    table.add_column("seconds", justify="right")
    for row in summaries:
        loaded = row.loaded
        counts: tuple[int, ...] = (loaded.new, loaded.replaced, loaded.unchanged, loaded.rejected)
        if dry_run:
            counts = loaded.new, loaded.rejected
        newest = "skipped" if row.skipped and not row.read else "none"
        if loaded.newest_sample:
            newest = f"{loaded.newest_sample:%Y-%m-%d %H:%M}"
        shown = (f"{count:,}" for count in (row.read, *counts))
        table.add_row(row.source, *shown, newest, f"{row.seconds:.1f}")
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
    for row in summaries:
        for why in row.skipped:
            typer.echo(f"{row.source}: {why}", err=True)
        if row.error:
            typer.echo(f"{row.source}: {row.error}", err=True)
        if row.loaded.rejected and not dry_run:
            typer.echo(
                f"{row.source}: {row.loaded.rejected:,} rows were not loaded; `headroom status` says why",
                err=True,
            )
        if dry_run:
            for reason, count in row.reasons.most_common(_REASONS):
                typer.echo(f"{row.source}: would reject {count:,}: {reason}", err=True)
            if len(row.reasons) > _REASONS:
                further = len(row.reasons) - _REASONS
                typer.echo(f"{row.source}: would reject others for {further:,} more reasons", err=True)


def forecast(settings_file: SettingsFile = None) -> None:
    """Project the demand of every resource and service: hours for 14 days, daily peaks for a year.

    Example: HEADROOM_FORECAST__MODEL=seasonal_naive headroom forecast
    """
    from headroom.jobs.forecast import forecast as job

    with opened(settings_file) as run:
        typer.echo(job(run).sentence())


def decide(settings_file: SettingsFile = None) -> None:
    """Say what is too big, too small, idle or running out, what to do and what it costs.

    Example: headroom decide && headroom export findings
    """
    from headroom.jobs.decide import decide as job

    with opened(settings_file) as run:
        typer.echo(job(run))


def publish(settings_file: SettingsFile = None) -> None:
    """Copy the newest conclusions to a snapshot that the dashboard and notebooks read.

    Example: headroom publish
    """
    from headroom.jobs.publish import publish as job

    with opened(settings_file) as run:
        typer.echo(f"published {job(run)}")


def run_all(settings_file: SettingsFile = None) -> None:
    """Ingest, forecast, decide and publish in one go.

    Example: headroom run && headroom serve
    """
    from headroom.jobs.everything import everything

    with opened(settings_file) as run:
        summaries = everything(run)
    show(summaries)
    if any(summary.error for summary in summaries):
        raise typer.Exit(1)


def backtest(
    model: Annotated[
        list[str] | None,
        typer.Option(help="Forecaster by name; repeatable; default ours and seasonal_naive."),
    ] = None,
    grain: Annotated[str, typer.Option(help="hour or day.")] = "hour",
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Slots ahead; default 336 hours or 90 days.")
    ] = None,
    folds: Annotated[int, typer.Option(min=1, help="Past cutoffs, a horizon apart.")] = 3,
    metric: Annotated[str | None, typer.Option(help="Only this metric.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only subjects whose name contains this.")] = None,
    most: Annotated[
        int | None, typer.Option(min=1, help="At most this many series; for slow models.")
    ] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Score forecasters on past cutoffs of the stored history, and store the scores.

    Example: headroom backtest --model fleet --model prophet --metric cpu --most 20
    """
    from rich.console import Console
    from rich.table import Table

    from data.errors import ConfigError
    from headroom.jobs.backtest import Question
    from headroom.jobs.backtest import backtest as job

    if grain not in ("hour", "day"):
        raise ConfigError(f"--grain: {grain!r} is not hour or day")
    chosen: Grain = "hour" if grain == "hour" else "day"
    with opened(settings_file) as run:
        scores = job(run, Question(chosen, tuple(model or ()), horizon, folds, metric, subject, most))
    table = Table(box=None, pad_edge=False)
    for name in scores.columns:
        table.add_column(name.replace("_", " "), justify="left" if name in ("metric", "model") else "right")
    for row in scores.iter_rows():
        table.add_row(
            *("" if cell is None else f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row)
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)


def add_to(cli: typer.Typer) -> None:
    for command in (ingest, publish):
        cli.command()(command)
    cli.command(epilog=FORECASTERS_TOLD)(forecast)
    cli.command(epilog=FORECASTERS_TOLD)(backtest)
    cli.command(epilog=POLICIES_TOLD)(decide)
    cli.command("run")(run_all)
