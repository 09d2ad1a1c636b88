"""One HTTP client for sources that are asked: timeouts, retries, a rate limit, errors in our words."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Any, Self

import httpx

from data.errors import ConfigError, SourceError, SourceUnavailable

LARGEST = 256 * 2**20
"""Bytes of a reply; it is read whole."""

LONGEST_WAIT = 60.0
"""Seconds to wait at most because a server asks to retry later."""

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a server and how hard to lean on it. Secrets are named, never written in settings."""

    url: str
    """Where it is, e.g. http://prometheus:9090; a path before the API's own is kept."""
    token_variable: str = ""
    """Environment variable that holds a bearer token; "" = none."""
    user: str = ""
    """User name, with password_variable."""
    password_variable: str = ""
    """Environment variable that holds the password."""
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)
    """Further headers, e.g. { X-Scope-OrgID = "team-1" }."""
    verify: bool = True
    """Whether the server's certificate is checked."""
    timeout: float = 30.0
    """Seconds to wait for one reply."""
    time_limit: float = 900.0
    """Seconds that one pull may take altogether."""
    requests_per_second: float = 5.0
    """At most so many requests; they are sent one after the other."""
    attempts: int = 3
    """How often one request is tried before the pull gives up."""

    def __post_init__(self) -> None:
        address = httpx.URL(self.url) if _parses(self.url) else None
        if address is None or address.scheme not in ("http", "https") or not address.host:
            raise ConfigError(f"url: {self.url!r} is no address; write e.g. http://prometheus:9090")
        for name in ("timeout", "time_limit", "requests_per_second", "attempts"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name}: {getattr(self, name):g} is not above 0")


class Http:
    """An open connection to one server. Use as a context manager, for one pull."""

    def __init__(
        self,
        connection: Connection,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._sleep = sleep
        self._clock = clock
        self._deadline = clock() + connection.time_limit
        self._next = clock()
        headers = {"User-Agent": "headroom", **connection.headers}
        if connection.token_variable:
            headers["Authorization"] = f"Bearer {secret(connection.token_variable)}"
        auth = None
        if connection.user:
            auth = httpx.BasicAuth(connection.user, secret(connection.password_variable))
        self._client = httpx.Client(
            headers=headers, auth=auth, verify=connection.verify, timeout=connection.timeout, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def json(self, path: str, form: Mapping[str, str] | None = None) -> Any:
        """The reply's JSON: of a POST with the form, or of a GET without one.

        Raises:
            SourceUnavailable: no connection, no reply in time, or an overloaded server; tried several times.
            SourceError: the server refuses the request, or its reply is no JSON.
        """
        url = self._connection.url.rstrip("/") + path
        wait = 1.0
        for attempt in range(1, self._connection.attempts + 1):
            self._take_turn(url)
            try:
                status, body, later = self._reply(url, form)
            except (httpx.TransportError, httpx.DecodingError) as error:
                unavailable = SourceUnavailable(f"{url}: {_why(error, self._connection.timeout)}")
            else:
                if status < 300:
                    return _parsed(url, body)
                if status not in _LATER:
                    raise SourceError(f"{url}: {_refusal(status, body)}")
                unavailable = SourceUnavailable(f"{url}: {_refusal(status, body)}")
                wait = min(later, LONGEST_WAIT) if later is not None else wait
            if attempt < self._connection.attempts:
                if self._clock() + wait >= self._deadline:
                    break
                self._sleep(wait)
                wait *= 2
        raise unavailable

    def _take_turn(self, url: str) -> None:
        """Waits until the rate allows another request."""
        now = self._clock()
        if now >= self._deadline:
            raise SourceUnavailable(f"{url}: not done within {self._connection.time_limit:g} s")
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + 1.0 / self._connection.requests_per_second

    def _reply(self, url: str, form: Mapping[str, str] | None) -> tuple[int, bytes, float | None]:
        method = "GET" if form is None else "POST"
        with self._client.stream(method, url, data=form) as reply:
            body = bytearray()
            for piece in reply.iter_bytes():
                body += piece
                if len(body) > LARGEST:
                    raise SourceError(f"{url}: the reply is larger than {LARGEST // 2**20} MiB")
            try:
                later: float | None = float(reply.headers["Retry-After"])
            except (KeyError, ValueError):
                later = None
            return reply.status_code, bytes(body), later


def _parses(url: str) -> bool:
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return True


def secret(variable: str) -> str:
    """What the environment variable holds.

    Raises:
        ConfigError: it is not set, or empty.
    """
    secret = os.environ.get(variable, "") if variable else ""
    if not secret:
        raise ConfigError(
            f"the environment variable {variable!r} is not set; it holds the secret of a source"
        )
    return secret


def _why(error: Exception, timeout: float) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no reply within {timeout:g} s"
    first = (str(error).splitlines() or [""])[0] or type(error).__name__
    return f"cannot be reached: {first}"


def _refusal(status: int, body: bytes) -> str:
    """What the server said, in one line."""
    said = body[:4_096].decode("utf-8", "replace")
    try:
        told = json.loads(said)
        said = str(told.get("error", said)) if isinstance(told, dict) else said
    except (ValueError, RecursionError):
        pass
    said = " ".join(said.split())[:200]
    match status:
        case 401 | 403:
            return f"refuses the credentials ({status}) {said}".strip()
        case _ if 300 <= status < 400:
            return f"redirects ({status}); set url to where it leads"
        case _:
            return f"answers {status} {said}".strip()


def _parsed(url: str, body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise SourceError(f"{url}: the reply is no JSON: {first}") from error
