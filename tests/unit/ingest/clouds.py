"""What clouds are read through in tests: the sizes they state, then what becomes of their samples."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from data.frames import Batch
from data.series import Window
from headroom.jobs.pulling import stated_capacities
from ingest.azure import Azure
from ingest.gcp import Gcp
from ingest.intake import intake

Amounts = dict[tuple[str, str], tuple[float, float | None, float | None]]
"""Value, peak and capacity by resource and metric."""


def taken_in(source: Azure | Gcp, window: Window) -> pl.DataFrame:
    """The samples of a window as they are loaded; none may be refused."""
    sizes = stated_capacities(source.inventory().capacities)
    batches = [intake(one, now=datetime.now(UTC), capacities=sizes) for one in source.pull(window)]
    assert sum(batch.rejected.height for batch in batches) == 0
    return pl.concat(batch.samples for batch in batches)


def amounts(samples: pl.DataFrame, at: datetime) -> Amounts:
    """What was measured in the interval that starts then."""
    rows = samples.filter(pl.col("ts") == at).iter_rows(named=True)
    found = [((row["resource"], row["metric"]), row) for row in rows]
    assert len(found) == len(dict(found)), "no resource is measured twice at a time"
    return {key: (row["value"], row["value_max"], row["capacity"]) for key, row in found}


def refused(batches: list[Batch]) -> list[tuple[str, str]]:
    """Reason and raw text of what was refused."""
    return pl.concat(batch.rejected for batch in batches).select("reason", "raw").rows()
