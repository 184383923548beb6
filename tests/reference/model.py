"""What the system must come to: the state of every task and every total, from the log and the registry. From the words of
the design's sections 1, 3, 4 and 5; exact integers; nothing of the project but names.

    highest revision; at equal revision a retraction over a state; then the lowest coordinate
    counted = active, for elapsed time at most the baseline's cap      effort = counted + review + rework (known parts)
    credit  = the baseline, for a completed task that is not induced   saved  = credit - effort; without credit -effort
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from tests.reference.records import UNKNOWN, Records
from tests.reference.registry import Baseline, Book, Registry
from tests.reference.shapes import Coordinate, LogRecord, Traits

_DAY_MS: Final = 86_400_000


class Figures(NamedTuple):
    """The figures of a task, milliseconds; `None`: none, or not known."""

    status: str
    counted_active_ms: int
    capped: bool
    effort_ms: int
    credit_ms: int | None
    saved_ms: int | None
    baseline: Baseline | None


class State(NamedTuple):
    """A task that is not retracted, as `measurements` must have it. `day`: days since 1970 UTC."""

    authority: str
    task: str
    revision: int
    coordinate: Coordinate
    day: int
    started_ms: int
    completed_ms: int
    task_type: str
    complexity: str
    traits: Traits
    active_ms: int
    review_ms: int | None
    rework_ms: int | None
    predicted_without_ai_ms: int | None
    predicted_with_ai_ms: int | None
    figures: Figures


class Total(NamedTuple):
    """Counts of tasks by status, and sums over the measured ones, milliseconds; `treated` of these: with AI as drawn, or
    done with it without a draw. What they saved, and their credit less their counted active time, is what AI freed."""

    tasks: int = 0
    measured: int = 0
    unmeasured: int = 0
    incomplete: int = 0
    capped: int = 0
    effort_ms: int = 0
    credit_ms: int = 0
    saved_ms: int = 0
    treated: int = 0
    freed_ms: int = 0
    gross_ms: int = 0

    def plus(self, other: "Total") -> "Total":
        """The sum of both."""
        return Total(*map(sum, zip(self, other, strict=True)))


def fold(
    records: Records | Iterable[LogRecord],
    registry: Registry,
    coordinates: Iterable[tuple[int, str, int, int]] | Mapping[Coordinate, int] | None = None,
) -> "Fold":
    """The fold of all records, or of those at `coordinates` alone, measured with the newest registry, or each with the
    generation that the mapping gives its coordinate. Raises `KeyError` for a coordinate without a record."""
    known = records if isinstance(records, Records) else Records(records)
    rows: Iterable[int] = range(len(known.task))
    if coordinates is not None:
        found = (known.row_at(*coordinate) for coordinate in coordinates)
        rows = (row for row in found if row is not None)
    generations: dict[int, int] = {}
    if isinstance(coordinates, Mapping):
        for coordinate, generation in coordinates.items():
            row = known.row_at(*coordinate)
            if row is not None:
                generations[row] = generation
    return Fold(known, registry, rows, generations)


class Fold:
    """The winners among some events, and what they come to."""

    def __init__(
        self, records: Records, registry: Registry, rows: Iterable[int], generations: Mapping[int, int]
    ) -> None:
        self.records = records
        self._registry = registry
        self._generations = generations
        self._winners: dict[int, int] = {}
        winners, task = self._winners, records.task
        for row in rows:
            number = task[row]
            if number == UNKNOWN:
                continue
            before = winners.setdefault(number, row)
            if before != row and records.rank(row) > records.rank(before):
                winners[number] = row

    def __len__(self) -> int:
        return len(self._winners)

    def winner(self, authority: str, task: str) -> tuple[int, int, Coordinate] | None:
        """Revision, kind (1 state, 2 retracted) and coordinate of the event that won; `None`: nothing of this task."""
        number = self.records.task_number(authority, task)
        row = None if number is None else self._winners.get(number)
        if row is None:
            return None
        return self.records.revision[row], self.records.kind[row], self.records.coordinate(row)

    def state(self, authority: str, task: str) -> State | None:
        """The state of a task; `None` where there is none, or it was retracted."""
        number = self.records.task_number(authority, task)
        row = None if number is None else self._winners.get(number)
        return None if row is None or self.records.kind[row] != 1 else self._state(row)

    def states(self) -> Iterator[State]:
        """The state of every task that is not retracted, in no order that means anything."""
        return (self._state(row) for row in self._winners.values() if self.records.kind[row] == 1)

    def _state(self, row: int) -> State:
        known = self.records
        authority, task = known.task_names[known.task[row]]
        _, task_type, complexity = known.scopes[known.scope[row]]
        return State(
            authority=authority,
            task=task,
            revision=known.revision[row],
            coordinate=known.coordinate(row),
            day=known.completed[row] // _DAY_MS,
            started_ms=known.started[row],
            completed_ms=known.completed[row],
            task_type=task_type,
            complexity=complexity,
            traits=known.traits[known.trait[row]],
            active_ms=known.active[row],
            review_ms=_or_none(known.review[row]),
            rework_ms=_or_none(known.rework[row]),
            predicted_without_ai_ms=_or_none(known.without_ai[row]),
            predicted_with_ai_ms=_or_none(known.with_ai[row]),
            figures=self._figures(row, self._book(row)),
        )

    def _book(self, row: int) -> Book:
        return self._registry.at(self._generations.get(row, self._registry.generation))

    def _figures(self, row: int, book: Book) -> Figures:
        known = self.records
        traits = known.traits[known.trait[row]]
        baseline = book.match(*known.scopes[known.scope[row]], known.completed[row])
        counted = active = known.active[row]
        if traits.time_basis == "elapsed" and baseline is not None and baseline.cap_ms is not None:
            counted = min(active, baseline.cap_ms)
        review, rework = known.review[row], known.rework[row]
        effort = counted + max(review, 0) + max(rework, 0)
        capped = counted < active
        earns = traits.outcome == "completed" and traits.origin == "pre_existing"
        if earns and baseline is None:
            return Figures("unmeasured", counted, capped, effort, None, None, None)
        credit = baseline.mean_ms if earns and baseline is not None else None
        if traits.assistance != "none" and UNKNOWN in {review, rework}:
            return Figures("incomplete", counted, capped, effort, credit, None, baseline)
        return Figures("measured", counted, capped, effort, credit, (credit or 0) - effort, baseline)

    # -- totals -------------------------------------------------------------------------------------------------------------

    def totals(self) -> dict[tuple[str, int, str, str], Total]:
        """The totals of every cell that has tasks: (authority, day, task type, complexity)."""
        known = self.records
        sums: dict[tuple[int, int], list[int]] = {}
        book = None if self._generations else self._registry.at(self._registry.generation)
        for row in self._winners.values():
            if known.kind[row] != 1:
                continue
            status, counted, capped, effort, credit, saved, _ = self._figures(row, book or self._book(row))
            cell = (known.scope[row], known.completed[row] // _DAY_MS)
            total = sums.get(cell)
            if total is None:
                total = sums[cell] = [0] * len(Total._fields)
            total[0] += 1
            total[_STATUS[status]] += 1
            total[4] += capped
            if saved is not None:
                total[5] += effort
                total[6] += credit or 0
                total[7] += saved
                if known.traits[known.trait[row]].role == "treated":
                    total[8] += 1
                    total[9] += saved
                    total[10] += 0 if credit is None else credit - counted
        return {
            (known.scopes[scope][0], day, *known.scopes[scope][1:]): Total(*total)
            for (scope, day), total in sums.items()
        }

    def by(self, *names: str) -> dict[tuple[str | int, ...], Total]:
        """The totals by some of `authority`, `day`, `task_type`, `complexity`; by none of them, all in one."""
        places = [("authority", "day", "task_type", "complexity").index(name) for name in names]
        found: dict[tuple[str | int, ...], Total] = {}
        for cell, total in self.totals().items():
            key = tuple(cell[place] for place in places)
            found[key] = found.get(key, Total()).plus(total)
        return found


_STATUS: Final = {"measured": 1, "unmeasured": 2, "incomplete": 3}


def _or_none(number: int) -> int | None:
    return None if number == UNKNOWN else number
