"""Conclusions as frames of the tables they are stored in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from data.exhaustion import Exhaustion, day_of
from data.outcome import Forecast
from data.panel import DAY, FloatArray, Panel
from data.reach import Reach
from models.exhaustion import Correction
from models.services import ServiceDemand

LEVELS: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Levels of the stored quantiles: columns q05 … q95."""


_DIGITS = 6
"""Digits kept of the highest amount of a series: far below any doubt a forecast has, a third of the size."""


def level_column(level: float) -> str:
    return f"q{round(level * 100):02d}"


def rounded(values: FloatArray) -> FloatArray:
    """(n, …) amounts, each series to a grain that leaves its highest six digits.

    One grain for a whole series: what rises still rises, and what sums up still does, to that grain.
    """
    highest = np.nanmax(np.abs(values), axis=tuple(range(1, values.ndim)), keepdims=True, initial=0.0)
    with np.errstate(divide="ignore"):
        decimals = _DIGITS - 1 - np.floor(np.log10(highest))
    scale = 10.0 ** np.clip(np.where(highest > 0, decimals, 0.0), -290, 290)
    coarse: FloatArray = np.rint(values * scale) / scale
    return coarse


def forecast_points(
    forecast: Forecast, scope: str, slots: Sequence[int], *, whole: bool = True
) -> pl.DataFrame:
    """Rows of `forecast_points`: the given slots ahead (0 = first), series after series.

    Where `whole` is False, the forecast holds these slots and no others.

    A series without any quantiles (refused, no fallback) has no rows.
    """
    index = np.asarray(slots, np.intp)
    kept = np.flatnonzero(np.isfinite(forecast.quantiles[:, 0, 0]))
    first = np.datetime64(forecast.start.replace(tzinfo=None), "us")
    times = first + index * np.timedelta64(forecast.step, "us")
    values = rounded(forecast.quantiles[kept][:, index] if whole else forecast.quantiles[kept])
    keys = pl.DataFrame(
        {
            "subject": [forecast.keys[i].subject for i in kept],
            "metric": [forecast.keys[i].metric for i in kept],
        },
        schema={"subject": pl.Categorical(), "metric": pl.Categorical()},
    )
    rows = np.repeat(np.arange(len(kept)), len(index))
    return keys[rows].select(
        grain=pl.lit("day" if forecast.step == DAY else "hour"),
        scope=pl.lit(scope),
        subject=pl.col("subject").cast(pl.String),
        metric=pl.col("metric").cast(pl.String),
        ts=pl.Series(np.tile(times, len(kept))),
        **{
            level_column(level): pl.Series(np.ascontiguousarray(values[:, :, j]).ravel())
            for j, level in enumerate(forecast.levels)
        },
    )


def forecast_series(
    forecast: Forecast, history: Panel, scope: str, scores: pl.DataFrame | None
) -> pl.DataFrame:
    """Rows of `forecast_series`; `scores` has a row per series in the panel's order, if there are any."""
    reported = np.isfinite(history.demand).sum(1)
    rows = pl.DataFrame(
        {
            "grain": ["day" if forecast.step == DAY else "hour"] * len(forecast),
            "scope": [scope] * len(forecast),
            "subject": [key.subject for key in forecast.keys],
            "metric": [key.metric for key in forecast.keys],
            "made_by": list(forecast.made_by),
            "refusal": [
                forecast.refusals[i].reason if i in forecast.refusals else None for i in range(len(forecast))
            ],
            "cutoff": [history.end.replace(tzinfo=None)] * len(forecast),
            "history_slots": reported.astype(np.int32),
        },
        schema_overrides={"refusal": pl.String(), "cutoff": pl.Datetime("us")},
    )
    return rows if scores is None else pl.concat([rows, scores], how="horizontal")


_SCORES = ("scaled_error", "relative_error", "scaled_pinball", "coverage_80", "coverage_90", "bias")


def summary_scores(
    panel: Panel, model: str, scores: pl.DataFrame | None, notes: pl.DataFrame | None
) -> pl.DataFrame | None:
    """One row per series of the panel, in its order: the model's score over the whole horizon, and notes.

    None for a model that does not score itself.
    """
    if scores is None or notes is None:
        return None
    whole = scores.filter((pl.col("model") == model) & (pl.col("band") == "all"))
    said = notes.group_by("subject", "metric", maintain_order=True).agg(
        notes=pl.col("note").unique(maintain_order=True).str.join("; ")
    )
    keys = pl.DataFrame(
        {"subject": [key.subject for key in panel.keys], "metric": [key.metric for key in panel.keys]},
        schema={"subject": pl.String, "metric": pl.String},
    )
    return (
        keys.join(whole, on=["subject", "metric"], how="left", maintain_order="left")
        .join(said, on=["subject", "metric"], how="left", maintain_order="left")
        .select(*_SCORES, "notes")
    )


def reach_rows(reach: Reach, scope: str) -> pl.DataFrame:
    """Rows of `reach`; series without an answer have none."""
    kept = np.flatnonzero(np.isfinite(reach.amounts[:, 0, 0]))
    days = len(reach.days)
    return pl.DataFrame(
        {
            "scope": [scope] * (len(kept) * days),
            "subject": [reach.keys[i].subject for i in kept for _ in range(days)],
            "metric": [reach.keys[i].metric for i in kept for _ in range(days)],
            "start": [reach.start.date()] * (len(kept) * days),
            "day": np.tile(np.asarray(reach.days, np.int32), len(kept)),
            "amounts": rounded(reach.amounts[kept]).reshape(-1, len(reach.levels)),
        },
        schema_overrides={
            **dict.fromkeys(("scope", "subject", "metric"), pl.String),
            "start": pl.Date,
            "day": pl.Int32,
        },
    ).with_columns(pl.col("amounts").cast(pl.List(pl.Float64)))


def correction_rows(corrections: Mapping[str, Correction]) -> pl.DataFrame:
    """Rows of `corrections`."""
    return pl.DataFrame(
        [
            (metric, day, a, b)
            for metric, one in corrections.items()
            for day, a, b in zip(one.days, one.intercepts, one.slopes, strict=True)
        ],
        schema={"metric": pl.String, "days": pl.Int32, "a": pl.Float64, "b": pl.Float64},
        orient="row",
    )


def corrections_of(rows: pl.DataFrame) -> dict[str, Correction]:
    """The corrections in rows of the table, by metric; empty where none was learned."""
    return {
        str(metric): Correction(*(tuple(one[column]) for column in ("days", "a", "b")))
        for (metric,), one in rows.sort("metric", "days").group_by(["metric"], maintain_order=True)
    }


def exhaustion_rows(
    answers: Sequence[Exhaustion], scope: str, start: date, lead_days: Mapping[str, int]
) -> pl.DataFrame:
    """Rows of `exhaustion`; day 1 is `start`, `lead_days` is by subject."""

    def on(day: int | None) -> date | None:
        return None if day is None else day_of(start, day)

    return pl.DataFrame(
        [
            {
                "scope": scope,
                "subject": one.key.subject,
                "metric": one.key.metric,
                "state": str(one.state),
                "capacity": one.capacity,
                "usable": one.limit,
                "demand_now": one.demand_now,
                "p28": one.p28,
                "p90": one.p90,
                "p365": one.p365,
                "date_low": on(one.days_low),
                "date_mid": on(one.days_mid),
                "date_high": on(one.days_high),
                "order_by": on(one.order_by_days),
                "lead_days": lead_days.get(one.key.subject),
                "because": one.because,
                "assumes": one.assumes or None,
            }
            for one in answers
        ],
        schema={
            **dict.fromkeys(("scope", "subject", "metric", "state"), pl.String),
            **dict.fromkeys(("capacity", "usable", "demand_now", "p28", "p90", "p365"), pl.Float64),
            **dict.fromkeys(("date_low", "date_mid", "date_high", "order_by"), pl.Date),
            "lead_days": pl.Int32,
            **dict.fromkeys(("because", "assumes"), pl.String),
        },
    )


def service_rows(service: ServiceDemand, mean: Panel, p95: Panel | None) -> pl.DataFrame:
    """Rows of `service_hour` or `service_day`; unreported slots have none.

    `mean` and `p95` are other statistics of (at least) the same services on the same slots.
    """
    panel = service.panel
    row, slot = np.nonzero(np.isfinite(panel.demand))
    times = panel.times()
    return pl.DataFrame(
        {
            "service": np.array([key.subject for key in panel.keys], dtype=object)[row],
            "metric": np.array([key.metric for key in panel.keys], dtype=object)[row],
            "ts": times[slot],
            "mean": _aligned(mean, panel)[row, slot],
            "p95": _aligned(p95 or panel, panel)[row, slot],
            "max": panel.peak[row, slot],
            "capacity": pl.Series(panel.capacity[row, slot]).fill_nan(None),
            "members": service.members[row, slot].astype(np.int32),
        },
        schema_overrides={"service": pl.String(), "metric": pl.String()},
    ).with_columns(pl.col("mean", "p95").fill_nan(None))


def _aligned(other: Panel, panel: Panel) -> FloatArray:
    """Demand of the other panel in the rows of this one."""
    place = {key: i for i, key in enumerate(other.keys)}
    return other.demand[[place[key] for key in panel.keys]]
