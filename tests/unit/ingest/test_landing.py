"""Segments: nothing acknowledged is lost, whatever is cut, flipped, sealed or full."""

from __future__ import annotations

import multiprocessing
import random
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.landing import OPEN, Kind, Landing, LandingFull, Record, Torn, records, remove, seal, segments

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
ROOM = 2**30


def payloads(folder: Path) -> list[bytes]:
    return [one.payload for path in seal(folder) for one in records(path) if isinstance(one, Record)]


def test_records_come_back_as_they_were_appended(tmp_path: Path) -> None:
    with Landing(tmp_path / "landing", ROOM) as landing:
        for number in range(5):
            landing.append(Kind.OTLP, b"x" * number, NOW)
    found = [one for path in seal(landing.folder) for one in records(path)]
    assert found == [Record(Kind.OTLP, NOW, b"x" * number) for number in range(5)]


def test_a_sealed_segment_gets_nothing_more(tmp_path: Path) -> None:
    with Landing(tmp_path, ROOM) as landing:
        landing.append(Kind.OTLP, b"first", NOW)
        (sealed,) = seal(tmp_path)
        landing.append(Kind.OTLP, b"second", NOW)
    assert [one.payload for one in records(sealed) if isinstance(one, Record)] == [b"first"]
    remove([sealed])
    assert payloads(tmp_path) == [b"second"]


def test_a_record_cut_off_by_a_crash_is_torn_and_those_before_it_are_whole(tmp_path: Path) -> None:
    with Landing(tmp_path, ROOM) as landing:
        landing.append(Kind.OTLP, b"whole", NOW)
        landing.append(Kind.OTLP, b"cut off", NOW)
    (path,) = seal(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    first, second = records(path)
    assert isinstance(first, Record) and first.payload == b"whole"
    assert isinstance(second, Torn) and second.length == 21 + len(b"cut off") - 3


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_cost_the_records_they_hit_and_no_other(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    sent = [chance.randbytes(chance.randint(1, 40)) for _ in range(10)]
    with Landing(tmp_path, ROOM) as landing:
        for payload in sent:
            landing.append(Kind.REMOTE_WRITE, payload, NOW)
    (path,) = seal(tmp_path)
    text = bytearray(path.read_bytes())
    text[chance.randrange(len(text))] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(text))
    found = [one.payload for one in records(path) if isinstance(one, Record)]
    assert len(found) == 9
    hit = next((place for place, payload in enumerate(found) if payload != sent[place]), 9)
    assert found == sent[:hit] + sent[hit + 1 :]


def test_what_waits_is_limited(tmp_path: Path) -> None:
    with Landing(tmp_path, 100) as landing:
        landing.append(Kind.OTLP, b"x" * 50, NOW)
        with pytest.raises(LandingFull, match="wait to be loaded"):
            landing.append(Kind.OTLP, b"x" * 50, NOW)
    assert payloads(tmp_path) == [b"x" * 50]


def test_a_folder_that_cannot_be_made_is_full_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LandingFull, match="cannot be written"):
        Landing(tmp_path / "file" / "landing", ROOM).append(Kind.OTLP, b"x", NOW)


def test_writers_and_a_reader_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """Two processes of two threads each write while a reader seals, reads and removes."""
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_in_threads, args=(tmp_path, name, 100)) for name in (1, 2)]
    for writer in writers:
        writer.start()
    found: list[bytes] = []

    def read() -> None:
        sealed = seal(tmp_path)
        for path in sealed:
            found.extend(one.payload for one in records(path) if isinstance(one, Record))
        remove(sealed)

    while any(writer.is_alive() for writer in writers):
        read()
    for writer in writers:
        writer.join()
    read()
    assert sorted(found) == sorted(
        f"{name}{thread}-{number}".encode() for name in (1, 2) for thread in (0, 1) for number in range(100)
    )
    assert segments(tmp_path, OPEN) == []


def _write_in_threads(folder: Path, name: int, count: int) -> None:
    with Landing(folder, ROOM) as landing:

        def write(thread: int) -> None:
            for number in range(count):
                landing.append(Kind.OTLP, f"{name}{thread}-{number}".encode(), NOW)

        threads = [threading.Thread(target=write, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
