"""demo: from nothing to a dashboard of the sample fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Option(help="Where the sample fleet and its store are kept.")] = Path(
        "var/demo"
    ),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew even if a sample fleet is there.")
    ] = False,
    serve: Annotated[bool, typer.Option(help="Start the dashboard when ready.")] = True,
) -> None:
    """Generate the sample fleet, load it, forecast, decide, publish and start the dashboard.

    Example: headroom demo --fresh
    """
    from headroom.demo import prepare
    from headroom.serving import serve as start

    settings = prepare(folder, fresh=fresh)
    if serve:
        start(settings)


def add_to(cli: typer.Typer) -> None:
    cli.command()(demo)
