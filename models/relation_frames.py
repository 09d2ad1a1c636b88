"""Relations as rows of the table `relations`, and back."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from data.outcome import Refusal
from models.elasticity import Elasticity, Form
from models.relations import Relations

RELATION_SCHEMA: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "subject": pl.String(),
    "of": pl.String(),
    "service": pl.String(),
    "form": pl.String(),
    "exponent": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "explained": pl.Float64(),
    "partial": pl.Float64(),
    "days": pl.Int32(),
    "reach": pl.Float64(),
    "load": pl.Float64(),
    "refusal": pl.String(),
}
_ELASTICITY = ("exponent", "low", "high", "explained", "partial", "days", "reach")


def relation_rows(relations: Relations, measured_by: Mapping[str, str]) -> pl.DataFrame:
    """Rows of the table, in a fixed order.

    Args:
        measured_by: service -> the driver or metric that its load is measured by.
    """
    service_of = {name: service for service, names in relations.members.items() for name in names}
    rows = [
        {"kind": "own", "subject": subject, "of": metric, "service": service_of.get(subject, subject)}
        | _columns(found)
        for (subject, metric), found in sorted(relations.own.items())
    ]
    rows += [
        {"kind": "link", "subject": caller, "of": callee} | _columns(found)
        for (caller, callee), found in sorted(relations.links.items())
    ]
    rows += [
        {"kind": "load", "subject": service, "of": measured_by.get(service, "load"), "load": load}
        for service, load in sorted(relations.loads.items())
    ]
    return pl.DataFrame(rows, schema=RELATION_SCHEMA)


def relations_of(rows: pl.DataFrame, dependencies: pl.DataFrame) -> Relations:
    """Reads them back. `dependencies` has the columns service and depends_on."""
    own: dict[tuple[str, str], Elasticity | Refusal] = {}
    links: dict[tuple[str, str], Elasticity | Refusal] = {}
    loads: dict[str, float] = {}
    members: dict[str, set[str]] = {}
    for row in rows.iter_rows(named=True):
        match row["kind"]:
            case "own":
                own[row["subject"], row["of"]] = _found(row)
                if row["service"] != row["subject"]:
                    members.setdefault(row["service"], set()).add(row["subject"])
            case "link":
                links[row["subject"], row["of"]] = _found(row)
            case "load":
                loads[row["subject"]] = row["load"]
    return Relations(
        own,
        {service: tuple(sorted(names)) for service, names in members.items()},
        links,
        loads,
        called(dependencies),
    )


def called(dependencies: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Service -> the services it calls."""
    calls: dict[str, tuple[str, ...]] = {}
    for service, callee in dependencies.select("service", "depends_on").sort(pl.all()).iter_rows():
        calls[service] = (*calls.get(service, ()), callee)
    return calls


def _columns(found: Elasticity | Refusal) -> dict[str, object]:
    if isinstance(found, Refusal):
        return {"refusal": found.reason}
    return {"form": str(found.form)} | {name: getattr(found, name) for name in _ELASTICITY}


def _found(row: Mapping[str, object]) -> Elasticity | Refusal:
    if row["form"] is None:
        return Refusal(str(row["refusal"]))
    return Elasticity(Form(str(row["form"])), *(row[name] for name in _ELASTICITY))  # type: ignore[arg-type]
