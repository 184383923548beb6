"""Whether what is published, and ever was, is what was stored: heads, rows, and the measurements that they were computed from.

Of every head: it says what it must say of itself, the head before it is there, and the rows of its run have its digest. Of the
newest head of a unit, where the tasks are still those that it was computed from: fingerprint and rows are computed anew, and each
row that differs is named. Where tasks have changed since, the unit is behind, which is no finding.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

import pyarrow as pa

from services.audit.rollups.findings import Finding, Kind
from services.domain.rollups.heads import NO_HEAD, Head, newest
from services.domain.rollups.rolling import Rolled, rolled
from services.domain.rollups.tables import CLUSTERS, DAILY, LAYOUTS, Layout, Rows, Unit, digest, rows_of

_DAYS: Final = 31
"""Of an authority that are looked at together."""
Runs = Mapping[tuple[Unit, int], Rows]


class Store(Protocol):
    """What an auditor may read. Raises `Retry` or `Halt`."""

    def authorities(self) -> Sequence[str]:
        """Everybody of whom there is a head or a row."""
        ...

    def days(self, authority: str) -> Sequence[date]:
        """The days of whom there is a head or a row."""
        ...

    def heads(self, authority: str, days: Collection[date]) -> Sequence[Head]:
        """Every head of these units."""
        ...

    def runs(self, layout: Layout, authority: str, days: Collection[date]) -> Runs:
        """The rows of every run of these units, with a head or without."""
        ...

    def copy(self, units: Collection[Unit]) -> pa.Table:
        """The tasks of these units."""
        ...


@dataclass(slots=True)
class Verified:
    """What was looked at, and what was found: all counted, the first `most` kept. `behind`: units whose tasks have changed since
    they were published."""

    most: int
    units: int = 0
    heads: int = 0
    rows: int = 0
    behind: int = 0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    only_unpublished: bool = True

    def note(self, finding: Finding) -> None:
        """Counts a finding."""
        self.found += 1
        self.only_unpublished &= finding.kind == Kind.UNPUBLISHED
        if len(self.findings) < self.most:
            self.findings.append(finding)


def verified(store: Store, only: Collection[str] | None = None, most: int = 100) -> Verified:
    """Looks at all that was published of some authorities, or (none) of all. Raises `Retry` or `Halt`."""
    result = Verified(most)
    for authority in sorted(store.authorities() if only is None else only):
        days = sorted(store.days(authority))
        for first in range(0, len(days), _DAYS):
            _verify(store, authority, days[first : first + _DAYS], result)
    return result


def _verify(store: Store, authority: str, days: Sequence[date], result: Verified) -> None:
    """Heads first: whatever they name is stored by then. And heads again, for what was published meanwhile."""
    heads = store.heads(authority, days)
    runs = {layout: store.runs(layout, authority, days) for layout in LAYOUTS}
    later = store.heads(authority, days)
    shown = newest(heads)
    computed = {unit.unit: unit for unit in rolled(store.copy(shown), shown)} if shown else {}
    result.units += len(shown)
    result.heads += len(heads)
    result.rows += sum(len(rows) for each in runs.values() for rows in each.values())
    named = {head.head for head in later}
    compared = set()
    for head in heads:
        for finding in _of_head(head, named):
            result.note(finding)
        truth = computed[head.unit]
        now = head is shown[head.unit]
        result.behind += now and (truth.n, truth.run) != (head.n, head.run)
        if (head.unit, head.run, head.rows) in compared:
            continue
        compared.add((head.unit, head.run, head.rows))
        for finding in _of_rows(head, runs, truth if truth.run == head.run else None):
            result.note(finding)
    for finding in _of_nobody(runs, {(head.unit, head.run) for head in later}):
        result.note(finding)


def _of_head(head: Head, named: Collection[bytes]) -> Iterator[Finding]:
    if head.digest() != head.head:
        what = f"head {head.seq} is not what it says of itself: it was changed"
        yield Finding.of(Kind.HEAD, "unit_heads", head.unit, head.run, what)
    if head.previous not in {NO_HEAD, *named}:
        what = f"the head before {head.seq} is gone, or was changed"
        yield Finding.of(Kind.MISSING, "unit_heads", head.unit, head.run, what)


def _of_rows(head: Head, runs: Mapping[Layout, Runs], truth: Rolled | None) -> Iterator[Finding]:
    """The rows of a head's run: each by itself where its tasks are still there, else all together."""
    stored = {layout: each.get((head.unit, head.run), ()) for layout, each in runs.items()}
    if truth is not None:
        for layout, table in ((DAILY, truth.daily), (CLUSTERS, truth.clusters)):
            for kind, what in _differences(layout, stored[layout], rows_of(layout, table)):
                yield Finding.of(kind, layout.table, head.unit, head.run, what)
        if truth.rows != head.rows or truth.n != head.n:
            what = f"head {head.seq} is not of the rows that the tasks come to"
            yield Finding.of(Kind.HEAD, "unit_heads", head.unit, head.run, what)
    elif digest(head.unit, head.run, *(stored[layout] for layout in LAYOUTS)) != head.rows:
        what = f"the rows of this run are not those that head {head.seq} published"
        yield Finding.of(Kind.ALTERED, "progress_daily, progress_clusters", head.unit, head.run, what)


def _differences(layout: Layout, stored: Rows, computed: Rows) -> Iterator[tuple[Kind, str]]:
    width = len(layout.keys)
    missing = {row[:width]: row for row in computed}
    for row in sorted(stored):
        truth = missing.get(row[:width])
        if truth is None or truth == row:
            if missing.pop(row[:width], None) is None:
                yield Kind.ADDED, f"row {_text(row[:width])} is of no task"
        else:
            columns = zip(layout.columns, row, truth, strict=True)
            others = ", ".join(f"{name} is {is_} and must be {must}" for name, is_, must in columns if is_ != must)
            yield Kind.ALTERED, f"row {_text(row[:width])}: {others}"
            del missing[row[:width]]
    for key in missing:
        yield Kind.MISSING, f"row {_text(key)} is gone"


def _of_nobody(runs: Mapping[Layout, Runs], published: Collection[tuple[Unit, int]]) -> Iterator[Finding]:
    for layout, each in runs.items():
        for (unit, run), rows in each.items():
            if (unit, run) not in published:
                what = f"{len(rows)} rows that no head names: nobody is shown them"
                yield Finding.of(Kind.UNPUBLISHED, layout.table, unit, run, what)


def _text(key: Iterable[str | int]) -> str:
    return "/".join(str(part) or "-" for part in key)
