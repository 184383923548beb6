"""What sources, the registry and retention do to the world of the state machine."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar
from zlib import crc32

from aiokafka import TopicPartition
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from contracts import topics
from contracts.examples import Example, invalid
from contracts.reading import STRUCTURED_HEADERS
from services.collector.brake import Limit
from services.domain.columns import Snapshot
from tests.integration.delivering import snapshot_of
from tests.properties.deliveries.collector import SteppingCollector, World
from tests.reference import load_registry
from tests.reference.events import event
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.shapes import Coordinate, LogRecord

AUTHORITIES = ("10000009", "10000025")
PARTITIONS = [TopicPartition(topics.tasks_topic(cvr), n) for cvr, n in zip(AUTHORITIES, (0, 0), strict=True)]
PARTITIONS.append(TopicPartition(topics.tasks_topic(AUTHORITIES[1]), 1))
LOG_NO = 3
"""The number of the first incarnation of each topic; the next ones count up from it."""
BAD = [e for e in invalid() if e.record.topic.startswith(topics.TASKS_PREFIX) and len(e.record.value or b"") < 5_000]
CONTENTS: list[dict[str, Any]] = [
    {"task_type": "kle:27.35.04", "complexity": "low", "day": "02-01", "active": 600_000},
    {"task_type": "form:44.20.05", "complexity": "high", "day": "03-05", "active": 100_000},
    {"task_type": "local:ny", "complexity": "low", "day": "02-01", "active": 50_000},
]
KINDS = st.sampled_from(["completed", "completed", "corrected", "reopened", "retracted"])
NUMBER = st.integers(0, 5)
EVENTS = st.tuples(NUMBER, KINDS, st.integers(1, 3), NUMBER, NUMBER)


def _registry() -> list[dict[str, Any]]:
    """Both authorities, then baselines of every level and a withdrawal, one after the other."""
    scopes: list[dict[str, Any]] = [
        {"level": "nation"},
        {"level": "authority", "authority": AUTHORITIES[0]},
        {"level": "sector", "sector": "region"},
        {"level": "nation"},
    ]
    told = [("authority.registered", {**e, "version": 1}) for e in load_registry.authority_entries(AUTHORITIES)]
    template = load_registry.baselines(AUTHORITIES)[0]
    for number, content in enumerate(CONTENTS * 4):
        scope, version = scopes[number % 4], 1 + number // 4
        names = {name: value for name, value in template.items() if name not in {"level", "authority", "sector"}}
        series = f"series-{number % 4}-{content['task_type'].replace(':', '.')}"
        changed = {"baseline": series, "version": version, "mean_ms": 100_000 * (number + 1), **scope}
        told.append(("baseline.published", names | changed | {"task_type": content["task_type"], "complexity": "any"}))
    withdrawn = {
        "baseline": told[4][1]["baseline"],
        "version": told[4][1]["version"],
        "reason": "x",
        "withdrawn_by": "y",
    }
    told.insert(8, ("baseline.withdrawn", withdrawn))
    return [load_registry.registry_event(kind, {**d, "generation": n}) for n, (kind, d) in enumerate(told, start=1)]


MESSAGES = _registry()
_SNAPSHOTS: dict[int, Snapshot] = {}


def snapshot_at(generation: int) -> Snapshot:
    """The registry of the collector, from the first `generation` messages."""
    if generation not in _SNAPSHOTS:
        _SNAPSHOTS[generation] = snapshot_of(MESSAGES[:generation])
    return _SNAPSHOTS[generation]


class Sources(RuleBasedStateMachine):
    """Two topics, three partitions."""

    bounds: ClassVar[Sequence[Limit]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World()
        for cvr, partitions in zip(AUTHORITIES, (1, 2), strict=True):
            topic = topics.tasks_topic(cvr)
            self.world.broker.create(topic, partitions)
            self.world.store.bind(topic, LOG_NO, self.world.broker.topic_ids()[topic])
        self.world.broker.create(topics.REJECTED, 1)
        self.log_no = dict.fromkeys(map(topics.tasks_topic, AUTHORITIES), LOG_NO)
        self.unbound: set[str] = set()
        self.shaken: set[TopicPartition] = set()
        """Those that may be halted: they could not be begun at the last rebalance, or something happened to their log since."""
        self.generation = 2
        self.registry = Registry(MESSAGES)
        self.records = Records()
        self.collectors: list[SteppingCollector] = []

    def do(self, coroutine: Any) -> None:
        self.loop.run_until_complete(coroutine)

    # -- what sources and the registry do -----------------------------------------------------------------------------------

    def deliver(self, partition: TopicPartition, key: bytes | None, value: bytes | None, headers: Any) -> None:
        offset = self.world.broker.append(partition, key, value, headers)
        log_no = self.log_no[partition.topic]
        self.records.add(LogRecord(log_no, partition.topic, partition.partition, offset, key, value, headers))

    @rule(cvr=st.sampled_from(AUTHORITIES), sent=st.lists(EVENTS, min_size=2, max_size=8))
    def send(self, cvr: str, sent: list[tuple[int, str, int, int, int]]) -> None:
        """Events of few tasks; ids, revisions and contents meet."""
        for task, what, revision, content, other in sent:
            name = f"t-{task % 3}"
            number = max(revision, 2) if what in {"corrected", "reopened"} else revision
            fields = {"task": name, "authority": cvr, "id": f"{name}-{number}-{other // 4}", **CONTENTS[content % 3]}
            value = event(what, number, rework=60_000 * number if what == "reopened" else 0, **fields)
            own = [partition for partition in PARTITIONS if partition.topic == topics.tasks_topic(cvr)]
            at = own[crc32(name.encode()) % len(own)] if other else own[-1]  # a source that changes its partitions
            self.deliver(at, name.encode(), value, STRUCTURED_HEADERS)

    @precondition(lambda self: len(self.records) > 0)
    @rule(partition=st.sampled_from(PARTITIONS), which=st.integers(0, 99))
    def send_again(self, partition: TopicPartition, which: int) -> None:
        """The same record at another coordinate."""
        log = self.world.broker.logs[partition]
        if log:
            record = log[which % len(log)]
            self.deliver(partition, record.key, record.value, record.headers)

    @rule(partition=st.sampled_from(PARTITIONS), example=st.sampled_from(BAD))
    def send_invalid(self, partition: TopicPartition, example: Example) -> None:
        record = example.of(topics.authority_of(partition.topic)).record
        self.deliver(partition, record.key, record.value, record.headers)

    @precondition(lambda self: self.generation < len(MESSAGES))
    @rule()
    def publish(self) -> None:
        """A baseline or a withdrawal; no collector knows it yet."""
        self.generation += 1

    # -- what becomes of logs -----------------------------------------------------------------------------------------------

    def bind_all(self) -> None:
        for topic in sorted(self.unbound):
            self.world.store.bind(topic, self.log_no[topic], self.world.broker.topic_ids()[topic])
        self.unbound.clear()

    @rule(partition=st.sampled_from(PARTITIONS), which=st.integers(0, 99), unread=st.sampled_from([False] * 5 + [True]))
    def retain(self, partition: TopicPartition, which: int, unread: bool) -> None:
        """Retention takes the oldest records: of those that are stored and committed, or of all."""
        beginning, end = self.world.broker.range_of(partition)
        below = end if unread else self.world.broker.committed_today(partition) or 0
        if below > beginning:
            self.world.broker.delete_below(partition, beginning + 1 + which % (below - beginning))
            self.shaken.add(partition)

    def stored_below(self, partition: TopicPartition) -> int:
        """The first offset of today's log that has no row."""
        _, end = self.world.broker.range_of(partition)
        log_no, verdicts = self.log_no[partition.topic], self.world.verdicts
        return next(
            (n for n in range(end) if Coordinate(log_no, partition.topic, partition.partition, n) not in verdicts), end
        )

    def must_halt(self, partition: TopicPartition) -> bool:
        """Whether who decides now where to begin may not begin at all."""
        beginning, _ = self.world.broker.range_of(partition)
        stored = self.stored_below(partition)
        committed = self.world.broker.committed_today(partition)
        known = stored if committed is None else min(stored, committed)
        return partition.topic in self.unbound or beginning > known
