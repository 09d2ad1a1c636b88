"""Records bills: a file takes the place of what it said before, and what came twice counts once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import polars as pl

from data.audit import Audit
from data.bills import BILL_SCHEMA, CONFORMANCE_SCHEMA, BillBatch
from data.frames import empty
from data.query import row_of, text_of, unzoned


@dataclass(frozen=True, slots=True)
class BillLoaded:
    """What became of a bill."""

    rows_read: int = 0
    charges: int = 0
    """Kept."""
    replaced: int = 0
    """Rows of the same file that were there before."""
    rejected: int = 0
    deviations: int = 0
    """Columns and ways in which it does not conform."""

    def __add__(self, other: BillLoaded) -> BillLoaded:
        return BillLoaded(
            self.rows_read + other.rows_read,
            self.charges + other.charges,
            self.replaced + other.replaced,
            self.rejected + other.rejected,
            self.deviations + other.deviations,
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """What files that were recorded are to each other."""

    copies: tuple[tuple[str, str], ...] = ()
    """(file, other file): all charges of the first are in the other too, so they count there only."""
    shared: tuple[tuple[str, str, int], ...] = ()
    """(file, other file, charges): so many charges are in both, neither is a copy, and they count twice."""
    restated: tuple[tuple[str, str, int], ...] = ()
    """(file, other file, charges): so many charges of the first are in the other with other amounts."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Charges of each copy, which were not kept."""


def record_bill(
    connection: duckdb.DuckDBPyConnection, origin: str, batches: Iterable[BillBatch], audit: Audit
) -> BillLoaded:
    """Records the charges of one file, within the caller's transaction; `settle` must follow."""
    row = row_of(connection, "DELETE FROM bills WHERE origin = $origin", {"origin": origin})
    replaced = int(row[0]) if row else 0
    connection.execute("DELETE FROM bill_conformance WHERE origin = $origin", {"origin": origin})
    read = charges = rejected = 0
    found = [empty(CONFORMANCE_SCHEMA)]
    for batch in batches:
        read += batch.rows_read
        charges += batch.charges.height
        rejected += batch.rejected.height
        found.append(batch.conformance)
        audit.keep(batch.rejected)
        if batch.charges.height:
            rows = batch.charges.select(*BILL_SCHEMA).with_columns(pl.lit(origin).alias("origin"))
            connection.register("charged", unzoned(rows))
            connection.execute("INSERT INTO bills BY NAME FROM charged")
            connection.unregister("charged")
    report = summed(pl.concat(found)).with_columns(pl.lit(origin).alias("origin"))
    connection.register("conforming", report)
    connection.execute("INSERT INTO bill_conformance BY NAME FROM conforming")
    connection.unregister("conforming")
    return BillLoaded(read, charges, replaced, rejected, report.height)


def forget_bill(connection: duckdb.DuckDBPyConnection, origin: str) -> None:
    """Removes what a file said, within the caller's transaction; `settle` must follow."""
    for table in ("bills", "bill_conformance"):
        connection.execute(f"DELETE FROM {table} WHERE origin = $origin", {"origin": origin})


def settle(connection: duckdb.DuckDBPyConnection, read: Sequence[str]) -> Settled:
    """Lets every charge count once that came in several files, within the caller's transaction.

    A file whose charges are all in another file is a copy of it, whatever its name: its charges are not kept;
    what did not conform in it stays known. Only when all files of a run are recorded can be said what is a
    copy of what: a file that is renamed while another takes its name is none.

    Args:
        read: the files that were recorded by this run, those that were known before first. Of two with the
            same charges the earlier one stays, and either before one that was not read any more.
    """
    rank = {origin: place for place, origin in enumerate(read)}
    counts: dict[str, int] = dict(
        connection.execute("SELECT origin, count(*) FROM bills GROUP BY origin").fetchall()
    )
    sizes = dict(counts)
    copies: dict[str, str] = {}
    shared: dict[tuple[str, str], int] = {}
    restated: dict[tuple[str, str], int] = {}
    # The small ones first: what is in a large file is often in a larger one as well.
    for origin in sorted((one for one in rank if one in counts), key=lambda one: (counts[one], -rank[one])):
        if origin in copies:
            continue
        for other, count in connection.execute(text_of("bills_shared")[0], {"origin": origin}).fetchall():
            within = count == counts[origin]
            around = count == counts[other]
            if within and around:
                within = rank.get(other, len(rank)) < rank[origin]
            if within or around:
                copy, original = (origin, other) if within else (other, origin)
                copies[copy] = original
                connection.execute("DELETE FROM bills WHERE origin = $origin", {"origin": copy})
                del counts[copy]
                if within:
                    break
            else:
                shared[_later_first(origin, other, rank)] = count
        if origin in copies:
            continue
        for other, count in connection.execute(text_of("bills_restated")[0], {"origin": origin}).fetchall():
            if 2 * count >= min(counts[origin], counts[other]):
                restated[_later_first(origin, other, rank)] = count
    for copy, original in copies.items():
        while original in copies:
            original = copies[original]
        copies[copy] = original
    return Settled(
        tuple(copies.items()),
        tuple((*pair, count) for pair, count in shared.items() if not copies.keys() & set(pair)),
        tuple((*pair, count) for pair, count in restated.items() if not copies.keys() & set(pair)),
        {copy: sizes[copy] for copy in copies},
    )


def _later_first(one: str, other: str, rank: Mapping[str, int]) -> tuple[str, str]:
    """A pair of files, the one that was read later first; what was not read any more came before."""
    return (one, other) if rank.get(one, -1) > rank.get(other, -1) else (other, one)


def refresh_months(connection: duckdb.DuckDBPyConnection) -> None:
    """Sums the bills by month anew, whose service may have changed with the inventory."""
    connection.execute("DELETE FROM bill_months")
    connection.execute(f"INSERT INTO bill_months BY NAME {text_of('bill_months')[0]}")


def summed(conformance: pl.DataFrame) -> pl.DataFrame:
    """CONFORMANCE_SCHEMA with one row per file, column and finding."""
    return (
        conformance.group_by("origin", "column", "finding", maintain_order=True)
        .agg(
            pl.when(pl.col("rows").count() > 0).then(pl.col("rows").sum()).alias("rows"),
            pl.col("example").drop_nulls().first(),
        )
        .select(*CONFORMANCE_SCHEMA)
    )
