"""Price lists: what is shipped, what is read, what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from data.errors import ConfigError, UnknownName
from data.money import Exchange, amount, currency_code
from data.on_premises import OnPremisesModel
from data.prices import PriceCatalog

_HEADER = (
    "provider,region,instance_type,family,vcpu,memory_gib,network_gbps,storage_gb,price_usd_hour,as_of,source"
)


def _list(folder: Path, *rows: str, header: str = _HEADER) -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_shipped_catalog_has_three_providers_with_a_source_and_a_date_each() -> None:
    catalog = PriceCatalog.shipped()
    assert 50 <= len(catalog) <= 100
    assert catalog.rejected.height == 0
    assert {t.provider for t in catalog.types} == {"aws", "azure", "gcp"}
    assert all(t.source and t.as_of > date(2020, 1, 1) and t.price_hour > 0 for t in catalog.types)
    places = {(t.provider, t.region) for t in catalog.types}
    assert places == {(s.provider, s.region) for s in catalog.storage}


def test_a_month_is_730_hours() -> None:
    found = PriceCatalog.shipped().require("aws", "m6i.large", "eu-west-1")
    assert found.price_hour == Decimal("0.107")
    assert found.month == Decimal("78.110")


def test_names_are_found_regardless_of_case() -> None:
    catalog = PriceCatalog.shipped()
    assert catalog.find("azure", "standard_d2S_v5", "westeurope") is not None
    assert catalog.find("azure", "Standard_D2s_v5", "mars") is None


def test_an_unknown_type_names_its_neighbours() -> None:
    with pytest.raises(UnknownName, match=r"did you mean .*m6i\.large"):
        PriceCatalog.shipped().require("aws", "m6i.larg", "eu-west-1")


def test_the_cheapest_type_holds_all_needs() -> None:
    catalog = PriceCatalog.shipped()
    found = catalog.cheapest("aws", "eu-west-1", vcpu=3, memory_gib=10)
    assert found is not None and found.name == "m6i.xlarge"
    # 2 Gbit/s rule out the types with a baseline of 1.562.
    fast = catalog.cheapest("aws", "eu-west-1", vcpu=3, memory_gib=10, network_mbps=2000)
    assert fast is not None and fast.name == "c6i.2xlarge"
    assert catalog.cheapest("aws", "eu-west-1", vcpu=1000, memory_gib=1) is None


def test_blank_network_and_float_memory_are_read(tmp_path: Path) -> None:
    path = _list(tmp_path, *["azure,eastus,A,F,1,0.5,,,0.01,2026-01-01,me"] * 200,
                 "azure,eastus,Big,F,96,1433.6,,,9.1,2026-01-01,me")  # fmt: skip
    catalog = PriceCatalog.read(path)
    assert catalog.rejected.height == 0
    big = catalog.require("azure", "Big", "eastus")
    assert (big.memory_gib, big.network_gbps, big.storage_gb) == (1433.6, None, None)
    assert (big.price_hour, big.currency) == (Decimal("9.1"), "USD")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("aws,r,t,f,many,8,,,0.1,2026-01-01,s", "vcpu 'many' is not a number"),
        ("aws,r,t,f,2,8,,,-0.1,2026-01-01,s", "price_hour -0.1 is not above 0"),
        ("aws,r,t,f,2,nan,,,0.1,2026-01-01,s", "memory_gib nan is not above 0"),
        ("aws,r,t,f,2,inf,,,0.1,2026-01-01,s", "memory_gib inf is not above 0"),
        ("aws,r,,f,2,8,,,0.1,2026-01-01,s", "instance_type is empty"),
        ("aws,r,t,f,2,8,fast,,0.1,2026-01-01,s", "network_gbps 'fast' is not a number"),
        ("aws,r,t,f,2,8,,,0.1,yesterday,s", "as_of 'yesterday' is not a date (YYYY-MM-DD)"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_good_ones_stay(
    tmp_path: Path, row: str, reason: str
) -> None:
    catalog = PriceCatalog.read(_list(tmp_path, "aws,r,good,f,2,8,,,0.1,2026-01-01,s", row))
    assert [t.name for t in catalog.types] == ["good"]
    assert catalog.rejected.select("line", "reason").rows() == [(3, reason)]


def test_an_unknown_currency_is_rejected(tmp_path: Path) -> None:
    header = _HEADER.replace("price_usd_hour", "price_hour,currency")
    path = _list(tmp_path, "aws,r,t,f,2,8,,,0.1,Euro,2026-01-01,s", header=header)
    assert PriceCatalog.read(path).rejected["reason"].to_list() == ["currency 'Euro' is not an ISO 4217 code"]


def test_a_missing_column_and_a_missing_file_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="column vcpu is missing"):
        PriceCatalog.read(_list(tmp_path, "1", header=_HEADER.replace("vcpu,", "")))
    with pytest.raises(ConfigError, match="cannot read the price list"):
        PriceCatalog.read(tmp_path / "none.csv")
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    with pytest.raises(ConfigError, match="not a price list"):
        PriceCatalog.read(empty)


def test_a_loaded_list_wins_over_the_shipped_one(tmp_path: Path) -> None:
    row = "aws,eu-west-1,M6I.large,m6i,2,8,,,0.05,2026-11-01,our contract"
    both = PriceCatalog.shipped().with_prices(PriceCatalog.read(_list(tmp_path, row)))
    assert len(both) == len(PriceCatalog.shipped())
    assert both.require("aws", "m6i.large", "eu-west-1").price_hour == Decimal("0.05")
    assert both.storage_price("aws", "eu-west-1") is not None


@pytest.mark.parametrize(("name", "rows"), [("aws", 1418), ("azure", 1273), ("gcp", 685)])
def test_the_large_lists_load_whole(shared_data: Path, name: str, rows: int) -> None:
    catalog = PriceCatalog.read(shared_data / "prices" / f"{name}.csv")
    assert (len(catalog), catalog.rejected.height) == (rows, 0)


def test_money_is_rounded_half_to_even_and_read_as_printed() -> None:
    assert amount(0.1) == Decimal("0.10")
    assert [amount("0.125"), amount("0.135")] == [Decimal("0.12"), Decimal("0.14")]


def test_no_rate_is_made_up() -> None:
    exchange = Exchange("usd", {"EUR": Decimal("1.10")})
    assert exchange.currency == "USD"
    assert exchange.convert(Decimal(10), "EUR") == Decimal("11.0")
    assert exchange.convert(Decimal(10), "USD") == Decimal(10)
    assert exchange.convert(Decimal(10), "GBP") is None
    with pytest.raises(ConfigError, match="must be above 0"):
        Exchange("USD", {"EUR": Decimal(0)})
    with pytest.raises(ConfigError, match="not an ISO 4217"):
        currency_code("dollars")


def test_a_host_is_purchase_support_power_and_space() -> None:
    model = OnPremisesModel(
        server_price=Decimal(6000), server_lifetime_months=60, support_share=Decimal("0.12"),
        server_watts=1000, power_factor=Decimal(2), power_price_kwh=Decimal("0.10"),
        rack_unit_price=Decimal(4), server_rack_units=1,
        server_cores=10, server_memory_gib=100, memory_share=Decimal("0.5"), usable_share=Decimal("0.5"),
    )  # fmt: skip
    # 100 purchase + 60 support + 1 kW x 2 x 730 h x 0.10 = 146 power + 4 space = 310
    assert model.server_month == Decimal(310)
    # half of it over 10 cores, of which half are sold
    assert model.core_month == Decimal(31)
    assert model.memory_gib_month == Decimal("3.1")


def test_figures_of_the_on_premises_model_are_replaced_by_name() -> None:
    assert OnPremisesModel.of({"server_cores": 64.0, "power_price_kwh": 0.3}).server_cores == 64
    with pytest.raises(ConfigError, match="did you mean 'server_cores'"):
        OnPremisesModel.of({"server_core": 64})
    with pytest.raises(ConfigError, match="must be above 0"):
        OnPremisesModel.of({"server_cores": 0})
