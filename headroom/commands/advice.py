"""replay, what-if, plan, decision, apply-text: advice, its proof, and what to do with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from data.errors import ConfigError
from headroom.commands.options import SettingsFile, opened, print_table

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

    from data.plan import Plan
    from models.scenarios import Event, Which
    from models.whatif import WhatIf


def replay(
    metric: Annotated[list[str] | None, typer.Option(help="Repeatable; default cpu and memory.")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="Policy by name; repeatable; default all.")] = None,
    hold_days: Annotated[int, typer.Option(min=1, help="Days each size is held: 7 or 28, say.")] = 7,
    days: Annotated[
        int | None, typer.Option(min=1, help="Days replayed; default from the settings, else 28.")
    ] = None,
    start_day: Annotated[
        int | None,
        typer.Option(min=1, help="First day on which sizes are made, from the first hour stored."),
    ] = None,
    target_breach: Annotated[
        list[float] | None, typer.Option(help="Breach target of our policy, a share; repeatable.")
    ] = None,
    catalog: Annotated[
        bool, typer.Option("--catalog", help="Only sizes that instance types of the price lists have.")
    ] = False,
    service: Annotated[list[str] | None, typer.Option(help="Only this service; repeatable.")] = None,
    site: Annotated[list[str] | None, typer.Option(help="Only this site; repeatable.")] = None,
    team: Annotated[list[str] | None, typer.Option(help="Only this team; repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file to write, with every tier.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Replay sizing policies on the stored hours: what each would have held, and how often it was too little.

    Scores of the whole fleet are kept for the dashboard, which shows them after `headroom publish`.

    Example: headroom replay --metric cpu --hold-days 28 --target-breach 0.01 --target-breach 0.005
    """
    from headroom.jobs.replay import ReplayRequest, replay_history

    request = ReplayRequest(
        metrics=tuple(metric or ("cpu", "memory")),
        policies=tuple(policy or ()),
        hold_days=hold_days,
        start_day=start_day,
        days=days,
        targets=tuple(target_breach or ()),
        catalog=catalog,
        services=tuple(service or ()),
        sites=tuple(site or ()),
        teams=tuple(team or ()),
    )
    with opened(settings_file) as run:
        scores = replay_history(run, request)
    if out is not None:
        if not out.parent.is_dir():
            raise ConfigError(f"{out}: there is no folder {out.parent}")
        scores.write_csv(out)
    print_table(_scores(scores))
    if not request.whole_fleet:
        typer.echo("a part of the fleet: printed, not kept for the dashboard", err=True)
    else:
        typer.echo("kept; `headroom publish` shows it in the dashboard", err=True)


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


def plan(
    risk_hours: Annotated[
        float | None,
        typer.Option(min=0, help="Breached hours a week it may add, weighted by tier; 0 = no limit."),
    ] = None,
    per_window: Annotated[
        int | None, typer.Option(min=0, help="Changes per change window; 0 = no limit.")
    ] = None,
    left_out: Annotated[bool, typer.Option("--left-out", help="Also what is not in it, and why.")] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Choose changes that can all be carried out together, with one total; savings are counted once.

    Example: headroom plan --risk-hours 5 --left-out
    """
    from headroom.jobs import actions
    from headroom.settings import load

    made, currency = actions.plan(load(settings_file), risk_hours=risk_hours, per_window=per_window)
    print_table(_plan(made, currency))
    for one in made.chosen:
        if one.because:
            typer.echo(f"{one.name}: {one.because}")
    if left_out:
        for other in made.left_out:
            typer.echo(f"not {other.proposal.name}: {other.because}")
    typer.echo(plan_sentence(made, currency))
    for note in made.notes:
        typer.echo(note)


def decision(
    resource: Annotated[
        str,
        typer.Argument(
            help="The resource that something is recommended for, or a change of several, as the plan"
            " names it."
        ),
    ],
    verdict: Annotated[str, typer.Argument(help="accept, dismiss, defer or withdraw.")],
    reason: Annotated[str, typer.Option(help="Why; needed to dismiss.")] = "",
    until: Annotated[str | None, typer.Option(help="Day to come back to it, to defer: 2027-01-15.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Accept, dismiss or defer a recommendation; what was accepted is measured once it is carried out.

    Example: headroom decision web-14 dismiss --reason "the vendor demands 8 cores"
    """
    from data.choice import Verdict
    from data.errors import UnknownName
    from headroom.jobs import actions
    from headroom.settings import load

    if verdict not in set(Verdict):
        raise UnknownName("verdict", verdict, [str(v) for v in Verdict])
    choices = actions.choose(load(settings_file), resource, Verdict(verdict), reason=reason, until=until)
    for choice in choices:
        what = f"{choice.action.replace('_', ' ')} to {choice.to_size}"
        typer.echo(f"{choice.resource}: {choice.verdict} of {what} kept")


def apply_text(
    form: Annotated[str, typer.Option("--format", help="terraform, kubernetes, ansible or plan.")] = "plan",
    resource: Annotated[
        list[str] | None,
        typer.Option(help="Only this resource; repeatable; default all not decided against."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default standard output.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Print the recommended changes as text that a person can apply. Headroom itself changes nothing.

    Example: headroom apply-text --format terraform > headroom.auto.tfvars
    """
    from headroom.jobs import actions
    from headroom.settings import load

    text = actions.action_text(load(settings_file), form, resource or None)
    if not text:
        typer.echo(f"none of the changes is for {form}", err=True)
        raise typer.Exit(3)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}") from error
    typer.echo(f"wrote {out}", err=True)


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


def plan_sentence(made: Plan, currency: str) -> str:
    """`41 changes cost 212,300 − 14,100 = 198,200 USD a month; they add 3.1 breached hours a week.`"""
    many = len(made.chosen)
    word = "change" if many == 1 else "changes"
    risk = "add" if made.risk > 0 else "take away"
    hours = f"; together they {risk} {abs(made.risk):,.1f} breached hours a week" if made.risk else ""
    return (
        f"{many} {word}: {made.cost:,.0f} {currency} a month now, {made.cost_then:,.0f} then,"
        f" {made.saving:,.0f} saved{hours}; {len(made.left_out)} left out"
    )


def _scores(scores: pl.DataFrame) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title, right in (
        ("metric", False), ("tier", True), ("policy", False), ("target", True), ("held", True),
        ("hours too small", True), ("weeks with one", True), ("worst", True), ("changed", True),
        ("no answer", True), ("windows", True),
    ):  # fmt: skip
        table.add_column(title, justify="right" if right else "left")
    ordered = scores.sort("metric", "tier", "policy", "target_breach", nulls_last=False)
    ours = {"marginal"}
    seen: set[tuple[object, ...]] = set()
    for row in ordered.iter_rows(named=True):
        budget = row["policy"] in ours
        key = (row["metric"], row["tier"], row["policy"], row["target_breach"] if budget else None)
        if key in seen:
            continue  # a policy without a budget has the same figures for every target
        seen.add(key)
        table.add_row(
            row["metric"],
            "all" if row["tier"] is None else str(row["tier"]),
            row["policy"],
            f"{row['target_breach']:.2%}" if budget else "",
            *(_share(row[name]) for name in ("allocated", "breached_hours", "breached_windows")),
            "" if row["worst_overshoot"] is None else f"{row['worst_overshoot']:.2f}",
            _share(row["changes"]),
            _share(row["refused"]),
            f"{row['entity_windows']:,}",
        )
    return table


def _share(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if value >= 0.1 or value == 0 else f"{value:.2%}"


def _plan(made: Plan, currency: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("change")
    table.add_column("needed")
    table.add_column("window")
    table.add_column(f"{currency} saved a month", justify="right")
    table.add_column("hours a week", justify="right")
    for one in sorted(made.chosen, key=lambda p: (not p.required, -(p.saving or 0), p.name)):
        saving = "unknown" if one.saving is None else f"{one.saving:,.2f}"
        table.add_row(one.name, "yes" if one.required else "", one.window or "", saving, f"{one.risk:+.2f}")
    return table


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
    for command in (replay, plan, decision):
        cli.command()(command)
    cli.command("what-if")(what_if)
    cli.command("apply-text")(apply_text)
