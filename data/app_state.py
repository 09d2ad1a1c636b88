"""Application state: what people decided and saved. Small, transactional, apart from the measurements.

SQLite in WAL mode beside the store by default; any database that SQLAlchemy knows by URL. Every process opens
its own; writers wait for each other for a few seconds.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from data.choice import Choice, Verdict
from data.errors import StoreUnavailable, UnknownName

VERSION = 1
"""Schema of this program. A newer file is refused; tables that are missing are made."""

_WAIT_SECONDS = 10
_TRIES = 6
_WAIT = {"sqlite": "timeout", "postgresql": "connect_timeout"}
"""Kind of database -> what its driver calls the seconds to wait for a lock or for an answer."""
_TABLES = sql.MetaData()
_SCHEMA = sql.Table("schema_version", _TABLES, sql.Column("version", sql.Integer, nullable=False))
_CHOICES = sql.Table(
    "choices",
    _TABLES,
    sql.Column("choice_id", sql.Integer, primary_key=True),  # rising: the last one of a resource counts
    sql.Column("resource", sql.Text, nullable=False, index=True),
    sql.Column("verdict", sql.Text, nullable=False),
    sql.Column("action", sql.Text, nullable=False),
    sql.Column("at", sql.Text, nullable=False),  # ISO 8601 in UTC: sorts as text in every database
    sql.Column("by", sql.Text, nullable=False),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("until", sql.Text),
    sql.Column("advice", sql.Text, nullable=False),  # JSON: what was advised; money as text
)
_SCENARIOS = sql.Table(
    "scenarios",
    _TABLES,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("document", sql.Text, nullable=False),  # JSON
    sql.Column("saved_at", sql.Text, nullable=False),
    sql.Column("saved_by", sql.Text, nullable=False),
)

_ADVICE = (
    "run_id", "from_type", "to_type", "from_size", "to_size", "targets", "cost_now", "cost_then", "currency",
    "breach_now", "breach_then",
)  # fmt: skip
_MONEY = ("cost_now", "cost_then")


@dataclass(frozen=True, slots=True)
class SavedScenario:
    """A scenario under its name."""

    name: str
    document: Mapping[str, Any]
    """What models.scenarios.scenario_of reads, and the outcome when it was saved, under `outcome`."""
    saved_at: datetime
    saved_by: str = ""


class AppState:
    """Decisions and scenarios. Constructing touches nothing; the first question opens it.

    Safe to share between threads; open a new one after a fork.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: sql.Engine | None = None
        self._opening = threading.Lock()

    @classmethod
    def at(cls, path: Path) -> AppState:
        """In a SQLite file, made when first written to."""
        return cls(f"sqlite:///{path.resolve()}")

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    # What was decided

    def choose(self, choice: Choice) -> None:
        """Keeps a choice; earlier ones about the same resource stay as history."""
        row = asdict(choice)
        advice = {name: row[name] for name in _ADVICE}
        advice |= {name: None if advice[name] is None else str(advice[name]) for name in _MONEY}
        with self._begin() as connection:
            connection.execute(
                sql.insert(_CHOICES).values(
                    resource=choice.resource,
                    verdict=str(choice.verdict),
                    action=choice.action,
                    at=_text(choice.at),
                    by=choice.by,
                    reason=choice.reason.strip(),
                    until=choice.until.isoformat() if choice.until else None,
                    advice=json.dumps(advice, sort_keys=True),
                )
            )

    def choices(self) -> dict[str, Choice]:
        """Resource -> what was decided about it last; withdrawn ones are left out."""
        newest = (
            sql.select(sql.func.max(_CHOICES.c.choice_id)).group_by(_CHOICES.c.resource).scalar_subquery()
        )
        query = sql.select(_CHOICES).where(_CHOICES.c.choice_id.in_(newest)).order_by(_CHOICES.c.resource)
        found = [_choice(row) for row in self._rows(query)]
        return {one.resource: one for one in found if one.verdict is not Verdict.WITHDRAW}

    def history(self, resource: str | None = None) -> list[Choice]:
        """Every choice, newest first; of one resource or of all."""
        query = sql.select(_CHOICES).order_by(_CHOICES.c.choice_id.desc())
        if resource is not None:
            query = query.where(_CHOICES.c.resource == resource)
        return [_choice(row) for row in self._rows(query)]

    # What was saved

    def save_scenario(self, scenario: SavedScenario) -> None:
        """Saves under its name, in place of an earlier one of that name."""
        values = {
            "document": json.dumps(scenario.document, sort_keys=True, default=str),
            "saved_at": _text(scenario.saved_at),
            "saved_by": scenario.saved_by,
        }
        update = sql.update(_SCENARIOS).where(_SCENARIOS.c.name == scenario.name).values(**values)
        try:
            with self._begin() as connection:
                if not connection.execute(update).rowcount:
                    connection.execute(sql.insert(_SCENARIOS).values(name=scenario.name, **values))
        except StoreUnavailable as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            with self._begin() as connection:  # somebody else saved the first one of that name meanwhile
                connection.execute(update)

    def scenarios(self) -> list[SavedScenario]:
        """All of them, by name."""
        return [
            SavedScenario(row.name, json.loads(row.document), _moment(row.saved_at), row.saved_by)
            for row in self._rows(sql.select(_SCENARIOS).order_by(_SCENARIOS.c.name))
        ]

    def scenario(self, name: str) -> SavedScenario:
        """One by its name. Raises UnknownName."""
        saved = {one.name: one for one in self.scenarios()}
        if name not in saved:
            raise UnknownName("scenario", name, saved)
        return saved[name]

    def remove_scenario(self, name: str) -> None:
        """Raises UnknownName."""
        with self._begin() as connection:
            gone = connection.execute(sql.delete(_SCENARIOS).where(_SCENARIOS.c.name == name))
        if not gone.rowcount:
            self.scenario(name)

    def _rows(self, query: sql.Select[Any]) -> list[sql.Row[Any]]:
        with self._begin() as connection:
            return list(connection.execute(query).all())

    def _begin(self) -> Any:
        with self._opening:
            if self._engine is None:
                self._engine = self._opened()
        return _Told(self._engine, self._shown)

    @property
    def _shown(self) -> str:
        """The address without its password."""
        try:
            return sql.make_url(self.url).render_as_string(hide_password=True)
        except ArgumentError:
            return "the address in store.app_state"

    def _opened(self) -> sql.Engine:
        try:
            address = sql.make_url(self.url)
            if address.drivername in ("postgresql", "postgres"):
                address = address.set(drivername="postgresql+psycopg")
            kind = address.get_backend_name()
            waits = {_WAIT.get(kind, ""): _WAIT_SECONDS} if kind in _WAIT else {}
            # A server may have closed what the pool kept: each connection is tried before it is used.
            engine = sql.create_engine(address, connect_args=waits, pool_pre_ping=kind != "sqlite")
            if kind == "sqlite":
                sql.event.listen(engine, "connect", _write_ahead)
            for attempt in range(_TRIES):
                try:
                    self._prepare(engine)
                    break
                except StoreUnavailable:
                    engine.dispose()
                    raise
                except (OperationalError, ProgrammingError, IntegrityError) as error:
                    # Processes that start at once all find no tables, and one is the first to make them.
                    racing = any(word in str(error) for word in ("already exists", "locked", "duplicate key"))
                    if not racing or attempt == _TRIES - 1:
                        engine.dispose()
                        raise
                    time.sleep(0.05 * 2**attempt)
        except ModuleNotFoundError as error:
            hint = "; pip install 'headroom[postgres]'" if error.name == "psycopg" else ""
            raise StoreUnavailable(f"cannot open {self._shown}: {_first_line(error)}{hint}") from error
        except (SQLAlchemyError, ImportError) as error:
            raise StoreUnavailable(f"cannot open {self._shown}: {_first_line(error)}") from error
        return engine

    def _prepare(self, engine: sql.Engine) -> None:
        """Makes the tables that are missing. Raises StoreUnavailable where a newer program made them."""
        with engine.begin() as connection:
            _TABLES.create_all(connection)
            present = connection.execute(sql.select(sql.func.max(_SCHEMA.c.version))).scalar()
            if present is None:
                connection.execute(sql.insert(_SCHEMA).values(version=VERSION))
            elif present > VERSION:
                raise StoreUnavailable(
                    f"{self._shown} was written by a newer program (schema {present}, this one knows"
                    f" {VERSION}); upgrade headroom"
                )


class _Told:
    """A transaction whose database errors become one line."""

    def __init__(self, engine: sql.Engine, shown: str) -> None:
        self._transaction = engine.begin()
        self._shown = shown

    def __enter__(self) -> sql.Connection:
        try:
            return self._transaction.__enter__()
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"cannot open {self._shown}: {_first_line(error)}") from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._transaction.__exit__(kind, error, trace)
        except SQLAlchemyError as fault:
            raise StoreUnavailable(f"cannot use {self._shown}: {_first_line(fault)}") from fault
        if isinstance(error, SQLAlchemyError):
            raise StoreUnavailable(f"cannot use {self._shown}: {_first_line(error)}") from error


def _write_ahead(connection: Any, _: Any) -> None:
    """Readers do not wait for a writer, and what was written survives a crash."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _choice(row: sql.Row[Any]) -> Choice:
    advice = json.loads(row.advice)
    advice |= {name: None if advice[name] is None else Decimal(advice[name]) for name in _MONEY}
    return Choice(
        resource=row.resource,
        verdict=Verdict(row.verdict),
        action=row.action,
        at=_moment(row.at),
        by=row.by,
        reason=row.reason,
        until=date.fromisoformat(row.until) if row.until else None,
        **advice,
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
