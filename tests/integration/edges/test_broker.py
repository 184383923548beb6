"""One suite for everything that is Kafka to the collector: the edge on a real broker, and the fake that the properties use."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import SecretStr

from contracts import topics
from services.collector.kafka import KafkaDeadLetters, Subscription, Topics
from services.collector.pipeline import DeadLetter
from services.collector.settings import CollectorSettings
from services.embedded.broker import Broker
from services.runtime.errors import Retry
from services.runtime.kafka import KafkaMetadata
from services.runtime.settings import KafkaSettings
from tests.brokers.kafka import KafkaBroker
from tests.fakes.broker import FakeBroker, FakeDeadLetters, FakeSubscription, FakeTopics

TOPIC = "frigjort.tasks.v1.10000009"
OTHER = "frigjort.tasks.v1.10000025"
PARTITION = TopicPartition(TOPIC, 0)
REJECTED = TopicPartition(topics.REJECTED, 0)
SETTINGS = CollectorSettings(secret=SecretStr("s" * 32), session_timeout_ms=6_000)


@dataclass
class Opened:
    """A member of the group that owns the partition, and how to write and to wait."""

    subscription: Subscription | FakeSubscription
    topics: Topics | FakeTopics
    dead_letters: KafkaDeadLetters | FakeDeadLetters
    append: Callable[[bytes | None, bytes | None, list[tuple[str, bytes]]], Awaitable[None]]
    create: Callable[[str, str], None]
    """Name and cleanup.policy."""
    delete: Callable[[str], None]
    delete_below: Callable[[int], None]
    polled: Callable[[], None] = lambda: None
    keeps_commit_metadata: bool = True
    arrived: list[ConsumerRecord] = field(default_factory=list)

    async def receive(self, count: int) -> list[ConsumerRecord]:
        """What has arrived, once it is so much."""
        async with asyncio.timeout(20):
            while len(self.arrived) < count:
                self.polled()
                await asyncio.sleep(0.02)
        return self.arrived


class FromTheBeginning(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads every partition that it is given from offset 0 on."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.assigned = asyncio.Event()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        for partition in assigned:
            self.subscription.consumer.seek(partition, 0)
        self.assigned.set()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        del revoked


@asynccontextmanager
async def _fake() -> AsyncIterator[Opened]:
    broker = FakeBroker()
    broker.create(TOPIC, 1)
    broker.create(topics.REJECTED, 1)
    subscription = FakeSubscription(broker)
    broker.assign(subscription, {PARTITION})
    subscription.consumer.seek(PARTITION, 0)

    async def append(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        broker.append(PARTITION, key, value, headers)

    def poll() -> None:
        subscription.poll(100)

    opened = Opened(
        subscription,
        FakeTopics(broker),
        FakeDeadLetters(broker),
        append,
        create=lambda name, policy: broker.create(name, 1, frozenset(policy.split(","))),
        delete=broker.delete,
        delete_below=lambda offset: broker.delete_below(PARTITION, offset),
        polled=poll,
    )
    subscription.open(None, opened.arrived.extend)
    yield opened


@asynccontextmanager
async def _kafka(kafka: KafkaSettings) -> AsyncIterator[Opened]:
    servers = kafka.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    for made in admin.create_topics([NewTopic(TOPIC, 1, 1), NewTopic(topics.REJECTED, 1, 1)]).values():
        made.result(10)
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=False)

    async def append(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        await producer.send_and_wait(TOPIC, value, key, headers=headers)

    def create(name: str, policy: str) -> None:
        (made,) = admin.create_topics([NewTopic(name, 1, 1, config={"cleanup.policy": policy})]).values()
        made.result(10)

    def delete(name: str) -> None:
        admin.delete_topics([name])[name].result(10)

    def delete_below(offset: int) -> None:
        (deleted,) = admin.delete_records([Place(TOPIC, 0, offset)]).values()
        deleted.result(10)

    subscription, dead_letters = Subscription(kafka, SETTINGS), KafkaDeadLetters(kafka)
    opened = Opened(
        subscription,
        Topics(KafkaMetadata(kafka)),
        dead_letters,
        append,
        create,
        delete,
        delete_below,
        keeps_commit_metadata=kafka.commit_metadata,
    )
    listener = FromTheBeginning(subscription)
    subscription.open(listener, opened.arrived.extend)
    await producer.start()
    await dead_letters.start()
    await subscription.broker.start()
    try:
        await asyncio.wait_for(listener.assigned.wait(), 30)
        yield opened
    finally:
        await subscription.broker.stop()
        await dead_letters.stop()
        await producer.stop()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[KafkaSettings]:
    with Broker(tmp_path / "broker.log") as broker:
        yield broker.settings


@pytest.fixture
def kafka(kafka_jars: None, tmp_path: Path) -> Iterator[KafkaSettings]:
    assert kafka_jars is None
    with KafkaBroker(tmp_path / "kafka") as broker:
        yield broker.settings


def _opened(kind: str, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Opened]:
    return _fake() if kind == "fake" else _kafka(request.getfixturevalue(kind))


everywhere = pytest.mark.parametrize("kind", ["fake", "embedded", "kafka"])
where_records_can_be_deleted = pytest.mark.parametrize("kind", ["fake", "kafka"])
"""The embedded broker deletes no records."""


@everywhere
async def test_a_log_and_what_the_group_has_of_it(kind: str, request: pytest.FixtureRequest) -> None:
    async with _opened(kind, request) as opened:
        subscription = opened.subscription
        sent: list[tuple[bytes | None, bytes, list[tuple[str, bytes]]]] = [
            (b"key-%d" % number, b"value-%d" % number, [("content-type", b"x"), ("n", b"%d" % number)])
            for number in range(5)
        ]
        sent[3] = (None, b"", [("content-type", b"\xff")])
        for each in sent:
            await opened.append(*each)
        arrived = await opened.receive(5)
        assert [record.offset for record in arrived] == [0, 1, 2, 3, 4]
        assert [(record.key, record.value, list(record.headers)) for record in arrived] == sent
        assert await subscription.ends([PARTITION]) == {PARTITION: 5}
        assert await opened.topics.ends([PARTITION, REJECTED]) == {PARTITION: 5, REJECTED: 0}

        assert (await subscription.ranges([PARTITION]))[PARTITION][0] == 0
        await _commits(opened)
        await _read_again(opened)


async def _commits(opened: Opened) -> None:
    """A commit counts for the log that it names, and a member commits what is its own alone."""
    both, group = [PARTITION, REJECTED], SETTINGS.group_id
    ids = await opened.topics.ids({TOPIC, topics.REJECTED})
    assert await opened.topics.committed(group, both) == {}
    await opened.subscription.commit({PARTITION: (2, "another log")})
    if opened.keeps_commit_metadata:
        assert await opened.topics.committed(group, both) == {}
    await opened.subscription.commit({PARTITION: (3, ids[TOPIC])})
    with suppress(Retry):
        await opened.subscription.commit({REJECTED: (1, ids[topics.REJECTED])})
    for _ in range(100):  # the client may take what follows in memory for a part of the topic id, now and then
        assert await opened.topics.committed(group, both) == {PARTITION: 3}


async def _read_again(opened: Opened) -> None:
    """Dead letters, and single records of several logs at once."""
    letters = [DeadLetter(b"k-%d" % number, b"v-%d" % number) for number in range(3)]
    await opened.dead_letters.send([])
    await opened.dead_letters.send(letters)
    for number, letter in enumerate(letters):
        found = await opened.subscription.read_each({PARTITION: 2, REJECTED: number})
        assert {partition: (r.offset, r.key, r.value) for partition, r in found.items()} == {
            PARTITION: (2, b"key-2", b"value-2"),
            REJECTED: (number, letter.key, letter.value),
        }
    assert await opened.subscription.read_each({}) == {}
    assert (await opened.subscription.read_each({PARTITION: 5, REJECTED: 0})).keys() == {REJECTED}


@everywhere
async def test_topic_ids_and_cleanup_policies(kind: str, request: pytest.FixtureRequest) -> None:
    async with _opened(kind, request) as opened:
        asked = {TOPIC, OTHER, "frigjort.tasks.v1.10000017"}
        opened.create(OTHER, "delete,compact")
        ids = await _ids(opened, asked, 2)
        assert len({*ids.values()} - {""}) == 2
        assert ids.keys() == {TOPIC, OTHER}
        known = {TOPIC, OTHER} if kind == "embedded" else asked  # it answers for a topic that does not exist as well
        policies = await opened.topics.cleanup_policies(known)
        assert policies == {TOPIC: frozenset({"delete"}), OTHER: frozenset({"delete", "compact"})}
        assert await opened.topics.ids(set()) == {}
        assert await opened.topics.cleanup_policies(set()) == {}

        opened.delete(OTHER)
        assert await _ids(opened, asked, 1) == {TOPIC: ids[TOPIC]}
        opened.create(OTHER, "delete")
        again = await _ids(opened, asked, 2)
        assert again[TOPIC] == ids[TOPIC]
        assert again[OTHER] not in {"", *ids.values()}, "an id never comes back"


async def _ids(opened: Opened, asked: set[str], count: int) -> dict[str, str]:
    """The ids, once there are so many: Apache Kafka answers before all of it knows."""
    async with asyncio.timeout(30):
        while len(ids := await opened.topics.ids(asked)) != count:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.1)
    return ids


@where_records_can_be_deleted
async def test_what_retention_took(kind: str, request: pytest.FixtureRequest) -> None:
    async with _opened(kind, request) as opened:
        for number in range(6):
            await opened.append(b"k", b"%d" % number, [])
        await opened.receive(6)
        opened.delete_below(4)
        assert await opened.subscription.ranges([PARTITION]) == {PARTITION: (4, 6)}
        assert await opened.subscription.read_each({PARTITION: 3}) == {}
        found = await opened.subscription.read_each({PARTITION: 4})
        assert found[PARTITION].value == b"4"
        opened.delete_below(6)
        assert await opened.subscription.ranges([PARTITION]) == {PARTITION: (6, 6)}
        assert await opened.topics.ends([PARTITION]) == {PARTITION: 6}


@where_records_can_be_deleted
async def test_a_log_that_was_created_again(kind: str, request: pytest.FixtureRequest) -> None:
    """Under the same name, while it is read: what was committed of it is gone with it."""
    async with _opened(kind, request) as opened:
        for _ in range(3):
            await opened.append(b"k", b"v", [])
        await opened.receive(3)
        before = (await opened.topics.ids({TOPIC}))[TOPIC]
        await opened.subscription.commit({PARTITION: (3, before)})
        opened.delete(TOPIC)
        opened.create(TOPIC, "delete")
        async with asyncio.timeout(30):
            while await opened.topics.ends([PARTITION]) != {PARTITION: 0}:  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(0.1)
            while await _range(opened) != (0, 0):  # noqa: ASYNC110 - nor the client
                await asyncio.sleep(0.1)
        await opened.subscription.commit({PARTITION: (3, before)})  # by who has read the old one until now
        assert await opened.topics.committed(SETTINGS.group_id, [PARTITION]) == {}


async def _range(opened: Opened) -> tuple[int, int] | None:
    with suppress(Retry):
        return (await opened.subscription.ranges([PARTITION]))[PARTITION]
    return None
