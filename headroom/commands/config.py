"""init: the settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import ConfigError
from headroom.commands.options import said


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("headroom.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented settings file with every setting, its default and its unit.

    Example: headroom init && $EDITOR headroom.toml
    """
    from headroom.settings_example import example

    if file.is_dir():
        raise ConfigError(f"{file} is a folder; name the file, as in {file / 'headroom.toml'}")
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; --force overwrites it")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(example(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {said(error)}") from error
    typer.echo(f"wrote {file}; name your files under [source.…] and [inventory], then `headroom run`")


def add_to(cli: typer.Typer) -> None:
    cli.command()(init)
