"""Kafka as the collector needs it, in memory: logs, one consumer group, dead letters. A member that was fenced commits nothing."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition

from contracts import topics
from contracts.reading import STRUCTURED_HEADERS
from services.collector.pipeline import DeadLetter
from services.runtime.errors import Retry

Headers = Sequence[tuple[str, bytes]]
SENT_MS = 1_775_000_000_000
INCARNATION_MS = 1_000_000
DELETES = frozenset({"delete"})


def sent_ms(incarnation: int, offset: int) -> int:
    """The broker's time of a record: no two incarnations of a topic share one. Incarnations count from 1."""
    return SENT_MS + (incarnation - 1) * INCARNATION_MS + offset


@dataclass
class FakeBroker:
    """The logs of topics, and what the group has committed. Records that retention took stay in `logs`, below `beginnings`."""

    incarnations: dict[str, int] = field(default_factory=dict)
    policies: dict[str, frozenset[str]] = field(default_factory=dict)
    logs: dict[TopicPartition, list[ConsumerRecord]] = field(default_factory=dict)
    committed: dict[TopicPartition, tuple[int, str]] = field(default_factory=dict)
    beginnings: dict[TopicPartition, int] = field(default_factory=dict)
    owners: dict[TopicPartition, "FakeSubscription"] = field(default_factory=dict)

    def create(self, topic: str, partitions: int, cleanup_policy: frozenset[str] = DELETES) -> None:
        """A new topic; of another incarnation than any before it under this name."""
        self.incarnations[topic] = self.incarnations.get(topic, 0) + 1
        self.policies[topic] = cleanup_policy
        for number in range(partitions):
            self.logs[TopicPartition(topic, number)] = []

    def delete(self, topic: str) -> None:
        """The topic is gone, and with it what the group has committed of it."""
        del self.policies[topic]
        for partition in [partition for partition in self.logs if partition.topic == topic]:
            for kept in (self.logs, self.committed, self.beginnings):
                kept.pop(partition, None)

    def committed_today(self, partition: TopicPartition) -> int | None:
        """What was committed of the log that has the topic's name now, by the word of the commit."""
        offset, topic_id = self.committed.get(partition, (0, ""))
        return offset if topic_id and topic_id == self.topic_ids().get(partition.topic) else None

    def topic_ids(self) -> dict[str, str]:
        """The id of each topic that exists."""
        return {topic: f"id-{self.incarnations[topic]}-of-{topic}" for topic in self.policies}

    def range_of(self, partition: TopicPartition) -> tuple[int, int]:
        """Beginning and end offset. Raises `Retry` for a topic that does not exist."""
        if partition not in self.logs:
            raise Retry("Kafka", f"offsets of {partition.topic}: unknown topic")
        return self.beginnings.get(partition, 0), len(self.logs[partition])

    def append(
        self, partition: TopicPartition, key: bytes | None, value: bytes | None, headers: Headers = STRUCTURED_HEADERS
    ) -> int:
        """Adds a record; its offset."""
        log = self.logs[partition]
        offset = len(log)
        sent = sent_ms(self.incarnations[partition.topic], offset)
        log.append(ConsumerRecord(*partition, offset, sent, 0, key, value, None, 0, 0, tuple(headers)))
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
        """Hands over at most so many records of partitions that are not paused; how many. A position is an offset and no
        more: in a log that was replaced it goes on at the same one, and outside the log there is nothing to hand over."""
        handed = 0
        for partition, position in sorted(self.consumer.positions.items()):
            if partition in self.consumer.paused or handed >= most or partition not in self.broker.logs:
                continue
            beginning, end = self.broker.range_of(partition)
            if beginning <= position < end:
                records = self.broker.logs[partition][position : position + most - handed]
                self.consumer.positions[partition] = position + len(records)
                handed += len(records)
                self._handle(records)
        return handed

    async def ranges(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Beginning and end offset of each partition. Raises `Retry` where there is none."""
        return {partition: self.broker.range_of(partition) for partition in partitions}

    async def read_each(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, ConsumerRecord]:
        """The record at one offset of each partition, without those that are not there."""
        found: dict[TopicPartition, ConsumerRecord] = {}
        for partition, offset in offsets.items():
            beginning, end = self.broker.range_of(partition)
            if beginning <= offset < end:
                found[partition] = self.broker.logs[partition][offset]
        return found

    async def commit(self, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        """Commits the next offsets to read, with the topic id of their log. Raises `Retry` for a member that was fenced."""
        if any(self.broker.owners.get(partition) is not self for partition in offsets):
            raise Retry("Kafka", "commit: the group has another generation")
        self.broker.committed.update(offsets)

    async def ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each partition."""
        return {partition: end for partition, (_, end) in (await self.ranges(partitions)).items()}


@dataclass
class FakeTopics:
    """What is to be known of topics and logs, as `services.collector.kafka.Topics` says it."""

    broker: FakeBroker

    async def ids(self, names: set[str]) -> dict[str, str]:
        """The topic id of each name that exists."""
        return {name: topic_id for name, topic_id in self.broker.topic_ids().items() if name in names}

    async def cleanup_policies(self, names: set[str]) -> dict[str, frozenset[str]]:
        """What `cleanup.policy` of each name that exists consists of."""
        return {name: policy for name, policy in self.broker.policies.items() if name in names}

    async def committed(self, group: str, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """What the group has committed of the logs that have these names today."""
        del group
        known = {partition: self.broker.committed_today(partition) for partition in partitions}
        return {partition: offset for partition, offset in known.items() if offset is not None}

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each log that exists."""
        return {
            partition: len(self.broker.logs[partition]) for partition in partitions if partition in self.broker.logs
        }


@dataclass
class FakeDeadLetters:
    """`DeadLetters` over the broker's topic of rejected records."""

    broker: FakeBroker

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Sends them in order."""
        partition = TopicPartition(topics.REJECTED, 0)
        for letter in letters:
            self.broker.append(partition, letter.key, letter.value)
