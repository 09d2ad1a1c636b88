"""Known: what somebody knows of a subject beside its measurements: incidents, holidays, what is to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from data.panel import Panel
from data.series import STOCKS, SeriesKey, Window
from models.features.calendar import SpecialDay

EVERYBODY = "*"
"""Subject of what concerns every service and site."""
PURGE = "purge"
"""The kind of event that only touches what accumulates."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A labelled time in which demand was not normal: it teaches nothing."""

    window: Window
    kind: str
    """outage, anomaly, purge, …"""
    description: str = ""

    def concerns(self, metric: str) -> bool:
        """Whether the event says anything about that metric."""
        return self.kind != PURGE or metric in STOCKS


@dataclass(frozen=True, slots=True)
class Expected:
    """A known event: demand is `factor` times what it would be without it, plus `amount`."""

    window: Window
    factor: float
    description: str = ""
    amount: float = 0.0
    """Added on top, in the metric's unit."""
    metric: str | None = None
    """The one metric it concerns; None = all that flow: a campaign does not double what is stored."""
    lasts: bool = False
    """It has no end: a launch, customers who stay. Once begun, history shows what it does."""

    def concerns(self, metric: str) -> bool:
        """Whether the event says anything about that metric."""
        return metric not in STOCKS if self.metric is None else metric == self.metric

    @property
    def sentence(self) -> str:
        """What was announced."""
        said = [f"{self.factor:g} times as much"] if self.factor != 1 or not self.amount else []
        said += [f"{self.amount:+g}"] if self.amount else []
        return f"{self.description or 'a known event'}: {', then '.join(said)}"


@dataclass(frozen=True, slots=True)
class Known:
    """Everything known of one subject."""

    masks: tuple[Stretch, ...] = ()
    holidays: tuple[SpecialDay, ...] = ()
    """In the history and ahead, in order."""
    expected: tuple[Expected, ...] = ()
    zone: str | None = None
    """IANA name of the zone whose clock demand follows; None = UTC."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Whose events concern whom."""

    service_of: Mapping[str, str]
    site_of: Mapping[str, str]

    def names(self, subject: str) -> tuple[str, ...]:
        """The subject, its service, its site and everybody: the nearest first.

        A service is concerned by a site that holds at least half of its resources.
        """
        if subject in self.service_of or subject in self.site_of:
            above = (self.service_of.get(subject), self.site_of.get(subject))
            return (subject, *(name for name in above if name), EVERYBODY)
        return (subject, *self._sites(subject), EVERYBODY)

    def _sites(self, service: str) -> tuple[str, ...]:
        sites = [self.site_of.get(name, "") for name, owner in self.service_of.items() if owner == service]
        return tuple(sorted(site for site in set(sites) if site and 2 * sites.count(site) >= len(sites)))


def nearest(settings: Mapping[str, str], names: Iterable[str]) -> str | None:
    """The setting of the first of the names that has one."""
    return next((settings[name] for name in names if name in settings), None)


def slots_of(panel: Panel, window: Window) -> tuple[int, int]:
    """First slot and the one after the last that a window touches, counted from the panel's start.

    Not bounded by the panel: before its start is below 0, ahead is at or above its slots. A moment touches
    the slot it is in.
    """
    first = (window.start - panel.start) // panel.step
    last = -((panel.start - window.end) // panel.step)
    return first, max(last, first + 1)


def mask_windows(panel: Panel, known: Mapping[str, Known]) -> dict[SeriesKey, list[Window]]:
    """Series -> the windows of its labelled stretches, for `models.features.masks.masked`."""
    found: dict[SeriesKey, list[Window]] = {}
    for key in panel.keys:
        told = known.get(key.subject, Known())
        windows = [stretch.window for stretch in told.masks if stretch.concerns(key.metric)]
        # The slot a moment lies in is masked whole: a window without length would touch none.
        windows = [w if w.length else Window(w.start, w.start + timedelta(microseconds=1)) for w in windows]
        # What was announced was not normal either.
        windows += [
            event.window
            for event in told.expected
            if event.window.start < panel.end and event.concerns(key.metric) and not event.lasts
        ]
        if windows:
            found[key] = windows
    return found
