"""Verifies all that is stored: reads it partition by partition, in the order of its chain."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.audit.seals import records, registry
from services.audit.seals.findings import Finding, Kind
from services.audit.seals.records import Record
from services.audit.seals.registry import Columns
from services.audit.seals.verification import Entry, Walk
from services.domain.accounts import Place
from services.domain.chain import REGISTRY, Checkpoint


class Store(Protocol):
    """What an auditor may read. Raises `Retry` or `Halt`."""

    def counts(self) -> Mapping[Place, int]:
        """How many rows are stored of each partition."""
        ...

    def checkpoints(self) -> Sequence[Checkpoint]:
        """All seals."""
        ...

    def erased(self) -> Mapping[Place, Collection[int]]:
        """The offsets that the ledger of erasures names, by partition."""
        ...

    def records(self, place: Place) -> Iterator[Sequence[Record]]:
        """All rows of a partition by offset, page by page; the rows of a coordinate are on one page."""
        ...

    def baselines(self) -> Sequence[Columns]:
        """All rows of `baselines`."""
        ...

    def authorities(self) -> Sequence[Columns]:
        """All rows of `authorities`."""
        ...


@dataclass(slots=True)
class Verified:
    """What was looked at, and what was found: all counted, the first `most` kept, in the order of places and offsets."""

    most: int
    partitions: int = 0
    rows: int = 0
    seals: int = 0
    kept: int = 0
    erased: int = 0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    only_unsealed: bool = True

    def note(self, finding: Finding) -> None:
        """Counts a finding."""
        self.found += 1
        self.only_unsealed &= finding.kind == Kind.UNSEALED
        if len(self.findings) < self.most:
            self.findings.append(finding)


@dataclass(frozen=True, slots=True)
class Verifier:
    """`kept`: checkpoints from elsewhere. `only`: these topics; none: all. `watch` hears of each page
    how many rows it had."""

    store: Store
    kept: Sequence[Checkpoint]
    now_ms: int
    only: Collection[str] | None = None
    watch: Callable[[int], None] = lambda _: None

    def run(self, most: int = 100) -> Verified:
        """Walks through everything. Raises `Retry` or `Halt`."""
        seals, kept = _by_place(self.store.checkpoints()), _by_place(self.kept)
        erased, counts = self.store.erased(), self.store.counts()
        places = {REGISTRY, *counts, *seals, *kept, *erased}
        chosen = sorted(place for place in places if self.only is None or place[1] in self.only)
        result = Verified(most)
        for place in chosen:
            its_seals, its_kept = seals.get(place, []), kept.get(place, [])
            ledger = _Ledger(place, frozenset(erased.get(place, ())))
            walk = Walk(place, its_seals, its_kept, self.now_ms)
            for finding in walk.findings(ledger.watched(self._entries(place, ledger.offsets, result))):
                result.note(finding)
            for finding in ledger.left():
                result.note(finding)
            result.partitions += 1
            result.seals += len(its_seals)
            result.kept += len(its_kept)
            result.erased += len(ledger.offsets)
        return result

    def _entries(self, place: Place, erased: Collection[int], result: Verified) -> Iterator[Entry]:
        if place == REGISTRY:
            baselines, authorities = self.store.baselines(), self.store.authorities()
            result.rows += len(baselines) + len(authorities)
            yield from registry.entries(baselines, authorities)
            return
        for page in self.store.records(place):
            result.rows += len(page)
            yield from records.entries(place, page, erased)
            self.watch(len(page))


@dataclass(slots=True)
class _Ledger:
    """The erasures of a partition, and which of them no stored record was met for."""

    place: Place
    offsets: frozenset[int]
    _met: set[int] = field(default_factory=set)

    def watched(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.leaf.offset in self.offsets:
                self._met.add(entry.leaf.offset)
            yield entry

    def left(self) -> Iterator[Finding]:
        for offset in sorted(self.offsets - self._met):
            what = "an erasure of a record that is not stored"
            yield Finding(Kind.NOT_ERASED, "erasures", self.place, offset, what)


def _by_place(checkpoints: Iterable[Checkpoint]) -> dict[Place, list[Checkpoint]]:
    found: dict[Place, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        found.setdefault(checkpoint.place, []).append(checkpoint)
    return found
