"""Hour and day rollups, refreshed for the series and days that a load touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date

import duckdb
import polars as pl

from data import packing
from data.capacity import history_of
from data.query import text_of

CHUNK_SERIES_DAYS = 15_000
"""Series-days refreshed in one transaction: about 4.3 million samples of 5 minutes, some 300 MB at work."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Stale series-days that are refreshed together: whole days, or a part of the series of one day."""

    first: date
    last: date
    """Belongs to it."""
    parts: int
    part: int
    """Series whose number leaves this remainder when divided by `parts`."""


def refresh(connection: duckdb.DuckDBPyConnection, progress: Callable[[int, int], None] | None = None) -> int:
    """Refreshes what is stale, in bounded steps; a step that was not reached is done by the next call.

    Returns the number of series-days refreshed; `progress` gets (done, all) after each step.
    """
    stale = connection.execute(
        "SELECT day, count(*) FROM (SELECT DISTINCT series_id, day FROM dirty_days) GROUP BY day ORDER BY day"
    ).fetchall()
    total, done = sum(int(count) for _, count in stale), 0
    for chunk in chunks(stale):
        connection.execute("BEGIN")
        try:
            done += _refresh_chunk(connection, chunk)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        if progress:
            progress(done, total)
    return total


def chunks(stale: list[tuple[date, int]]) -> Iterator[Chunk]:
    """Splits stale days, rising, with their number of series into chunks of at most CHUNK_SERIES_DAYS."""
    taken: list[date] = []
    size = 0
    for day, count in stale:
        if taken and size + count > CHUNK_SERIES_DAYS:
            yield Chunk(taken[0], taken[-1], 1, 0)
            taken, size = [], 0
        parts = -(-count // CHUNK_SERIES_DAYS)
        if parts > 1:
            yield from (Chunk(day, day, parts, part) for part in range(parts))
        else:
            taken.append(day)
            size += count
    if taken:
        yield Chunk(taken[0], taken[-1], 1, 0)


def _refresh_chunk(connection: duckdb.DuckDBPyConnection, chunk: Chunk) -> int:
    """Rebuilds the rollups of a chunk; returns how many series-days it has."""
    days = {"first": chunk.first, "last": chunk.last}
    for table, question, parameters in (
        ("stale", "rollup_stale", asdict(chunk)),
        ("fresh_hour", "rollup_hour", days),
        ("recapped", "capacity_contradictions", days),
    ):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {text_of(question)[0]}", parameters)
    connection.execute(text_of("rollup_hour_delete")[0], days)
    connection.execute(text_of("rollup_day_delete")[0], days)
    connection.execute(f"INSERT INTO rollup_hour BY NAME FROM fresh_hour ORDER BY {packing.HOURS}")
    connection.execute(
        f"INSERT INTO rollup_day BY NAME FROM ({text_of('rollup_day')[0]}) ORDER BY {packing.DAYS}", days
    )
    connection.execute(text_of("rollup_done")[0], days)
    rebuild_capacities(connection, "SELECT series_id FROM recapped")
    size = len(connection.execute("SELECT series_id FROM stale").fetchall())
    connection.execute("DROP TABLE stale; DROP TABLE fresh_hour; DROP TABLE recapped")
    return size


def rebuild_capacities(connection: duckdb.DuckDBPyConnection, series: str) -> None:
    """Derives `capacities` anew for the series that the query `series` (a column series_id) names."""
    hourly: pl.DataFrame = connection.sql(
        f"SELECT series_id, ts, capacity FROM rollup_hour SEMI JOIN ({series}) USING (series_id)"
        " WHERE capacity IS NOT NULL"
    ).pl()
    stated: pl.DataFrame = connection.sql(
        "SELECT series_id, valid_from, capacity FROM stated_capacities"
        f" SEMI JOIN ({series}) USING (series_id)"
    ).pl()
    connection.execute(f"DELETE FROM capacities WHERE series_id IN ({series})")
    history = history_of(hourly, stated)
    if history.height:
        connection.register("capacity_history", history)
        connection.execute("INSERT INTO capacities BY NAME FROM capacity_history")
        connection.unregister("capacity_history")
