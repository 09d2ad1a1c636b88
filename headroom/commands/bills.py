"""export-focus, and how loaded bills are shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headroom.commands.options import SettingsFile

if TYPE_CHECKING:
    import polars as pl

    from headroom.jobs.bills import BillSummary

_SHOWN = 12


def show_bills(bills: list[BillSummary], deviations: pl.DataFrame | None) -> None:
    """A row per set of bills, what does not conform, then the errors."""
    if not bills:
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    table = Table(box=None, pad_edge=False)
    table.add_column("bills")
    for title in ("files", "read", "charges", "of them before", "rejected", "deviations", "seconds"):
        table.add_column(title, justify="right")
    for row in bills:
        loaded = row.loaded
        counts = (
            row.files, loaded.rows_read, row.kept, loaded.replaced, loaded.rejected, loaded.deviations,
        )  # fmt: skip
        table.add_row(row.name, *(f"{count:,}" for count in counts), f"{row.seconds:.1f}")
    console.print(table)
    if deviations is not None and deviations.height:
        console.print("what does not conform to FOCUS and was read all the same")
        for found in deviations.head(_SHOWN).iter_rows(named=True):
            rows = "" if found["rows"] is None else f"{found['rows']:,} rows, "
            example = f", e.g. {found['example']!r}" if found["example"] else ""
            console.print(
                f"  {found['column']}: {found['finding']} ({rows}{found['files']} files{example})",
                markup=False,
            )
        if deviations.height > _SHOWN:
            console.print(f"  and {deviations.height - _SHOWN} more in the table bill_conformance")
    for row in bills:
        for error in row.errors:
            typer.echo(f"{row.name}: {error}", err=True)
        for copy, original in row.settled.copies:
            typer.echo(f"{row.name}: {copy} holds the same charges as {original}; they count once", err=True)
        for one, other, count in row.settled.shared[:_SHOWN]:
            some = "1 charge of {} is" if count == 1 else f"{count:,} charges of {{}} are"
            typer.echo(f"{row.name}: {some.format(one)} in {other} too and counted twice", err=True)
        for one, other, count in row.settled.restated[:_SHOWN]:
            some = "1 charge of {} is" if count == 1 else f"{count:,} charges of {{}} are"
            typer.echo(
                f"{row.name}: {some.format(one)} in {other} too with other amounts, and both count; if one"
                " corrects the other, load only that",
                err=True,
            )
        if row.loaded.rejected:
            typer.echo(
                f"{row.name}: {row.loaded.rejected:,} rows are no charges; `headroom status` says why",
                err=True,
            )


def export_focus(
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    run_id: Annotated[
        str | None, typer.Option("--run", help="An earlier published run; default the newest.")
    ] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Write the computed costs of past months as a FOCUS 1.2 file, for other FinOps tools.

    Example: headroom export-focus --out costs.csv
    """
    from data.snapshot import Snapshot
    from headroom.focus_export import focus_rows, write_focus
    from headroom.settings import load

    with Snapshot.open(load(settings_file).published, run_id) as snapshot:
        rows = focus_rows(snapshot.frame("focus_costs"), run_id=snapshot.run_id, as_of=snapshot.as_of)
    write_focus(rows, out)
    typer.echo(f"wrote {rows.height:,} charges to {out}", err=True)


def add_to(cli: typer.Typer) -> None:
    cli.command("export-focus")(export_focus)
