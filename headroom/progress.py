"""Progress of long work: a bar per step on a terminal, a line per step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[int, int], None]
"""Called with (done, total) as a step goes on."""


class Steps:
    """Shows the steps of a run. `console` is standard error, so that output can be piped."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}
        """Step -> how long it took, for the summary."""

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Advance]:
        """Shows `title` while the block runs; the block calls the yielded function to move the bar."""
        started = time.perf_counter()
        if not self.console.is_terminal:
            yield lambda done, total: None
        else:
            columns = (
                TextColumn("{task.description:<26}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            with Progress(*columns, console=self.console, transient=True) as bar:
                task = bar.add_task(title, total=total)

                def advance(done: int, total: int) -> None:
                    bar.update(task, completed=done, total=total)

                yield advance
        self.seconds[title] = time.perf_counter() - started
        self.console.print(f"{title:<26} {self.seconds[title]:6.1f} s")
