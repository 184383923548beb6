"""Restatement: task states that stand under an older generation than one that concerns them are measured anew.

Invariant: version determines content. A row that is written here, at (coordinate, rules, generation), is the row that a
collector with these rules and this generation writes for the record at that coordinate: measured by the same functions,
under a snapshot of exactly that generation. So no lock is needed, and nothing is compared before it is written: whatever a
collector, a correction or another sweep writes between reading and writing, the highest version wins, and where two
versions are equal the rows are.

A sweep is repeated until nothing is stale, since a collector that has not heard of the newest generation yet goes on
writing under an older one. A stale row stays stale until it is written: a sweep that was killed is begun again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts import RULES
from services.baselines.messages import registry_of
from services.domain.columns import Snapshot
from services.domain.tables import measured_columns, task_columns

PAGE_KEYS: Final = 50_000
"""Tasks that are looked at together: about 25 MB of rows at most."""
IDLE_SWEEPS: Final = 5
"""Sweeps in a row that find stale states and can write none of them, before it is given up."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The stale task states of an authority: those that can be measured anew here, the oldest generation among all, and
    those that code of other rules has judged. The latter are left alone: this code would not write what that code writes."""

    tasks: int
    oldest: int
    foreign: int


@dataclass(frozen=True, slots=True)
class Run:
    """One sweep under one generation, as it goes to the ledger. Saved: milliseconds of the measured ones, as they were
    read and as they were written; what a correction changed in between is in neither."""

    generation: int
    started_at: datetime
    requested_by: str
    reason: str
    authority: str
    finished_at: datetime
    tasks: int = 0
    changed: int = 0
    saved_before_ms: int = 0
    saved_after_ms: int = 0

    def with_page(self, before: pa.Table, after: pa.Table, now: datetime) -> "Run":
        """The run after a page was written."""
        return replace(
            self,
            finished_at=now,
            tasks=self.tasks + before.num_rows,
            changed=self.changed + changed(before, after),
            saved_before_ms=self.saved_before_ms + (pc.sum(before.column("saved_ms")).as_py() or 0),
            saved_after_ms=self.saved_after_ms + (pc.sum(after.column("saved_ms")).as_py() or 0),
        )


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants a restatement, why, and of which authority (CVR number; empty: all)."""

    requested_by: str
    reason: str
    authority: str = ""


class Store(Protocol):
    """What a restatement needs of ClickHouse. Raises `Retry` or `Halt`. Writing again changes nothing."""

    def payloads(self) -> list[bytes]:
        """Every registry event, in the order of generations."""
        ...

    def stale(self, authority: str) -> dict[str, Stale]:
        """The stale states by authority, of one authority or (empty) of all; authorities without any are left out."""
        ...

    def page_end(self, authority: str, after: str, keys: int) -> str | None:
        """The task that ends the next page of at most `keys` tasks after `after`; none: there is nothing after it."""
        ...

    def page(self, authority: str, after: str, end: str, generation: int) -> pa.Table:
        """The stale states of the tasks in (after, end] that are older than `generation` and of rules this code can
        restate, as rows of `measurements`."""
        ...

    def write(self, rows: pa.Table) -> None:
        """Stores rows of `measurements`."""
        ...

    def record(self, run: Run) -> None:
        """Stores how far a run is; what was stored of it before is replaced."""
        ...


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A store that reads and keeps nothing: what a sweep would do."""

    behind: Store

    def payloads(self) -> list[bytes]:
        """As the store behind."""
        return self.behind.payloads()

    def stale(self, authority: str) -> dict[str, Stale]:
        """As the store behind."""
        return self.behind.stale(authority)

    def page_end(self, authority: str, after: str, keys: int) -> str | None:
        """As the store behind."""
        return self.behind.page_end(authority, after, keys)

    def page(self, authority: str, after: str, end: str, generation: int) -> pa.Table:
        """As the store behind."""
        return self.behind.page(authority, after, end, generation)

    def write(self, rows: pa.Table) -> None:
        """Keeps nothing."""

    def record(self, run: Run) -> None:
        """Keeps nothing."""


@dataclass(slots=True)
class Restatement:
    """Sweeps until nothing is stale. `clock` gives aware UTC; `pause` lets time pass between two sweeps; `watch` hears
    after each page how far the sweep is, and how many states were stale when it began."""

    store: Store
    request: Request
    clock: Callable[[], datetime]
    pause: Callable[[], None]
    watch: Callable[[Run, int], None] = lambda _run, _stale: None
    page_keys: int = PAGE_KEYS
    runs: list[Run] = field(default_factory=list)

    def until_nothing_is_stale(self) -> dict[str, Stale]:
        """What is still stale at the end: nothing, or what this code cannot restate. Raises `Retry` or `Halt`."""
        idle = 0
        stale = self.store.stale(self.request.authority)
        while any(left.tasks for left in stale.values()) and idle < IDLE_SWEEPS:
            idle = 0 if self.sweep(stale).tasks else idle + 1
            stale = self.store.stale(self.request.authority)
            if stale:
                self.pause()
        return stale

    def sweep(self, stale: Mapping[str, Stale]) -> Run:
        """One pass over these authorities under the newest generation that the store has. Raises `Retry` or `Halt`."""
        snapshot = Snapshot(registry_of(self.store.payloads()))
        now = self.clock()
        asked = self.request
        run = Run(snapshot.generation, now, asked.requested_by, asked.reason, asked.authority, finished_at=now)
        total = sum(left.tasks for left in stale.values())
        for authority in sorted(authority for authority, left in stale.items() if left.tasks):
            after = ""
            while (end := self.store.page_end(authority, after, self.page_keys)) is not None:
                run = self._page(run, authority, (after, end), snapshot)
                self.watch(run, total)
                after = end
        if run.tasks:
            self.runs.append(run)
        return run

    def _page(self, run: Run, authority: str, keys: tuple[str, str], snapshot: Snapshot) -> Run:
        before = self.store.page(authority, *keys, snapshot.generation)
        if before.num_rows == 0:
            return run
        after = restated(before, snapshot)
        self.store.write(after)
        run = run.with_page(before, after, self.clock())
        self.store.record(run)
        return run


def restated(states: pa.Table, snapshot: Snapshot) -> pa.Table:
    """Rows of `measurements` (kind 1, rules from `SAME_COLUMNS_SINCE` to `RULES`), measured under the snapshot: what a
    collector of `RULES` with that snapshot writes for the same records, in the same order."""
    moments = states.column("completed_at").cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
    measured = snapshot.measure(task_columns(states.append_column("completed_ms", moments)))
    count = states.num_rows
    columns = {
        **dict(zip(states.column_names, states.columns, strict=True)),
        "rules": np.full(count, RULES, dtype=np.uint32),
        "generation": np.full(count, snapshot.generation, dtype=np.uint64),
        **measured_columns(measured, snapshot),
    }
    return pa.table(columns).select(states.column_names)


def changed(before: pa.Table, after: pa.Table) -> int:
    """In how many rows anything but rules and generation differs."""
    differs = np.zeros(before.num_rows, dtype=np.bool_)
    for name in set(before.column_names) - {"rules", "generation"}:
        one, other = (table.column(name).combine_chunks() for table in (before, after))
        equal = pc.fill_null(pc.equal(one, other), False)  # noqa: FBT003 - pyarrow's signature
        both_unknown = pc.and_(pc.is_null(one), pc.is_null(other))
        differs |= ~pc.or_(equal, both_unknown).to_numpy(zero_copy_only=False)
    return int(np.count_nonzero(differs))
