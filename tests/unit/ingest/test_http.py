"""The HTTP client: what is tried again, what is not, how fast it asks, and what it says."""

from __future__ import annotations

import pytest

from data.errors import ConfigError, SourceError, SourceUnavailable
from ingest.http import Connection, Http
from tests.standin import Asked, Reply, standing_in


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def test_an_overloaded_server_is_tried_again_when_it_says() -> None:
    replies = [Reply(429, "slow down", {"Retry-After": "7"}), Reply(503), Reply(200, {"fine": True})]
    time = Time()
    with standing_in(lambda _: replies.pop(0)) as (url, asked):
        connection = Connection(url, requests_per_second=1e6)
        with Http(connection, time.sleep, time.clock) as http:
            assert http.json("/x") == {"fine": True}
    assert len(asked) == 3
    assert time.slept == [7.0, 14.0]


def test_a_refusal_is_not_tried_again_and_shows_what_the_server_said() -> None:
    with (
        standing_in(lambda _: Reply(400, {"error": "parse error:\n near x"})) as (url, asked),
        Http(Connection(url)) as http,
        pytest.raises(SourceError, match="answers 400 parse error: near x"),
    ):
        http.json("/x")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(401, "who are you"), r"refuses the credentials \(401\)"),
        (Reply(302, "", {"Location": "http://elsewhere"}), "redirects"),
        (Reply(200, "<html>"), "is no JSON"),
        (Reply(200, ""), "is no JSON"),
        (Reply(200, "[" * 100_000), "is no JSON"),
    ],
)
def test_what_cannot_be_used_is_a_source_error(reply: Reply, message: str) -> None:
    with (
        standing_in(lambda _: reply) as (url, _),
        Http(Connection(url)) as http,
        pytest.raises(SourceError, match=message) as caught,
    ):
        http.json("/x")
    assert not isinstance(caught.value, SourceUnavailable)
    assert "\n" not in str(caught.value)


def test_requests_keep_their_distance() -> None:
    time = Time()
    with (
        standing_in(lambda _: Reply(200, [])) as (url, _),
        Http(Connection(url, requests_per_second=2.0), time.sleep, time.clock) as http,
    ):
        for _ in range(4):
            http.json("/x")
    assert time.slept == [0.5, 0.5, 0.5]


def test_the_time_limit_ends_a_pull() -> None:
    time = Time()
    with standing_in(lambda _: Reply(200, [])) as (url, _):
        connection = Connection(url, requests_per_second=1.0, time_limit=2.5)
        with (
            Http(connection, time.sleep, time.clock) as http,
            pytest.raises(SourceUnavailable, match=r"2\.5 s"),
        ):
            for _ in range(10):
                http.json("/x")


def test_a_broken_connection_may_be_tried_again() -> None:
    time = Time()
    with (
        Http(Connection("http://127.0.0.1:9"), time.sleep, time.clock) as http,
        pytest.raises(SourceUnavailable, match="cannot be reached"),
    ):
        http.json("/x")
    assert len(time.slept) >= 2


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(200, {"authorization": asked.headers.get("authorization")})

    monkeypatch.setenv("THE_TOKEN", "abc")
    with standing_in(answer) as (url, _):
        with Http(Connection(url, token_variable="THE_TOKEN")) as http:
            assert http.json("/x") == {"authorization": "Bearer abc"}
        with Http(Connection(url, user="me", password_variable="THE_TOKEN")) as http:
            assert http.json("/x") == {"authorization": "Basic bWU6YWJj"}
        with pytest.raises(ConfigError, match="'NO_SUCH' is not set"):
            Http(Connection(url, token_variable="NO_SUCH"))


@pytest.mark.parametrize("url", ["", "prometheus:9090", "ftp://x", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        Connection(url)
