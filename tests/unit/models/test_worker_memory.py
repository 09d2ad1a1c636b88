"""What a worker asks of its C library, and where there is none to ask."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from collections.abc import Iterator

import pytest

from models.worker_memory import keep_freed_memory

_FAULTS = """
import resource, sys
import numpy as np
from models.worker_memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        many = [np.ones(1_000_000) for _ in range(8)]
        del many
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    assert keep_freed_memory()
faults()
print(faults())
"""


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    keep_freed_memory.cache_clear()
    yield
    keep_freed_memory.cache_clear()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_pages_are_asked_for_once() -> None:
    given_back, kept = (
        int(subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("given back", "kept")
    )
    assert kept < given_back / 4


@pytest.mark.parametrize("failure", [OSError, TypeError])
def test_without_glibc_nothing_happens(failure: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: object) -> None:
        raise failure

    monkeypatch.setattr(ctypes, "CDLL", none)
    assert not keep_freed_memory()
