"""Inventory: what people wrote down, completed by what sources found out, recorded as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from data.errors import HeadroomError
from data.frames import (
    CAPACITY_SCHEMA,
    DEPENDENCY_SCHEMA,
    EVENT_SCHEMA,
    REJECTED_SCHEMA,
    RESOURCE_SCHEMA,
    SERVICE_SCHEMA,
    Inventory,
)
from data.loading import Loaded
from headroom.jobs.run import Run
from headroom.sources import tables_of
from ingest.inventory_files import InventoryFiles
from ingest.source import InventorySource, Source, targets_of, tells_of_resources

FOUND = ("service", "provider", "site", "instance_type", "labels")
"""Columns of resources that sources find out; all others are only ever written down."""


@dataclass(slots=True)
class Knowledge:
    """What is known of resources in one run."""

    stated: Inventory = field(default_factory=Inventory)
    """By the files of the settings."""
    found: dict[str, list[Inventory]] = field(default_factory=dict)
    """By sources, in the order of the settings; the earlier one is trusted more."""
    problems: dict[str, str] = field(default_factory=dict)
    """What kept a source from telling."""
    partial: set[str] = field(default_factory=set)
    """Sources that may have told more in an earlier run than they know now."""

    def add(self, name: str, inventory: Inventory) -> None:
        """Notes what a source brought besides."""
        self.found.setdefault(name, []).append(inventory)

    def every(self) -> list[Inventory]:
        return [one for many in self.found.values() for one in many]

    def capacities(self) -> pl.DataFrame:
        """CAPACITY_SCHEMA of all of it."""
        return _stacked([*self.every(), self.stated], "capacities", CAPACITY_SCHEMA)


def gather(run: Run, sources: Mapping[str, Source]) -> Knowledge:
    """Asks the files of the settings and all sources that can tell at once.

    Raises:
        HeadroomError: an inventory file cannot be used; of a source that cannot tell it is noted.
    """
    known = Knowledge()
    if not run.settings.inventory and not any(isinstance(one, InventorySource) for one in sources.values()):
        return known
    with run.steps.step("Read inventory"):
        if run.settings.inventory:
            files = InventoryFiles.from_table(run.settings.inventory, root=run.settings.root)
            known.stated = files.inventory()
        for name, source in sources.items():
            if not isinstance(source, InventorySource):
                continue
            try:
                targets = targets_of(source)
            except HeadroomError as error:
                known.problems[name] = f"inventory: {error}"
                continue
            problems = []
            for target, one in targets.items():
                if isinstance(one, InventorySource):
                    try:
                        found = one.inventory()
                        if getattr(one, "brings_inventory", False) and found.resources.is_empty():
                            known.partial.add(name)  # an earlier program kept nothing of what it was told
                        else:
                            known.add(name, found)
                    except HeadroomError as error:
                        of = "" if target is None else f" of {target}"
                        problems.append(f"inventory{of}: {error}")
            if problems:
                known.problems[name] = "; ".join(problems)
    return known


def record(run: Run, known: Knowledge, sources: Mapping[str, Source]) -> None:
    """Records what is known as one statement: the same again makes no version more."""
    found = known.every()
    # Of one source what it said last counts.
    told = [one.resources for many in known.found.values() for one in reversed(many)]
    silent = (
        name in known.problems
        or name in known.partial
        or (name not in known.found and tells_of_resources(source))
        for name, source in sources.items()
    )
    if any(silent) or sources.keys() != tables_of(run.settings).keys():
        # What a source said in an earlier run still holds.
        told.append(run.store.frame("resources_now").drop("valid_from"))
    stated = known.stated
    inventory = Inventory(
        resources=completed(stated.resources, told, [one.resources for one in found]),
        services=_stacked([*found, stated], "services", SERVICE_SCHEMA),
        dependencies=_stacked([*found, stated], "dependencies", DEPENDENCY_SCHEMA),
        capacities=known.capacities(),
        events=_stacked([*found, stated], "events", EVENT_SCHEMA),
        rejected=_stacked([*found, stated], "rejected", REJECTED_SCHEMA),
    )
    with run.record("ingest", "inventory") as report:
        run.store.record_inventory(inventory, run_id=run.run_id, source="inventory", now=run.now)
        report.rows_read = inventory.resources.height + inventory.services.height
        report.loaded = Loaded(rejected=inventory.rejected.height)


def completed(
    stated: pl.DataFrame, told: Sequence[pl.DataFrame], further: Sequence[pl.DataFrame] = ()
) -> pl.DataFrame:
    """RESOURCE_SCHEMA: the stated resources, their empty cells filled with what was told of them.

    Rows with a date are history and stay as they were written.

    Args:
        told: resources as sources told them, the more trusted first.
        further: those of them to be listed although nobody wrote them down.
    """
    stated = _shaped(stated, RESOURCE_SCHEMA)
    best = _best(told)
    current = pl.col("valid_from").is_null()
    filled = (
        stated.join(best.select("resource", *FOUND), on="resource", how="left", suffix=" told")
        .with_columns(
            pl.when(current).then(pl.coalesce(name, f"{name} told")).otherwise(name).alias(name)
            for name in FOUND
        )
        .select(*RESOURCE_SCHEMA)
    )
    others = _best(further).select("resource").join(stated, on="resource", how="anti")
    return pl.concat([filled, best.join(others, on="resource", how="semi", maintain_order="left")])


def _best(told: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One row per resource: of each column the first that says something."""
    every = pl.concat(
        [_shaped(one, RESOURCE_SCHEMA) for one in told] or [pl.DataFrame(schema=RESOURCE_SCHEMA)]
    )
    firsts = (pl.col(name).drop_nulls().first() for name in RESOURCE_SCHEMA if name != "resource")
    return every.group_by("resource", maintain_order=True).agg(firsts).select(*RESOURCE_SCHEMA)


def _stacked(inventories: Sequence[Inventory], name: str, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """One table of several inventories; the store lets the last row win."""
    return pl.concat([_shaped(getattr(one, name), schema) for one in inventories])


def _shaped(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in schema.items()
    )
