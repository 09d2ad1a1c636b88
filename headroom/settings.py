"""Settings: one TOML file, every field with its default, its unit and its reason.

`headroom init` writes the file from these very fields, so the two cannot drift apart. An environment
variable `HEADROOM_SECTION__FIELD` wins over the file.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from data.errors import ConfigError

FILE_NAME = "headroom.toml"


class Section(BaseModel):
    """A table of the settings file; unknown keys are errors, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(Section):
    """Where measurements and conclusions are kept."""

    folder: Path = Field(Path("var"), description="Folder of the store, relative to this file")
    lock_wait_seconds: float = Field(
        0.0, ge=0, description="How long a job waits for another one that is writing, in seconds"
    )
    app_state: str = Field(
        "",
        description="Database URL of decisions and saved scenarios; empty = app.sqlite in the folder;"
        " postgresql+psycopg://USER@HOST/NAME with the extra headroom[postgres]",
    )
    keep_runs: int = Field(
        30, ge=1, description="Published runs to keep; older ones are deleted unless pinned"
    )
    pinned_runs: tuple[str, ...] = Field(
        (), description="Run ids that are never deleted, e.g. a budget's baseline"
    )
    keep_samples_days: int = Field(
        0,
        ge=0,
        description="Days that `headroom compact` keeps raw samples; 0 = for ever. Rollups always stay; late"
        " or corrected samples of a removed day are not looked at",
    )
    keep_rejected_days: int = Field(
        0, ge=0, description="Days that `headroom compact` keeps rejected rows; 0 = for ever"
    )
    keep_steps_days: int = Field(
        0, ge=0, description="Days that `headroom compact` keeps what steps did; 0 = for ever"
    )


class KnownEvent(Section):
    """Something announced that will change demand while it lasts."""

    subject: str = Field(description='Resource, service, site or "*"')
    start: AwareDatetime
    end: AwareDatetime | None = Field(None, description="Without one it lasts, as a launch does")
    factor: float = Field(1.0, ge=0, le=1000, description="Demand is so many times what it would be without")
    amount: float = Field(0.0, description="Demand added on top, in the unit of its metric")
    metric: str = Field("", description="The one metric it concerns; empty = all but storage")
    description: str = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"ends at {self.end.isoformat()}, before it starts at {self.start.isoformat()}")
        if self.amount and not self.metric:
            raise ValueError("an amount needs the metric whose unit it is in")
        if self.factor == 1 and not self.amount:
            raise ValueError("neither a factor nor an amount is given: it changes nothing")
        return self


class DriverPlan(Section):
    """What somebody plans for the requests or users of a service: a sales target, a migration, a market."""

    subject: str = Field(description="Service")
    metric: str = Field("requests", description="requests or users")
    times: dict[date, Annotated[float, Field(gt=0, le=1000)]] = Field(
        min_length=1,
        description="Day -> how many times its present level it is meant to be; straight lines in between",
    )


class ForecastSettings(Section):
    """How demand is projected."""

    model: str = Field(
        "fleet", description="Forecaster for hourly demand; `headroom forecast --help` lists them"
    )
    hours: int = Field(336, ge=1, le=2160, description="Hours ahead at the hourly grain")
    hours_history_days: int = Field(
        90,
        ge=2,
        description="Days of hourly history a forecast reads. The fleet model would look at 112: measured no"
        " better on servers, links and GPUs, and a fifth more work",
    )
    days: int = Field(365, ge=28, le=730, description="Days ahead at the daily grain (daily peaks)")
    days_history_days: int = Field(800, ge=28, description="Days of daily history a forecast reads")
    samples: int = Field(
        200, ge=50, le=2000, description="Sample paths per series; exhaustion is read from them"
    )
    seed: int = Field(1, description="Seed of the sample paths: the same seed gives the same bytes")
    processes: int = Field(0, ge=0, description="Worker processes; 0 = one per core")
    engine: Literal["processes", "dask"] = Field(
        "processes",
        description="Where the work is done: in processes of this machine, or by the workers of a Dask"
        " scheduler, which need the same program and the same folder `exchange`",
    )
    scheduler: str = Field(
        "", description='Address of the Dask scheduler, e.g. "tcp://planner:8786"; only with engine = "dask"'
    )
    exchange: str = Field(
        "",
        description="Folder through which Dask workers get work and give answers; empty = exchange in the"
        " store's folder",
    )
    models: dict[str, str] = Field(
        default_factory=dict,
        description='Another forecaster for some series: a pattern of "subject/metric", a "service:NAME" or a'
        ' "metric:NAME"; the first that fits wins, e.g. { "orders-*/storage" = "prophet",'
        ' "service:shop" = "statsforecast_mstl" }',
    )
    masked_events: tuple[str, ...] = Field(
        ("outage", "anomaly", "purge", "maintenance", "gap"),
        description="Kinds of events whose time teaches a forecast nothing; one without an end masks its slot"
        " only, a purge only what accumulates",
    )
    drivers: bool = Field(
        False,
        description="Whether demand follows the forecast of its service's requests or users where its own"
        " past shows a gain of 5 %: several times the work, for about 1 % on the sample fleet",
    )
    calendars: dict[str, str] = Field(
        default_factory=dict,
        description='Public holidays by resource, service, site or "*" (everybody), the nearest wins: a'
        ' country or a part of one, e.g. { frankfurt = "DE-HE", "*" = "DE" }',
    )
    zones: dict[str, str] = Field(
        default_factory=dict,
        description="Time zone whose clock demand follows, by resource, service, site or"
        ' "*", e.g. { frankfurt = "Europe/Berlin" }; without one it is UTC',
    )
    known_events: tuple[KnownEvent, ...] = Field(
        (),
        description='What is announced, e.g. [{ subject = "shop", start = 2026-11-27T00:00:00Z,'
        ' end = 2026-11-28T00:00:00Z, factor = 1.8, description = "sale" }]; without an end it lasts;'
        " an amount (of one metric) is added",
    )
    driver_plans: tuple[DriverPlan, ...] = Field(
        (),
        description="Plans of drivers for the daily forecasts of a year; demand follows as far as its own"
        ' past did, e.g. [{ subject = "shop", metric = "requests", times = { "2027-06-30" = 1.8 } }]',
    )


class DecideSettings(Section):
    """What counts as too big, too small or running out."""

    policy: str = Field("marginal", description="Sizing policy; `headroom decide --help` lists them")
    target_breach: float = Field(
        0.005, gt=0, lt=0.5, description="Share of hours in which demand may exceed the size"
    )
    hold_days: int = Field(28, ge=1, description="Days a size stays in force")
    reserve: float = Field(
        0.1, ge=0, lt=1, description="Share of capacity kept free: usable capacity = capacity x (1 - reserve)"
    )
    margin: float = Field(
        0.0, ge=0, le=4, description="Share that our policy holds on top of the size it chose by the target"
    )
    memory_floor: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Least memory, as a share of what is held: hypervisors report active memory only",
    )
    lead_days: int = Field(30, ge=0, description="Days from order to use on premises")
    lead_days_cloud: int = Field(1, ge=0, description="Days from order to use in a cloud or in Kubernetes")
    history_days: int = Field(28, ge=7, description="Days of hourly history that findings are made from")
    replay_days: int = Field(
        0,
        ge=0,
        description="Days of history on which `headroom run` replays every policy; 0 = no replay",
    )
    plan_risk_hours: float = Field(
        0.0,
        ge=0,
        description="Breached hours a week, weighted by tier, that a plan may add; 0 = no limit",
    )
    changes_per_window: int = Field(
        0,
        ge=0,
        description="Changes that fit into one change window (label `change_window` of a resource);"
        " 0 = no limit",
    )
    business_hours: str = Field(
        "Mon-Fri 08:00-18:00",
        description="What the label `hours = business` of a resource means: only these hours count for its"
        " size and its shortages, on the clock of its zone (forecast.zones)",
    )
    node_pools: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="Largest node of a node pool or cluster (labels `node_pool`, `cluster`) where the"
        " inventory does not list its nodes; no replica is advised to be larger, e.g."
        ' { large = { cpu = 16, memory = 64 } }, of one cluster alone { "prod/large" = … }',
    )
    migrate_to: tuple[str, ...] = Field(
        ("family",),
        description='Where machines may be advised to move when that saves 15 % more than resizing: "family"'
        ' (another one of the region), "arm", and places like "aws/eu-west-1"; empty = nowhere',
    )
    endpoints_too_big: bool = Field(
        False, description="Advise on over-provisioned endpoints (laptops, workstations) too"
    )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        for place in self.migrate_to:
            if place not in ("family", "arm") and "/" not in place:
                raise ValueError(f"migrate_to: {place!r} is neither family, arm nor PROVIDER/REGION")
        for pool, amounts in self.node_pools.items():
            for metric, amount in amounts.items():
                if metric not in ("cpu", "memory") or not 0 < amount < float("inf"):
                    raise ValueError(
                        f"node_pools: {pool} needs cpu and memory above 0, not {metric} = {amount:g}"
                    )
        from models.counted_hours import CountedHours  # numpy and polars: not for `headroom --help`

        try:
            CountedHours.of(self.business_hours)
        except ConfigError as error:
            raise ValueError(f"business_hours: {error}") from error
        return self


class PriceSettings(Section):
    """What things cost. The shipped catalog is small; load your own list for money decisions."""

    currency: str = Field("USD", pattern="^[A-Z]{3}$", description="Currency of all amounts, ISO 4217")
    lists: tuple[Path, ...] = Field(
        (), description="Price lists (CSV) that add to and win over the shipped catalog"
    )
    rates: dict[str, float] = Field(
        default_factory=dict,
        description="Exchange rates: 1 unit of the named currency in `currency`, e.g. { EUR = 1.08 }",
    )
    on_premises: dict[str, float] = Field(
        default_factory=dict, description="Fields of the on-premises cost model that differ from its defaults"
    )


class ServeSettings(Section):
    """The dashboard."""

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(
        8050, ge=0, le=65535, description="Port; the next free one is taken when it is in use; 0 = any"
    )
    workers: int = Field(2, ge=1, le=64, description="Web server processes")


class ReceiveSettings(Section):
    """Taking in what is pushed: Prometheus remote write and OTLP/HTTP."""

    enabled: bool = Field(False, description="Whether `headroom serve` takes it in besides showing pages")
    token_variable: str = Field(
        "", description="Environment variable with the bearer token that senders must present; none = anyone"
    )
    host: str = Field("127.0.0.1", description="Address `headroom receive` listens on")
    port: int = Field(8051, ge=0, le=65535, description="Port `headroom receive` listens on; 0 = any")
    workers: int = Field(1, ge=1, le=64, description="Processes of `headroom receive`")
    limit_mib: int = Field(
        1024, ge=1, description="MiB that may wait to be loaded; above it senders are told to wait"
    )


class Settings(Section):
    """Everything that can be set."""

    store: StoreSettings = StoreSettings()
    inventory: dict[str, Any] = Field(
        default_factory=dict,
        description="Files that say what there is: resources, services, dependencies, capacities, events",
    )
    source: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="One table per source of measurements; `kind` picks it, the other keys are its fields",
    )
    bills: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="One table per set of cloud bills in the FOCUS format; the keys are the fields of Bills",
    )
    forecast: ForecastSettings = ForecastSettings()
    decide: DecideSettings = DecideSettings()
    prices: PriceSettings = PriceSettings()
    serve: ServeSettings = ServeSettings()
    receive: ReceiveSettings = ReceiveSettings()

    file: Path | None = Field(None, exclude=True, description="The file these settings came from")

    @property
    def root(self) -> Path:
        """Folder that relative paths in the file start from."""
        return self.file.parent if self.file else Path()

    @property
    def folder(self) -> Path:
        return self.root / self.store.folder

    @property
    def store_path(self) -> Path:
        return self.folder / "headroom.duckdb"

    @property
    def published(self) -> Path:
        return self.folder / "published"

    @property
    def app_state_url(self) -> str:
        """Where decisions and scenarios are kept: a file beside the store unless a URL is set."""
        return self.store.app_state or f"sqlite:///{(self.folder / 'app.sqlite').resolve()}"

    @property
    def processes(self) -> int:
        return self.forecast.processes or os.cpu_count() or 1


def load(path: Path | None = None, environ: dict[str, str] | None = None) -> Settings:
    """Reads the settings file: `path`, else $HEADROOM_SETTINGS, else ./headroom.toml if there is one.

    Raises:
        ConfigError: the file is missing, is not TOML, or sets something that does not exist.
    """
    environ = dict(os.environ) if environ is None else environ
    asked = path or (Path(environ["HEADROOM_SETTINGS"]) if environ.get("HEADROOM_SETTINGS") else None)
    file = asked or Path(FILE_NAME)
    if not file.exists():
        if asked:
            raise ConfigError(f"{file}: no such settings file; `headroom init` writes one")
        table: dict[str, Any] = {}
    else:
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: not valid TOML: {error}") from error
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    variables = _apply_environment(table, environ)
    try:
        return Settings.model_validate({**table, "file": file if file.exists() else None})
    except ValidationError as error:
        where = tuple(str(part) for part in error.errors()[0]["loc"][:2])
        raise ConfigError(f"{variables.get(where, file)}: {_explain(error)}") from error


def _apply_environment(table: dict[str, Any], environ: dict[str, str]) -> dict[tuple[str, ...], str]:
    """Puts the settings of the environment into the table; returns (section, field) -> variable.

    A variable of no section may belong to somebody else, unless it is nearly one.

    Raises:
        ConfigError: the section is mistyped.
    """
    used: dict[tuple[str, ...], str] = {}
    for name, text in environ.items():
        section, _, field = name.removeprefix("HEADROOM_").lower().partition("__")
        if not name.startswith("HEADROOM_") or not field:
            continue
        near = difflib.get_close_matches(section, Settings.model_fields, n=1)
        if section not in Settings.model_fields and near:
            raise ConfigError(f"{name}: no such section of the settings; did you mean {near[0].upper()!r}?")
        if section in Settings.model_fields and isinstance(table.get(section, {}), dict):
            used[section, field] = name
            try:
                setting = tomllib.loads(f"x = {text}")["x"]
            except tomllib.TOMLDecodeError:
                setting = text
            table.setdefault(section, {})[field] = setting
    return used


def _explain(error: ValidationError) -> str:
    """The first fault as one line, with what would be right."""
    fault = error.errors()[0]
    where = [str(part) for part in fault["loc"]]
    place = f"[{'.'.join(where[:-1])}] {where[-1]}" if len(where) > 1 else ".".join(where)
    if fault["type"] == "extra_forbidden":
        known = _fields_at(where[:-1])
        near = difflib.get_close_matches(where[-1], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        return f"{place}: no such setting; {hint}"
    message = fault["msg"][0].lower() + fault["msg"][1:]
    return f"{place}: {message}, got {fault.get('input')!r}"


def _fields_at(where: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in where:
        kind = model.model_fields[part].annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return []
        model = kind
    return [name for name in model.model_fields if name != "file"]
