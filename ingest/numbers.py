"""Numbers as files write them: decimal commas, thousands, sizes with a suffix."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

HUMAN, KUBERNETES = "human", "kubernetes"
"""Units that say: every value carries its own suffix (see `ingest.units.suffix_factor`)."""

_QUANTITY = r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$"
_THOUSANDS = r"^\s*[+-]?\d{1,3}(\.\d{3})+(,\d*)?\s*$"


def numbers(
    column: pl.Series, *, decimal_comma: bool, missing: frozenset[str]
) -> tuple[pl.Series, pl.Series]:
    """The column as floats, and where it holds something that is no number.

    Args:
        decimal_comma: whether texts read 1.234,5 for 1234.5.
        missing: texts that stand for nothing; they become null and are not wrong.
    """
    if column.dtype.is_numeric():
        return column.cast(pl.Float64), _nowhere(column)
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return pl.Series(column.name, [None] * len(column), dtype=pl.Float64), column.is_not_null()
    texts = column.cast(pl.String)
    if decimal_comma:
        plain = texts.str.replace_all(".", "", literal=True)
        texts = texts.zip_with(~texts.str.contains(_THOUSANDS).fill_null(False), plain)
        texts = texts.str.replace(",", ".", literal=True)
    read = texts.cast(pl.Float64, strict=False)
    if read.null_count() == texts.null_count():
        return read, _nowhere(column)
    open_ = read.is_null() & texts.is_not_null()
    trimmed = texts.filter(open_).str.strip_chars()
    again = trimmed.cast(pl.Float64, strict=False)
    wrong = _nowhere(column)
    wrong = wrong.scatter(open_.arg_true(), again.is_null() & ~trimmed.is_in(list(missing)))
    return read.scatter(open_.arg_true(), again), wrong


def quantities(
    column: pl.Series, factor: Callable[[str], float | None], *, missing: frozenset[str]
) -> tuple[pl.Series, pl.Series]:
    """Texts such as `2Gi` as floats of the base unit, and where they are none.

    Args:
        factor: what a suffix multiplies by, None if it is unknown.
        missing: texts that stand for nothing.
    """
    texts = column.cast(pl.String).str.strip_chars()
    number = texts.str.extract(_QUANTITY, 1).cast(pl.Float64, strict=False)
    suffix = texts.str.extract(_QUANTITY, 2)
    known = {one: factor(one) for one in suffix.drop_nulls().unique().to_list()}
    times = suffix.replace_strict(known, default=None, return_dtype=pl.Float64)
    read = number * times
    wrong = read.is_null() & texts.is_not_null() & ~texts.is_in(list(missing))
    return read.alias(column.name), wrong.fill_null(False)


def _nowhere(column: pl.Series) -> pl.Series:
    return pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
