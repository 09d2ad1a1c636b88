"""Time as files write it, read into UTC: ISO texts, epochs, local clocks, split dates, row numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from data.errors import ConfigError
from data.frames import UTC_TIME

_ISO = (
    # The first four are what most files have, and Polars reads them four times faster than the others.
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y%m%dT%H%M%S%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d",
)
"""What `auto` knows; only forms whose order of day and month is not in doubt."""

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_OLDEST, _NEWEST = 631_152_000, 4_102_444_800
"""1990 and 2100 in epoch seconds: `auto` takes the unit that puts a number between them."""

_STEP = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d|w)")
_STEP_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class TimeTable:
    """A second file that holds the times, for files that hold only keys or nothing."""

    path: str
    """The file; relative to the settings like `paths`. Read with the source's own separator and quotes."""
    column: str
    """Its column with the time."""
    key: str = ""
    """Its column that equals `time.column` of the measurements; "" joins by the number of the row."""
    header: bool = True
    """Whether its first line names the columns."""
    transposed: bool = False
    """Whether its lines are the columns."""


@dataclass(frozen=True, slots=True)
class Time:
    """Where a row's time is and how it is written."""

    column: str = "ts"
    """Column with the time, or with the key of `table`."""
    parts: tuple[str, ...] = ()
    """Columns year, month, day and, as far as there are, hour, minute, second: instead of `column`."""
    format: str = "auto"
    """`auto` (ISO 8601 or an epoch), `epoch`, or a strptime pattern such as `%d.%m.%Y %H:%M`."""
    unit: str = "auto"
    """Unit of an epoch: s, ms, us, ns, or `auto` by its size. What a header says does not count."""
    timezone: str = "UTC"
    """Time zone of times that name none, e.g. Europe/Berlin."""
    ambiguous: str = "reject"
    """A local time that occurs twice when summer time ends: reject, earliest or latest."""
    nonexistent: str = "reject"
    """A local time that is skipped when summer time starts: reject, or later (one hour on)."""
    start: str = ""
    """Time of the first row where rows have none; `step` is then needed. Or from the file's name: see
    `name_pattern`."""
    step: str = ""
    """Time between rows that have no time of their own, e.g. 5m, 1h, 1d."""
    constant: str = ""
    """The one time of all rows, for listings that show only the present."""
    table: TimeTable | None = None
    """A second file with the times."""

    def __post_init__(self) -> None:
        if self.unit not in ("auto", *_PER_SECOND):
            raise ConfigError(f"unit: {self.unit!r} is none of auto, {', '.join(_PER_SECOND)}")
        if self.ambiguous not in ("reject", "earliest", "latest"):
            raise ConfigError(f"ambiguous: {self.ambiguous!r} is none of reject, earliest, latest")
        if self.nonexistent not in ("reject", "later"):
            raise ConfigError(f"nonexistent: {self.nonexistent!r} is none of reject, later")
        if self.format not in ("auto", "epoch"):
            if "%" not in self.format:
                raise ConfigError(
                    f"format: {self.format!r} is neither auto, epoch nor a pattern like '%Y-%m-%d %H:%M'"
                )
            try:
                pl.Series(["x"]).str.to_datetime(self.format, strict=False)
            except pl.exceptions.PolarsError as error:
                first = str(error).splitlines()[0]
                raise ConfigError(f"format: {self.format!r} cannot be used: {first}") from error
        try:
            pl.Series([0]).cast(pl.Datetime("us")).dt.replace_time_zone(self.timezone)
        except pl.exceptions.PolarsError as error:
            raise ConfigError(f"timezone: no time zone {self.timezone!r}; e.g. Europe/Berlin") from error
        if self.parts and not 3 <= len(self.parts) <= 6:
            raise ConfigError("parts: needs the columns of year, month, day and at most hour, minute, second")
        for name in ("start", "constant"):
            text = getattr(self, name)
            if text and self.moment(text) is None:
                raise ConfigError(f"{name}: {text!r} is no time; write e.g. 2024-01-31T00:00:00Z")
        if self.start and not self.step:
            raise ConfigError("start: needs time.step, e.g. 5m")
        if self.step:
            try:
                self.step_length()
            except ConfigError as error:
                raise ConfigError(f"step: {error}") from error

    def step_length(self) -> timedelta:
        """The step between rows."""
        return length_of_time(self.step)

    def moment(self, text: str) -> pl.Series | None:
        """One time as a series of length 1, or None if it cannot be read."""
        if re.fullmatch(r"\d{8}", text):
            text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
        read = texts_to_utc(pl.Series([text]), self)
        return None if read.null_count() else read

    def needs(self) -> tuple[str, ...]:
        """The columns of the measurements that must be there."""
        if self.constant or self.step:
            return ()
        if self.parts:
            return self.parts
        if self.table is not None and not self.table.key:
            return ()
        return (self.column,)


def length_of_time(text: str) -> timedelta:
    """A length of time such as 30s, 5m, 1h, 1d.

    Raises:
        ConfigError: if the text is none.
    """
    found = _STEP.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise ConfigError(f"{text!r} is no length of time; write e.g. 30s, 5m, 1h, 1d")
    return timedelta(seconds=float(found[1]) * _STEP_SECONDS[found[2]])


def to_utc(column: pl.Series, time: Time) -> pl.Series:
    """The times of a column of any type, null where they cannot be read."""
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            return column.dt.convert_time_zone("UTC").cast(UTC_TIME)
        return _localized(column.cast(pl.Datetime("us")), time)
    if dtype == pl.Date:
        return _localized(column.cast(pl.Datetime("us")), time)
    if dtype.is_integer() or dtype.is_float() or dtype.is_decimal():
        if time.format not in ("auto", "epoch"):
            whole = column.cast(pl.Int64, strict=False).cast(pl.String)
            return texts_to_utc(whole, time)
        return _epoch(column, time.unit)
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return texts_to_utc(column.cast(pl.String), time)
    return pl.Series(column.name, [None] * len(column), dtype=UTC_TIME)


def texts_to_utc(texts: pl.Series, time: Time) -> pl.Series:
    """The times of strings, null where they cannot be read."""
    if time.format == "epoch":
        return _epoch(_numbers(texts), time.unit)
    formats = _ISO if time.format == "auto" else (time.format,)
    done = pl.Series(texts.name, [None] * len(texts), dtype=UTC_TIME)
    for trimmed in (False, True):
        if trimmed:
            texts = texts.str.strip_chars()
        open_ = done.is_null() & texts.is_not_null()
        if not open_.any():
            return done
        for pattern in _likely(texts.filter(open_), formats):
            read = _with_format(texts if open_.all() else texts.filter(open_), pattern, time)
            if read.null_count() == len(read):
                continue
            done = read if open_.all() else done.scatter(open_.arg_true(), read)
            open_ = done.is_null() & texts.is_not_null()
            if not open_.any():
                return done
    if time.format == "auto":
        numbers = _epoch(_numbers(texts.filter(open_)), time.unit)
        done = done.scatter(open_.arg_true(), numbers)
    return done


def parts_to_utc(rows: pl.DataFrame, time: Time) -> pl.Series:
    """The times of dates that are split over columns; null where a part is no number or the date no date."""
    numbers = [
        rows[name]
        .cast(pl.String)
        .str.strip_chars()
        .cast(pl.Float64, strict=False)
        .cast(pl.Int32, strict=False)
        for name in time.parts
    ]
    padded = [number.cast(pl.String).str.zfill(4 if i == 0 else 2) for i, number in enumerate(numbers)]
    while len(padded) < 6:
        padded.append(pl.Series([None] * rows.height, dtype=pl.String).fill_null("00"))
    frame = pl.DataFrame({str(i): part for i, part in enumerate(padded)})
    text = frame.select(pl.concat_str([str(i) for i in range(6)], separator=" "))["0"]
    return _localized(text.str.to_datetime("%Y %m %d %H %M %S", strict=False, time_unit="us"), time)


def positions_to_utc(positions: pl.Series, start: pl.Series, time: Time) -> pl.Series:
    """Times of rows that have none: `start` and a step for every row before.

    Args:
        positions: number of the row in its file, from 0.
        start: one time.
    """
    microseconds = round(time.step_length().total_seconds() * 1e6)
    passed = positions.cast(pl.Int64) * microseconds
    return (passed + int(start.cast(pl.Int64).item())).cast(UTC_TIME)


def _likely(texts: pl.Series, formats: tuple[str, ...]) -> list[str]:
    """The formats, with the one that reads the first text in front: most files have just one."""
    if len(formats) == 1:
        return list(formats)
    first = texts.head(1)
    fits = [one for one in formats if not _naive_or_utc(first, one).null_count()]
    return [*fits, *(one for one in formats if one not in fits)]


def _naive_or_utc(texts: pl.Series, pattern: str) -> pl.Series:
    # The cache of Polars costs more than it saves on exact patterns.
    read = texts.str.to_datetime(pattern, strict=False, time_unit="us", cache=pattern not in _ISO[:4])
    if pattern not in _ISO:
        return read
    # %Y takes fewer digits too, so 4/1/25 would be a day of the year 4.
    return read.set(read.dt.year() < 1000, None)


def _with_format(texts: pl.Series, pattern: str, time: Time) -> pl.Series:
    read = _naive_or_utc(texts, pattern)
    dtype = read.dtype
    if pattern.endswith("Z"):
        return read.dt.replace_time_zone("UTC")
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return read.dt.convert_time_zone("UTC")
    return _localized(read, time)


def _localized(naive: pl.Series, time: Time) -> pl.Series:
    """Local times of the setting's zone in UTC; the rules decide where the clock was changed."""
    if time.timezone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    twice = "null" if time.ambiguous == "reject" else time.ambiguous
    local = naive.dt.replace_time_zone(time.timezone, ambiguous=twice, non_existent="null")  # type: ignore[arg-type]
    if time.nonexistent == "later":
        hour_on = (naive + timedelta(hours=1)).dt.replace_time_zone(
            time.timezone, ambiguous="null", non_existent="null"
        )
        # Only for times that no clock showed: one hour later does not exist twice then.
        skipped = naive.dt.replace_time_zone(
            time.timezone, ambiguous="earliest", non_existent="null"
        ).is_null()
        local = local.zip_with(~skipped, hour_on)
    return local.dt.convert_time_zone("UTC")


def _numbers(texts: pl.Series) -> pl.Series:
    """Exact integers where all are, else floats; null where the text is no number."""
    whole = texts.str.strip_chars().cast(pl.Int64, strict=False)
    if whole.null_count() == texts.null_count():
        return whole
    return texts.str.strip_chars().cast(pl.Float64, strict=False)


def _epoch(numbers: pl.Series, unit: str) -> pl.Series:
    """Epoch numbers in UTC; null outside of 1970 to 2100."""
    if unit != "auto":
        return _scaled(numbers, _PER_SECOND[unit])
    done = pl.Series(numbers.name, [None] * len(numbers), dtype=UTC_TIME)
    for per_second in _PER_SECOND.values():
        fits = numbers.is_between(_OLDEST * per_second, _NEWEST * per_second)
        if fits.any():
            done = _scaled(numbers, per_second).zip_with(fits.fill_null(False), done)
    return done


def _scaled(numbers: pl.Series, per_second: int) -> pl.Series:
    usable = numbers.is_between(0, _NEWEST * per_second).fill_null(False)
    kept = numbers.zip_with(usable, pl.Series([None], dtype=numbers.dtype))
    if numbers.dtype.is_integer():
        whole = kept.cast(pl.Int64)
        micro = whole * (1_000_000 // per_second) if per_second <= 1_000_000 else whole // 1_000
    else:
        # 1.7e9 s as float64 is exact to 0.2 microseconds
        micro = (kept.cast(pl.Float64) * (1e6 / per_second)).round().cast(pl.Int64, strict=False)
    return micro.cast(UTC_TIME)
