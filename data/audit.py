"""Keeps what a load could not use and what it replaced, so that nothing is dropped silently."""

from __future__ import annotations

from datetime import datetime

import duckdb
import numpy as np
import polars as pl

from data.frames import REJECTED_SCHEMA
from data.query import naive, text_of
from data.usable import RAW_LENGTH

KEPT_REJECTED = 10_000
"""Unusable rows kept in full per load; `rejected_counts` counts all of them."""

REPLACED = "replaced by a later value"


class Audit:
    """Writes to `rejected` and `rejected_counts`, within the transaction of a load."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, run_id: str, source: str, now: datetime
    ) -> None:
        self.connection = connection
        self.run_id = run_id
        self.source = source
        self.now = now

    def keep(self, rejected: pl.DataFrame) -> None:
        """Counts unusable rows (REJECTED_SCHEMA) and keeps up to KEPT_REJECTED of them in full.

        Rows that an earlier load of the same source kept already are news no more: neither counted nor kept.
        """
        if not rejected.height:
            return
        rejected = rejected.select(
            pl.col(name).cast(dtype) if name in rejected.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in REJECTED_SCHEMA.items()
        ).with_columns(pl.col("reason").fill_null("unknown"), pl.col("raw").str.slice(0, RAW_LENGTH))
        shown = rejected.head(KEPT_REJECTED)
        fresh = self._unknown(shown)
        if not fresh.height:
            # What is beyond the rows kept cannot be looked up; it came with the same first rows before.
            return
        self._append("rejected", fresh)
        self._append(
            "rejected_counts",
            pl.concat([fresh, rejected.slice(shown.height)])
            .group_by("origin", "reason", maintain_order=True)
            .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("raw").first().alias("example")),
        )

    def keep_replaced(self, earlier: pl.DataFrame) -> None:
        """Keeps values that corrections replaced, all of them: series_id, ts, old_value, old_value_max, …"""
        if not earlier.height:
            return
        self.connection.register("earlier", earlier)
        rows: pl.DataFrame = self.connection.sql(text_of("load_replaced")[0]).pl()
        self.connection.unregister("earlier")
        fresh = self._unknown(
            rows.select(
                pl.lit(None, pl.String).alias("origin"),
                pl.lit(None, pl.Int64).alias("line"),
                pl.lit(REPLACED).alias("reason"),
                "raw",
            )
        )
        if not fresh.height:
            return
        self._append("rejected", fresh)
        counts = {"reason": [REPLACED], "rows": [fresh.height], "example": [fresh["raw"][0]]}
        self._append("rejected_counts", pl.DataFrame(counts))

    def _unknown(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows (REJECTED_SCHEMA) that no earlier load of the source kept."""
        self.connection.register("refused", rows.with_row_index("place"))
        known: pl.DataFrame = self.connection.sql(
            text_of("load_known_rejected")[0], params={"source": self.source}
        ).pl()
        self.connection.unregister("refused")
        if not known.height:
            return rows
        keep = np.ones(rows.height, bool)
        keep[known["place"].to_numpy()] = False
        return rows.filter(keep)

    def _append(self, table: str, rows: pl.DataFrame) -> None:
        known = {"run_id": self.run_id, "source": self.source, "rejected_at": naive(self.now)}
        self.connection.register("audited", rows.with_columns(pl.lit(v).alias(k) for k, v in known.items()))
        self.connection.execute(f"INSERT INTO {table} BY NAME FROM audited")
        self.connection.unregister("audited")
