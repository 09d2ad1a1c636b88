"""Files hold what the pages show: the same rows, limited the same way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta

import polars as pl
import pytest
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.estate import Estate
from dashboard.files import FILES
from dashboard.outlook import axis_days
from dashboard.view import View


@pytest.fixture
def client(estate: Estate) -> Iterator[FlaskClient]:
    with create_app(lambda: estate.snapshot).server.test_client() as client:
        yield client


def csv(client: FlaskClient, address: str) -> pl.DataFrame:
    answer = client.get(f"/download/{address}")
    assert answer.status_code == 200, address
    return pl.read_csv(io.BytesIO(answer.data), infer_schema_length=None)


@pytest.mark.parametrize("name", FILES)
def test_every_file_comes_as_csv_and_as_a_workbook(name: str, client: FlaskClient) -> None:
    rows = csv(client, f"{name}.csv")
    assert rows.height and len(set(rows.columns)) == rows.width
    book = client.get(f"/download/{name}.xlsx")
    assert book.status_code == 200 and book.data[:2] == b"PK"


def test_resources_hold_the_shares_and_the_words_that_are_typed(client: FlaskClient) -> None:
    rows = csv(client, "resources.csv?words=ORDERS+database")
    assert sorted(rows["resource"]) == ["orders-db-1", "orders-db-2"]
    one = rows.filter(pl.col("resource") == "orders-db-2").row(0, named=True)
    # Demand of 6.5 cores, a fifth more at its 95th percentile, of 16.
    assert one["cpu"] == pytest.approx(6.5 * 1.2 / 16, abs=1e-4)
    assert csv(client, "resources.csv?words=nobody").height == 0


def test_changes_are_those_of_the_tab_in_its_order(client: FlaskClient) -> None:
    rows = csv(client, "provisioning.csv?tab=worth")
    assert rows["resource"].to_list() == ["web-1", "web-2"]
    assert rows["change_of_cost"].to_list() == [-170, -170]
    assert rows["from_size"][0] == "8 cores, 32 GiB" and rows["to_size"][0] == "4 cores, 16 GiB"


def test_the_runway_holds_what_has_no_date_too(client: FlaskClient) -> None:
    rows = csv(client, "runway.csv?scope=resource")
    assert rows["subject"].to_list() == ["orders-db-1", "link-fra-ams", "web-3", "batch-2"]
    assert csv(client, "runway.csv?scope=service&metric=network_out")["subject"].to_list() == ["edge"]


def test_services_are_sorted_as_asked(client: FlaskClient) -> None:
    rows = csv(client, "services.csv?sort=unused")
    assert rows["service"][0] == "web"
    assert rows["unused EUR/month"][0] == 340


def test_the_shortest_axis_that_shows_half_of_the_dates(view: View) -> None:
    today = view.estate.today

    def rows(*days: int) -> pl.DataFrame:
        return pl.DataFrame({"date_mid": [today + timedelta(days=day) for day in days]})

    assert axis_days(rows(5, 20, 200), today, (30, 90, 365)) == 30
    assert axis_days(rows(5, 80, 200), today, (30, 90, 365)) == 90
    assert axis_days(rows(300), today, (30, 90, 365)) == 365
    assert axis_days(pl.DataFrame({"date_mid": pl.Series([None], dtype=pl.Date)}), today, (30, 90)) == 90
