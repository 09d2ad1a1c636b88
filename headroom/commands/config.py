"""init and sources: settings and what they point at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from data.errors import ConfigError, HeadroomError, SourceUnavailable
from headroom.commands.options import SettingsFile


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("headroom.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented settings file with every setting, its default and its unit.

    Example: headroom init && $EDITOR headroom.toml
    """
    from headroom.settings import example

    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; --force overwrites it")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(example(), encoding="utf-8")
    typer.echo(f"wrote {file}; name your files under [source.…] and [inventory], then `headroom run`")


sources_cli = typer.Typer(
    help="List the kinds of sources, or check a configured one.\n\nExample: headroom sources check servers",
    invoke_without_command=True,
)


@sources_cli.callback()
def sources(context: typer.Context, settings_file: SettingsFile = None) -> None:
    if context.invoked_subcommand is not None:
        return
    from headroom.settings import load
    from ingest.registry import SOURCES

    settings = load(settings_file)
    typer.echo("kinds")
    for kind, factory in sorted(SOURCES.items()):
        first = (factory.__doc__ or "").strip().splitlines()[0]
        typer.echo(f"  {kind:<18} {first}")
    typer.echo("configured")
    for name, table in sorted(settings.source.items()):
        typer.echo(f"  {name:<18} {table.get('kind', '(no kind)')}")
    if not settings.source:
        typer.echo("  none; add a [source.NAME] table to the settings")


@sources_cli.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a configured source.")],
    settings_file: SettingsFile = None,
) -> None:
    """Connect, read one minute (or one batch of a file) and say what was found.

    Example: headroom sources check servers
    """
    from data.series import Window
    from headroom.jobs.run import clock
    from headroom.settings import load
    from headroom.sources import configured
    from ingest.intake import intake

    settings = load(settings_file)
    source = configured(settings, name)[name]
    now = clock()
    window = Window(now - timedelta(minutes=1), now) if getattr(source, "resumes", False) else None
    try:
        batch = next(iter(source.pull(window)), None)
    except SourceUnavailable as error:
        raise SourceUnavailable(f"{name}: {error}") from error
    if batch is None:
        typer.echo(f"{name}: reachable, but nothing was measured in {window or 'the files'}")
        return
    checked = intake(batch, now=now)
    typer.echo(
        f"{name}: {checked.samples.height:,} usable samples of"
        f" {checked.samples['resource'].n_unique():,} resources"
        f" ({', '.join(sorted(checked.samples['metric'].unique()))}), {checked.rejected.height:,} rejected"
    )
    for row in checked.rejected.head(5).iter_rows(named=True):
        typer.echo(f"  rejected {row['origin'] or ''}:{row['line'] or ''}: {row['reason']}")
    if not checked.samples.height:
        raise HeadroomError(f"{name}: no usable sample in the first batch")


def add_to(cli: typer.Typer) -> None:
    cli.command()(init)
    cli.add_typer(sources_cli, name="sources")
