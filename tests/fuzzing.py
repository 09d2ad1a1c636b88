"""Mutations of files and payloads, and how many of them a run tries."""

from __future__ import annotations

import os
import random

MUTATIONS = int(os.environ.get("HEADROOM_FUZZ", "1000"))
"""Of files, and as many of payloads; `python -m benchmarks fuzz` tries 10,000 of each."""

TOKENS = [
    b"NaN", b"inf", b"-1", b"1e999", b'"', b'""', b"\x00", b"\xff\xfe", b"\r", b"\n\n", b",,,,,,,", b"{",
    b"}", b"[", b"null", b"9" * 400, b"0000-00-00", b"\xef\xbb\xbf", b"\xc3", b"GiB", b"MHz", b"%", b"- ",
    b"&a *a", b"!!python/x",
    b"2024-02-30T25:61:61Z", b"x" * 3_000, b"PAR1", b"'", b"\t", b"\\", b"\xe2\x80\xa8",
]  # fmt: skip


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four things done to it."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)))
        match rng.randrange(8):
            case 0 if content:
                spot = rng.randrange(len(content))
                content = content[:spot] + bytes([rng.randrange(256)]) + content[spot + 1 :]
            case 1:
                content = content[:at] + content[min(to, at + rng.randint(1, 40)) :]
            case 2:
                content = content[:at] + rng.choice(TOKENS) + content[at:]
            case 3:
                content = (
                    content[:at] + rng.choice(TOKENS) + content[min(len(content), at + rng.randint(1, 8)) :]
                )
            case 4:
                content = content[:to]
            case 5:
                content = content[:to] + content[at:to] + content[to:]
            case 6:
                lines = content.split(b"\n")
                rng.shuffle(lines)
                content = b"\n".join(lines)
            case _:
                content = content[:at] + rng.randbytes(rng.randint(1, 20)) + content[at:]
    return content
