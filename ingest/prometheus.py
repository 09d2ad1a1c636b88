"""Prometheus' HTTP API: what its exporters measured; also of Thanos, Mimir and VictoriaMetrics."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import polars as pl

from data.errors import ConfigError, SourceError
from data.frames import RESOURCE_SCHEMA, SAMPLE_SCHEMA, UTC_TIME, Batch, Inventory
from data.series import Window
from ingest.from_table import instead
from ingest.http import Connection, Http
from ingest.pieces import rejections
from ingest.prometheus_presets import PRESETS, Query
from ingest.times import length_of_time

POINTS_LIMIT = 11_000
"""Points per series that the API answers at most."""
POINTS_AT_ONCE = 400_000
"""Points of all series to ask for at once, to keep replies small on either side."""

NAMES_AT_ONCE = 500
"""Resources that are asked for by name; more are as well asked for with all others."""

_FIELD = re.compile(r"\{(\w+)\}")
_PORT = re.compile(r":\d+$")
_KEY = ("resource", "at")


@dataclass(frozen=True, slots=True)
class Prometheus(Connection):
    """Reads range queries of presets or your own; every field is a setting of `[source.NAME]`."""

    presets: tuple[str, ...] = ("node_exporter",)
    """node_exporter, windows_exporter, kubernetes (cAdvisor and kube-state-metrics), snmp_exporter."""
    queries: tuple[Query, ...] = ()
    """Further queries, each a table with metric, unit, demand and, where known, peak and capacity."""
    selector: str = ""
    """Label matchers that all metrics of the presets must meet, e.g. job="node", site="fra"."""
    instance: str = "instance"
    """Label that names a machine, e.g. nodename."""
    keep_port: bool = False
    """Whether web-1:9100 keeps its port; without it the machine is web-1."""
    step: str = "5m"
    """Length of an interval; at least twice the scrape interval."""
    fine: str = "1m"
    """Resolution at which a peak within an interval is looked for; twice the scrape interval or more."""
    peaks: bool = True
    """Whether to ask for peaks; they cost the server most."""
    settle: str = "30s"
    """Intervals that ended less than this ago are left for the next pull: scrapes are late."""
    history_days: float = 15.0
    """How far back the first pull goes; a server keeps 15 days unless told otherwise."""

    resumes: ClassVar[bool] = True
    """It is asked for what is new since its last pull."""

    def __post_init__(self) -> None:
        Connection.__post_init__(self)
        for name in self.presets:
            if name not in PRESETS:
                raise ConfigError(f"presets: no preset {name!r}{instead(name, PRESETS)}")
        if not self.presets and not self.queries:
            raise ConfigError("presets: neither a preset nor a query is named")
        for name in ("step", "fine", "settle"):
            try:
                length = length_of_time(getattr(self, name))
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from error
            if name != "settle" and (length < timedelta(seconds=1) or length % timedelta(seconds=1)):
                raise ConfigError(f"{name}: {getattr(self, name)!r} is not a number of whole seconds")
        if self.history_days <= 0:
            raise ConfigError(f"history_days: {self.history_days:g} is not above 0")
        if not re.fullmatch(r"[a-zA-Z_]\w*", self.instance):
            raise ConfigError(f"instance: {self.instance!r} is no label")

    @property
    def step_seconds(self) -> int:
        """The grid of its samples."""
        return round(length_of_time(self.step).total_seconds())

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields the intervals that lie within the window; see `ingest.source.Source`."""
        now = datetime.now(UTC)
        window = window or Window(now - timedelta(days=self.history_days), now)
        step = self.step_seconds
        first = -int(-window.start.timestamp() // step) * step
        settled = min(window.end, now - length_of_time(self.settle)).timestamp()
        end = int(settled // step) * step
        with Http(self) as http:
            for query in self._queries():
                yield from self._pull_query(http, query, first, end)

    def narrowed(self, resources: Collection[str]) -> Prometheus:
        """The same source, asking the presets only for these resources, as far as their names tell.

        What is asked for may be more than them, never less.
        """
        if len(resources) > NAMES_AT_ONCE:
            return self
        found = []
        for query in (query for name in self.presets for query in PRESETS[name]):
            label, _, rest = query.resource.removeprefix("{").partition("}")
            values = sorted({value for name in resources for value in _beginnings(name, rest[:1])})
            label, ending = (self.instance, "(:[0-9]+)?") if label == "instance" else (label, "")
            rule = "|".join(re.escape(value) + ending for value in values)
            quoted = rule.replace("\\", "\\\\").replace('"', '\\"')
            matcher = f'$where {label}=~"{quoted}", '
            texts = {
                name: re.sub(r"\$where ?", matcher.replace("\\", "\\\\"), getattr(query, name))
                for name in ("demand", "peak", "capacity")
            }
            found.append(replace(query, **texts))
        return replace(self, presets=(), queries=(*found, *self.queries))

    def inventory(self) -> Inventory:
        """The resources that report now, by the kind each query says; sizes come with the samples."""
        found: dict[str, dict[str, str | None]] = {}
        with Http(self) as http:
            for query in self._queries():
                reply = http.json("/api/v1/query", {"query": self._text(query.demand)})
                for labels, _ in _series(reply, self.url):
                    name = self._resource(query, labels)
                    if name is not None and name not in found:
                        found[name] = {
                            "resource": name,
                            "kind": query.kind,
                            "provider": query.provider or None,
                            "labels": json.dumps(labels, sort_keys=True),
                        }
        wanted = ("resource", "kind", "provider", "labels")
        return Inventory(
            pl.DataFrame(list(found.values()), schema={name: RESOURCE_SCHEMA[name] for name in wanted})
        )

    def _queries(self) -> list[Query]:
        return [query for name in self.presets for query in PRESETS[name]] + list(self.queries)

    def _text(self, query: str) -> str:
        where = self.selector.strip().rstrip(",")
        return (
            query.replace("$where ", f"{where}, " if where else "")
            .replace("$where", where)
            .replace("$step", f"{self.step_seconds}s")
            .replace("$fine", f"{round(length_of_time(self.fine).total_seconds())}s")
            .replace("$instance", self.instance)
        )

    def _resource(self, query: Query, labels: dict[str, str]) -> str | None:
        """The name of what a series is about; None if a label it is made of is missing."""
        parts: dict[str, str] = {}
        for name in _FIELD.findall(query.resource):
            text = labels.get(self.instance if name == "instance" else name, "")
            if not text:
                return None
            parts[name] = text if self.keep_port or name != "instance" else _PORT.sub("", text)
        return _FIELD.sub(lambda found: parts[found[1]], query.resource)

    def _pull_query(self, http: Http, query: Query, first: int, end: int) -> Iterator[Batch]:
        """Chunks whose size follows from how many series the one before had."""
        step, start, series = self.step_seconds, first, POINTS_AT_ONCE // 1_000
        while start + step <= end:
            points = max(1, min(POINTS_LIMIT - 1, POINTS_AT_ONCE // max(series, 1), (end - start) // step))
            # Asked at the ends of the intervals; the interval is named by its start.
            batch, series = self._chunk(http, query, start + step, start + points * step)
            yield batch
            start += points * step

    def _chunk(self, http: Http, query: Query, first: int, last: int) -> tuple[Batch, int]:
        rejected: list[tuple[int | None, str, str | None]] = []
        demand, series = self._values(http, query, query.demand, "value", first, last, rejected)
        read = demand.height
        again = demand.select(_KEY).is_duplicated()
        for name in demand.filter(again)["resource"].unique().sort():
            reason = "several series have this name; add the labels in which they differ to `resource`"
            rejected.append((None, reason, f"{name} {query.demand}"))
        demand = demand.filter(~again)
        for column, text in (("value_max", query.peak if self.peaks else ""), ("capacity", query.capacity)):
            if text and demand.height:
                more, _ = self._values(http, query, text, column, first, last, rejected)
                more = more.unique(_KEY, keep="none").with_columns(pl.col(column).fill_nan(None))
                demand = demand.join(more, on=_KEY, how="left", maintain_order="left")
            else:
                demand = demand.with_columns(pl.lit(None, pl.Float64).alias(column))
        samples = demand.select(
            ((pl.col("at") - self.step_seconds) * 1_000_000).cast(UTC_TIME).alias("ts"),
            "resource",
            pl.lit(query.metric).alias("metric"),
            "value",
            # Rates are extrapolated to the ends of their window, so the peak may come out below the mean.
            pl.when(pl.col("value_max").is_not_null())
            .then(pl.max_horizontal("value", "value_max"))
            .alias("value_max"),
            "capacity",
            pl.lit(query.unit).alias("unit"),
        ).cast(SAMPLE_SCHEMA)  # type: ignore[arg-type]
        return Batch(samples, rejections(self.url, rejected), read + len(rejected)), series

    def _values(
        self,
        http: Http,
        query: Query,
        text: str,
        column: str,
        first: int,
        last: int,
        rejected: list[tuple[int | None, str, str | None]],
    ) -> tuple[pl.DataFrame, int]:
        """resource, at (epoch seconds), `column`; and how many series there were."""
        form = {
            "query": self._text(text),
            "start": str(first),
            "end": str(last),
            "step": str(self.step_seconds),
            "timeout": f"{self.timeout:g}s",
        }
        names: list[str] = []
        times: list[list[int]] = []
        values: list[list[float]] = []
        series = 0
        for labels, points in _series(http.json("/api/v1/query_range", form), self.url):
            series += 1
            name = self._resource(query, labels)
            if name is None:
                reason = f"a label of the name {query.resource} is missing"
                rejected.append((None, reason, json.dumps(labels)))
                continue
            try:
                times.append([round(float(at)) for at, _ in points])
                values.append([float(value) for _, value in points])
            except (TypeError, ValueError, OverflowError) as error:
                raise SourceError(f"{self.url}: a series of the reply cannot be read: {error}") from error
            names.append(name)
        frame = pl.DataFrame(
            {"resource": names, "at": times, column: values},
            schema={"resource": pl.String, "at": pl.List(pl.Int64), column: pl.List(pl.Float64)},
        )
        return frame.explode("at", column, empty_as_null=False), series


def _beginnings(name: str, separator: str) -> list[str]:
    """What may be the first part of a resource's name; the part itself may hold the separator."""
    if not separator:
        return [name]
    parts = name.split(separator)
    return [separator.join(parts[:count]) for count in range(1, max(len(parts), 2))]


def _series(reply: Any, url: str) -> Iterator[tuple[dict[str, str], list[Any]]]:
    """Labels and points of each series of a reply."""
    if not isinstance(reply, dict) or reply.get("status") != "success":
        said = (
            str(reply.get("error", "without a reason"))[:200]
            if isinstance(reply, dict)
            else "of no known form"
        )
        raise SourceError(f"{url}: the reply is an error: {said}")
    data = reply.get("data")
    told = data if isinstance(data, dict) else {}
    found = told.get("result")
    if not isinstance(found, list) or told.get("resultType") not in ("matrix", "vector"):
        raise SourceError(f"{url}: the reply holds no series; does the query give one number instead?")
    for one in found:
        try:
            labels = {str(name): str(text) for name, text in one["metric"].items()}
            points = one["values"] if "values" in one else [one["value"]]
            if not isinstance(points, list):
                raise TypeError("its values are no list")
        except (TypeError, KeyError, AttributeError) as error:
            raise SourceError(f"{url}: a series of the reply cannot be read: {error!r}") from error
        yield labels, points
