from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import duckdb
import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given

from dashboard.costs import by_group, ledger, month_totals, unused_by_status
from dashboard.estate import Estate
from dashboard.files import costs_file, provisioning_file, resources_file, runway_file
from dashboard.history import metrics_of, read_fan
from dashboard.published import Published, follow
from dashboard.service_rows import service_rows, services_table
from dashboard.view import View, place_of
from data.errors import StoreUnavailable
from data.snapshot import Snapshot
from tests.contract.test_every_page import parts
from tests.small_estate import publish_small_estate
from tests.unit.dashboard.conftest import NOW


def test_links_carry_the_place_and_leave_out_what_is_empty(estate: Estate) -> None:
    view = View(estate, {"team": ("data", "shop")}, NOW)
    assert view.link("/service", name="a b", metric=None, span="") == "/service?team=data,shop&name=a+b"
    assert View(estate, {}, NOW).link("/costs") == "/costs"


def test_the_place_in_the_address_limits_resources_services_and_what_runs_out(estate: Estate) -> None:
    view = View(estate, place_of({"provider": "aws", "site": "", "name": "x"}), NOW)
    assert view.resources["resource"].to_list() == ["web-1", "web-2", "web-3"]
    assert view.services == ["web"]
    assert view.exhaustion("resource")["subject"].to_list() == ["web-3"]
    assert view.exhaustion("service")["subject"].to_list() == ["web"]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3, unique=True))
def test_any_name_of_a_team_comes_back_from_a_link(teams: list[str]) -> None:
    link = View(None, {"team": tuple(teams)}, NOW).link("/costs")  # type: ignore[arg-type]
    assert place_of(dict(parse_qsl(urlsplit(link).query))) == {"team": tuple(sorted(teams))}


def test_what_nobody_owns_can_be_asked_for(estate: Estate) -> None:
    view = View(estate, place_of({"team": "none"}), NOW)
    assert view.resources["resource"].to_list() == ["=cmd|evil'", "lost-1"]


def test_the_ledger_adds_up_to_the_cost_at_the_recommended_sizes(view: View) -> None:
    here = view.resources
    change = sum(entry[3] for entry in ledger(here))
    changed = here.filter(pl.col("cost_then").is_not_null())
    kept = here.filter(pl.col("cost_then").is_null())["monthly_cost"].sum()
    assert here["monthly_cost"].sum() + change == pytest.approx(kept + changed["cost_then"].sum())


def test_costs_by_any_owner_sum_to_the_same(view: View) -> None:
    sums = {
        group: by_group(view.resources, group)["cost"].sum() for group in ("service", "team", "site", "kind")
    }
    assert set(sums.values()) == {6797.0}
    assert unused_by_status(view.resources) == {"over_provisioned": 340.0, "idle": 160.0}
    assert month_totals(view).filter(~pl.col("is_forecast"))["cost"][-1] == pytest.approx(6797)


def test_services_are_ordered_by_urgency_and_show_the_worst_state_of_their_resources(view: View) -> None:
    rows = {row.service: row for row in service_rows(view)}
    assert list(rows) == ["orders-db", "edge", "web", "batch"]
    assert rows["orders-db"].cells["storage"][0] == "under_provisioned"
    assert rows["orders-db"].cells["storage"][2] == 1
    assert rows["web"].cells["cpu"][0] == "at_risk"
    assert rows["web"].next_out is None
    out = rows["orders-db"].next_out
    assert out is not None and (out["subject"], out["metric"]) == ("orders-db-1", "storage")


def test_a_cell_leads_to_the_metric_it_shows(view: View) -> None:
    rows = service_rows(view)
    assert next(row for row in rows if row.service == "edge").cells["network"].metric == "network_out"
    hrefs = [part["props"].get("href") for part in parts(services_table(view, rows))]
    assert "/service?name=edge&metric=network_out" in hrefs


def test_demand_without_a_capacity_is_no_part_of_a_share(tmp_path: Path) -> None:
    folder = publish_small_estate(tmp_path)
    with duckdb.connect(str(next(folder.glob("*.duckdb")))) as connection:
        connection.execute(
            "UPDATE metric_findings SET capacity = NULL WHERE resource = 'web-1' AND metric = 'cpu'"
        )
        rest = connection.execute(
            "SELECT sum(demand_p95) / sum(capacity) FROM metric_findings"
            " WHERE resource IN ('web-2', 'web-3') AND metric = 'cpu'"
        ).fetchone()
    with Snapshot.open(folder) as snapshot:
        rows = {row.service: row for row in service_rows(View(Estate(snapshot), {}, NOW))}
    assert rest is not None and rows["web"].cells["cpu"].use == pytest.approx(rest[0])


def test_a_fan_has_two_parts_of_history_for_one_of_forecast(estate: Estate) -> None:
    fan = read_fan(estate, "resource", "orders-db-1", "storage", "90", ["orders-db"])
    assert (fan.grain, len(fan.ts), len(fan.ahead)) == ("day", 180, 90)
    assert fan.usable == 1800 and fan.capacity_now == 2000
    assert fan.capacity[0] == 1500, "capacity is that of its time"
    assert [what for _, what in fan.events] == ["outage: Failover test"]
    hourly = read_fan(estate, "service", "orders-db", "cpu", "14")
    assert (hourly.grain, len(hourly.ahead)) == ("hour", 14 * 24)
    assert metrics_of(estate, "resource", "orders-db-1") == ["cpu", "storage"]


def test_a_download_says_its_units_and_follows_the_filters(view: View) -> None:
    frame = costs_file(view, {"by": "team"})
    assert frame.columns[0] == "team" and "cost EUR/month" in frame.columns
    assert resources_file(view, {"status": "idle"})["resource"].to_list() == ["batch-1"]


def test_amounts_in_files_have_a_currency_and_demand_a_unit(view: View) -> None:
    for made in (resources_file(view, {}), provisioning_file(view, {"tab": "all"})):
        assert set(made["currency"]) == {"EUR"}
    units = dict(runway_file(view, {}).select("metric", "unit").unique().iter_rows())
    assert units["storage"] == "GiB" and units["network_out"] == "Mbit/s" and units["cpu"] == "cores"


def test_the_newest_run_is_followed_and_reading_is_kept_while_it_is(tmp_path: Path) -> None:
    published = Published(follow(tmp_path))
    with pytest.raises(StoreUnavailable):
        published.estate()
    publish_small_estate(tmp_path, "20261120T001500-one")
    first = published.estate()
    assert published.estate() is first and first.snapshot.run_id.endswith("one")
    publish_small_estate(tmp_path, "20261121T001500-two")
    second = published.estate()
    assert second.snapshot.run_id.endswith("two")
    assert first.resources.height == second.resources.height, "the run before can still be read"
