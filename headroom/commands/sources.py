"""sources: which kinds there are, which are configured, and whether one works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headroom.commands.options import SettingsFile

if TYPE_CHECKING:
    from headroom.jobs.check import Checked

_SHOWN = 5

sources_cli = typer.Typer(
    help="List the kinds of sources, or check a configured one.\n\nExample: headroom sources check servers",
    invoke_without_command=True,
)


@sources_cli.callback()
def sources(context: typer.Context, settings_file: SettingsFile = None) -> None:
    if context.invoked_subcommand is not None:
        return
    from headroom.settings import load
    from headroom.sources import tables_of
    from ingest.registry import SOURCES

    tables = tables_of(load(settings_file))
    typer.echo("kinds")
    for kind, factory in sorted(SOURCES.items()):
        first = (factory.__doc__ or "").strip().splitlines()[0]
        typer.echo(f"  {kind:<12} {first.partition('; every field')[0].rstrip('.')}")
    typer.echo("configured")
    for name, table in sorted(tables.items()):
        typer.echo(f"  {name:<12} {table.get('kind', '(no kind)')}")
    if tables:
        typer.echo("`headroom sources check NAME` connects to one and says what it finds")
    else:
        typer.echo("  none; add a [source.NAME] table to the settings, see docs/sources.md")


@sources_cli.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a configured source.")],
    settings_file: SettingsFile = None,
) -> None:
    """Connect, read the newest intervals (or one batch of a file) and say what was found.

    Example: headroom sources check servers
    """
    from headroom.jobs.check import check as job
    from headroom.jobs.run import clock
    from headroom.settings import load

    found = job(load(settings_file), name, clock())
    for checked in found:
        _show(checked)
    if not all(checked.works for checked in found):
        raise typer.Exit(1)


def _show(checked: Checked) -> None:
    if checked.error is not None:
        typer.echo(f"{checked.name}: does not work: {checked.error}", err=True)
        return
    if checked.usable:
        typer.echo(f"{checked.name}: works")
    elif checked.reasons:
        typer.echo(f"{checked.name}: answers, but nothing it says can be used")
    else:
        typer.echo(f"{checked.name}: answers, but has no samples")
    lines: list[tuple[str, str]] = []
    if checked.kinds:
        total = sum(checked.kinds.values())
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in checked.kinds.most_common())
        lines.append(("knows", f"{_counted(total, 'resource')} ({kinds})"))
    if checked.sizes:
        lines.append(("sizes of", ", ".join(sorted(checked.sizes))))
    if checked.window is not None:
        lines.append(("asked for", str(checked.window)))
    if checked.usable:
        metrics = ", ".join(sorted(checked.metrics))
        samples = _counted(checked.usable, "usable sample")
        lines.append(("read", f"{samples} of {_counted(len(checked.resources), 'resource')}: {metrics}"))
        lines.append(("newest", f"{checked.newest:%Y-%m-%d %H:%M} UTC"))
    for reason, count in checked.reasons.most_common(_SHOWN):
        lines.append(("rejected", f"{_counted(count, 'row')}: {reason}"))
    if len(checked.reasons) > _SHOWN:
        rest = sum(checked.reasons.values()) - sum(n for _, n in checked.reasons.most_common(_SHOWN))
        lines.append(("rejected", f"{rest:,} rows for {len(checked.reasons) - _SHOWN:,} more reasons"))
    for what, text in lines:
        typer.echo(f"  {what:<10} {text}")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(sources_cli, name="sources")
