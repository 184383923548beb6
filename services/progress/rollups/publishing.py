"""Publishes the units that have changed: copy, compute, rows, then head.

Only heads make rows visible, so whoever dies between the two leaves nothing that anybody sees. Any number of writers may run:
each publishes what was true when it copied, the newest head is shown, and a head that is overtaken by the truth is found at the
next look, since what is shown is compared with what is stored, never with what was done.

A unit is published only while no measurement of its authority is stale: before the copy, after it, and under one generation of
the registry. Until then it is held back.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import pyarrow as pa

from services.domain.rollups.heads import Draft, Shown
from services.domain.rollups.parts import Part, fresh
from services.domain.rollups.rolling import batches, rolled
from services.domain.rollups.tables import Unit

MOST_UNITS: Final = 500
MOST_TASKS: Final = 100_000
"""Of one copy: about 40 MB."""


@dataclass(frozen=True, slots=True)
class Dirty:
    """A unit whose tasks are not those of its newest head: how many they are now, and what is shown."""

    tasks: int
    shown: Shown


class Store(Protocol):
    """What publishing needs of ClickHouse. Raises `Retry` or `Halt`. Writing again changes nothing."""

    def parts(self) -> Sequence[Part]:
        """The active parts of `measurements`."""
        ...

    def authorities_in(self, parts: Collection[str]) -> set[str]:
        """Whose rows are in these parts."""
        ...

    def dirty(self, authorities: Collection[str] | None) -> dict[Unit, Dirty]:
        """The dirty units of some authorities or (none) of all, emptied ones too."""
        ...

    def generation(self) -> int:
        """The newest number of the registry."""
        ...

    def stale(self, authorities: Collection[str]) -> set[str]:
        """Those of whom a measurement is stale."""
        ...

    def copy(self, units: Collection[Unit]) -> pa.Table:
        """The tasks of these units, read at once."""
        ...

    def write(self, daily: pa.Table, clusters: pa.Table) -> None:
        """Stores rows of both tables."""
        ...

    def publish(self, heads: Sequence[Draft]) -> None:
        """Stores heads, and gives them the time."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """What a look or a sweep did: units published; held back, since measurements of their authority are stale; and of a sweep
    those that the hint had not led to."""

    published: int
    held: int
    missed: int


@dataclass(slots=True)
class Rollups:
    """One writer. `writer`: a number under 2^32 that no other has. `clock`: epoch milliseconds, for the lag alone."""

    store: Store
    writer: int
    clock: Callable[[], int]
    _parts: Sequence[Part] | None = None
    _since: dict[Unit, int] = field(default_factory=dict)

    def look(self) -> Round:
        """Publishes what has changed of the authorities that new rows are of, and of those that were held back. The first time
        it is a sweep."""
        if self._parts is None:
            return self.sweep()
        parts = self.store.parts()
        hinted = self._hinted(parts, self._parts) | {unit.authority for unit in self._since}
        dirty = self.store.dirty(hinted) if hinted else {}
        published, held = self._publish(dirty)
        self._parts = parts
        return Round(published, held, 0)

    def sweep(self) -> Round:
        """Publishes whatever has changed of any authority. The parts are asked before, for the next look, and after: whatever
        it saw is in a part by then, so what they do not lead to was missed."""
        parts = self.store.parts()
        dirty = self.store.dirty(None)
        missed = 0
        if self._parts is not None:
            hinted = self._hinted(self.store.parts(), self._parts) | {unit.authority for unit in self._since}
            missed = sum(unit.authority not in hinted for unit in dirty)
        published, held = self._publish(dirty)
        self._parts = parts
        return Round(published, held, missed)

    def lag_seconds(self) -> float:
        """For how long the oldest unit has been dirty that is not published yet; 0: none is."""
        since = list(self._since.values())  # asked for by another thread than the one that works
        return max(0.0, (self.clock() - min(since)) / 1000) if since else 0.0

    def _hinted(self, parts: Iterable[Part], before: Iterable[Part]) -> set[str]:
        names = fresh(parts, before)
        return self.store.authorities_in(names) if names else set()

    def _publish(self, dirty: Mapping[Unit, Dirty]) -> tuple[int, int]:
        """How many units were published and how many held back. All that were dirty before are in `dirty` again, or are not
        dirty any more."""
        now = self.clock()
        self._since = {unit: self._since.get(unit, now) for unit in dirty}
        generation = self.store.generation()
        stale = self._stale(dirty)
        published = 0
        sizes = {unit: each.tasks for unit, each in dirty.items() if unit.authority not in stale}
        for units in batches(sizes, MOST_UNITS, MOST_TASKS):
            published += self._publish_batch(units, dirty, generation)
        return published, len(self._since)

    def _publish_batch(self, units: Sequence[Unit], dirty: Mapping[Unit, Dirty], generation: int) -> int:
        computed = rolled(self.store.copy(units), units)
        stale = self._stale(units)
        if self.store.generation() != generation:
            return 0
        done = [unit for unit in computed if unit.unit.authority not in stale]
        heads = [
            dirty[unit.unit].shown.following(unit, self.writer)
            for unit in done
            if not dirty[unit.unit].shown.says(unit.n, unit.run)
        ]
        if heads:
            self.store.write(_together(unit.daily for unit in done), _together(unit.clusters for unit in done))
            self.store.publish(heads)
        for unit in done:
            del self._since[unit.unit]
        return len(heads)

    def _stale(self, units: Iterable[Unit]) -> set[str]:
        authorities = {unit.authority for unit in units}
        return self.store.stale(authorities) if authorities else set()


def _together(tables: Iterable[pa.Table]) -> pa.Table:
    """One table in one piece: pieces are sent one by one."""
    return pa.concat_tables(tables).combine_chunks()
