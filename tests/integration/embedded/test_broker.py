"""The embedded broker as Kafka's clients see it; and what of it differs from Kafka, so that an upgrade shows a change."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as AioTopicPartition
from confluent_kafka import KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from services.embedded.broker import Broker
from services.runtime.kafka import KafkaMetadata
from services.runtime.processes import ChildFailed


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker") / "broker.log") as broker:
        yield broker


@pytest.fixture
def admin(broker: Broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.bootstrap_servers})


def _create(admin: AdminClient, name: str, **config: str) -> None:
    for future in admin.create_topics([NewTopic(name, 1, config=config)]).values():
        future.result(10)


def _topic_id(admin: AdminClient, name: str) -> str:
    return str(admin.describe_topics(TopicCollection([name]))[name].result(10).topic_id)


def _produce(broker: Broker, topic: str, records: int) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 50})
    for number in range(records):
        producer.produce(topic, str(number), partition=0)
    assert producer.flush(10) == 0


def test_ready_means_ready(broker: Broker, admin: AdminClient) -> None:
    assert len(admin.list_topics(timeout=1).brokers) == 1
    assert psutil.Process(broker.pid).is_running()


def test_a_topic_id_is_stable_and_never_comes_again(admin: AdminClient) -> None:
    _create(admin, "ids")
    first = _topic_id(admin, "ids")
    assert first == _topic_id(admin, "ids")
    admin.delete_topics(["ids"])["ids"].result(10)
    with pytest.raises(KafkaException):
        _topic_id(admin, "ids")
    _create(admin, "ids")
    assert _topic_id(admin, "ids") not in {first, ""}


def test_configs_are_kept(admin: AdminClient) -> None:
    _create(admin, "configs", **{"cleanup.policy": "compact"})
    (found,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, "configs")]).values()
    assert {name: entry.value for name, entry in found.result(10).items()} == {"cleanup.policy": "compact"}


async def test_list_offsets_understates_the_end(broker: Broker, admin: AdminClient) -> None:
    """It answers with the first offset of the last batch, plus one. What a fetch says (the high watermark) is right."""
    _create(admin, "ends")
    await asyncio.to_thread(_produce, broker, "ends", 7)
    partition = TopicPartition("ends", 0)
    (latest,) = admin.list_offsets({partition: OffsetSpec.latest()}).values()  # type: ignore[no-untyped-call]
    (earliest,) = admin.list_offsets({partition: OffsetSpec.earliest()}).values()  # type: ignore[no-untyped-call]
    assert (earliest.result(10).offset, latest.result(10).offset) == (0, 1)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers)
    await consumer.start()
    try:
        assigned = AioTopicPartition("ends", 0)
        consumer.assign([assigned])
        await consumer.seek_to_beginning()
        (batch,) = (await consumer.getmany(timeout_ms=5_000)).values()
        assert [record.offset for record in batch] == list(range(7))
        assert consumer.highwater(assigned) == 7
        assert await consumer.end_offsets([assigned]) == {assigned: 1}
    finally:
        await consumer.stop()


async def test_the_metadata_know_the_end_all_the_same(broker: Broker, admin: AdminClient) -> None:
    _create(admin, "known-ends")
    await asyncio.to_thread(_produce, broker, "known-ends", 7)
    _create(admin, "without-records")
    places = [("known-ends", 0), ("without-records", 0)]
    metadata = KafkaMetadata(broker.settings)
    assert metadata.ends(places) == metadata.stable_ends(places) == {places[0]: 7, places[1]: 0}
    assert metadata.beginnings(places) == dict.fromkeys(places, 0)
    assert metadata.committed("nobody", places) == {}
    assert metadata.partitions()["known-ends"] == 1
    assert metadata.topic_ids({"known-ends", "there-is-none"}).keys() == {"known-ends"}
    assert metadata.cleanup_policies({"known-ends"}) == {"known-ends": frozenset({"delete"})}


def test_it_forgets_at_a_restart_and_keeps_its_address(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker.log")
    try:
        broker.start()
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        _create(admin, "gone")
        first = _topic_id(admin, "gone")
        broker.stop()
        assert broker.child.exit_code is not None
        broker.start()
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        assert "gone" not in admin.list_topics(timeout=5).topics
        _create(admin, "gone")
        assert _topic_id(admin, "gone") != first
    finally:
        broker.stop()


def test_a_port_that_is_taken(broker: Broker, tmp_path: Path) -> None:
    port = int(broker.bootstrap_servers.rsplit(":", 1)[1])
    with pytest.raises(ChildFailed, match="taken"):
        Broker(tmp_path / "broker.log", port).start()


def test_a_frozen_broker_can_be_stopped(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker.log")
    broker.start()
    os.kill(broker.pid, signal.SIGSTOP)
    begun = time.monotonic()
    broker.stop()
    assert time.monotonic() - begun < 5
    assert broker.child.exit_code is not None


def test_a_missing_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", str(tmp_path / "none"))
    with pytest.raises(ChildFailed, match="not installed"):
        Broker(tmp_path / "broker.log")
