"""forecast-file, replay-file: try it on any file, without a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import ConfigError
from headroom.commands.line_up import FORECASTERS_TOLD, POLICIES_TOLD

Input = Annotated[Path, typer.Argument(help="Parquet or CSV file.")]


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        numbers = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError as error:
        raise ConfigError(f"{option}: {text!r} is not a list of numbers such as 0.025,0.5,0.975") from error
    if not all(0 < number < 1 for number in numbers):
        raise ConfigError(f"{option}: each must be above 0 and below 1, got {text!r}")
    return numbers


def forecast_file(
    input_file: Input,
    horizon: Annotated[int, typer.Option(min=1, help="Slots ahead (hours for hourly data, days for daily).")],
    out: Annotated[Path, typer.Option(help="Parquet or CSV file to write.")],
    season: Annotated[
        int | None, typer.Option(min=1, help="Slots per season, for integer steps; default 24.")
    ] = None,
    levels: Annotated[str, typer.Option(help="Quantile levels.")] = "0.025,0.1,0.25,0.5,0.75,0.9,0.975",
    model: Annotated[str, typer.Option(help="Forecaster by name.")] = "fleet",
    country: Annotated[
        str | None, typer.Option(help="Whose public holidays count: DE, or a part such as DE-HE.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Whose clock demand follows, e.g. Europe/Berlin; default UTC.")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="Table of events: ts, ends_at, subject (an entity; empty = all), kind (outage, anomaly,"
            " purge, maintenance, gap: learn nothing from it; or holiday), factor (announced: so many times"
            " as much)."
        ),
    ] = None,
) -> None:
    """Forecast every series of a file: columns entity, optional metric, ts or an integer step, value.

    Example: headroom forecast-file demand.parquet --horizon 48 --levels 0.025,0.5,0.975 --out out.parquet

    With a calendar: headroom forecast-file demand.csv --horizon 336 --country DE-HE --zone Europe/Berlin
    --events events.csv --out out.parquet
    """
    from headroom.file_knowledge import FileKnowledge
    from headroom.forecast_file import forecast_file as job

    summary = job(
        input_file,
        horizon=horizon,
        out=out,
        season=season,
        levels=_numbers(levels, "--levels"),
        model=model,
        known=FileKnowledge(country, zone, events),
    )
    for key, reason in summary.refused:
        typer.echo(f"{key}: {reason}", err=True)
    typer.echo(summary.sentence(), err=True)


def replay_file(
    input_file: Input,
    metric: Annotated[str, typer.Option(help="Which metric of the file, e.g. cpu.")],
    out: Annotated[Path, typer.Option(help="CSV file to write: a row per policy and target.")],
    policy: Annotated[list[str] | None, typer.Option(help="Policy by name; repeatable; default all.")] = None,
    hold_days: Annotated[int, typer.Option(min=1, help="Days each size is held.")] = 7,
    start_day: Annotated[int, typer.Option(min=1, help="First day on which sizes are made.")] = 42,
    target_breach: Annotated[
        list[float] | None, typer.Option(help="Breach budget of our policy, repeatable; default 0.005.")
    ] = None,
) -> None:
    """Replay sizing policies on history: what each would have held and how often that was too little.

    Example: headroom replay-file vms.parquet --metric cpu --target-breach 0.005 --out replay.csv
    """
    from headroom.replay_file import replay_file as job

    scores = job(
        input_file,
        metric=metric,
        policies=policy or None,
        hold_days=hold_days,
        start_day=start_day,
        target_breach=target_breach or [0.005],
        out=out,
    )
    typer.echo(scores.write_csv(float_precision=4), nl=False)


def add_to(cli: typer.Typer) -> None:
    cli.command("forecast-file", epilog=FORECASTERS_TOLD)(forecast_file)
    cli.command("replay-file", epilog=POLICIES_TOLD)(replay_file)
