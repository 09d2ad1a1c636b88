"""savings: from list prices to what was really saved, and what became of every change."""

from __future__ import annotations

import typer

from headroom.commands.options import SettingsFile, print_table


def savings(settings_file: SettingsFile = None) -> None:
    """Say what is advised, accepted and really saved; changes are recognised from the inventory.

    Money is a month, at the prices of its time.

    Example: headroom savings
    """
    from rich.table import Table

    from headroom.jobs import actions
    from headroom.settings import load
    from models.ledger import realised_saving
    from models.realised import Progress
    from models.texts.wording import change_in_words

    ledger, found, currency = actions.savings(load(settings_file))
    sums = Table(box=None, pad_edge=False)
    for title in (f"{currency} a month", "changes", "list", "effective", "cashable", "realised"):
        sums.add_column(title, justify="left" if title.startswith(currency) else "right")
    for words, row in ledger.items():
        amounts = (row.listed, row.effective, row.cashable)
        sums.add_row(words, f"{row.changes:,}", *(f"{amount:,.2f}" for amount in amounts), "")
    done = [one for one in found if one.progress is not Progress.PENDING]
    sums.add_row("carried out", f"{len(done):,}", "", "", "", f"{realised_saving(done):,.2f}")
    print_table(sums)
    for words, row in ledger.items():
        if row.unknown:
            typer.echo(f"{words}: {row.unknown:,} more without a known price, not counted")
    if unknown := sum(one.saving is None for one in done):
        typer.echo(f"carried out: {unknown:,} of them at an unknown price, counted as nothing")
    if not found:
        typer.echo("nothing was accepted, and nothing advised was carried out as far as the inventory shows")
        return
    rows = Table(box=None, pad_edge=False)
    for title in ("resource", "advice", "became", "since", "before", "then", "saved", "too small since"):
        left = title in ("resource", "advice", "became", "since")
        rows.add_column(title, justify="left" if left else "right")
    for one in found:
        became = str(one.progress) if one.accepted else f"{one.progress}, no verdict"
        after = one.breach_after
        rows.add_row(
            one.choice.resource,
            change_in_words(one.choice.action, one.choice.to_size),
            became,
            f"{one.since:%Y-%m-%d}" if one.since else "",
            *(
                "unknown" if amount is None else f"{amount:,.2f}"
                for amount in (one.cost_before, one.cost_after, one.saving)
            ),
            "" if after is None else f"{after:.2%}",
        )
    print_table(rows)


def add_to(cli: typer.Typer) -> None:
    cli.command()(savings)
