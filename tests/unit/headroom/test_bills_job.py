"""Bills as a run loads them: files that are renamed, copied, delivered again under other names."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from data.store import Store
from headroom.jobs.bills import BillSummary, load_bills
from headroom.jobs.run import Run
from headroom.settings import load

HEAD = "BilledCost,BillingCurrency,ChargePeriodStart,ResourceId\n"
OCTOBER = HEAD + "1.5,EUR,2026-10-03T00:00:00Z,i-1\n2,EUR,2026-10-04T00:00:00Z,i-1\n"
NOVEMBER = HEAD + "4,EUR,2026-11-01T00:00:00Z,i-1\n"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def loaded(folder: Path, run_id: str) -> tuple[list[BillSummary], list[tuple[object, ...]], dict[str, str]]:
    """Summaries, the files that count, and what the run says of each bill."""
    (folder / "headroom.toml").write_text('[bills.cloud]\npaths = ["bills/*"]\n')
    with Store.open(folder / "var" / "headroom.duckdb") as store:
        summaries = load_bills(Run(load(folder / "headroom.toml", {}), store, NOW, run_id))
        files = store.frame("bills_files").select("origin", "charges").rows()
        runs = store.frame("status_runs")
    told = {
        str(row["source"]): str(row["message"]) for row in runs.rows(named=True) if row["run_id"] == run_id
    }
    return summaries, files, told


def test_a_rotated_bill_counts_in_the_run_that_finds_it(tmp_path: Path) -> None:
    """The old name sorts behind the new one, so the old content is read while the store holds it still."""
    bills = tmp_path / "bills"
    bills.mkdir()
    (bills / "focus.csv").write_text(OCTOBER)
    assert loaded(tmp_path, "a")[1] == [("bills/focus.csv", 2)]
    (bills / "focus.csv").rename(bills / "focus-1.csv")
    (bills / "focus.csv").write_text(NOVEMBER)
    (summary,), files, _ = loaded(tmp_path, "b")
    assert files == [("bills/focus-1.csv", 2), ("bills/focus.csv", 1)]
    assert (summary.kept, summary.settled.copies) == (3, ())


def test_a_copy_is_named_in_the_run_and_counted_once(tmp_path: Path) -> None:
    bills = tmp_path / "bills"
    bills.mkdir()
    (bills / "b.csv").write_text(OCTOBER)
    loaded(tmp_path, "a")
    (bills / "a.csv").write_text(OCTOBER)
    (summary,), files, told = loaded(tmp_path, "b")
    assert files == [("bills/b.csv", 2)], "the one that was there stays, although it is read second"
    assert (summary.kept, summary.counts().new, summary.counts().replaced) == (2, 0, 2)
    assert told == {"cloud": "bills/a.csv is a copy of bills/b.csv"}
