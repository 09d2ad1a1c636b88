"""Hour and day rollups, refreshed for the series and days that a load touched."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import polars as pl

from data.capacity import history_of
from data.query import text_of

CHUNK_SERIES_DAYS = 15_000
"""Series-days refreshed in one transaction: about 4.3 million samples of 5 minutes, some 300 MB at work."""


def refresh(connection: duckdb.DuckDBPyConnection, progress: Callable[[int, int], None] | None = None) -> int:
    """Refreshes what is stale, in bounded steps; a step that was not reached is done by the next call.

    Returns the number of series-days refreshed; `progress` gets (done, all) after each step.
    """
    stale = connection.execute(
        "SELECT day, count(*) FROM (SELECT DISTINCT series_id, day FROM dirty_days) GROUP BY day ORDER BY day"
    ).fetchall()
    total, done = sum(int(count) for _, count in stale), 0
    while stale:
        taken = [stale.pop(0)]
        while stale and sum(count for _, count in taken) + stale[0][1] <= CHUNK_SERIES_DAYS:
            taken.append(stale.pop(0))
        connection.execute("BEGIN")
        try:
            _refresh_days(connection, {"first": taken[0][0], "last": taken[-1][0]})
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        done += sum(count for _, count in taken)
        if progress:
            progress(done, total)
    return total


def _refresh_days(connection: duckdb.DuckDBPyConnection, days: dict[str, object]) -> None:
    """Rebuilds the rollups of the stale series-days from `first` to `last`, both included."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE stale AS"
        " SELECT DISTINCT series_id, day FROM dirty_days WHERE day BETWEEN $first AND $last",
        days,
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE fresh_hour AS " + text_of("rollup_hour")[0], days)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE recapped AS " + text_of("capacity_contradictions")[0], days
    )
    connection.execute(text_of("rollup_hour_delete")[0], days)
    connection.execute(text_of("rollup_day_delete")[0], days)
    connection.execute("INSERT INTO rollup_hour BY NAME FROM fresh_hour")
    connection.execute("INSERT INTO rollup_day BY NAME " + text_of("rollup_day")[0], days)
    connection.execute("DELETE FROM dirty_days WHERE day BETWEEN $first AND $last", days)
    rebuild_capacities(connection, "SELECT series_id FROM recapped")
    connection.execute("DROP TABLE stale; DROP TABLE fresh_hour; DROP TABLE recapped")


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
    if not hourly.height and not stated.height:
        return
    connection.execute(f"DELETE FROM capacities WHERE series_id IN ({series})")
    connection.register("capacity_history", history_of(hourly, stated))
    connection.execute("INSERT INTO capacities BY NAME FROM capacity_history")
    connection.unregister("capacity_history")
