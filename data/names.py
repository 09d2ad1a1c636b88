"""Names of resources that their cloud tells apart by more than a name. Who has a name keeps it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import polars as pl

_SCHEMA = {"identity": pl.String(), "kind": pl.String(), "resource": pl.String()}


@dataclass(slots=True)
class Names:
    """A resource is called by its shortest name that is free when it is first seen, and then for good.

    History is kept by name, so a name that was given does not change when another resource of that name
    appears. It becomes free when who has it is gone and another of the kind is called so, such as a machine
    that was set up anew in another zone.
    """

    given: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Kind and name by identity."""
    others: frozenset[str] = frozenset()
    """Names of resources that were not given here; a longer name must be none of them."""
    changed: bool = False
    """Whether a name was given since the start."""

    def called(
        self, kind: str, listed: Mapping[str, Sequence[str]], within: str | None = None
    ) -> dict[str, str]:
        """What the resources of a list are called, by identity.

        Args:
            kind: of all of them.
            listed: by identity: its names, the shortest first. The last should be unlike any other.
            within: how identities start of which the list is complete: others of them are gone. None = it is
                complete of nothing.
        """
        holders = {name: identity for identity, (_, name) in self.given.items()}
        for identity in sorted(listed.keys() - self.given.keys()):
            name = self._free(kind, listed[identity], holders, listed, within) or identity
            if name in holders:
                del self.given[holders[name]]
            self.given[identity] = kind, name
            holders[name] = identity
            self.changed = True
        return {identity: self.given[identity][1] for identity in listed}

    def _free(
        self,
        kind: str,
        names: Sequence[str],
        holders: Mapping[str, str],
        listed: Collection[str],
        within: str | None,
    ) -> str | None:
        for place, shorter in enumerate(names):
            name, holder = shorter, holders.get(shorter)
            if holder is not None and self.given[holder][0] != kind:
                # A disk that is called as its machine.
                name = f"{shorter}:{kind}"
                holder = holders.get(name)
            if holder is None:
                # The shortest may be what it was called before names were given, or by other sources.
                if name not in self.others or (place == 0 and name == shorter):
                    return name
            elif within is not None and holder.startswith(within) and holder not in listed:
                return name
        return None

    def rows(self) -> pl.DataFrame:
        """identity, kind, resource of each, sorted."""
        rows = [(identity, kind, name) for identity, (kind, name) in sorted(self.given.items())]
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, str]], others: Iterable[str] = ()) -> Names:
        """Those of rows with identity, kind and name."""
        given = {identity: (kind, name) for identity, kind, name in rows}
        return cls(given, frozenset(others) - {name for _, name in given.values()})


def names_of(connection: duckdb.DuckDBPyConnection) -> Names:
    """The names that were given so far."""
    rows = connection.execute("SELECT identity, kind, resource FROM resource_names").fetchall()
    others = connection.execute("SELECT DISTINCT resource FROM resources").fetchall()
    return Names.of(rows, (name for (name,) in others))


def record_names(connection: duckdb.DuckDBPyConnection, names: Names) -> None:
    """Keeps the names that were given, within the caller's transaction."""
    connection.register("given", names.rows())
    connection.execute("DELETE FROM resource_names")
    connection.execute("INSERT INTO resource_names BY NAME FROM given")
    connection.unregister("given")
