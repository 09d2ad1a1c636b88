"""The command line: one command per job. Commands live in `headroom.commands`, one file per idea.

Exit status: 0 done; 1 a source or the store failed; 2 settings or usage are wrong; 3 no answer
(refused); 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer
from rich.console import Console

from data.errors import ConfigError, HeadroomError, UnknownName
from headroom.command_list import Commands
from headroom.commands import (
    advice,
    bills,
    collect,
    config,
    demo,
    files,
    jobs,
    look,
    savings,
    sources,
    upkeep,
    whatif,
)

INTERRUPTED = 130

cli = typer.Typer(
    name="headroom",
    cls=Commands,
    help="Plan capacity: what runs out and when, what is too big, what it costs, what to do.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Exit status: 0 done, 1 a source or the store failed, 2 settings or usage are wrong,"
    " 3 no answer, 130 interrupted.",
)
for commands in (config, sources, collect, jobs, bills, upkeep, advice, whatif, savings, look, files, demo):
    commands.add_to(cli)


def main() -> None:
    """Runs the command line; an error a person can act on is one line, a bug keeps its traceback.

    What fails after Ctrl-C fails because of it: a database amid a query says so in its own way.
    """
    interrupted = False

    def noted(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.default_int_handler(number, frame)

    # A shell that starts something in the background has it ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, noted)
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if interrupted:
            sys.exit(INTERRUPTED)
        if not isinstance(error, HeadroomError):
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"headroom: {error}", markup=False)
        sys.exit(2 if isinstance(error, ConfigError | UnknownName) else 1)
