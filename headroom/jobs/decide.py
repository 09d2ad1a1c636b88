"""Decide: sizes, exhaustion, findings, recommendations and costs of everything that was forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import polars as pl

from data.decision import Status
from data.errors import StoreUnavailable, UnknownName
from data.exhaustion import Exhaustion
from data.money import Exchange
from data.on_premises import OnPremisesModel
from data.panel import Panel
from data.prices import PriceCatalog
from data.reach import Reach
from data.series import STOCKS
from headroom.jobs.forecast import service_of, subjects
from headroom.jobs.run import Run
from headroom.jobs.sizes import by_metric, hours_that_count, sizes_of, stated_capacities
from headroom.jobs.tables import corrections_of, exhaustion_rows
from headroom.settings import Settings
from models.advice_history import advised_until
from models.decide import CostSettings, DecisionInputs
from models.decide import decide as conclude
from models.exhaustion import exhaustions, held_now
from models.finding_options import FindingOptions
from models.node_caps import unknown_pools
from models.sizing import POLICIES


def decide(run: Run) -> str:
    """Concludes from the stored rollups and forecasts, and replaces the decision tables; says what was found.

    Raises:
        StoreUnavailable: nothing was measured, or nothing was forecast yet.
        UnknownName: the settings name a policy that does not exist.
        ConfigError: a price list or the on-premises model of the settings cannot be used.
    """
    settings = run.settings.decide
    if settings.policy not in POLICIES:
        raise UnknownName("policy", settings.policy, POLICIES)
    newest = run.newest_sample()
    if newest is None:
        raise StoreUnavailable(f"{run.settings.store_path}: nothing measured yet; `headroom ingest` loads it")
    catalog, costs = prices(run.settings)
    listed = {f"{kind.provider}/{kind.region}" for kind in catalog.types}
    for place in settings.migrate_to:
        if "/" in place and place not in listed:
            raise UnknownName("place with prices", place, listed)
    with run.record("decide") as report:
        with run.steps.step("Size"):
            hours = subjects(run, "hour", newest)
            days = subjects(run, "day", newest)
            resources, services = run.store.frame("resources_now"), run.store.frame("services_now")
            hourly = by_metric(hours.resources)
            stated = stated_capacities(run)
            counted, unread = hours_that_count(run, hours.resources, resources, services)
            sizes = sizes_of(run, hourly, counted, resources, services, stated)
        with run.steps.step("Find what runs out"):
            reach = {scope: run.store.reach(scope) for scope in ("resource", "service")}
            if not run.store.frame("forecast_count").item():
                raise StoreUnavailable("nothing was forecast yet; `headroom forecast` does it")
            leads, service_leads = _leads(run.settings, resources), _service_leads(run, resources)
            own = [
                one
                for one in _exhaustions(run, days.resources, reach["resource"], leads, hours.resources)
                # Daily peaks know no hours: nobody knows when those that count run out.
                if one.key.metric in STOCKS or one.key.subject not in counted
            ]
            of_services = _exhaustions(run, days.services.panel, reach["service"], service_leads)
            run.store.replace(
                "exhaustion",
                pl.concat(
                    [
                        exhaustion_rows(own, "resource", reach["resource"].start.date(), leads),
                        exhaustion_rows(of_services, "service", reach["service"].start.date(), service_leads),
                    ]
                ),
            )
        with run.steps.step("Decide"):
            decisions = conclude(
                DecisionInputs(
                    as_of=hours.resources.end,
                    hourly=hourly,
                    daily=by_metric(days.resources),
                    sizes=sizes,
                    exhaustions=own,
                    reach=(reach["resource"],),
                    resources=run.store.frame("resource_versions"),
                    services=services,
                    catalog=catalog,
                    costs=costs,
                    options=FindingOptions(
                        window_days=settings.history_days,
                        reserve=settings.reserve,
                        lead_days=settings.lead_days,
                        lead_days_cloud=settings.lead_days_cloud,
                        endpoints_too_big=settings.endpoints_too_big,
                        target_breach=settings.target_breach,
                        migrate_to=settings.migrate_to,
                    ),
                    policy=settings.policy,
                    stated=stated,
                    counted=counted,
                    nodes=settings.node_pools,
                )
            )
            frames = decisions.frames()
            advice = [frames["recommendations"], frames["alternatives"]]
            frames["advised"] = advised_until(run.store.frame("advised"), advice, hours.resources.end)
            for table, rows in frames.items():
                run.store.replace(table, rows)
            report.rows_read = len(decisions.findings)
        notes: list[str] = []
        if unread:
            named = _some(unread)
            notes.append(f"the label `hours` of {len(unread)} cannot be read, all their hours count: {named}")
        if unused := unknown_pools(decisions.estate.current, settings.node_pools):
            notes.append(f"decide.node_pools names nodes that no workload runs on: {_some(unused)}")
        report.message = "; ".join(notes) or None
    told = _sentence(frames["findings"], frames["recommendations"], costs.exchange.currency)
    return "; ".join([told, *notes])


def _some(names: Sequence[str]) -> str:
    """The first three."""
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def prices(settings: Settings) -> tuple[PriceCatalog, CostSettings]:
    """The shipped catalog with the lists of the settings over it, and what costs are made with."""
    catalog = PriceCatalog.shipped()
    for path in settings.prices.lists:
        catalog = catalog.with_prices(PriceCatalog.read(settings.root / path))
    rates = {code: Decimal(str(rate)) for code, rate in settings.prices.rates.items()}
    model = OnPremisesModel.of(settings.prices.on_premises)
    return catalog, CostSettings(model, Exchange(settings.prices.currency, rates))


def _exhaustions(
    run: Run, history: Panel, reach: Reach, lead_days: Mapping[str, int], hours: Panel | None = None
) -> list[Exhaustion]:
    """Of every series of the history, those that were planned first; of what `hours` say is held by now.

    What was refused for want of history has an answer too: it may be full already, and if not, nobody knows.
    """
    place = {key: i for i, key in enumerate(history.keys)}
    planned = [i for i, key in enumerate(reach.keys) if key in place]
    known = {reach.keys[i] for i in planned}
    others = [key for key in history.keys if key not in known]
    nothing = np.full((len(others), len(reach.days), len(reach.levels)), np.nan)
    kept = Reach(
        (*(reach.keys[i] for i in planned), *others),
        reach.start,
        reach.days,
        reach.levels,
        np.concatenate([reach.amounts[planned], nothing]),
    )
    panel = history.take([place[key] for key in kept.keys])
    default = run.settings.decide.lead_days
    leads = np.array([lead_days.get(key.subject, default) for key in kept.keys], np.int64)
    learned = corrections_of(run.store.frame("corrections"))
    return exhaustions(
        panel,
        kept,
        capacity=None if hours is None else held_now(panel, hours),
        reserve=run.settings.decide.reserve,
        lead_days=leads,
        corrections=learned or None,
    )


def _leads(settings: Settings, resources: pl.DataFrame) -> dict[str, int]:
    """Resource -> days from order to use: what the inventory says, else the provider's default."""
    cloud = pl.col("provider").fill_null("on_premises") != "on_premises"
    default = pl.when(cloud).then(settings.decide.lead_days_cloud).otherwise(settings.decide.lead_days)
    leads = resources.select("resource", lead=pl.coalesce("lead_days", default))
    return dict(zip(leads["resource"], leads["lead"], strict=True))


def _service_leads(run: Run, resources: pl.DataFrame) -> dict[str, int]:
    """Service -> the longest lead time among its resources: the slowest part decides."""
    leads = _leads(run.settings, resources)
    slowest: dict[str, int] = {}
    for resource, service in service_of(run).items():
        slowest[service] = max(slowest.get(service, 0), leads.get(resource, run.settings.decide.lead_days))
    return slowest


def _sentence(findings: pl.DataFrame, recommendations: pl.DataFrame, currency: str) -> str:
    count = dict(findings.group_by("status").len().iter_rows())
    saving = recommendations.filter(pl.col("saving") > 0)["saving"].sum() or 0
    return (
        f"{count.get(Status.UNDER_PROVISIONED, 0)} resources are too small,"
        f" {count.get(Status.AT_RISK, 0)} at risk,"
        f" {count.get(Status.OVER_PROVISIONED, 0)} too big, {count.get(Status.IDLE, 0)} idle;"
        f" {currency} {saving:,.0f} a month could be saved"
    )
