"""Advice from the command line, on a small sample fleet that was worked through: every answer in files."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml

from dashboard.estate import Estate
from dashboard.planning import choice_about
from data.app_state import AppState
from data.choice import Verdict
from data.panel import DAY
from data.snapshot import Snapshot
from data.store import Store
from headroom.demo import prepare
from headroom.jobs.actions import progress
from headroom.jobs.tables import reach_rows
from headroom.settings import Settings, load
from tests.integration.in_process import headroom, said

CONCLUSIONS = (
    "findings",
    "metric_findings",
    "recommendations",
    "alternatives",
    "advised",
    "exhaustion",
    "resource_costs",
    "monthly_costs",
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("advice")]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """About twenty machines and 400 days, with a replay of four weeks."""
    return prepare(tmp_path_factory.mktemp("advice") / "fleet", scale=0.08)


def tables(settings: Settings, names: tuple[str, ...]) -> dict[str, bytes]:
    """Exported tables as bytes."""
    return {name: said(settings, "export", name).encode() for name in names}


def test_two_decisions_from_the_same_inputs_are_the_same_bytes(fleet: Settings) -> None:
    seen = []
    for _ in range(2):
        said(fleet, "decide")
        said(fleet, "publish")
        seen.append(tables(fleet, CONCLUSIONS))
    assert seen[0] == seen[1]
    assert len(seen[0]["findings"].splitlines()) > 20


def test_the_order_of_what_comes_in_changes_no_byte(fleet: Settings, tmp_path: Path) -> None:
    """Measurements and inventory shuffled, loaded anew, forecast and decided: the same conclusions."""
    copy = tmp_path / "shuffled"
    for path in sorted((fleet.root / "inventory").glob("*.csv")):
        rows = pl.read_csv(path, infer_schema=False)
        (copy / "inventory").mkdir(parents=True, exist_ok=True)
        rows.sample(fraction=1, shuffle=True, seed=3).write_csv(copy / "inventory" / path.name)
    for number, path in enumerate(sorted((fleet.root / "metrics").glob("*.parquet"), reverse=True)):
        (copy / "metrics").mkdir(exist_ok=True)
        samples = pl.read_parquet(path).sample(fraction=1, shuffle=True, seed=number)
        samples.write_parquet(copy / "metrics" / f"{number}.parquet")
    text = (fleet.root / "headroom.toml").read_text(encoding="utf-8")
    (copy / "headroom.toml").write_text(text.replace("replay_days = 28", "replay_days = 0"), encoding="utf-8")
    other = load(copy / "headroom.toml", environ={})
    for step in ("ingest", "forecast", "decide", "publish"):
        said(other, step)
    said(fleet, "decide")
    said(fleet, "publish")
    for table, rows in tables(other, (*CONCLUSIONS, "forecast_points")).items():
        assert rows == tables(fleet, (table,))[table], table
    assert said(other, "plan", "--left-out") == said(fleet, "plan", "--left-out")
    for form in ("terraform", "kubernetes", "ansible", "plan"):
        assert headroom(other, "apply-text", "--format", form).stdout == (
            headroom(fleet, "apply-text", "--format", form).stdout
        )


def test_savings_never_exceed_the_cost(fleet: Settings) -> None:
    with Snapshot.open(fleet.published) as snapshot:
        advised, costs = snapshot.table("recommendations"), snapshot.table("resource_costs")
    both = advised.join(costs, on="resource").drop_nulls(["saving", "monthly_cost"])
    assert both.height > 20
    assert both.filter(pl.col("saving") > pl.col("monthly_cost")).is_empty()
    assert both.filter(pl.col("saving") > 0)["saving"].sum() <= costs["monthly_cost"].sum()


def test_the_run_replayed_every_policy_per_tier_and_a_new_replay_takes_its_place(fleet: Settings) -> None:
    with Snapshot.open(fleet.published) as snapshot:
        before = snapshot.table("replay_scores")
        rules = snapshot.table("replay_rules")
    assert set(before["metric"]) == {"cpu", "memory"} and set(before["hold_days"]) == {7}
    assert {"marginal", "vpa", "krr", "compute_optimizer", "azure_advisor", "aria", "kubecost"} <= set(
        before["policy"]
    )
    assert before["tier"].null_count() and before["tier"].drop_nulls().n_unique() >= 2
    assert before.filter(pl.col("policy") == "marginal")["target_breach"].n_unique() == 3
    tiers = before.select("metric", "tier").unique().sort("metric", "tier")
    assert rules.select("metric", "tier").unique().sort("metric", "tier").equals(tiers)
    for _, best in rules.group_by("metric", "tier"):
        ordered = best.sort("breached_hours")
        assert ordered["allocated"].is_sorted(descending=True) and best["entity_windows"].n_unique() == 1
    out = fleet.root / "scores.csv"
    text = said(fleet, "replay", "--metric", "cpu", "--policy", "vpa", "--days", "14", "--out", str(out))
    assert "vpa" in text and "marginal" not in text
    said(fleet, "replay", "--metric", "cpu", "--policy", "vpa", "--catalog", "--hold-days", "28")
    said(fleet, "publish")
    with Snapshot.open(fleet.published) as snapshot:
        after = snapshot.table("replay_scores")
        assert snapshot.table("replay_rules").equals(rules), "they belong to the days ours was replayed on"
    own = pl.col("metric").eq("cpu") & pl.col("policy").eq("vpa") & pl.col("tier").is_null()
    kinds = after.filter(own).select("hold_days", "sizes").unique().sort("hold_days").rows()
    assert kinds == [(7, "any"), (28, "catalog")]
    week = after.filter(own & (pl.col("hold_days") == 7))
    written = pl.read_csv(out).filter(pl.col("tier").is_null())
    assert week["entity_windows"][0] == written["entity_windows"][0]
    assert week["starts_at"][0] > before["starts_at"].min()
    others = pl.col("policy") != "vpa"
    assert after.filter(others).height == before.filter(others).height, "other policies' scores stay"


def test_a_part_of_the_fleet_is_replayed_but_not_kept(fleet: Settings) -> None:
    with Snapshot.open(fleet.published) as snapshot:
        site = snapshot.frame("resources_now").filter(pl.col("kind") == "vm")["site"].mode()[0]
        kept = snapshot.table("replay_scores")
    done = headroom(fleet, "replay", "--metric", "cpu", "--policy", "krr", "--site", site)
    assert done.returncode == 0 and "not kept" in done.stderr
    said(fleet, "publish")
    with Snapshot.open(fleet.published) as snapshot:
        assert snapshot.table("replay_scores").height == kept.height


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("replay", "--policy", "vap"), 2, "unknown policy 'vap'; did you mean vpa?"),
        (("replay", "--metric", "cpus"), 2, "unknown metric 'cpus'; did you mean cpu?"),
        (("replay", "--site", "atlantis"), 2, "unknown site 'atlantis'"),
        (("replay", "--target-breach", "5"), 2, "between 0 and 1"),
        (("replay", "--start-day", "5000"), 1, "needs at least 5001 days"),
        (("replay", "--metric", "storage", "--catalog"), 2, "without --catalog"),
        (("what-if",), 2, "say what happens"),
        (("what-if", "--driver", "nobody=4"), 2, "unknown service 'nobody'"),
        (("what-if", "--driver", "storefront=much"), 2, "'much' is not a number"),
        (("what-if", "--driver", "storefront=0:400"), 2, "above 0, not 0"),
        (("what-if", "--grow", "storefront=-1"), 2, "above 0"),
        (("what-if", "--lose", "planet=mars"), 2, "none of resource, service, site, provider"),
        (("what-if", "--lose", "site=mars"), 2, "unknown site 'mars'"),
        (("what-if", "--saved", "nothing"), 2, "unknown scenario 'nothing'"),
        (("apply-text", "--format", "chef"), 2, "unknown format 'chef'"),
        (("apply-text", "--resource", "nobody"), 2, "'nobody'"),
        (("decision", "nobody", "accept"), 2, "'nobody'"),
        (("decision", "nobody", "perhaps"), 2, "unknown verdict 'perhaps'"),
    ],
)
def test_what_cannot_be_is_one_line(
    fleet: Settings, words: tuple[str, ...], status: int, message: str
) -> None:
    done = headroom(fleet, *words)
    assert (done.returncode, done.stderr.count("Traceback")) == (status, 0), done.stderr
    assert message in done.stderr


def test_growth_costs_more_than_the_baseline_and_is_saved_under_its_name(fleet: Settings) -> None:
    text = said(fleet, "what-if", "--grow", "storefront=4", "--save", "four times the shop")
    assert "against the baseline" in text
    extra = float(text.splitlines()[-1].split()[0].replace(",", ""))
    assert extra > 0
    assert said(fleet, "what-if", "--grow", "storefront=100:400").splitlines()[-1] == text.splitlines()[-1]
    again = said(fleet, "what-if", "--saved", "four times the shop")
    assert again.splitlines()[-1] == text.splitlines()[-1]
    with closing(AppState(fleet.app_state_url)) as state:
        (saved,) = state.scenarios()
    assert float(saved.document["outcome"]["extra"]) == pytest.approx(extra, abs=0.005)
    said(fleet, "what-if", "--grow", "storefront=1.5", "--save", "half as many again")
    side = said(fleet, "what-if", "--compare")
    assert "four times the shop" in side and f"{extra:+,.2f}" in side and "half as many again" in side
    with closing(AppState(fleet.app_state_url)) as state:
        state.remove_scenario("half as many again")
    lost = said(fleet, "what-if", "--lose", "service=storefront", "--launch", "checkout:cpu=8,memory=16")
    assert "note:" in lost


def test_verdicts_change_the_plan_and_the_texts(fleet: Settings) -> None:
    with Snapshot.open(fleet.published) as snapshot:
        advised = snapshot.table("recommendations").filter(
            (pl.col("action") != "keep") & (pl.col("saving") > 0)
        )
    first, second = advised.sort("saving", descending=True)["resource"][:2]
    whole = said(fleet, "plan", "--left-out")
    assert f"{first}: " in whole and "a month now" in whole
    refused = headroom(fleet, "decision", first, "dismiss")
    assert refused.returncode == 2 and "needs a reason" in refused.stderr
    late = headroom(fleet, "decision", second, "defer", "--until", "2001-01-01")
    assert late.returncode == 2 and "over already" in late.stderr
    said(fleet, "decision", first, "dismiss", "--reason", "the vendor demands it")
    said(fleet, "decision", second, "defer", "--until", "2999-01-01")
    less = said(fleet, "plan", "--left-out")
    assert f"not {first}: " in less and "dismissed: the vendor demands it" in less
    assert f"not {second}: " in less and "deferred until 2999-01-01" in less
    text = said(fleet, "apply-text")
    assert first.replace("-", "") not in text.replace("\\", "").replace("-", "").split("## ", 1)[1]
    named = said(fleet, "apply-text", "--resource", first)
    assert first in named.replace("\\", "")
    for verdict in (first, second):
        said(fleet, "decision", verdict, "withdraw")
    assert said(fleet, "plan", "--left-out") == whole


def test_a_change_of_several_resources_is_decided_by_its_name(fleet: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "fleet"
    shutil.copytree(fleet.root, copy)
    settings = load(copy / "headroom.toml", environ={})
    with Snapshot.open(settings.published) as snapshot:
        kept = snapshot.table("recommendations").filter(
            (pl.col("action") == "keep") & (pl.col("cost_now") > 10)
        )
    first, second = kept.sort("resource")["resource"][:2]
    goes = pl.col("resource") == first
    rows = kept.filter(pl.col("resource").is_in([first, second])).with_columns(
        alternative=pl.lit("shop web: 1 of 2 members fewer"),
        kind=pl.lit("members"),
        why=pl.lit("one does for two"),
        action=pl.when(goes).then(pl.lit("remove_members")).otherwise("action"),
        to_size=pl.when(goes).then(pl.lit("nothing")).otherwise("to_size"),
        cost_then=pl.when(goes).then(0).otherwise("cost_then").cast(pl.Decimal(18, 2)),
        saving=pl.when(goes).then("cost_now").otherwise("saving").cast(pl.Decimal(18, 2)),
    )
    with Store.open(settings.store_path) as store:
        store.replace("alternatives", rows)
    said(settings, "publish")
    name = "shop web: 1 of 2 members fewer"
    whole = said(settings, "plan")
    assert name in whole and f"{name}: one does for two" in whole
    assert f"| {first} | remove |" in said(settings, "apply-text").replace("\\", "")
    assert f"{first}: accept of remove kept" in said(settings, "decision", name, "accept")
    assert [str(one.progress) for one in progress(settings)] == ["pending"]
    said(settings, "decision", name, "dismiss", "--reason", "the second one is for failover")
    less = said(settings, "plan", "--left-out")
    assert f"not {name}: dismissed: the second one is for failover" in less
    assert f"| {first} | remove |" not in said(settings, "apply-text").replace("\\", "")
    unknown = headroom(settings, "decision", "shop web: 1 of 3", "accept")
    assert unknown.returncode == 2 and name in unknown.stderr


def test_texts_are_read_by_their_own_formats(fleet: Settings) -> None:
    done = {
        form: headroom(fleet, "apply-text", "--format", form)
        for form in ("terraform", "kubernetes", "ansible")
    }
    assert any(one.returncode == 0 for one in done.values())
    assert all(one.returncode in (0, 3) for one in done.values())
    for form in ("kubernetes", "ansible"):
        if done[form].returncode == 0:
            assert [document for document in yaml.safe_load_all(done[form].stdout) if document]
    again = headroom(fleet, "apply-text", "--format", "ansible")
    assert again.stdout == done["ansible"].stdout


def test_labels_and_settings_limit_hours_and_replicas(fleet: Settings, tmp_path: Path) -> None:
    """Office hours for one machine, small nodes for all workloads: both reach the advice."""
    copy = tmp_path / "fleet"
    shutil.copytree(fleet.root, copy)
    with Snapshot.open(fleet.published) as snapshot:
        before = snapshot.table("metric_findings")
        dated = snapshot.table("exhaustion")
        workloads = snapshot.frame("resources_now").filter(pl.col("kind") == "workload")
        machine = (
            before.filter((pl.col("metric") == "cpu") & pl.col("resource").str.contains("-vm-"))
            .sort("demand_peak", descending=True)["resource"]
            .first()
        )
    file = copy / "inventory" / "resources.csv"
    listed = pl.read_csv(file, infer_schema=False)
    other = listed.filter((pl.col("kind") == "vm") & (pl.col("resource") != machine))["resource"][0]
    assert workloads.height and machine
    listed.with_columns(
        pl.when(pl.col("resource") == machine)
        .then(pl.lit('{"hours": "Sat 03-04"}'))
        .when(pl.col("resource") == other)
        .then(pl.lit('{"hours": "at night"}'))
        .otherwise("labels")
        .alias("labels")
    ).write_csv(file)
    clusters = {json.loads(labels)["cluster"] for labels in workloads["labels"]}
    pools = ", ".join(f"{name} = {{ cpu = 0.5, memory = 1 }}" for name in [*sorted(clusters), "nowhere"])
    settings_file = copy / "headroom.toml"
    settings_file.write_text(
        settings_file.read_text(encoding="utf-8") + f"node_pools = {{ {pools} }}\n", encoding="utf-8"
    )
    settings = load(settings_file, environ={})
    told = [said(settings, step) for step in ("ingest", "decide", "publish")]
    notes = (
        f"the label `hours` of 1 cannot be read, all their hours count: {other};"
        " decide.node_pools names nodes that no workload runs on: nowhere"
    )
    assert notes in told[1]
    with Snapshot.open(settings.published) as snapshot:
        last = snapshot.frame("page_runs").filter(pl.col("step") == "decide").sort("started_at")
        assert last["message"][-1] == notes, "the page of data health says it too"
        after = snapshot.table("metric_findings")
        advised = snapshot.table("recommendations")
        still_dated = snapshot.table("exhaustion")
    mine = (pl.col("resource") == machine) & (pl.col("metric") == "cpu")
    assert after.filter(mine)["demand_peak"].item() < before.filter(mine)["demand_peak"].item()
    its_dates = (pl.col("subject") == machine) & pl.col("metric").is_in(["cpu", "memory", "storage"])
    assert {"cpu", "memory"} <= set(dated.filter(its_dates)["metric"])
    assert set(still_dated.filter(its_dates)["metric"]) <= {"storage"}, "daily peaks know no hours"
    replicas = {row["resource"]: int(json.loads(row["labels"])["replicas"]) for row in workloads.to_dicts()}
    sized = after.filter(pl.col("resource").is_in(list(replicas)) & (pl.col("metric") == "cpu"))
    for name, target in sized.select("resource", "size_target").drop_nulls().iter_rows():
        assert target <= 0.45 * replicas[name] + 1e-9
    for row in advised.filter(pl.col("action") == "add_members").iter_rows(named=True):
        count = int(row["to_size"].split(" ×")[0])
        assert row["resource"] not in replicas or row["target_cpu"] / count <= 0.45 + 1e-9


def test_a_saving_that_is_not_known_is_said_and_not_counted(fleet: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "fleet"
    shutil.copytree(fleet.root, copy)
    settings = load(copy / "headroom.toml", environ={})
    assert "without a known price" not in said(settings, "savings")
    with Snapshot.open(settings.published) as snapshot:
        file = settings.published / f"{snapshot.run_id}.duckdb"
        told = snapshot.table("recommendations").filter(pl.col("saving") > 0).sort("resource")
    with duckdb.connect(str(file)) as connection:
        where = "WHERE resource = ?"
        connection.execute(f"UPDATE recommendations SET cost_then = NULL, saving = NULL {where}",
                           [told["resource"][0]])  # fmt: skip
        connection.execute("DELETE FROM alternatives")
    assert "all that is advised: 1 more without a known price, not counted" in said(settings, "savings")


def test_dates_are_counted_from_the_day_of_the_forecast(fleet: Settings, tmp_path: Path) -> None:
    """Decided again three days after the forecast was made: what runs out on 1 May still does on 1 May."""
    copy = tmp_path / "fleet"
    shutil.copytree(fleet.root, copy)
    settings = load(copy / "headroom.toml", environ={})
    dates = ("date_low", "date_mid", "date_high", "order_by")
    with Store.open(settings.store_path) as store:
        fresh = store.frame("page_exhaustion")
        older = [
            replace(store.reach(s), start=store.reach(s).start - 3 * DAY) for s in ("resource", "service")
        ]
        rows = [reach_rows(one, s) for one, s in zip(older, ("resource", "service"), strict=True)]
        store.replace("reach", pl.concat(rows))
    said(settings, "decide")
    with Store.open(settings.store_path) as store:
        assert store.frame("page_exhaustion").equals(
            fresh.with_columns(pl.col(name) - timedelta(days=3) for name in dates)
        )
    assert fresh["date_mid"].drop_nulls().len() > 0


def carry_out(settings: Settings, row: dict[str, Any], since: datetime) -> None:
    """The resource of that advice has the advised type since then, as the next inventory says."""
    file = settings.root / "inventory" / "resources.csv"
    listed = pl.read_csv(file, infer_schema=False)
    newest = listed.filter(pl.col("resource") == row["resource"]).sort("valid_from").tail(1)
    changed = newest.with_columns(
        instance_type=pl.lit(row["to_type"]), valid_from=pl.lit(f"{since:%Y-%m-%dT%H:%M:%SZ}")
    )
    pl.concat([listed, changed]).write_csv(file)
    for step in ("ingest", "decide", "publish"):
        said(settings, step)


def test_what_was_accepted_is_found_in_the_next_inventory(fleet: Settings, tmp_path: Path) -> None:
    """Another type was accepted two days ago and is there since yesterday: the saving is measured."""
    copy = tmp_path / "fleet"
    shutil.copytree(fleet.root, copy)
    settings = load(copy / "headroom.toml", environ={})
    with Snapshot.open(settings.published) as snapshot, closing(AppState(settings.app_state_url)) as state:
        estate = Estate(snapshot)
        advised = estate.recommendations.filter(
            (pl.col("action") == "resize_type")
            & (pl.col("saving") > 0)
            & (pl.col("to_type") != pl.col("from_type"))
        ).sort("resource")
        assert advised.height, "something in the sample fleet is advised to be another type"
        row = advised.row(0, named=True)
        before = estate.as_of - timedelta(days=2)
        state.choose(choice_about(estate, row["resource"], Verdict.ACCEPT, before))
    assert [str(one.progress) for one in progress(settings)] == ["pending"]
    carry_out(settings, row, estate.as_of - timedelta(days=1))
    (found,) = progress(settings)
    assert (found.choice.resource, str(found.progress)) == (row["resource"], "applied")
    assert found.since == estate.as_of - timedelta(days=1)
    assert found.saving == row["saving"] > 0, "cost before minus cost since is what was promised"
    assert found.breach_after is not None and found.accepted
    with closing(AppState(settings.app_state_url)) as state:
        state.choose(replace(found.choice, verdict=Verdict.DISMISS, at=estate.as_of, reason="far enough"))
    (kept,) = progress(settings)
    assert (kept.since, kept.saving) == (found.since, found.saving), "what was done stays done"


def test_what_was_simply_done_is_measured_too(fleet: Settings, tmp_path: Path) -> None:
    """Nobody gave a verdict, but the type that was advised is in the next inventory."""
    copy = tmp_path / "fleet"
    shutil.copytree(fleet.root, copy)
    settings = load(copy / "headroom.toml", environ={})
    with Snapshot.open(settings.published) as snapshot:
        row = (
            snapshot.table("recommendations")
            .filter((pl.col("action") == "resize_type") & (pl.col("saving") > 0))
            .filter(pl.col("to_type") != pl.col("from_type"))
            .sort("resource")
            .row(0, named=True)
        )
        as_of = snapshot.as_of
    assert progress(settings) == []
    # The advice is two days old, the change one.
    with Store.open(settings.store_path) as store:
        known = store.frame("advised").with_columns(pl.col("first_at", "last_at") - timedelta(days=2))
        store.replace("advised", known)
    carry_out(settings, row, as_of - timedelta(days=1))
    (found,) = progress(settings)
    assert (found.choice.resource, str(found.progress), found.accepted) == (row["resource"], "applied", False)
    assert found.since == as_of - timedelta(days=1) and found.saving == row["saving"]
    assert f"{row['resource']}" in said(settings, "savings")
