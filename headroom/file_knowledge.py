"""What somebody knows of the series of a file: a country's holidays, a clock, a table of events.

EVENTS (Parquet or CSV) has the columns of the inventory's events, `ts` (UTC), `ends_at`, `subject`, `kind`,
`description`, and `factor`; only `ts` must be there. A row with a factor announces that demand is so many
times what it would be without; one of kind `holiday` names local days; one of kind outage, anomaly, purge,
maintenance or gap teaches the forecast nothing. No subject, or `*`, means every entity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from data.errors import SourceError
from data.series import Window
from headroom.jobs.knowledge import HOLIDAY, known_from
from headroom.settings import ForecastSettings, KnownEvent
from headroom.table_file import read_table
from models.features.known import EVERYBODY, Known, Membership

_COLUMNS = {
    "ts": pl.Datetime("us", "UTC"),
    "ends_at": pl.Datetime("us", "UTC"),
    "subject": pl.String(),
    "kind": pl.String(),
    "description": pl.String(),
    "factor": pl.Float64(),
}


@dataclass(frozen=True, slots=True)
class FileKnowledge:
    """Told beside a file of measurements."""

    country: str | None = None
    """Public holidays of a country such as `DE`, or of a part of it such as `DE-HE`."""
    zone: str | None = None
    """IANA name of the zone whose clock demand follows; None = UTC."""
    events: Path | None = None
    """Parquet or CSV."""

    def __bool__(self) -> bool:
        return any((self.country, self.zone, self.events))

    def of(self, subjects: Iterable[str], window: Window) -> dict[str, Known]:
        """Subject -> what is known of it from the start of the history to the end of the horizon.

        Raises:
            ConfigError: there is no such country or zone.
            SourceUnavailable: the events cannot be read.
            SourceError: the events have other columns, or a row that makes no sense.
        """
        rows = _read(self.events) if self.events else pl.DataFrame(schema=_COLUMNS)
        announced = rows.filter(pl.col("factor").is_not_null())
        settings = ForecastSettings(
            calendars={EVERYBODY: self.country} if self.country else {},
            zones={EVERYBODY: self.zone} if self.zone else {},
            known_events=tuple(_announced(row, self.events) for row in announced.iter_rows(named=True)),
        )
        told = rows.filter(pl.col("factor").is_null())
        kinds = {HOLIDAY, *settings.masked_events}
        odd = told.filter(~pl.col("kind").is_in(kinds) | pl.col("kind").is_null())
        if odd.height:
            kind = odd["kind"][0]
            raise SourceError(
                f"{self.events}: an event of kind {kind or '(none)'} needs a factor; without one the kinds"
                f" are {', '.join(sorted(kinds))}"
            )
        told = told.select("ts", "ends_at", "subject", "kind", "description")
        return known_from(subjects, Membership({}, {}), told, settings, window)


def _announced(row: dict[str, object], path: Path | None) -> KnownEvent:
    try:
        return KnownEvent.model_validate(
            {
                "subject": row["subject"],
                "start": row["ts"],
                "end": row["ends_at"],
                "factor": row["factor"],
                "description": row["description"] or "",
            }
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise SourceError(f"{path}: the event at {row['ts']}: {fault['msg']}") from error


def _read(path: Path) -> pl.DataFrame:
    frame = read_table(path)
    unknown = sorted(set(frame.columns) - set(_COLUMNS))
    if "ts" not in frame.columns or unknown:
        raise SourceError(
            f"{path}: columns are {', '.join(frame.columns)}; ts is needed, and there may be"
            f" {', '.join(name for name in _COLUMNS if name != 'ts')}"
        )
    rows = pl.DataFrame(
        {
            name: _typed(frame[name], path)
            if name in frame.columns
            else pl.Series([None] * frame.height, dtype=dtype)
            for name, dtype in _COLUMNS.items()
        },
        schema=_COLUMNS,
    )
    if rows["ts"].null_count():
        raise SourceError(f"{path}: an event has no ts")
    backward = rows.filter(pl.col("ends_at") < pl.col("ts"))
    if backward.height:
        raise SourceError(f"{path}: the event at {_said(backward['ts'][0])} ends before it starts")
    nobody = pl.col("subject").is_null() | (pl.col("subject") == "")
    return rows.with_columns(pl.when(nobody).then(pl.lit(EVERYBODY)).otherwise("subject").alias("subject"))


def _typed(column: pl.Series, path: Path) -> pl.Series:
    """A column as its kind, empty texts as NULL."""
    dtype = _COLUMNS[column.name]
    if column.dtype == pl.String:
        column = column.replace("", None)
    if isinstance(dtype, pl.Datetime):
        if column.dtype == pl.String:
            moments = [_moment(text, column.name, path) for text in column]
            return pl.Series(column.name, moments, dtype=dtype)
        if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
            return column.dt.convert_time_zone("UTC").cast(dtype)
        if isinstance(column.dtype, pl.Datetime) or column.dtype == pl.Date:
            return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    typed = column.cast(dtype, strict=False)
    lost = column.filter(typed.is_null() & column.is_not_null())
    if len(lost) or (isinstance(dtype, pl.Datetime) and column.dtype.is_numeric()):
        raise SourceError(
            f"{path}: {column.name} is not readable: {(lost if len(lost) else column.drop_nulls())[0]!r}"
        )
    return typed


def _moment(text: str | None, name: str, path: Path) -> datetime | None:
    """A day or an instant in ISO 8601; without an offset it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise SourceError(
            f"{path}: {name} is not readable: {text!r}, expected e.g. 2026-11-27T08:00Z"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="minutes")
