"""View: one snapshot seen from one place in the estate, as the address asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlencode

import polars as pl

from dashboard.estate import Estate
from dashboard.palette import LIGHT, Palette
from data.app_state import AppState
from models.pricing import Pricer

PLACE = ("provider", "site", "team")
"""The filters of the top bar, in the address of every page."""

NOBODY = "none"
"""How the address names resources without a provider, site or team."""


@dataclass(frozen=True, slots=True)
class View:
    """What a page is made from."""

    estate: Estate
    place: Mapping[str, tuple[str, ...]]
    """Column of `PLACE` -> the values it is limited to; absent = all."""
    now: datetime
    """The clock, for ages only; everything else counts from the snapshot's `as_of`."""
    palette: Palette = LIGHT
    state: AppState | None = None
    """Decisions and saved scenarios; None = nothing can be decided or saved here."""
    pricer: Callable[[], Pricer] | None = None
    """Prices for what-if; None = those that travel with the run."""

    def link(self, path: str, /, **query: str | int | None) -> str:
        """Address of a page with the same place filters; None leaves a key out."""
        kept = {column: ",".join(map(_escaped, values)) for column, values in self.place.items()}
        asked = {key: str(value) for key, value in query.items() if value is not None and value != ""}
        words = urlencode(kept | asked, safe=",")
        return f"{path}?{words}" if words else path

    @property
    def resources(self) -> pl.DataFrame:
        """The estate's resources in this place."""
        return within(self.estate.resources, self.place)

    def here(self, frame: pl.DataFrame, column: str = "resource") -> pl.DataFrame:
        """The rows of `frame` about resources in this place, in their order."""
        if not self.place:
            return frame
        return frame.filter(pl.col(column).is_in(self.resources["resource"].implode()))

    @property
    def services(self) -> list[str]:
        """Names of the services with a resource in this place."""
        return self.resources["service"].drop_nulls().unique().sort().to_list()

    def exhaustion(self, scope: str) -> pl.DataFrame:
        """What runs out in this place, most urgent first, for `resource` or `service` subjects."""
        rows = self.estate.exhaustion.filter(pl.col("scope") == scope)
        if not self.place:
            return rows
        names = self.services if scope == "service" else self.resources["resource"].to_list()
        return rows.filter(pl.col("subject").is_in(names))


def within(frame: pl.DataFrame, place: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    """The rows whose provider, site and team are among those asked for."""
    for column, values in place.items():
        frame = frame.filter(pl.col(column).fill_null(NOBODY).is_in(list(values)))
    return frame


def place_of(query: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The place filters in a query string; empty ones mean all."""
    place = {}
    for column in PLACE:
        values = tuple(sorted({unquote(value) for value in query.get(column, "").split(",") if value}))
        if values:
            place[column] = values
    return place


def _escaped(value: str) -> str:
    """A value of a filter that holds no comma, which is what stands between two."""
    return value.replace("%", "%25").replace(",", "%2C")
