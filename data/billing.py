"""Records bills: a file takes the place of what it said before, and what came twice counts once."""

from __future__ import annotations

import itertools
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
    told = connection.execute("SELECT origin, count(*) FROM bills GROUP BY origin").fetchall()
    counts: dict[str, int] = dict(told)
    shared = _pairs(connection, "bills_shared", read)
    copies: dict[str, str] = {}
    # The small ones first: what is in a large file is often in a larger one as well.
    for origin in sorted(counts, key=lambda one: (counts[one], -rank.get(one, len(rank)))):
        for other, count in sorted(shared.get(origin, {}).items(), key=lambda pair: (-counts[pair[0]], pair)):
            known = origin in rank or other in rank
            if known and count == counts[origin] and other not in copies:
                if count == counts[other] and rank.get(origin, len(rank)) < rank.get(other, len(rank)):
                    continue
                copies[origin] = other
                connection.execute("DELETE FROM bills WHERE origin = $origin", {"origin": origin})
                break
    for copy, original in copies.items():
        while original in copies:
            original = copies[original]
        copies[copy] = original
    twice: list[tuple[str, str, int]] = []
    anew: list[tuple[str, str, int]] = []
    for found, pairs in ((twice, shared), (anew, _pairs(connection, "bills_restated", read))):
        for origin in rank:
            for other, count in pairs.get(origin, {}).items():
                later = rank[origin] > rank.get(other, -1)
                enough = found is twice or 2 * count >= min(counts[origin], counts[other])
                if later and enough and not copies.keys() & {origin, other}:
                    found.append((origin, other, count))
    return Settled(tuple(copies.items()), tuple(twice), tuple(anew), {copy: counts[copy] for copy in copies})


def _pairs(
    connection: duckdb.DuckDBPyConnection, query: str, read: Sequence[str]
) -> dict[str, dict[str, int]]:
    """How many charges each file has in common with each other, by a query that tells of sets of files."""
    pairs: dict[str, dict[str, int]] = {}
    for held, charges in connection.execute(text_of(query)[0], {"read": list(read)}).fetchall():
        for one, other in itertools.permutations(held, 2):
            if "agrees_with" in one and one["agrees_with"] == other["agrees_with"]:
                continue
            common = min(one["times"], other["times"]) * charges
            of_one = pairs.setdefault(one["origin"], {})
            of_one[other["origin"]] = of_one.get(other["origin"], 0) + common
    return pairs


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
