"""The command line in this process: one of its own would take a second for each command."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass

import pytest

from headroom.cli import main
from headroom.settings import Settings


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command said, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


def headroom(settings: Settings, *words: str) -> Ended:
    """The command line in this process, as `headroom` starts it."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["headroom", *words, "-c", str(settings.file)])
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Ended(status, out.getvalue(), err.getvalue())


def said(settings: Settings, *words: str) -> str:
    """What a command that must succeed printed."""
    done = headroom(settings, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout
