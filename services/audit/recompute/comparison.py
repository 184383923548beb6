"""What is stored, beside what ClickHouse recomputes from records and registry: every difference, and every total.

A stored row is recomputed under its own generation: so a row that is stale (the registry has said something newer that
concerns it) is checked as strictly as any other. While collectors write, a row may be looked at whose record comes a moment
later: what differs is looked at again after a pause, and only what is the same twice is a finding.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

from services.audit.chunks import Chunk, chunks

LOOKS: Final = 3
"""How often a chunk with findings is looked at before they are believed."""
LISTED: Final = 10_000
"""Findings of an authority that are listed in one look; their number is of all."""


class Kind(StrEnum):
    """What can be wrong with a task's stored measurement. The names are stable: fields of `--json`."""

    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"
    PAYLOAD_MISSING = "payload_missing"
    ERASED = "erased"


HARMLESS: Final = frozenset({Kind.ERASED})
"""Named apart: its event was lawfully erased, so that it cannot be recomputed."""


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """A column, what is stored and what comes out; `None`: unknown or none."""

    column: str
    stored: str | None
    recomputed: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A task whose stored measurement is not what comes out. `columns`: where both are there."""

    kind: Kind
    authority: str
    task: str
    columns: tuple[ColumnDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals of an authority: tasks, those measured, milliseconds that they saved."""

    tasks: int = 0
    measured: int = 0
    saved_ms: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Both."""
        return Sums(self.tasks + other.tasks, self.measured + other.measured, self.saved_ms + other.saved_ms)


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of an authority's tasks. `stored` and `recomputed` are without the tasks that cannot be recomputed.
    `outdated`: tasks that another baseline would measure under the newest generation."""

    authority: str
    counts: Mapping[Kind, int]
    findings: tuple[Finding, ...]
    stored: Sums
    recomputed: Sums
    outdated: int

    @property
    def wrong(self) -> int:
        """How many of its tasks are not as they must be."""
        return sum(count for kind, count in self.counts.items() if kind not in HARMLESS)

    @property
    def listed_whole(self) -> bool:
        """Whether every finding is listed."""
        return sum(self.counts.values()) == len(self.findings)

    def confirming(self, before: "Compared | None") -> "Compared":
        """This look with those findings alone that an earlier one had too; with all of them where not all are listed."""
        if before is None:
            return replace(self, counts={}, findings=())
        if not (before.listed_whole and self.listed_whole):
            return self
        both = tuple(finding for finding in self.findings if finding in set(before.findings))
        return replace(self, counts=Counter(finding.kind for finding in both), findings=both)

    def plus(self, other: "Compared") -> "Compared":
        """Another part of the same authority too."""
        return Compared(
            self.authority,
            Counter(self.counts) + Counter(other.counts),
            self.findings + other.findings,
            self.stored.plus(other.stored),
            self.recomputed.plus(other.recomputed),
            self.outdated + other.outdated,
        )


@dataclass(frozen=True, slots=True)
class TotalDifference:
    """A total that a view shows (of `key`: an authority, a day, a task type), and what the rows add up to."""

    view: str
    key: str
    shown: Sums
    added_up: Sums


@dataclass(frozen=True, slots=True)
class Report:
    """All authorities, and the newest generation that was looked at. `stale`: states by authority."""

    generation: int
    compared: tuple[Compared, ...]
    totals: tuple[TotalDifference, ...]
    stale: dict[str, int]

    def count(self, *kinds: Kind) -> int:
        """How many findings there are of these kinds."""
        return sum(one.counts.get(kind, 0) for one in self.compared for kind in kinds)

    @property
    def findings(self) -> list[Finding]:
        """Those that are listed: what is wrong first, by authority and task."""
        listed = [finding for one in self.compared for finding in one.findings]
        return sorted(listed, key=lambda found: (found.kind in HARMLESS, found.authority, found.task))

    @property
    def wrong(self) -> int:
        """How many tasks and totals are not as they must be."""
        return self.count(*(kind for kind in Kind if kind not in HARMLESS)) + len(self.totals)


class Store(Protocol):
    """What a comparison needs of ClickHouse, of some authorities or (none given) of all. Raises `Retry`, or `Halt` where the
    registry or the records contradict themselves."""

    def newest_generation(self) -> int:
        """The newest generation."""
        ...

    def events(self, authorities: Collection[str]) -> dict[str, int]:
        """By authority, about how many events it has; with those of whom only measurements are stored."""
        ...

    def compared(self, chunk: Chunk, generation: int) -> list[Compared]:
        """The tasks of a chunk by authority; a stored row under a newer generation than this differs."""
        ...

    def total_differences(self, authorities: Collection[str]) -> list[TotalDifference]:
        """Where the views of totals show something else than the rows add up to."""
        ...

    def stale(self, authorities: Collection[str]) -> dict[str, int]:
        """How many states are stale, by authority that has any."""
        ...


@dataclass(slots=True)
class Recomputation:
    """Compares chunk by chunk. `pause` lets time pass between two looks; `watch` hears after each chunk how many events of how
    many are done."""

    store: Store
    pause: Callable[[], None]
    watch: Callable[[int, int], None] = lambda _done, _all: None

    def run(self, authorities: Collection[str] = ()) -> Report:
        """All tasks of these authorities or (none) of all. Raises `Retry` or `Halt`."""
        events = self.store.events(authorities)
        found: dict[str, Compared] = {}
        done = 0
        for chunk in chunks(events):
            for compared in self._settled(chunk):
                before = found.get(compared.authority)
                found[compared.authority] = compared if before is None else before.plus(compared)
            done += chunk.events
            self.watch(done, sum(events.values()))
        totals = self._settled_totals(authorities)
        everything = tuple(found[authority] for authority in sorted(found))
        return Report(self.store.newest_generation(), everything, totals, self.store.stale(authorities))

    def _settled(self, chunk: Chunk) -> list[Compared]:
        found = self.store.compared(chunk, self.store.newest_generation())
        for _ in range(LOOKS - 1):
            if not any(one.wrong for one in found):
                return found
            self.pause()
            before = {one.authority: one for one in found}
            again = self.store.compared(chunk, self.store.newest_generation())
            found = [one.confirming(before.get(one.authority)) for one in again]
        return found

    def _settled_totals(self, authorities: Collection[str]) -> tuple[TotalDifference, ...]:
        found = self.store.total_differences(authorities)
        for _ in range(LOOKS - 1):
            if not found:
                break
            self.pause()
            again = self.store.total_differences(authorities)
            found = [difference for difference in again if difference in found]
        return tuple(found)
