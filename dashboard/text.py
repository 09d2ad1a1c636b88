"""Words and numbers as people say them. Every format and every standing phrase of the dashboard is here."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from decimal import Decimal

Number = float | int | Decimal

NONE = "–"
"""Shown where there is nothing to show."""

METRIC_WORDS = {
    "cpu": "CPU",
    "memory": "memory",
    "storage": "storage",
    "network_in": "network in",
    "network_out": "network out",
    "requests": "requests",
    "users": "users",
}

STATUS_WORDS = {
    "under_provisioned": "under-provisioned",
    "at_risk": "at risk",
    "right_sized": "right-sized",
    "over_provisioned": "over-provisioned",
    "idle": "idle",
    "unknown": "unknown",
}
"""In the order of a legend: most urgent first, then quiet, then what can be saved, then what is unknown."""

PROVIDER_WORDS = {
    "on_premises": "on premises",
    "aws": "AWS",
    "azure": "Azure",
    "gcp": "Google Cloud",
    "kubernetes": "Kubernetes",
}

ACTION_WORDS = {
    "keep": "keep",
    "resize_type": "another type",
    "resize_amount": "another size",
    "add_members": "add members",
    "remove_members": "remove members",
    "migrate": "migrate",
    "stop": "stop",
    "buy": "buy",
}

POLICY_WORDS = {
    "marginal": "Headroom",
    "vpa": "VPA",
    "krr": "KRR",
    "compute_optimizer": "Compute Optimizer",
    "azure_advisor": "Azure Advisor",
    "aria": "Aria",
    "kubecost": "Kubecost",
    "optscale": "OptScale",
}
"""Policies by the products whose published rules they follow; ours by our own name."""

EXHAUSTION_WORDS = {
    "exhausted_now": "now",
    "dated": "within a year",
    "not_before": "not before",
    "not_within_horizon": "not within a year",
    "not_enough_history": "not enough history",
    "no_limit": "no known limit",
}


def metric(name: str) -> str:
    """`network_in` -> `network in`."""
    return METRIC_WORDS.get(name, name.replace("_", " "))


def provider(name: str | None) -> str:
    return NONE if not name else PROVIDER_WORDS.get(name, name)


def policy(name: str) -> str:
    """`compute_optimizer` -> `Compute Optimizer`."""
    return POLICY_WORDS.get(name, name.replace("_", " "))


def known(value: Number | None) -> bool:
    """True for a finite number."""
    return value is not None and math.isfinite(value)


def plain(value: Number | None) -> str:
    """Three significant digits, thousands separated: 0.42, 3.2, 48, 1,240."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(float(value))
    if size == 0:
        return "0"
    if size >= 100:
        return f"{float(value):,.0f}"
    places = max(0, 2 - math.floor(math.log10(size))) if size < 1 else (1 if size < 10 else 0)
    if size >= 10 and abs(float(value) - round(float(value))) > 0.05 and size < 20:
        places = 1
    digits = f"{float(value):.{min(places, 4)}f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def scale(unit: str, highest: float) -> tuple[str, float]:
    """The unit to show amounts up to `highest` in, and its size in `unit`: GiB becomes TiB from 10,000 on."""
    larger = {"GiB": ("TiB", 1024.0), "Mbit/s": ("Gbit/s", 1000.0)}.get(unit)
    if larger is not None and math.isfinite(highest) and highest >= 10_000:
        return larger
    return unit, 1.0


def amount(value: Number | None, unit: str) -> str:
    """`3.2 cores`, `12.4 TiB`."""
    if value is None or not math.isfinite(value):
        return NONE
    shown, size = scale(unit, abs(float(value)))
    if shown == "cores" and plain(value) == "1":
        shown = "core"
    return f"{plain(float(value) / size)} {shown}"


def of(demand: Number | None, capacity: Number | None, unit: str) -> str:
    """`3.2 of 8 cores`; without a capacity the demand alone."""
    if demand is None or capacity is None or not math.isfinite(demand) or not math.isfinite(capacity):
        return amount(demand, unit)
    shown, size = scale(unit, max(abs(float(demand)), abs(float(capacity))))
    return f"{plain(float(demand) / size)} of {plain(float(capacity) / size)} {shown}"


def percent(share: Number | None, places: int | None = None) -> str:
    """`82 %`; below one per cent two digits, so that 0.4 % is not shown as nothing."""
    if share is None or not math.isfinite(share):
        return NONE
    value = float(share) * 100
    if places is None:
        places = 0 if abs(value) >= 10 or value == 0 else 1
        if 0 < abs(value) < 0.1:
            return "under 0.1 %"
    digits = f"{value:,.{places}f}"
    return f"{digits.removesuffix('.0')} %"


def probability(share: Number | None) -> str:
    """`72 %`; never claims certainty."""
    if share is None or not math.isfinite(share):
        return NONE
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{float(share) * 100:.0f} %"


def money(value: Number | None, currency: str) -> str:
    """`EUR 18,400`; cents only below ten."""
    if value is None or not math.isfinite(value):
        return NONE
    value = float(value)
    places = 2 if 0 < abs(value) < 10 else 0
    return f"{currency} {'−' if value < 0 else ''}{abs(value):,.{places}f}"


def money_bare(value: Number | None) -> str:
    """`18,400`, for columns whose header names the currency."""
    return NONE if value is None else money(value, "").strip()


def day(value: date | datetime | None) -> str:
    """`12 Mar 2027`."""
    return NONE if value is None else f"{value.day} {value:%b %Y}"


def day_near(value: date, today: date) -> str:
    """`12 Mar`, with the year where it is not this year's or the next few months'."""
    near = value.year == today.year or abs((value - today).days) < 180
    return f"{value.day} {value:%b}" if near else day(value)


def moment(value: datetime | None) -> str:
    """`12 Mar 2027 14:05 UTC`."""
    return NONE if value is None else f"{day(value)} {value:%H:%M} UTC"


def date_range(low: date | None, mid: date | None, high: date | None, today: date) -> str:
    """`12 Jan (3–30 Jan)`: the date at 0.5 with its range; `later` where the range passes the horizon.

    A year is said once: `12 Nov 2027 (1 Sep–3 Dec)`.
    """
    if mid is None:
        return f"from {day_near(low, today)}" if low is not None else NONE
    if low is None:
        return day_near(mid, today)
    middle = day_near(mid, today)

    def near(one: date) -> str:
        said = middle.endswith(str(mid.year)) and one.year == mid.year
        return f"{one.day} {one:%b}" if said else day_near(one, today)

    if high is None:
        end, start = "later", near(low)
    else:
        end = near(high)
        same = (low.year, low.month) == (high.year, high.month)
        start = str(low.day) if same else near(low)
    if end == start:
        return middle
    return f"{middle} ({start}–{end})"


def days_range(low: date | None, mid: date | None, high: date | None, today: date) -> str:
    """`37 days (12–80)`."""
    if mid is None:
        return NONE
    ahead = (mid - today).days
    if low is None:
        return plural(ahead, "day")
    end = "" if high is None else str((high - today).days)
    return f"{plural(ahead, 'day')} ({(low - today).days}–{end or 'later'})"


def age(span: timedelta) -> str:
    """`12 min`, `5 h`, `3 days`."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return plural(minutes // (24 * 60), "day")


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 service`, `4 services`, `1,204 resources`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def change(value: Number | None, currency: str) -> str:
    """`EUR +490`, `EUR −1,260`."""
    if value is None or not math.isfinite(value):
        return NONE
    return money(value, currency) if value <= 0 else money(value, currency).replace(" ", " +", 1)


def listing(names: list[str], most: int = 3) -> str:
    """`a, b and c`; `a, b and 5 more`."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1:,} more"]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


CODES = {
    rf"(?<![\w./-]){code}(?![\w/-]|\.\w)": word
    for code, word in (("cpu", "CPU"), ("network_in", "network in"), ("network_out", "network out"))
}
"""Names of metrics as they stand in the sentences that models write -> as people read them; a name that has
one in it, `cpu-pool-2`, stays."""

EXPONENT = r"(?<![\w.-])-?\d(?:\.\d+)?e[+-]\d+(?![\w-])"
"""A number in the notation of machines: `1.53e+03`; names with an e between digits stay: `7e9`, `a-1e-4`."""


def readable(words: str) -> str:
    """Metrics by the names people use, numbers as everywhere else: `1.53e+03` -> `1,530`, `9%` -> `9 %`."""
    for code, word in CODES.items():
        words = re.sub(code, word, words)
    words = re.sub(EXPONENT, lambda found: plain(float(found[0])), words)
    return re.sub(r"(?<=\d)(?:\.0)? ?%", " %", words)


def sentence(words: str) -> str:
    """Upper case first letter and a full stop, for the lower-case clauses that models write."""
    words = readable(words.strip())
    if not words:
        return ""
    return words[0].upper() + words[1:] + ("" if words[-1] in ".!?…" else ".")


def about(name: str, words: str) -> str:
    """`web-1: CPU peaks at 3.1 of 4 cores.`: a sentence about something whose name keeps its letters."""
    return f"{name}:{sentence(f'x: {words.strip()}')[2:]}"
