"""The list of commands in `headroom --help`: by what a person wants to do, in the order it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typer.core import TyperGroup

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Start": ("demo", "init", "host", "run", "serve"),
    "Collect": ("sources", "ingest", "receive"),
    "Conclude, step by step": ("forecast", "decide", "publish"),
    "Look": ("status", "health", "export", "export-focus"),
    "Prove": ("backtest", "replay"),
    "Plan and act": ("plan", "decision", "what-if", "apply-text", "savings"),
    "Any file, without a store": ("forecast-file", "replay-file"),
    "Keep": ("compact",),
}
"""Every command once; a new command is one word here."""

_WHOLE = 400
"""Characters: more than the first sentence of any command has, so that none is cut."""


class Commands(TyperGroup):
    """The commands in their sections. Any: Typer's context and formatter have no public name."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, section after section; one that is in none comes last."""
        placed = [name for names in SECTIONS.values() for name in names if name in self.commands]
        return [*placed, *(name for name in self.commands if name not in placed)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """One list per section, with the first sentence of each command."""
        width = max(map(len, self.commands))
        unplaced = self.commands.keys() - {name for names in SECTIONS.values() for name in names}
        for title, names in {**SECTIONS, "Further": tuple(sorted(unplaced))}.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(_WHOLE))
                for name in names
                if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
