"""status: what is stored, how fresh it is, what the last runs did, what was rejected."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from data.snapshot import Snapshot
from data.store import Store
from headroom.jobs.run import clock
from headroom.settings import Settings

_RUNS = 8
_REASONS = 8
_MONTHS = 6


def describe(settings: Settings) -> str:
    """A page of text about the store of the settings.

    Raises:
        StoreUnavailable: there is no store, or a job is writing it right now.
    """
    with Store.open_readonly(settings.store_path) as store:
        counts = store.frame("status_counts").row(0, named=True)
        runs = store.frame("status_runs", count=_RUNS)
        rejected = store.frame("status_rejected", count=_REASONS)
        newest = store.newest_sample()
        bills = store.frame("bills_files")
        reconciled = store.frame("bills_reconciled")
    lines = [f"store      {settings.store_path} ({settings.store_path.stat().st_size / 1e6:,.0f} MB)"]
    lines.append(
        f"holds      {counts['samples']:,} samples of {counts['series']:,} series"
        f" on {counts['resources']:,} resources of {counts['services']:,} services"
    )
    lines.append(f"newest     {_age(newest)}")
    published = Snapshot.runs(settings.published)
    lines.append(
        f"published  {len(published)} runs, the newest {published[0].run_id}"
        if published
        else "published  nothing yet; `headroom run` does it"
    )
    lines += ["", "last steps", *(_run_line(row) for row in runs.iter_rows(named=True))]
    lines += _bill_lines(bills, reconciled)
    lines += ["", "rejected rows"]
    if rejected.is_empty():
        lines.append("  none")
    lines += [
        f"  {row['source']:<16} {row['rows']:>10,}  {row['reason']}" for row in rejected.iter_rows(named=True)
    ]
    return "\n".join(lines)


def _bill_lines(bills: pl.DataFrame, reconciled: pl.DataFrame) -> list[str]:
    """How many charges are known, and how far the computed costs are from them, newest month first."""
    if bills.is_empty():
        return []
    files = bills["origin"].n_unique()
    lines = [
        "",
        f"bills      {bills['charges'].sum():,} charges of {files:,} files; bill against computed cost",
    ]
    for row in reconciled.reverse().head(_MONTHS).iter_rows(named=True):
        money = f"{row['billed']:>14,.2f} billed"
        if row["computed"] is None:
            compared = row["note"]
        else:
            share = "" if row["share"] is None else f" ({100 * row['share']:+.1f} %)"
            compared = f"{row['computed']:>14,.2f} computed, residual {row['residual']:,.2f}{share}"
        lines.append(
            f"  {row['month']:%Y-%m}  {row['provider'][:16]:<16} {row['currency']} {money}  {compared}"
        )
    if reconciled.height > _MONTHS:
        lines.append(f"  and {reconciled.height - _MONTHS:,} more months and providers")
    return lines


def _run_line(row: dict[str, object]) -> str:
    started, finished = row["started_at"], row["finished_at"]
    assert isinstance(started, datetime)
    seconds = (
        f"{(finished - started).total_seconds():6.1f} s" if isinstance(finished, datetime) else "unended"
    )
    step = f"{row['step']} {row['source'] or ''}".strip()
    message = f"  {row['message']}" if row["message"] else ""
    return f"  {started:%Y-%m-%d %H:%M}  {step:<24} {row['outcome']:<8} {seconds}{message}"


def _age(newest: datetime | None) -> str:
    if newest is None:
        return "nothing measured yet; `headroom ingest` loads it"
    aware = newest if newest.tzinfo else newest.replace(tzinfo=UTC)
    minutes = (clock() - aware).total_seconds() / 60
    age = (
        f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.0f} h"
        if minutes < 2880
        else f"{minutes / 1440:.0f} days"
    )
    return f"{aware:%Y-%m-%d %H:%M} UTC, {age} ago"
