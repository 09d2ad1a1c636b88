"""Source: the protocol of everything in `SOURCES`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol, Self, runtime_checkable

from data.frames import Batch, Inventory
from data.names import Names
from data.series import Window


class Source(Protocol):
    """Brings measurements from one system. A frozen dataclass whose fields are its settings.

    Constructing checks the settings (ConfigError) and touches nothing outside.
    """

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """Yields what was measured in the window (None = all there is), in batches of bounded size.

        Rows that cannot be read are in `Batch.rejected` with the reason, never dropped.
        Pulling twice yields the same samples.

        Raises:
            SourceError: what is there cannot be used at all (wrong columns, truncated file).
            SourceUnavailable: it could not be reached; another try may succeed.
        """
        ...


@runtime_checkable
class InventorySource(Protocol):
    """A source that (also) knows what there is: resources, services, sizes."""

    def inventory(self) -> Inventory:
        """Everything it knows now. Raises as `Source.pull` does."""
        ...


@runtime_checkable
class Confirmed(Protocol):
    """A source that must know what was loaded, to forget it or to go on from there."""

    def loaded(self, batch: Batch) -> None:
        """Called with each batch of `pull` once the store has it; never in a dry run."""
        ...


@runtime_checkable
class Narrowing(Protocol):
    """A source that can be asked for some resources only, which is cheaper."""

    def narrowed(self, resources: Collection[str]) -> Source:
        """The same source for them; it may bring more, never less."""
        ...


@runtime_checkable
class Naming(Protocol):
    """A source whose resources may share a name, so that it must know which of them has it."""

    def calling(self, names: Names) -> Self:
        """The same source, whose resources are called as they were before; it adds those that are new."""
        ...

    def pull(self, window: Window | None) -> Iterator[Batch]:
        """As `Source.pull`."""
        ...


@runtime_checkable
class Targeted(Protocol):
    """A source of several systems that fail and lag each by itself: regions, subscriptions, projects."""

    def targets(self) -> Mapping[str, Source]:
        """Each of them as a source of its own, by a name that stays the same."""
        ...


def tells_of_resources(source: Source) -> bool:
    """Whether it knows resources, by itself or with the samples it brings (`Batch.inventory`)."""
    return isinstance(source, InventorySource) or bool(getattr(source, "brings_inventory", False))


def targets_of(source: Source) -> dict[str | None, Source]:
    """The targets of a source by name, or itself under None."""
    if not isinstance(source, Targeted):
        return {None: source}
    targets: dict[str | None, Source] = {}
    targets.update(source.targets().items())
    return targets
