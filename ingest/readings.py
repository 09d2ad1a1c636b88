"""Readings: single values of pushed metrics, each with the recipe and the resource it belongs to. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from data.frames import UTC_TIME
from ingest.facts import Facts
from ingest.recipes import RECIPES, plain_labels

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
    by_bytes: dict[tuple[bytes, ...], tuple[str, dict[str, str], list[int] | None]] = field(
        default_factory=dict
    )
    """For senders' formats: name, labels and places of a series by its labels as they came."""
    facts: Facts = field(default_factory=Facts)
    """What the series say of their resources besides."""
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
        places = self.places_of(name, labels, kind)
        for at, start, value in points:
            self.add_at(places, at, start, value)

    def places_of(self, name: str, labels: Mapping[str, str], kind: str | None = None) -> list[int]:
        """Where readings of a series belong, to be handed to `add_at`; looked up once per series."""
        key = name, json.dumps(labels, sort_keys=True), kind
        if key not in self._known:
            self._known[key] = list(self._looked_up(name, labels, key[1], kind))
        return self._known[key]

    def add_at(self, places: list[int], at: int, start: int | None, value: float) -> None:
        """Adds one reading: its time and start in microseconds since 1970, and its value."""
        for place in places:
            self._place.append(place)
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
            self.facts.of_series(recipe.resource, resource, plain)
            of_kind = kind or ("counter" if term.counter else "gauge")
            if term.amount is not None:
                of_kind = "gauge"
            self._places.append((number, resource, term.role, place, part, of_kind, term.factor, term.amount))
            yield len(self._places) - 1
