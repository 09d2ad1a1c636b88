"""what-if: scenarios from options or by name, their effect next to the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from data.errors import ConfigError
from headroom.commands.options import SettingsFile, print_table

if TYPE_CHECKING:
    from models.scenarios import Event, Which
    from models.whatif import WhatIf


def what_if(
    driver: Annotated[
        list[str] | None,
        typer.Option(help="SERVICE=FACTOR or SERVICE=FROM:TO: its requests or users grow, e.g. web=100:400."),
    ] = None,
    grow: Annotated[
        list[str] | None,
        typer.Option(help="SERVICE=FACTOR or SERVICE=FROM:TO: everything that flows through it grows."),
    ] = None,
    launch: Annotated[
        list[str] | None,
        typer.Option(help="SERVICE:METRIC=AMOUNT,…: new demand, e.g. web:cpu=8,memory=32."),
    ] = None,
    lose: Annotated[
        list[str] | None,
        typer.Option(help="site=NAME, service=NAME, provider=NAME or resource=NAME that fails."),
    ] = None,
    migrate: Annotated[
        list[str] | None, typer.Option(help="KIND=NAME:PROVIDER/REGION, e.g. service=web:aws/eu-west-1.")
    ] = None,
    consolidate: Annotated[
        list[str] | None, typer.Option(help="KIND=NAME: pack servers there onto as few as hold it all.")
    ] = None,
    spare_servers: Annotated[int, typer.Option(min=0, help="Servers that stay free, per site.")] = 1,
    assume: Annotated[
        float | None, typer.Option(min=0, help="Elasticity where none could be learned; default none.")
    ] = None,
    saved: Annotated[str | None, typer.Option(help="Play a saved scenario.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Play every saved scenario and show them side by side.")
    ] = False,
    save: Annotated[str, typer.Option(help="Keep it under this name.")] = "",
    settings_file: SettingsFile = None,
) -> None:
    """Play a scenario on the published run: demand, exhaustion, sizes and money next to the baseline.

    Example: headroom what-if --driver web=4 --lose site=fra-1 --save "four times the users"
    """
    from headroom.jobs import actions
    from headroom.settings import load
    from models.scenarios import Scenario

    settings = load(settings_file)
    if compare:
        _compared(actions.what_ifs(settings, assumed=assume))
        return
    if saved is not None:
        scenario = actions.saved_scenario(settings, saved)
    else:
        events = scenario_events(driver, grow, launch, lose, migrate, consolidate, spare_servers)
        if not events:
            raise ConfigError(
                "say what happens: --driver, --grow, --launch, --lose, --migrate, --consolidate"
            )
        scenario = Scenario(save, tuple(events))
    answer = actions.what_if(settings, scenario, save_as=save, assumed=assume)
    _show(answer)
    if save:
        address = urlencode({"saved": save})
        typer.echo(f"saved as {save!r}; the dashboard shows it at /what-if?{address}", err=True)


def scenario_events(
    driver: list[str] | None,
    grow: list[str] | None,
    launch: list[str] | None,
    lose: list[str] | None,
    migrate: list[str] | None,
    consolidate: list[str] | None,
    spare_servers: int,
) -> list[Event]:
    """The events that options of the command line stand for. Raises ConfigError, UnknownName."""
    from models.scenarios import (
        Consolidation,
        DriverGrowth,
        Launch,
        LostCapacity,
        Migration,
        ServiceGrowth,
        check,
    )

    events: list[Event] = []
    for text in driver or ():
        events.append(DriverGrowth(*_factor(text, "--driver")))
    for text in grow or ():
        events.append(ServiceGrowth(*_factor(text, "--grow")))
    for text in launch or ():
        service, _, amounts = text.partition(":")
        pairs = [_pair(part, "--launch") for part in amounts.split(",")]
        events.append(Launch(service, {metric: _number(value, "--launch") for metric, value in pairs}))
    for text in lose or ():
        events.append(LostCapacity(_which(text, "--lose")))
    for text in migrate or ():
        which, _, place = text.rpartition(":")
        provider, _, region = place.partition("/")
        if not which or not region:
            raise ConfigError(f"--migrate: {text!r} is not KIND=NAME:PROVIDER/REGION")
        events.append(Migration(_which(which, "--migrate"), provider, region))
    for text in consolidate or ():
        events.append(Consolidation(_which(text, "--consolidate"), spare_servers))
    for event in events:
        check(event)
    return events


def _which(text: str, option: str) -> Which:
    from models.scenarios import Which

    kind, name = _pair(text, option)
    kinds = ("resource", "service", "site", "provider")
    if kind not in kinds:
        raise ConfigError(f"{option}: {kind!r} is none of {', '.join(kinds)}")
    return Which(**{f"{kind}s": (name,)})


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name or not value:
        raise ConfigError(f"{option}: {text!r} is not NAME=VALUE")
    return name.strip(), value.strip()


def _factor(text: str, option: str) -> tuple[str, float]:
    """`web=4` or `web=100:400`: so many times, or from a load to a load."""
    name, value = _pair(text, option)
    base, colon, goal = value.partition(":")
    if not colon:
        return name, _number(value, option)
    start = _number(base, option)
    if start <= 0:
        raise ConfigError(f"{option}: growth starts from a load above 0, not {base}")
    return name, _number(goal, option) / start


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {text!r} is not a number") from error


def _compared(answers: list[WhatIf]) -> None:
    from rich.table import Table

    if not answers:
        typer.echo("no scenario is saved; `headroom what-if … --save NAME` keeps one")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("scenario")
    for title in ("demands changed", "sizes changed", f"{answers[0].currency} more", "then"):
        table.add_column(title, justify="right")
    for one in answers:
        changed = one.sizes.filter(one.sizes["cost_baseline"].ne_missing(one.sizes["cost_then"])).height
        table.add_row(one.name, f"{one.demands.height:,}", f"{changed:,}", f"{one.extra:+,.2f}",
                      f"{one.cost_then:,.2f}")  # fmt: skip
    print_table(table)
    typer.echo(f"against the baseline of {answers[0].cost_baseline:,.2f} {answers[0].currency} a month")


def _show(answer: WhatIf) -> None:
    import polars as pl
    from rich.table import Table

    demands = Table(box=None, pad_edge=False)
    for title in ("resource", "metric", "capacity", "demand now", "then", "90 days now", "then"):
        demands.add_column(title, justify="left" if title in ("resource", "metric") else "right")
    for row in answer.demands.iter_rows(named=True):
        span = f"{row['demand_then']:,.4g} ({row['demand_low']:,.4g} to {row['demand_high']:,.4g})"
        demands.add_row(
            row["resource"],
            row["metric"],
            "" if row["capacity"] is None else f"{row['capacity']:,.4g}",
            f"{row['demand_now']:,.4g}",
            span,
            *("" if row[f"p90_{when}"] is None else f"{row[f'p90_{when}']:.0%}" for when in ("now", "then")),
        )
    sizes = Table(box=None, pad_edge=False)
    for title in ("resource", "now", "then", f"{answer.currency} now", "baseline", "then"):
        sizes.add_column(title, justify="left" if title in ("resource",) else "right")
    changed = answer.sizes.filter(
        pl.col("cost_baseline").ne_missing(pl.col("cost_then")) | (pl.col("to_size") == "nothing")
    )
    for row in changed.iter_rows(named=True):
        to = ", ".join(part for part in (row["to_type"], row["to_size"]) if part)
        prices = (row["cost_now"], row["cost_baseline"], row["cost_then"])
        money = ("" if cost is None else f"{cost:,.2f}" for cost in prices)
        sizes.add_row(row["resource"], row["from_size"], to, *money)
    if answer.demands.height:
        print_table(demands)
    if changed.height:
        print_table(sizes)
    if others := answer.sizes.height - changed.height:
        typer.echo(f"note: {others} sizes are too small with or without it; they are in the baseline")
    for note in answer.assumptions:
        typer.echo(f"note: {note}")
    typer.echo(
        f"{answer.extra:+,.2f} {answer.currency} a month against the baseline of {answer.cost_baseline:,.2f};"
        f" today's bill is {answer.cost_now:,.2f}"
    )


def add_to(cli: typer.Typer) -> None:
    cli.command("what-if")(what_if)
