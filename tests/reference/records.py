"""Every record of the log, read once and kept in columns: what each came to, and what the accepted events say.

Five million events take about 2 GB: one array a column, names numbered. Contents are compared by 64-bit hashes of their
fields, which do not depend on spacing, the order of keys or the content mode.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from tests.reference.reading import RETRACTED, TASK_STATES, Event, read
from tests.reference.shapes import Conflict, Coordinate, Disposition, LogRecord, Traits

UNKNOWN: Final = -1
_NUMBERS: Final = ("active_ms", "review_ms", "rework_ms", "predicted_without_ai_ms", "predicted_with_ai_ms")
_TRAITS: Final = (
    *("time_basis", "assistance", "assignment", "arm", "origin", "outcome", "work", "audience", "programme", "study"),
    *("stratum", "cluster", "cluster_kind"),
)


class _Place:
    """A partition of a log: offsets in order, what each record came to, and a hash of its bytes."""

    def __init__(self, log_no: int, topic: str, partition: int) -> None:
        self.name = (log_no, topic, partition)
        self.offsets = array("Q")
        self.came_to = array("q")  # a row of the accepted, or -1 - the number of a code
        self.prints = array("q")

    def find(self, offset: int) -> tuple[int, bool]:
        """Where the offset stands or would stand, and whether it does."""
        offsets = self.offsets
        at = len(offsets) if not offsets or offset > offsets[-1] else bisect_left(offsets, offset)
        return at, at < len(offsets) and offsets[at] == offset


class Records:
    """The records of a log, in any order and more than once too; the same coordinate always holds the same record."""

    def __init__(self, records: Iterable[LogRecord] = ()) -> None:
        self._places: list[_Place] = []
        self._place_numbers: dict[tuple[int, str, int], int] = {}
        self._codes: list[str] = []
        self._numbers: dict[Any, int] = {}
        self._by_id: dict[tuple[str, str], dict[str, int]] = {}
        self._same_id: dict[tuple[str, str, str], list[int]] = {}
        self._rows_of: dict[int, list[int]] = {}
        self._tasks: dict[str, dict[str, int]] = {}
        self.task_names: list[tuple[str, str]] = []
        self.first_row = array("q")
        self.scopes: list[tuple[str, str, str]] = []
        self.traits: list[Traits] = []
        self.place, self.scope, self.trait, self.revision = (array("I") for _ in range(4))
        self.kind = array("B")
        self.offset = array("Q")
        self.task, self.started, self.completed, self._content, self._whole = (array("q") for _ in range(5))
        self.active, self.review, self.rework, self.without_ai, self.with_ai = (array("q") for _ in range(5))
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        return sum(len(place.offsets) for place in self._places)

    def add(self, record: LogRecord) -> None:
        """Reads a record. Raises `ValueError` where another one stands at its coordinate, and `CannotJudgeError`."""
        log_no, topic, partition, offset, key, value, headers = record
        number = self._place_numbers.get((log_no, topic, partition))
        if number is None:
            number = self._place_numbers[log_no, topic, partition] = len(self._places)
            self._places.append(_Place(log_no, topic, partition))
        place = self._places[number]
        at, known = place.find(offset)
        fingerprint = hash((key, value, tuple(headers)))
        if known:
            if place.prints[at] != fingerprint:
                raise ValueError(f"two records at {log_no}/{topic}/{partition}/{offset}")
            return
        found = read(topic, key, value, headers)
        came_to = (
            -1 - self._number_of(found, self._codes)
            if isinstance(found, str)
            else self._accept(number, offset, topic, found)
        )
        place.offsets.insert(at, offset)
        place.came_to.insert(at, came_to)
        place.prints.insert(at, fingerprint)

    def _number_of(self, name: Any, names: list[Any]) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(names)
            names.append(name)
        return number

    def _accept(self, place: int, offset: int, topic: str, event: Event) -> int:
        document, data = event.document, event.document["data"]
        row = len(self.place)
        self.place.append(place)
        self.offset.append(offset)
        ai = data.pop("ai", None)
        content = hash((frozenset(data.items()), None if ai is None else frozenset(ai.items())))
        del document["data"]
        document.pop("datacontenttype", None)  # it has one value, and binary mode always has it
        self._content.append(content)
        self._whole.append(hash((frozenset(document.items()), content)))
        source = (topic, document["source"])
        ids = self._by_id.get(source)
        if ids is None:
            ids = self._by_id[source] = {}
        first = ids.setdefault(document["id"], row)
        if first != row:
            self._same_id.setdefault((*source, document["id"]), [first]).append(row)
        if document["type"] in TASK_STATES:
            self._state(row, data, event.moments)
        elif document["type"] == RETRACTED:
            self._place_task(row, data, 2)
            self._say(0, 0, 0, 0, [0, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN])
        else:
            self.task.append(UNKNOWN)
            self.revision.append(0)
            self.kind.append(0)
            self._say(0, 0, 0, 0, [0, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN])
        return row

    def _state(self, row: int, data: dict[str, Any], moments: dict[str, int]) -> None:
        self._place_task(row, data, 1)
        scope = (data["authority"], data["task_type"], data["complexity"])
        traits = Traits(*[data.get(name, "") for name in _TRAITS])
        numbers = [data.get(name) for name in _NUMBERS]
        self._say(
            self._number_of(scope, self.scopes),
            self._number_of(traits, self.traits),
            moments["started_at"],
            moments["completed_at"],
            [UNKNOWN if number is None else number for number in numbers],
        )

    def _place_task(self, row: int, data: dict[str, Any], kind: int) -> None:
        authority, name = data["authority"], data["task"]
        tasks = self._tasks.get(authority)
        if tasks is None:
            tasks = self._tasks[authority] = {}
        task = tasks.setdefault(name, len(self.task_names))
        if task == len(self.task_names):
            self.task_names.append((authority, name))
            self.first_row.append(row)
        else:
            self._rows_of.setdefault(task, [self.first_row[task]]).append(row)
        self.task.append(task)
        self.revision.append(data["revision"])
        self.kind.append(kind)

    def _say(self, scope: int, traits: int, started: int, completed: int, numbers: list[int]) -> None:
        self.scope.append(scope)
        self.trait.append(traits)
        self.started.append(started)
        self.completed.append(completed)
        columns = (self.active, self.review, self.rework, self.without_ai, self.with_ai)
        for column, number in zip(columns, numbers, strict=True):
            column.append(number)

    # -- what is asked ------------------------------------------------------------------------------------------------------

    def task_number(self, authority: str, task: str) -> int | None:
        """The number of a task, `None` where no accepted event is about it."""
        return self._tasks.get(authority, {}).get(task)

    def rank(self, row: int) -> tuple[int, int, int, int, int]:
        """Which event of a task wins: highest revision; then a retraction; then the lowest coordinate."""
        log_no, _, partition = self._places[self.place[row]].name
        return self.revision[row], self.kind[row], -log_no, -partition, -self.offset[row]

    def coordinate(self, row: int) -> Coordinate:
        """Where an accepted event stands."""
        return Coordinate(*self._places[self.place[row]].name, self.offset[row])

    def row_at(self, log_no: int, topic: str, partition: int, offset: int) -> int | None:
        """The accepted event at a coordinate, `None` for a rejected one. Raises `KeyError` where no record was read."""
        place = self._places[self._place_numbers[log_no, topic, partition]]
        at, known = place.find(offset)
        if not known:
            raise KeyError(f"no record at {log_no}/{topic}/{partition}/{offset}")
        return place.came_to[at] if place.came_to[at] >= 0 else None

    def dispositions(self) -> Iterator[tuple[Coordinate, Disposition]]:
        """The disposition of every coordinate, partition by partition, in the order of offsets."""
        first = self._firsts()
        for place in self._places:
            for offset, came_to in zip(place.offsets, place.came_to, strict=True):
                coordinate = Coordinate(*place.name, offset)
                if came_to < 0:
                    yield coordinate, Disposition("rejected", code=self._codes[-1 - came_to])
                elif came_to in first:
                    yield coordinate, Disposition("duplicate", first=self.coordinate(first[came_to]))
                else:
                    yield coordinate, Disposition("accepted")

    def counts(self) -> dict[tuple[int, str, int], Counter[str]]:
        """Per (log_no, topic, partition): records accepted (once each), `duplicate`, and rejected by code."""
        first = self._firsts()
        found: dict[tuple[int, str, int], Counter[str]] = {}
        for place in self._places:
            counts = Counter(place.came_to)
            codes = {self._codes[-1 - came_to]: count for came_to, count in counts.items() if came_to < 0}
            found[place.name] = Counter({"accepted": len(place.offsets) - sum(codes.values()), **codes})
        for row in first:
            name = self._places[self.place[row]].name
            found[name].update(accepted=-1, duplicate=1)
        return {name: +counter for name, counter in found.items()}

    def conflicts(self) -> list[Conflict]:
        """Every coordinate whose content is another than the first's under its id, or under its task, revision and kind."""
        found: list[Conflict] = []
        for rows in self._same_id.values():
            first = self._first(rows)
            found += [self._conflict("id", row, first) for row in rows if self._whole[row] != self._whole[first]]
        for rows in self._rows_of.values():
            same: dict[tuple[int, int], list[int]] = {}
            for row in rows:
                same.setdefault((self.revision[row], self.kind[row]), []).append(row)
            for alike in same.values():
                first = self._first(alike)
                found += [
                    self._conflict("revision", r, first) for r in alike if self._content[r] != self._content[first]
                ]
        return sorted(found)

    def _conflict(self, kind: Literal["id", "revision"], other: int, first: int) -> Conflict:
        return Conflict(kind, self.coordinate(other), self.coordinate(first))

    def _first(self, rows: list[int]) -> int:
        return min(rows, key=lambda row: tuple(self.coordinate(row)))

    def _firsts(self) -> dict[int, int]:
        """The first row with the id of each duplicate."""
        return {row: self._first(rows) for rows in self._same_id.values() for row in rows if row != self._first(rows)}
