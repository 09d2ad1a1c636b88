"""Readings: single values of pushed metrics, and how they become samples on a grid. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from data.frames import SAMPLE_SCHEMA, UTC_TIME
from ingest.counters import onto_grid, rates
from ingest.recipes import RECIPES, Role, plain_labels

READING_SCHEMA: dict[str, pl.DataType] = {
    "recipe": pl.Int32(),
    "resource": pl.String(),
    "role": pl.String(),
    "term": pl.Int32(),
    "part": pl.String(),
    "kind": pl.String(),
    "ts": UTC_TIME,
    "start": UTC_TIME,
    "value": pl.Float64(),
}
"""One value of one series. `recipe` and `term` are positions in RECIPES, `part` tells the series of a
term apart, `kind` is gauge, counter (cumulative) or delta; `start` is since when a counter counts or a delta
holds."""

SERIES = ("recipe", "resource", "role", "term", "part")
GROUP = ("recipe", "resource")

_FIELD = re.compile(r"\{([\w.]+)\}")
_BY_NAME: dict[str, list[tuple[int, int]]] = {}
for _number, _recipe in enumerate(RECIPES):
    for _place, _term in enumerate(_recipe.terms):
        _BY_NAME.setdefault(_term.name, []).append((_number, _place))

NAMES = frozenset(_BY_NAME)
"""Metrics that some recipe uses."""


@dataclass(slots=True)
class ReadingList:
    """Collects readings in columns; knows each series' place after it was looked up once."""

    nameless: dict[str, str] = field(default_factory=dict)
    """Metrics that a recipe uses, with labels of which it cannot make a resource's name."""
    _places: list[tuple[int, str, str, int, str, str, float, float | None]] = field(default_factory=list)
    """recipe, resource, role, term, part, kind, factor, amount of each term of each series."""
    _known: dict[tuple[str, str, str | None], list[int]] = field(default_factory=dict)
    """By metric, labels and kind: positions in `_places`."""
    _place: list[int] = field(default_factory=list)
    _ts: list[int] = field(default_factory=list)
    _start: list[int | None] = field(default_factory=list)
    _value: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._value)

    def add(
        self,
        name: str,
        labels: Mapping[str, str],
        points: list[tuple[int, int | None, float]],
        kind: str | None = None,
    ) -> None:
        """Adds points of a series: (ts, start, value), times in microseconds since 1970.

        Args:
            kind: gauge, counter or delta; None = what the recipe says.
        """
        key = name, json.dumps(labels, sort_keys=True), kind
        if key not in self._known:
            self._known[key] = list(self._looked_up(name, labels, key[1], kind))
        for place in self._known[key]:
            self._place += [place] * len(points)
            for at, start, value in points:
                self._ts.append(at)
                self._start.append(start)
                self._value.append(value)

    def frame(self) -> pl.DataFrame:
        """READING_SCHEMA of what was collected, in the order in which it came."""
        names = (*SERIES, "kind", "factor", "amount")
        types = (*(READING_SCHEMA[name] for name in (*SERIES, "kind")), pl.Float64(), pl.Float64())
        places = pl.DataFrame(
            self._places, schema=dict(zip(names, types, strict=True)), orient="row"
        ).with_row_index("place")
        points = pl.DataFrame(
            {"place": self._place, "ts": self._ts, "start": self._start, "value": self._value},
            schema={"place": pl.UInt32, "ts": pl.Int64, "start": pl.Int64, "value": pl.Float64},
        )
        value = pl.coalesce("amount", pl.col("value") * pl.col("factor")).alias("value")
        return (
            points.join(places, on="place", how="left", maintain_order="left")
            .with_columns(value, pl.col("ts", "start").cast(UTC_TIME))
            .select(*READING_SCHEMA)
        )

    def _looked_up(self, name: str, labels: Mapping[str, str], part: str, kind: str | None) -> Iterator[int]:
        """Positions of the terms that the series belongs to."""
        plain = plain_labels(labels)
        for number, place in _BY_NAME.get(name, ()):
            recipe, term = RECIPES[number], RECIPES[number].terms[place]
            if not term.takes(plain):
                continue
            parts = {one: plain.get(one, "") for one in _FIELD.findall(recipe.resource)}
            if not all(parts.values()):
                self.nameless[name] = part
                continue
            resource = recipe.resource
            for one, text in parts.items():
                resource = resource.replace(f"{{{one}}}", text)
            of_kind = kind or ("counter" if term.counter else "gauge")
            if term.amount is not None:
                of_kind = "gauge"
            self._places.append((number, resource, term.role, place, part, of_kind, term.factor, term.amount))
            yield len(self._places) - 1


def samples_of(readings: pl.DataFrame, step: timedelta, longest_gap: timedelta) -> pl.DataFrame:
    """SAMPLE_SCHEMA and `recipe` of the slots that the readings cover, sorted by resource, metric and time.

    Demand and capacity of a slot are the sums over the series of their terms, each of its mean over the slot;
    the peak is the highest sum at one moment at which all series were read.
    """
    if readings.is_empty():
        return pl.DataFrame(schema={**SAMPLE_SCHEMA, "recipe": pl.Int32})
    readings = readings.unique([*SERIES, "ts"], keep="last", maintain_order=True)
    gauges = readings.filter(pl.col("kind") == "gauge")
    counted = _intervals(readings, longest_gap)
    width = round(step / timedelta(microseconds=1))
    slot = (pl.col("ts").to_physical() // width * width).cast(UTC_TIME)
    means = pl.concat(
        [
            gauges.group_by(*SERIES, slot.alias("slot")).agg(pl.col("value").mean()),
            onto_grid(counted, SERIES, step).select(*SERIES, "slot", "value"),
        ]
    )
    of_role = means.group_by(*GROUP, "role", "slot").agg(
        pl.col("value").sum(), pl.col("term").n_unique().alias("terms"), pl.len().alias("parts")
    )
    demand = of_role.filter(pl.col("role") == Role.DEMAND)
    needed = pl.DataFrame(
        [
            (number, sum(term.role is Role.DEMAND for term in recipe.terms), recipe.metric, recipe.unit)
            for number, recipe in enumerate(RECIPES)
        ],
        schema={"recipe": pl.Int32, "needed": pl.UInt32, "metric": pl.String, "unit": pl.String},
        orient="row",
    )
    complete = demand.join(needed, on="recipe").filter(pl.col("terms") == pl.col("needed"))
    for role in (Role.CAPACITY, Role.FALLBACK):
        held = of_role.filter(pl.col("role") == role).select(*GROUP, "slot", pl.col("value").alias(role))
        complete = complete.join(held, on=[*GROUP, "slot"], how="left")
    complete = complete.join(_peaks(gauges, counted, width), on=[*GROUP, "slot", "parts"], how="left")
    return (
        complete.select(
            pl.col("slot").alias("ts"),
            "resource",
            "metric",
            # Two gauges read one after the other may differ by less than nothing.
            pl.when(pl.col("value").is_between(-1e-6, 0)).then(0.0).otherwise("value").alias("value"),
            pl.when(pl.col("peak").is_not_null()).then(pl.max_horizontal("peak", "value")).alias("value_max"),
            pl.coalesce(Role.CAPACITY, Role.FALLBACK).alias("capacity"),
            "unit",
            "recipe",
        )
        .sort("resource", "metric", "ts", "recipe")
        .unique(["resource", "metric", "ts"], keep="first", maintain_order=True)
        .select(*SAMPLE_SCHEMA, "recipe")
    )


def _intervals(readings: pl.DataFrame, longest_gap: timedelta) -> pl.DataFrame:
    """SERIES, since, ts, rate of counters and deltas."""
    counters = readings.filter(pl.col("kind") == "counter")
    deltas = readings.filter((pl.col("kind") == "delta") & (pl.col("ts") > pl.col("start")))
    seconds = (pl.col("ts") - pl.col("start")).dt.total_microseconds() / 1e6
    return pl.concat(
        [
            rates(counters, SERIES, longest_gap),
            deltas.select(
                *SERIES, pl.col("start").alias("since"), "ts", (pl.col("value") / seconds).alias("rate")
            ),
        ]
    )


def _peaks(gauges: pl.DataFrame, counted: pl.DataFrame, width: int) -> pl.DataFrame:
    """GROUP, slot, parts, peak: the highest sum of the demand at one moment, by how many series it has.

    A rate belongs to the slot in which its interval ends. A sum of fewer series than the slot has is no peak.
    """
    moments = pl.concat(
        [
            gauges.filter(pl.col("role") == Role.DEMAND).select(
                *GROUP, "ts", pl.col("ts").to_physical().alias("within"), "value"
            ),
            counted.filter(pl.col("role") == Role.DEMAND).select(
                *GROUP, "ts", (pl.col("ts").to_physical() - 1).alias("within"), pl.col("rate").alias("value")
            ),
        ]
    )
    sums = moments.group_by(*GROUP, "ts").agg(
        pl.col("value").sum(), pl.len().alias("parts"), pl.col("within").first()
    )
    slot = (pl.col("within") // width * width).cast(UTC_TIME).alias("slot")
    return sums.group_by(*GROUP, slot, "parts").agg(pl.col("value").max().alias("peak"))
