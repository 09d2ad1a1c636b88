"""Model choice: which forecaster the settings name for a series."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from data.series import SeriesKey


def model_for(key: SeriesKey, service: str | None, default: str, chosen: Mapping[str, str]) -> str:
    """The forecaster of the first entry that fits, else the default.

    Args:
        service: the service that owns the subject; None where none does or the subject is a service itself.
        chosen: `subject/metric` with `*`, `?` and `[…]` in either part, `service:NAME` (its resources and the
            service itself) or `metric:NAME` -> forecaster.
    """
    for pattern, model in chosen.items():
        if _fits(pattern, key, service):
            return model
    return default


def _fits(pattern: str, key: SeriesKey, service: str | None) -> bool:
    if pattern == str(key):
        return True
    if pattern.startswith("service:"):
        name = pattern.removeprefix("service:")
        return any(fnmatchcase(owner, name) for owner in (service, key.subject) if owner)
    if pattern.startswith("metric:"):
        return fnmatchcase(key.metric, pattern.removeprefix("metric:"))
    return fnmatchcase(str(key), pattern)
