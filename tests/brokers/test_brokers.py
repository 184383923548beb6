"""What the promises rest on, shown on Apache Kafka: it keeps what it acknowledged, however it ends."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined] # public names

from services.runtime.processes import ChildFailed, free_port
from tests.brokers.kafka import KafkaBroker, KafkaCluster

pytestmark = pytest.mark.usefixtures("kafka_jars")


@pytest.fixture(scope="module")
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    request.getfixturevalue("kafka_jars")
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


def _admin(servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": servers, "log_level": 0})


def _create(servers: str, name: str, partitions: int = 1, **config: str) -> None:
    admin = _admin(servers)
    settings = {key.replace("_", "."): value for key, value in config.items()}
    admin.create_topics([NewTopic(name, partitions, config=settings)])[name].result(20)


def _topic_id(servers: str, name: str) -> str:
    admin = _admin(servers)
    return str(admin.describe_topics(TopicCollection([name]))[name].result(10).topic_id)


def _offsets(servers: str, name: str) -> tuple[int, int]:
    """Beginning and end."""
    admin = _admin(servers)
    partition = TopicPartition(name, 0)
    (first,) = admin.list_offsets({partition: OffsetSpec.earliest()}).values()  # type: ignore[no-untyped-call]
    (last,) = admin.list_offsets({partition: OffsetSpec.latest()}).values()  # type: ignore[no-untyped-call]
    return first.result(10).offset, last.result(10).offset


def _producer(servers: str) -> Producer:
    return Producer(
        {"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True, "linger.ms": 5, "log_level": 0}
    )


def _produce(servers: str, topic: str, numbers: range) -> None:
    producer = _producer(servers)
    for number in numbers:
        producer.produce(topic, str(number), partition=0)
    assert producer.flush(30) == 0


def _consumer(servers: str, **settings: Any) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "test",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 3_000,  # a member that could not say goodbye is waited for so long
            "log_level": 0,
            **settings,
        }
    )


def _read(consumer: Consumer, count: int, seconds: float = 30.0) -> list[Any]:
    found: list[Any] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            found.append(message)
    return found


def _values(consumer: Consumer, count: int) -> list[int]:
    return [int(message.value()) for message in _read(consumer, count)]


def test_ready_means_ready(broker: KafkaBroker) -> None:
    assert len(_admin(broker.bootstrap_servers).list_topics(timeout=1).brokers) == 1
    assert psutil.Process(broker.pid).is_running()
    _create(broker.bootstrap_servers, "ready")
    _produce(broker.bootstrap_servers, "ready", range(3))
    assert _offsets(broker.bootstrap_servers, "ready") == (0, 3)


def test_a_port_that_is_taken(broker: KafkaBroker, tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="taken"):
        KafkaBroker(tmp_path, broker.port).start()


def test_an_idempotent_producer_doubles_nothing_over_a_frozen_broker(tmp_path: Path) -> None:
    """Its requests time out and are sent again while the broker stands still; each record is in the log once, in order."""
    with KafkaBroker(tmp_path / "kafka") as broker:
        _create(broker.bootstrap_servers, "once")
        producer = _producer_with_short_requests(broker.bootstrap_servers)
        for number in range(3_000):
            producer.produce("once", str(number), partition=0)
            producer.poll(0)
            if number in {500, 1_500}:
                broker.suspend()
                producer.flush(4)  # at least one request times out
                broker.resume()
        assert producer.flush(30) == 0
        consumer = _consumer(broker.bootstrap_servers)
        consumer.assign([TopicPartition("once", 0, 0)])
        assert _values(consumer, 3_000) == list(range(3_000))
        consumer.close()
        assert _offsets(broker.bootstrap_servers, "once") == (0, 3_000)


def _producer_with_short_requests(servers: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": servers,
            "acks": "all",
            "enable.idempotence": True,
            "request.timeout.ms": 1_000,
            "socket.timeout.ms": 1_500,
            "log_level": 0,
        }
    )


def test_records_and_committed_offsets_survive_a_kill(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka") as broker:
        servers, first_pid = broker.bootstrap_servers, broker.pid
        _create(servers, "kept")
        kept = _topic_id(servers, "kept")
        _produce(servers, "kept", range(100))
        consumer = _consumer(servers)
        consumer.subscribe(["kept"])
        assert len(_read(consumer, 40)) == 40
        consumer.commit(offsets=[TopicPartition("kept", 0, 40)], asynchronous=False)
        broker.kill()
        assert broker.child.exit_code == -signal.SIGKILL
        consumer.close()
        broker.start()
        assert broker.pid != first_pid
        assert broker.bootstrap_servers == servers
        assert _topic_id(servers, "kept") == kept
        again = _consumer(servers)
        again.subscribe(["kept"])
        assert _values(again, 60) == list(range(40, 100))
        again.close()


def test_the_broker_stamps_its_own_time(broker: KafkaBroker) -> None:
    _create(broker.bootstrap_servers, "stamped", message_timestamp_type="LogAppendTime")
    _create(broker.bootstrap_servers, "as-sent")
    producer = _producer(broker.bootstrap_servers)
    begun = int(time.time() * 1000)
    for topic in ("stamped", "as-sent"):
        producer.produce(topic, b"1", timestamp=1_000)
    assert producer.flush(10) == 0
    consumer = _consumer(broker.bootstrap_servers)
    consumer.assign([TopicPartition(topic, 0, 0) for topic in ("stamped", "as-sent")])
    stamps = {message.topic(): message.timestamp()[1] for message in _read(consumer, 2)}
    consumer.close()
    assert stamps["as-sent"] == 1_000
    assert begun <= stamps["stamped"] <= int(time.time() * 1000)


def test_a_topic_id_never_comes_again(broker: KafkaBroker) -> None:
    servers = broker.bootstrap_servers
    _create(servers, "ids")
    first = _topic_id(servers, "ids")
    admin = _admin(servers)  # held until its answer has come
    admin.delete_topics(["ids"])["ids"].result(10)
    with pytest.raises(KafkaException):
        _topic_id(servers, "ids")
    _create(servers, "ids")
    assert _topic_id(servers, "ids") not in {first, ""}


def test_deleted_records_move_the_beginning(broker: KafkaBroker) -> None:
    servers = broker.bootstrap_servers
    _create(servers, "shortened")
    _produce(servers, "shortened", range(10))
    admin = _admin(servers)
    (deleted,) = admin.delete_records([TopicPartition("shortened", 0, 4)]).values()
    assert deleted.result(10).low_watermark == 4
    assert _offsets(servers, "shortened") == (4, 10)


def test_clients_are_told_the_advertised_port(tmp_path: Path) -> None:
    advertised = free_port()
    with KafkaBroker(tmp_path / "kafka", advertised=advertised) as broker:
        (found,) = _admin(f"127.0.0.1:{broker.port}").list_topics(timeout=5).brokers.values()
        assert f"{found.host}:{found.port}" == f"127.0.0.1:{advertised}"
        assert broker.bootstrap_servers == f"127.0.0.1:{advertised}"
        assert broker.port != advertised


@pytest.mark.timeout(240)
def test_of_three_nodes_the_leader_is_killed(tmp_path: Path) -> None:
    """Producing and consuming go on with the other two, nothing is lost or doubled, and the third comes back."""
    with KafkaCluster(tmp_path / "cluster") as cluster:
        servers = cluster.bootstrap_servers
        _create(servers, "replicated")
        producer, consumer = _producer(servers), _consumer(servers)
        consumer.subscribe(["replicated"])
        _send(producer, range(1_000))
        assert _values(consumer, 1_000) == list(range(1_000))
        consumer.commit(asynchronous=False)
        leader, in_sync = _leader(servers, "replicated")
        assert in_sync == {1, 2, 3}
        cluster.kill(leader)
        _send(producer, range(1_000, 2_000))
        assert _values(consumer, 1_000) == list(range(1_000, 2_000))
        consumer.commit(asynchronous=False)
        consumer.close()
        after, in_sync = _leader(servers, "replicated")
        assert after != leader
        assert in_sync == {1, 2, 3} - {leader}
        cluster.restart(leader)
        deadline = time.monotonic() + 30
        while _leader(servers, "replicated")[1] != {1, 2, 3} and time.monotonic() < deadline:
            time.sleep(0.2)
        assert _leader(servers, "replicated")[1] == {1, 2, 3}
        assert _offsets(servers, "replicated") == (0, 2_000)


def _send(producer: Producer, numbers: range) -> None:
    for number in numbers:
        producer.produce("replicated", str(number), partition=0)
    assert producer.flush(60) == 0


def _leader(servers: str, topic: str) -> tuple[int, set[int]]:
    """The leader of its one partition, and the replicas in sync."""
    partition = _admin(servers).list_topics(topic, timeout=10).topics[topic].partitions[0]
    return partition.leader, set(partition.isrs)
