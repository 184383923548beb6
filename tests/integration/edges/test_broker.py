"""One suite for everything that is Kafka to the collector: the edge on a real broker, and the fake that the properties use."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import SecretStr

from contracts import topics
from services.collector.kafka import KafkaDeadLetters, Subscription, TopicIds
from services.collector.pipeline import DeadLetter
from services.collector.settings import CollectorSettings
from services.embedded.broker import Broker
from services.runtime.errors import Retry
from services.runtime.settings import KafkaSettings
from tests.fakes.broker import FakeBroker, FakeDeadLetters, FakeSubscription, FakeTopicIds

TOPIC = "frigjort.tasks.v1.10000009"
PARTITION = TopicPartition(TOPIC, 0)
REJECTED = TopicPartition(topics.REJECTED, 0)
SETTINGS = CollectorSettings(secret=SecretStr("s" * 32), session_timeout_ms=6_000)


@dataclass
class Opened:
    """A member of the group that owns the partition, and how to write and to wait."""

    subscription: Subscription | FakeSubscription
    topic_ids: TopicIds | FakeTopicIds
    dead_letters: KafkaDeadLetters | FakeDeadLetters
    append: Callable[[bytes | None, bytes | None, list[tuple[str, bytes]]], Awaitable[None]]
    polled: Callable[[], None] = lambda: None
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
async def _fake(_: str) -> AsyncIterator[Opened]:
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

    opened = Opened(subscription, FakeTopicIds(broker), FakeDeadLetters(broker), append, poll)
    subscription.open(None, opened.arrived.extend)
    yield opened


@asynccontextmanager
async def _kafka(servers: str) -> AsyncIterator[Opened]:
    kafka = KafkaSettings(bootstrap_servers=servers, idempotent_producer=False)
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    for made in admin.create_topics([NewTopic(TOPIC, 1, 1), NewTopic(topics.REJECTED, 1, 1)]).values():
        made.result(10)
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=False)

    async def append(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        await producer.send_and_wait(TOPIC, value, key, headers=headers)

    subscription, dead_letters = Subscription(kafka, SETTINGS), KafkaDeadLetters(kafka)
    opened = Opened(subscription, TopicIds(admin), dead_letters, append)
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


@pytest.fixture(scope="module")
def bootstrap_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("edge")
    with Broker(folder / "broker.log") as broker:
        yield broker.bootstrap_servers


@pytest.mark.parametrize("kind", ["fake", "kafka"])
async def test_a_log_and_what_the_group_has_of_it(kind: str, request: pytest.FixtureRequest) -> None:
    servers = "" if kind == "fake" else request.getfixturevalue("bootstrap_servers")
    async with {"fake": _fake, "kafka": _kafka}[kind](servers) as opened:
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

        committed, beginning, _ = (await subscription.positions([PARTITION]))[PARTITION]
        assert (committed, beginning) == (None, 0)
        await subscription.commit({PARTITION: 3})
        with suppress(Retry):
            await subscription.commit({REJECTED: 1})
        positions = await subscription.positions([PARTITION, REJECTED])
        assert (positions[PARTITION][0], positions[REJECTED][0]) == (3, None), "a member commits what is its own alone"

        again = await subscription.read_one(PARTITION, 2)
        assert again is not None
        assert (again.offset, again.key, again.value) == (2, b"key-2", b"value-2")
        assert await subscription.read_one(PARTITION, 5) is None
        assert (await opened.topic_ids.of({TOPIC}))[TOPIC]

        letters = [DeadLetter(b"k-%d" % number, b"v-%d" % number) for number in range(3)]
        await opened.dead_letters.send([])
        await opened.dead_letters.send(letters)
        found = [await subscription.read_one(REJECTED, offset) for offset in range(3)]
        assert [(record.key, record.value) for record in found if record] == [
            (each.key, each.value) for each in letters
        ]
