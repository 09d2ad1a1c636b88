"""Savings in four columns: at list prices, as really paid, what leaves the bill, what was realised."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.planning import ledger_for
from dashboard.simulation import simulation_of
from dashboard.verdicts import became, verdicts_of
from dashboard.view import View
from dashboard.widgets import Children, Column, section, table
from models.ledger import LedgerRow, realised_saving
from models.realised import Progress


def savings(view: View) -> Component | None:
    """What all open changes would save, what the accepted ones would, and what they really did."""
    if view.resources["saving"].null_count() == view.resources.height:
        return None
    verdicts = verdicts_of(view)
    here = set(view.resources["resource"].to_list())
    pricer = simulation_of(view.estate, view.pricer).pricer
    advised, accepted = ledger_for(view.estate, verdicts, pricer, here)
    currency = view.estate.currency
    found = became(view, verdicts)
    done = [one for one in found if one.progress is not Progress.PENDING]
    rows: list[list[Children]] = [
        _row("All that is advised", advised),
        _row("Accepted, still to be done", accepted),
        [
            "Carried out",
            f"{len(done):,}",
            text.NONE,
            text.NONE,
            text.NONE,
            text.money_bare(realised_saving(done)),
        ],
    ]
    heads = [
        Column(""),
        Column("Changes", numeric=True),
        Column("At list prices", numeric=True, wide_only=True),
        Column("Effective", numeric=True, hint="At the prices really paid, where the inventory states them"),
        Column(
            "Cashable",
            numeric=True,
            hint="What leaves the bill at once: room on own servers or in a cluster is no money yet",
        ),
        Column("Realised", numeric=True, hint="Measured: cost before minus cost since the change"),
    ]
    unknown = sum(one.saving is None for one in done)
    note = f" {text.plural(unknown, 'change')} carried out at an unknown price." if unknown else ""
    if advised.unknown:
        note += f" Not counted: {text.plural(advised.unknown, 'change')} without a known price."
    return section(
        "Savings, from list to realised",
        table(heads, rows, "Savings from list to realised"),
        html.P(
            "What is carried out is recognised from the inventory's newer versions and from measured"
            f" capacity, and its effect is measured.{note}",
            className="caption",
        ),
        note=f"{currency} a month; every change once",
    )


def _row(words: str, row: LedgerRow) -> list[Children]:
    return [
        words,
        f"{row.changes:,}",
        text.money_bare(row.listed),
        text.money_bare(row.effective),
        text.money_bare(row.cashable),
        text.NONE,
    ]
