"""replay, plan, decision, apply-text: advice, its proof, and what to do with it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import ConfigError
from headroom.commands.line_up import POLICIES_TOLD
from headroom.commands.options import SettingsFile, opened, print_table

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

    from data.plan import Plan


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
    from headroom.jobs.replay import replay_history
    from headroom.jobs.replayed_hours import ReplayRequest

    if out is not None and not out.parent.is_dir():
        raise ConfigError(f"{out}: there is no folder {out.parent}")
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
        scores.write_csv(out)
    print_table(_scores(scores))
    if not request.whole_fleet:
        typer.echo("a part of the fleet: printed, not kept for the dashboard", err=True)
    else:
        typer.echo("kept; `headroom publish` shows it in the dashboard", err=True)


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
    from models.texts.wording import change_in_words

    if verdict not in set(Verdict):
        raise UnknownName("verdict", verdict, [str(v) for v in Verdict])
    if until is not None:
        try:
            date.fromisoformat(until)
        except ValueError as error:
            raise ConfigError(f"--until: {until!r} is not a day; write 2027-01-15") from error
    choices = actions.choose(load(settings_file), resource, Verdict(verdict), reason=reason, until=until)
    for choice in choices:
        what = change_in_words(choice.action, choice.to_size)
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


def add_to(cli: typer.Typer) -> None:
    cli.command(epilog=POLICIES_TOLD)(replay)
    for command in (plan, decision):
        cli.command()(command)
    cli.command("apply-text")(apply_text)
