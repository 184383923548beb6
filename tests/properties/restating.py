"""A world to restate in: a table that folds by version, what a collector writes into it, and actors that take turns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Semaphore, Thread
from typing import Any

import msgspec
import pyarrow as pa
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import strategies as st

from contracts import RULES, topics
from contracts.events import COMPLETED, CORRECTED, RETRACTED, RegistryEvent, identifier_of, schema_name
from contracts.reading import STRUCTURED_HEADERS
from contracts.tasks import TaskRetraction, TaskState
from services.baselines.restatement import Run, Stale
from services.collector.assignment import Begin
from services.collector.judge import judge
from services.collector.partitions import Batch
from services.domain.columns import Snapshot
from services.domain.match import Registry
from services.domain.provenance import Provenance
from tests.properties.domain.strategies import AUTHORITIES, tasks
from tests.reference.staleness import newer_generation

Content = TaskState | TaskRetraction
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@st.composite
def contents(draw: st.DrawFn) -> list[Content]:
    """What a log holds, in its order: states, corrections and retractions of few tasks; at times two of one revision."""
    found: list[Content] = []
    for _ in range(draw(st.integers(1, 10))):
        state = draw(tasks())
        task, revision = draw(st.sampled_from(["t1", "t2", "t3"])), draw(st.integers(1, 3))
        if draw(st.integers(0, 4)) == 0:
            found.append(TaskRetraction(authority=state.authority, reason="wrong", task=task, revision=revision))
        else:
            found.append(state.model_copy(update={"task": task, "revision": revision}))
    return found


def payload_of(event: RegistryEvent) -> bytes:
    """A registry event as it is stored, under the subject that its data wants."""
    body = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    return msgspec.json.encode({**body, "subject": (subject := identifier_of(event)), "partitionkey": subject})


def record_of(content: Content, offset: int) -> ConsumerRecord[bytes, bytes]:
    """A task event as Kafka delivers it, on partition 0 of its authority's topic."""
    state = COMPLETED if content.revision == 1 else CORRECTED
    kind = RETRACTED if isinstance(content, TaskRetraction) else state
    known = {"review_ms", "rework_ms"}
    data = content.model_dump(mode="json", by_alias=True)
    event = {
        "specversion": "1.0",
        "id": f"e{offset}",
        "source": "/case/system",
        "type": kind,
        "subject": content.task,
        "partitionkey": content.task,
        "time": "2026-03-02T08:10:00Z",
        "dataschema": schema_name(kind),
        "data": {name: value for name, value in data.items() if value is not None or name in known},
    }
    topic, key, value = topics.tasks_topic(content.authority), content.task.encode(), msgspec.json.encode(event)
    sent = 1_780_000_000_000 + offset
    return ConsumerRecord(topic, 0, offset, sent, 0, key, value, None, 0, 0, STRUCTURED_HEADERS)


def collected(log: Iterable[tuple[int, Content]], snapshot: Snapshot) -> pa.Table:
    """The rows of `measurements` that a collector writes for (offset, content), through its own path."""
    records = [record_of(content, offset) for offset, content in log]
    logs = {TopicPartition(topics.tasks_topic(authority), 0): Begin(1, "id-1", 0) for authority in AUTHORITIES}
    judged = judge(Batch(records, logs, {}, 1), snapshot, Provenance(b"s" * 32))
    assert judged.codes == {}
    return judged.measurements


def version_of(row: dict[str, Any]) -> tuple[int, ...]:
    """The order of section 5: revision, kind, lowest coordinate, rules, generation."""
    coordinate = (-row["log_no"], -row["partition"], -row["offset"])
    return (row["revision"], row["kind"], *coordinate, row["rules"], row["generation"])


@dataclass
class FoldingTable:
    """`measurements` in memory, with the registry beside it. Holds the invariant: a version has one content, ever.

    `point` is called before each answer and each write: there another actor may come in between.
    """

    point: Callable[[], None] = lambda: None
    events: list[RegistryEvent] = field(default_factory=list)
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    written: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    ledger: dict[tuple[Any, ...], Run] = field(default_factory=dict)
    _schema: pa.Schema = field(default_factory=lambda: collected([], Snapshot(Registry())).schema)

    def payloads(self) -> list[bytes]:
        self.point()
        return [payload_of(event) for event in self.events]

    def write(self, rows: pa.Table) -> None:
        self.point()
        for row in rows.to_pylist():
            key = (row["authority"], row["task"])
            assert self.written.setdefault((*key, *version_of(row)), row) == row, "one version has two contents"
            if key not in self.rows or version_of(self.rows[key]) < version_of(row):
                self.rows[key] = row

    def states(self) -> list[dict[str, Any]]:
        return [row for _, row in sorted(self.rows.items()) if row["kind"] == 1]

    def _stale(self) -> list[dict[str, Any]]:
        return [row for row in self.states() if row["generation"] < newer_generation(row, self.events)]

    def stale(self, authority: str) -> dict[str, Stale]:
        self.point()
        found: dict[str, Stale] = {}
        for row in self._stale():
            before = found.get(row["authority"], Stale(0, row["generation"], 0))
            foreign = row["rules"] != RULES
            now = Stale(before.tasks + (not foreign), min(before.oldest, row["generation"]), before.foreign + foreign)
            if authority in {"", row["authority"]}:
                found[row["authority"]] = now
        return found

    def page_end(self, authority: str, after: str, keys: int) -> str | None:
        self.point()
        later = sorted(task for owner, task in self.rows if owner == authority and task > after)[:keys]
        return later[-1] if later else None

    def page(self, authority: str, after: str, end: str, generation: int) -> pa.Table:
        self.point()
        found = [
            row
            for row in self._stale()
            if row["authority"] == authority
            and after < row["task"] <= end
            and row["generation"] < generation
            and row["rules"] == RULES
        ]
        return pa.Table.from_pylist(found, self._schema)

    def record(self, run: Run) -> None:
        self.point()
        self.ledger[run.generation, run.started_at, run.requested_by] = run


class Turns:
    """Actors in threads of which one at a time goes on, to its next `point`; `choose` says which."""

    def __init__(self, choose: Callable[[Sequence[str]], str]) -> None:
        self._choose = choose
        self._current = ""
        self._turn: dict[str, Semaphore] = {}
        self._back = Semaphore(0)
        self._failures: list[BaseException] = []
        self._ended = ""

    def point(self) -> None:
        """Gives the turn back, and goes on when it comes again."""
        if self._current:
            mine = self._turn[self._current]
            self._back.release()
            mine.acquire()
            if self._failures:
                raise self._failures[0]

    def run(self, actors: dict[str, Callable[[], Any]]) -> None:
        """Runs all to their ends, in the order that `choose` makes; raises what one of them raised."""
        threads = {}
        for name, actor in actors.items():
            self._turn[name] = Semaphore(0)
            threads[name] = Thread(target=self._play, args=(name, actor), daemon=True)
            threads[name].start()
        while alive := sorted(name for name, thread in threads.items() if thread.is_alive()):
            self._current = self._choose(alive) if not self._failures else alive[0]
            self._turn[self._current].release()
            self._back.acquire()
            if self._current == "":
                threads[self._ended].join()
        if self._failures:
            raise self._failures[0]

    def _play(self, name: str, actor: Callable[[], Any]) -> None:
        self._turn[name].acquire()
        try:
            if not self._failures:
                actor()
        except BaseException as failure:  # noqa: BLE001 - it is raised again by run
            self._failures.append(failure)
        self._ended = name
        self._current = ""
        self._back.release()
