"""Records bills: a file takes the place of what it said before, and the months are summed anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
    copies: tuple[tuple[str, str], ...] = ()
    """(file, other file): all charges of the first are in the other too, so they were not kept."""
    shared: tuple[tuple[str, str, int], ...] = ()
    """(file, other file, charges): so many charges are in both and now count twice."""

    def __add__(self, other: BillLoaded) -> BillLoaded:
        return BillLoaded(
            self.rows_read + other.rows_read,
            self.charges + other.charges,
            self.replaced + other.replaced,
            self.rejected + other.rejected,
            self.deviations + other.deviations,
            self.copies + other.copies,
            self.shared + other.shared,
        )


def record_bill(
    connection: duckdb.DuckDBPyConnection, origin: str, batches: Iterable[BillBatch], audit: Audit
) -> BillLoaded:
    """Records the charges of one file, within the caller's transaction.

    A file whose charges are all in another file already is a copy of it, whatever its name: it is not kept.
    """
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
    shared = connection.execute(text_of("bills_shared")[0], {"origin": origin}).fetchall() if charges else []
    if shared and shared[0][1] == charges:
        connection.execute("DELETE FROM bills WHERE origin = $origin", {"origin": origin})
        return BillLoaded(read, 0, replaced, rejected, 0, copies=((origin, shared[0][0]),))
    report = summed(pl.concat(found)).with_columns(pl.lit(origin).alias("origin"))
    connection.register("conforming", report)
    connection.execute("INSERT INTO bill_conformance BY NAME FROM conforming")
    connection.unregister("conforming")
    twice = tuple((origin, other, count) for other, count in shared)
    return BillLoaded(read, charges, replaced, rejected, report.height, shared=twice)


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
