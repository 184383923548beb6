"""Kafka as the collector needs it, in memory: logs, one consumer group, dead letters. A member that was fenced commits nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition

from contracts import topics
from contracts.reading import STRUCTURED_HEADERS
from services.collector.pipeline import DeadLetter
from services.runtime.errors import Retry

Headers = Sequence[tuple[str, bytes]]
SENT_MS = 1_775_000_000_000
"""The broker's time of offset 0 of every log."""


@dataclass
class FakeBroker:
    """The logs of topics that are never compacted, and what the group has committed."""

    logs: dict[TopicPartition, list[ConsumerRecord]] = field(default_factory=dict)
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    beginnings: dict[TopicPartition, int] = field(default_factory=dict)
    owners: dict[TopicPartition, "FakeSubscription"] = field(default_factory=dict)

    def create(self, topic: str, partitions: int) -> None:
        """A new topic."""
        for number in range(partitions):
            self.logs[TopicPartition(topic, number)] = []

    def topic_id(self, topic: str) -> str:
        """The id of this incarnation of a topic."""
        return f"id-of-{topic}"

    def append(
        self, partition: TopicPartition, key: bytes | None, value: bytes | None, headers: Headers = STRUCTURED_HEADERS
    ) -> int:
        """Adds a record; its offset."""
        log = self.logs[partition]
        offset = len(log)
        log.append(ConsumerRecord(*partition, offset, SENT_MS + offset, 0, key, value, None, 0, 0, tuple(headers)))
        return offset

    def delete_below(self, partition: TopicPartition, offset: int) -> None:
        """Retention: the records below are gone."""
        self.beginnings[partition] = offset

    def assign(self, member: "FakeSubscription", partitions: set[TopicPartition]) -> None:
        """Gives partitions to a member; who had them before may not commit them any more."""
        self.owners.update(dict.fromkeys(partitions, member))


class FakeConsumer:
    """What the reader does with the consumer inside a subscription."""

    def __init__(self) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()

    def pause(self, *partitions: TopicPartition) -> None:
        """Nothing is fetched from them."""
        self.paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """They are fetched from again."""
        self.paused -= set(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Where to fetch next."""
        self.positions[partition] = offset


class FakeSubscription:
    """A member of the group, as `services.collector.kafka.Subscription` is one."""

    def __init__(self, broker: FakeBroker) -> None:
        self.broker = broker
        self.consumer = FakeConsumer()
        self._handle: Callable[[Sequence[ConsumerRecord]], None] = lambda _: None

    def open(
        self, listener: ConsumerRebalanceListener | None, handle: Callable[[Sequence[ConsumerRecord]], None]
    ) -> None:
        """Subscribes. Nobody tells the listener: the test does, when it wants a rebalance."""
        del listener
        self._handle = handle

    def poll(self, most: int) -> int:
        """Hands over at most so many records of partitions that are not paused; how many."""
        handed = 0
        for partition, position in sorted(self.consumer.positions.items()):
            if partition not in self.consumer.paused and handed < most:
                records = self.broker.logs[partition][position : position + most - handed]
                self.consumer.positions[partition] = position + len(records)
                handed += len(records)
                if records:
                    self._handle(records)
        return handed

    async def positions(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, tuple[int | None, int, int]]:
        """Committed (or `None`), beginning and end offset of each partition."""
        broker = self.broker
        return {
            partition: (
                broker.committed.get(partition),
                broker.beginnings.get(partition, 0),
                len(broker.logs[partition]),
            )
            for partition in partitions
        }

    async def read_one(self, partition: TopicPartition, offset: int) -> ConsumerRecord | None:
        """The record at one offset; `None` if it is not there."""
        log = self.broker.logs[partition]
        return log[offset] if self.broker.beginnings.get(partition, 0) <= offset < len(log) else None

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Commits the next offsets to read. Raises `Retry` for a member that was fenced."""
        if any(self.broker.owners.get(partition) is not self for partition in offsets):
            raise Retry("Kafka", "commit: the group has another generation")
        self.broker.committed.update(offsets)

    async def ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each partition."""
        return {partition: len(self.broker.logs[partition]) for partition in partitions}


@dataclass
class FakeTopicIds:
    """Asks which incarnation a topic is."""

    broker: FakeBroker

    async def of(self, names: set[str]) -> dict[str, str]:
        """The topic id of each name."""
        return {name: self.broker.topic_id(name) for name in names}


@dataclass
class FakeDeadLetters:
    """`DeadLetters` over the broker's topic of rejected records."""

    broker: FakeBroker

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Sends them in order."""
        partition = TopicPartition(topics.REJECTED, 0)
        self.broker.logs.setdefault(partition, [])
        for letter in letters:
            self.broker.append(partition, letter.key, letter.value)
