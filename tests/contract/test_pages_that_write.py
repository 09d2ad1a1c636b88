"""What is written from pages and what the pages then say: with a state, and with learned relations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dashboard.app import create_app, render
from dashboard.page import Page
from dashboard.pages import PAGES
from dashboard.planning import choices_about, ledger_for
from dashboard.published import Published, follow
from dashboard.scenarios import KINDS, query_of, scenario_from
from dashboard.simulation import simulation_of
from dashboard.verdicts import verdicts_in
from dashboard.writing import keep_scenario, keep_verdict, remove_scenario
from data.app_state import AppState
from data.choice import Choice, Verdict
from data.errors import ConfigError, HeadroomError, UnknownName
from models.elasticity import Elasticity, Form
from models.relation_frames import relation_rows
from models.relations import Relations
from tests.contract.test_every_page import NOW, address_of, answer_of, text_of
from tests.small_estate import publish_small_estate

FOUND = Elasticity(Form.PROPORTIONAL, 0.5, 0.4, 0.6, 0.7, 0.6, 300, 1.5)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small estate, of which it is known that CPU of web follows its users."""
    folder = publish_small_estate(tmp_path_factory.mktemp("learned"))
    relations = Relations(
        own={("web", "cpu"): FOUND, ("web-1", "cpu"): FOUND},
        members={"web": ("web-1",)},
        loads={"web": 100.0, "orders-db": 13.5},
    )
    rows = relation_rows(relations, {"web": "users", "orders-db": "cpu"})
    with duckdb.connect(str(next(folder.glob("*.duckdb")))) as connection:
        connection.register("rows", rows.to_arrow())
        connection.execute("INSERT INTO relations BY NAME SELECT * FROM rows")
    return folder


@pytest.fixture
def desk(learned: Path, tmp_path: Path) -> Iterator[Published]:
    state = AppState.at(tmp_path / "app.sqlite")
    yield Published(follow(learned), state)
    state.close()


def page_text(published: Published, address: str) -> str:
    body, _, _ = render(published, f"http://localhost{address}", "light", NOW)
    return text_of(body)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_page_works_with_a_state_and_without_being_able_to_read_it(
    page: Page, desk: Published, tmp_path: Path
) -> None:
    assert "could not be made" not in answer_of(desk, address_of(page))
    broken = Published(desk.open_snapshot, AppState.at(tmp_path / "nowhere" / "app.sqlite"))
    assert "could not be made" not in answer_of(broken, address_of(page))


def test_the_busiest_measured_driver_doubles_when_nothing_is_asked(desk: Published) -> None:
    answer = answer_of(desk, "/what-if")
    assert answer.startswith("Twice the load of web ")
    text = page_text(desk, "/what-if")
    # web-1 has a relation of its own; the others follow nothing, as a member that follows is known.
    assert "0.50" in text and "0.40–0.60" in text
    assert "never above 1.5 times today's: beyond it the relation is extrapolated" in text


def test_from_a_hundred_to_four_hundred_users_is_the_elasticity_to_the_power(desk: Published) -> None:
    simulation = simulation_of(desk.estate())
    query = {"event": "driver", "service": "web", "base": "100", "goal": "400"}
    answer = simulation.play(scenario_from(query, simulation, None))
    row = next(one for one in answer.demands.iter_rows(named=True) if one["resource"] == "web-1")
    assert row["demand_then"] == pytest.approx(row["demand_now"] * 4**0.5)
    assert row["demand_low"] == pytest.approx(row["demand_now"] * 4**0.4)
    assert row["demand_high"] == pytest.approx(row["demand_now"] * 4**0.6)


@pytest.mark.parametrize(
    "query",
    [
        {"event": "driver", "service": "web", "base": "100", "goal": "250"},
        {"event": "grow", "service": "batch", "factor": "3"},
        {"event": "launch", "service": "web", "cpu": "8", "memory": "32"},
        {"event": "lose", "of": "site", "subject": "fra-1"},
        {"event": "migrate", "of": "service", "subject": "web", "to": "aws/eu-west-1"},
        {"event": "consolidate", "of": "site", "subject": "fra-1", "spare": "2"},
    ],
    ids=lambda query: query["event"],
)
def test_a_scenario_and_its_address_say_the_same(query: dict[str, str], desk: Published) -> None:
    assert query["event"] in KINDS
    simulation = simulation_of(desk.estate())
    scenario = scenario_from(query, simulation, None)
    assert scenario_from(query_of(scenario.events[0], simulation), simulation, None) == scenario
    address = "/what-if?" + "&".join(f"{key}={value}" for key, value in query.items())
    answer = answer_of(desk, address)
    assert "cannot be played" not in answer and "could not be made" not in answer


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"event": "driver", "service": "nobody", "factor": "2"}, "unknown service 'nobody'"),
        ({"event": "driver", "service": "web", "base": "0", "goal": "9"}, "above 0"),
        ({"event": "driver", "service": "web", "factor": "nan"}, "above 0"),
        ({"event": "driver", "service": "batch", "goal": "9"}, "never measured"),
        ({"event": "lose", "of": "planet", "subject": "mars"}, "unknown kind of selection"),
        ({"event": "migrate", "of": "service", "subject": "web", "to": "moon"}, "provider/region"),
        ({"event": "migrate", "of": "service", "subject": "web", "to": "aws/moon"}, "unknown place"),
        ({"event": "launch", "service": "web", "cpu": "-1"}, "at least 0"),
        ({"event": "consolidate", "of": "site", "subject": "fra-1", "spare": "-1"}, "at least 0"),
        ({"saved": "nothing"}, "unknown scenario 'nothing'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    query: dict[str, str], message: str, desk: Published
) -> None:
    with pytest.raises((UnknownName, ConfigError), match=message):
        scenario_from(query, simulation_of(desk.estate()), desk.state)


def test_a_scenario_is_kept_with_what_it_came_to(desk: Published) -> None:
    assert desk.state is not None
    keep_scenario(desk, "christmas", "?event=grow&service=web&base=1&goal=4", NOW)
    (saved,) = desk.state.scenarios()
    assert saved.document["events"] == [{"event": "service_growth", "service": "web", "factor": 4.0}]
    assert saved.document["outcome"]["currency"] == "EUR"
    assert "christmas" in page_text(desk, "/what-if")
    assert answer_of(desk, "/what-if?saved=christmas").startswith(
        "4 times all demand of web takes sizes whose price is not known"
    ), "prices are in USD, the estate in EUR, and no rate is set"
    for name, search in (("", "?event=grow&service=web&factor=2"), ("empty", "?event=launch")):
        with pytest.raises(HeadroomError):
            keep_scenario(desk, name, search, NOW)
    remove_scenario(desk, "christmas")
    assert desk.state.scenarios() == []


def test_a_verdict_is_kept_with_what_was_advised(desk: Published) -> None:
    assert desk.state is not None
    keep_verdict(desk, "web-1", "defer", "", "2027-01-15", NOW)
    kept = desk.state.choices()["web-1"]
    assert (kept.verdict, kept.until, kept.to_type) == (Verdict.DEFER, date(2027, 1, 15), "m7i.xlarge")
    assert (kept.cost_now, kept.cost_then, kept.targets) == (340, 170, {"cpu": 4.0})
    assert answer_of(desk, "/provisioning").startswith("2 changes would save EUR 330 a month")
    for words in (("link-fra-ams", "accept"), ("nobody", "accept")):
        with pytest.raises(UnknownName):
            keep_verdict(desk, *words, "", "", NOW)
    for words in (("web-1", "dismiss"), ("web-1", "defer"), ("web-1", "explode")):
        with pytest.raises(ValueError, match=r"needs a|not a valid"):
            keep_verdict(desk, *words, "", "", NOW)
    assert len(desk.state.history()) == 1


def test_what_was_accepted_before_the_advice_changed_is_not_still_to_be_done(desk: Published) -> None:
    assert desk.state is not None
    estate, pricer = desk.estate(), simulation_of(desk.estate()).pricer
    desk.state.choose(Choice("web-1", Verdict.ACCEPT, "stop", NOW))  # today it is told to be smaller
    advised, accepted = ledger_for(estate, verdicts_in(desk.state), pricer)
    assert (advised.effective > 0, accepted.changes, accepted.effective) == (True, 0, 0)
    keep_verdict(desk, "web-1", "accept", "", "", NOW)
    advised, accepted = ledger_for(estate, verdicts_in(desk.state), pricer)
    assert (accepted.changes, accepted.effective) == (1, 170) and advised.effective >= 170
    assert "Accepted, still to be done1" in page_text(desk, "/costs")


def test_a_saving_that_is_not_known_is_said_beside_the_sums(tmp_path: Path) -> None:
    folder = publish_small_estate(tmp_path)
    priced = page_text(Published(follow(folder)), "/costs")
    with duckdb.connect(str(next(folder.glob("*.duckdb")))) as connection:
        connection.execute(
            "UPDATE recommendations SET cost_then = NULL, saving = NULL WHERE resource = 'web-2'"
        )
    unpriced = page_text(Published(follow(folder)), "/costs")
    said = "Not counted: 1 change without a known price."
    assert said in unpriced and said not in priced


def test_taking_back_means_todays_advice_and_else_the_last_word(desk: Published) -> None:
    assert desk.state is not None
    stop = Choice("web-1", Verdict.ACCEPT, "stop", NOW)
    desk.state.choose(stop)
    keep_verdict(desk, "web-1", "dismiss", "no", "", NOW)
    for left in ([stop], []):
        known = verdicts_in(desk.state)
        for choice in choices_about(desk.estate(), "web-1", Verdict.WITHDRAW, NOW, known=known):
            desk.state.choose(choice)
        assert list(verdicts_in(desk.state).of_resource.get("web-1", ())) == left


def test_nothing_is_written_where_nothing_is_kept(learned: Path) -> None:
    plain = Published(follow(learned))
    assert "the server keeps no decisions" in page_text(plain, "/provisioning?tab=worth&open=web-1")
    with pytest.raises(ValueError, match="keeps no decisions"):
        keep_verdict(plain, "web-1", "accept", "", "", NOW)
    with pytest.raises(HeadroomError, match="keeps no scenarios"):
        keep_scenario(plain, "x", "?event=grow&service=web&factor=2", NOW)


def test_texts_are_downloaded_for_a_place_without_what_was_dismissed(desk: Published) -> None:
    keep_verdict(desk, "web-1", "dismiss", "no", "", datetime(2026, 11, 20, tzinfo=UTC))
    client = create_app(desk.open_snapshot, state=desk.state).server.test_client()
    text = client.get("/download/apply/terraform?provider=aws")
    assert text.headers["Content-Disposition"] == 'attachment; filename="headroom.auto.tfvars"'
    assert '"web-2" = "m7i.xlarge"' in text.text and "web-1" not in text.text and "batch-1" not in text.text
    assert client.get("/download/apply/kubernetes").text == "# None of the changes is for this format.\n"
    assert client.get("/download/apply/chef").status_code == 404


@pytest.fixture
def joint(tmp_path: Path) -> Iterator[Published]:
    """The small estate with advice for two resources together."""
    folder = publish_small_estate(tmp_path / "published")
    asked = {
        "alternative": "web: web-1 instead of two", "kind": "consolidation",
        "why": "both peak at 3.1e+00 cores",
        "action": "stop", "from_type": "m7i.2xlarge", "to_type": None, "from_size": "8 cores, 32 GiB",
        "to_size": "nothing", "cost_now": 340.0, "cost_then": 0.0, "saving": 340.0, "currency": "EUR",
        "breach_now": 0.0, "breach_then": 0.001, "confidence": "medium", "policy": "headroom",
        "because": "its load fits on the other",
    }  # fmt: skip
    kept = asked | {
        "action": "keep",
        "to_type": "m7i.2xlarge",
        "to_size": "8 cores, 32 GiB",
        "cost_then": 340.0,
    }
    rows = pl.DataFrame(
        [asked | {"resource": "web-2"}, kept | {"resource": "web-1", "saving": 0.0, "confidence": "high"}],
        infer_schema_length=None,
    )
    with duckdb.connect(str(next(folder.glob("*.duckdb")))) as connection:
        connection.register("rows", rows.to_arrow())
        connection.execute("INSERT INTO alternatives BY NAME SELECT * FROM rows")
    state = AppState.at(tmp_path / "app.sqlite")
    yield Published(follow(folder), state)
    state.close()


def test_advice_for_several_is_shown_as_one_and_decided_as_one(joint: Published) -> None:
    address = "/provisioning?tab=together"
    listed = page_text(joint, address)
    assert "web: web-1 instead of two" in listed and "Both peak at 3.1 cores." in listed
    # One of the two changes, with the lower confidence of both.
    assert "1 of 2−340medium" in listed
    name = "web: web-1 instead of two"
    opened = page_text(joint, f"{address}&open={name}")
    assert "stays, takes over load" in opened and "EUR −340 a month" in opened
    keep_verdict(joint, name, "accept", "", "", NOW)
    assert joint.state is not None
    assert {one: choice.verdict for one, choice in joint.state.choices().items()} == {"web-2": Verdict.ACCEPT}
    assert "Accepted on 20 Nov 2026" in page_text(joint, f"{address}&open={name}")
    keep_verdict(joint, name, "withdraw", "", "", NOW)
    assert not joint.state.choices()
    assert "together" not in page_text(joint, "/provisioning?team=data")


def test_the_file_of_what_is_advised_together_holds_every_resource(joint: Published) -> None:
    client = create_app(lambda: joint.estate().snapshot).server.test_client()
    lines = client.get("/download/provisioning.csv?tab=together").get_data(as_text=True).splitlines()
    assert len(lines) == 3 and "web-2" in "".join(lines)
