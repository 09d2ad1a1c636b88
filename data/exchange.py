"""Exchange: panels and conclusions as Parquet, so that another machine can work on them.

Every file says in its metadata what it is; floats, NaN among them, come back as they were, bit by bit.
"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import SourceError
from data.outcome import Forecast, Refusal
from data.panel import FloatArray, Panel
from data.reach import Reach
from data.series import SeriesKey

Answer = Panel | Forecast | Reach | pl.DataFrame | None
_KIND = "headroom_kind"
_FACTS = "headroom_facts"
_MICROSECOND = timedelta(microseconds=1)


def packed(answer: Answer) -> bytes:
    """The bytes of a Parquet file; the same answer gives the same bytes.

    Raises:
        TypeError: it is none of the kinds that can be packed.
    """
    facts: dict[str, Any] = {}
    match answer:
        case None:
            kind, frame = "none", pl.DataFrame()
        case pl.DataFrame():
            kind, frame = "frame", answer
        case Panel():
            kind, facts = "panel", {"start": _instant(answer.start), "step": answer.step // _MICROSECOND}
            facts["slots"] = answer.slots
            frame = _named(answer.keys).with_columns(
                _column("demand", answer.demand),
                _column("peak", answer.peak),
                _column("capacity", answer.capacity),
            )
        case Forecast():
            kind, facts = "forecast", {"start": _instant(answer.start), "step": answer.step // _MICROSECOND}
            facts |= {"levels": list(answer.levels), "horizon": answer.horizon}
            reasons = {row: refusal.reason for row, refusal in answer.refusals.items()}
            frame = _named(answer.keys).with_columns(
                pl.Series("made_by", list(answer.made_by), dtype=pl.String),
                pl.Series("refusal", [reasons.get(i) for i in range(len(answer))], dtype=pl.String),
                _column("quantiles", answer.quantiles),
            )
            if answer.paths is not None:
                facts["samples"] = answer.paths.shape[1]
                frame = frame.with_columns(_column("paths", answer.paths))
        case Reach():
            kind, facts = "reach", {"start": _instant(answer.start)}
            facts |= {"days": list(answer.days), "levels": list(answer.levels)}
            frame = _named(answer.keys).with_columns(_column("amounts", answer.amounts))
        case _:
            raise TypeError(f"a {type(answer).__name__} cannot be packed")
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata={_KIND: kind, _FACTS: json.dumps(facts, sort_keys=True)})
    return buffer.getvalue()


def unpacked(content: bytes) -> Answer:
    """What `packed` was given.

    Raises:
        SourceError: the bytes are not of such a file.
    """
    try:
        told = pl.read_parquet_metadata(io.BytesIO(content))
        kind, facts = told[_KIND], json.loads(told[_FACTS])
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
        raise SourceError(f"not a file that was exchanged: {str(error).splitlines()[0]}") from error
    match kind:
        case "none":
            return None
        case "frame":
            return frame
        case "panel":
            slots = (facts["slots"],)
            demand, peak, capacity = (_array(frame, name, slots) for name in ("demand", "peak", "capacity"))
            step = facts["step"] * _MICROSECOND
            return Panel(_keys(frame), _moment(facts["start"]), step, demand, peak, capacity)
        case "forecast":
            horizon, levels = facts["horizon"], tuple(facts["levels"])
            paths = None
            if "samples" in facts:
                paths = _array(frame, "paths", (facts["samples"], horizon)).astype(np.float32)
            reasons = enumerate(frame["refusal"].to_list())
            return Forecast(
                _keys(frame),
                _moment(facts["start"]),
                facts["step"] * _MICROSECOND,
                levels,
                _array(frame, "quantiles", (horizon, len(levels))),
                tuple(frame["made_by"].to_list()),
                {row: Refusal(reason) for row, reason in reasons if reason is not None},
                paths,
            )
        case "reach":
            days, levels = tuple(facts["days"]), tuple(facts["levels"])
            amounts = _array(frame, "amounts", (len(days), len(levels)))
            return Reach(_keys(frame), _moment(facts["start"]), days, levels, amounts)
    raise SourceError(f"a file of kind {kind!r} was exchanged; this program does not know it")


def _named(keys: tuple[SeriesKey, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        {"subject": [key.subject for key in keys], "metric": [key.metric for key in keys]},
        schema={"subject": pl.String, "metric": pl.String},
    )


def _keys(frame: pl.DataFrame) -> tuple[SeriesKey, ...]:
    return tuple(SeriesKey(*row) for row in frame.select("subject", "metric").iter_rows())


def _column(name: str, values: FloatArray | NDArray[np.float32]) -> pl.Series:
    """Rows of any shape as one column of lists."""
    flat = np.ascontiguousarray(values).reshape(len(values), int(np.prod(values.shape[1:])))
    inner = pl.Float32 if values.dtype == np.float32 else pl.Float64
    if not flat.size:
        return pl.Series(name, [[]] * len(values), dtype=pl.List(inner))
    return pl.Series(name, flat).cast(pl.List(inner))


def _array(frame: pl.DataFrame, name: str, shape: tuple[int, ...]) -> Any:
    return frame[name].explode(empty_as_null=False).to_numpy().reshape(frame.height, *shape)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
