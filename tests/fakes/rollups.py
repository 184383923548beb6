"""What a writer of rollups needs, in memory: measurements in parts, rows of both tables, heads, a registry with a number."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pyarrow as pa

from services.domain.rollups.heads import Draft, Head, Shown, newest
from services.domain.rollups.parts import Part
from services.domain.rollups.tables import CLUSTERS, DAILY, UNIT, Layout, Unit
from services.progress.rollups.publishing import Dirty

SCHEMA = pa.schema(
    [
        ("authority", pa.string()),
        ("day", pa.date32()),
        ("task", pa.string()),
        ("mark", pa.uint64()),
        *((name, pa.string()) for name in DAILY.keys if name != "baseline_version"),
        ("baseline_version", pa.uint32()),
        *((name, pa.string()) for name in ("outcome", "study", "cluster")),
        ("capped", pa.uint8()),
        *((f"{name}_ms", pa.int64()) for name in ("counted_active", "review", "rework", "effort", "credit", "saved")),
    ]
)
"""Of the view `unit_tasks`."""
Task = dict[str, Any]


class VersionError(AssertionError):
    """Two contents under one key: which one stays would be chance."""


@dataclass
class MemoryRollups:
    """`Store` of a writer. `ms` is the database's clock. Every call is told to `before` first, which may raise."""

    before: Callable[[str], None] = lambda _: None
    ms: int = 1_000
    tasks: dict[tuple[str, str], tuple[int, Task | None]] = field(default_factory=dict)
    active: list[tuple[Part, set[str]]] = field(default_factory=list)
    rows: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)
    stored_heads: dict[tuple[Unit, int], Head] = field(default_factory=dict)
    number: int = 0
    stale_authorities: set[str] = field(default_factory=set)
    inserts: int = 0

    # -- what others do -----------------------------------------------------------------------------------------------------

    def put(self, authority: str, task: str, content: Task | None) -> None:
        """Another version of a task; `None`: it is retracted."""
        version = self.tasks.get((authority, task), (0, None))[0] + 1
        self.tasks[authority, task] = version, content
        self.inserts += 1
        part = Part(f"all_{self.inserts}_{self.inserts}_0", self.inserts, self.inserts)
        self.active.append((part, {authority}))

    def merge(self, first: int, count: int) -> None:
        """Merges some neighbouring parts."""
        chosen = self.active[first : first + count]
        if len(chosen) > 1:
            begin, end = chosen[0][0].first, chosen[-1][0].last
            merged = Part(f"all_{begin}_{end}_1", begin, end), set[str]().union(*(whose for _, whose in chosen))
            self.active[first : first + count] = [merged]

    def now(self) -> list[Task]:
        """The tasks that count, as the view `unit_tasks` has them."""
        return [
            {**content, "authority": authority, "task": task, "mark": mark(task, version)}
            for (authority, task), (version, content) in self.tasks.items()
            if content is not None
        ]

    def by_unit(self) -> dict[Unit, list[Task]]:
        """The same by unit."""
        found: dict[Unit, list[Task]] = {}
        for task in self.now():
            found.setdefault(Unit(task["authority"], task["day"]), []).append(task)
        return found

    def shown(self, layout: Layout, at_ms: int | None = None) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The rows that are shown, or were shown at a moment, by unit and keys."""
        runs = {(*unit, head.run) for unit, head in newest(self.heads, at_ms).items()}
        return {
            (*key[1:3], *key[4:]): row for key, row in self.rows.items() if key[0] == layout.table and key[1:4] in runs
        }

    @property
    def heads(self) -> list[Head]:
        """Every head; one of the same unit and number was replaced."""
        return list(self.stored_heads.values())

    # -- the store ----------------------------------------------------------------------------------------------------------

    def parts(self) -> list[Part]:
        self.before("parts")
        return [part for part, _ in self.active]

    def authorities_in(self, parts: Collection[str]) -> set[str]:
        self.before("authorities_in")
        return set[str]().union(*(whose for part, whose in self.active if part.name in parts))

    def dirty(self, authorities: Collection[str] | None) -> dict[Unit, Dirty]:
        self.before("dirty")
        heads, units = newest(self.heads), self.by_unit()
        found = {}
        for unit in sorted({*heads, *units}):
            if authorities is None or unit.authority in authorities:
                shown = _shown(heads.get(unit))
                tasks = units.get(unit, [])
                if not shown.says(len(tasks), sum(task["mark"] for task in tasks) % 2**64):
                    found[unit] = Dirty(len(tasks), shown)
        return found

    def generation(self) -> int:
        self.before("generation")
        return self.number

    def stale(self, authorities: Collection[str]) -> set[str]:
        self.before("stale")
        return self.stale_authorities & set(authorities)

    def copy(self, units: Collection[Unit]) -> pa.Table:
        self.before("copy")
        return table_of([task for unit, tasks in self.by_unit().items() if unit in units for task in tasks])

    def write(self, daily: pa.Table, clusters: pa.Table) -> None:
        for layout, rows in ((DAILY, daily), (CLUSTERS, clusters)):
            self.before("rows")
            for row in rows.to_pylist():
                key = (layout.table, *(row[name] for name in (*UNIT, *layout.keys)))
                content = tuple(row[name] for name in (*layout.follows, *layout.amounts))
                if self.rows.setdefault(key, content) != content:
                    raise VersionError(f"{key}: {self.rows[key]}, then {content}")

    def publish(self, heads: Sequence[Draft]) -> None:
        self.before("head")
        self.ms += 1
        for draft in heads:
            self.stored_heads[draft.unit, draft.seq] = _stamped(draft, max(self.ms, draft.not_before_ms))


def mark(task: str, version: int) -> int:
    """64 bits of a digest, as sipHash64 of both."""
    return int.from_bytes(hashlib.sha256(f"{task}/{version}".encode()).digest()[:8], "big")


def table_of(tasks: Iterable[Task]) -> pa.Table:
    """Tasks as the view `unit_tasks` has them."""
    return pa.Table.from_pylist(list(tasks), schema=SCHEMA)


def task_of(day: date, **fields: Any) -> Task:
    """A measured task done with AI, but for these fields."""
    credit, effort = fields.get("credit_ms", 600_000), fields.get("effort_ms", 400_000)
    words = dict.fromkeys([field.name for field in SCHEMA if field.type == pa.string()], "x")
    known = {
        **words,
        "day": day,
        "arm": "",
        "assistance": "draft",
        "status": "measured",
        "outcome": "completed",
        "baseline_version": 1,
        "capped": 0,
        "counted_active_ms": effort,
        "review_ms": 0,
        "rework_ms": 0,
        "effort_ms": effort,
        "credit_ms": credit,
        "saved_ms": (credit or 0) - effort,
    }
    return {**known, **fields}


def _shown(head: Head | None) -> Shown:
    return Shown() if head is None else Shown(head.seq, head.run, head.n, head.head, head.published_ms)


def _stamped(draft: Draft, ms: int) -> Head:
    head = Head(draft.unit, draft.seq, draft.run, draft.n, draft.rows, draft.previous, ms, b"")
    return replace(head, head=head.digest())
