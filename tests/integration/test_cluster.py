"""The stack on three nodes of Apache Kafka, one of which is killed; and that every producer of ours is idempotent there."""

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from contracts import topics
from services.cli.demo import case_systems
from services.cli.producer import Sender
from services.cli.stack import StackBroker
from services.runtime.errors import Retry
from services.runtime.kafka import KafkaMetadata
from tests.brokers.kafka import KafkaCluster
from tests.integration.conftest import AUTHORITY, Running
from tests.integration.flood import until
from tests.integration.test_outages import assert_whole, to_two_authorities

_HEADER = struct.Struct(">qiibihiqqq")
"""Of a batch on disk: base offset, length of what follows, epoch, magic, checksum, attributes, last offset, two times,
and the id of the producer, -1 without idempotence."""


def _producers(data: Path, topic: str) -> list[int]:
    """The producer of each batch in the log of the topic's first partition."""
    content = (data / f"{topic}-0" / "00000000000000000000.log").read_bytes()
    found, position = [], 0
    while position < len(content):
        header = _HEADER.unpack_from(content, position)
        position += 12 + header[1]
        found.append(header[-1])
    return found


def three_nodes(data: Path, _: int) -> StackBroker:
    return KafkaCluster(data / "kafka")


@pytest.fixture
def new_broker(request: pytest.FixtureRequest) -> Callable[[Path, int], StackBroker]:
    request.getfixturevalue("kafka_jars")
    return three_nodes


@pytest.mark.usefixtures("kafka_jars")
@pytest.mark.timeout(240)
def test_what_is_known_of_topics_is_had_whichever_node_is_gone(tmp_path: Path) -> None:
    """One of them is the node that a client holds for the controller; it must not wait for that one to come back."""
    with KafkaCluster(tmp_path / "kafka") as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.settings.bootstrap_servers})
        admin.create_topics([NewTopic("t", 1, 3)])["t"].result(30)
        metadata = KafkaMetadata(cluster.settings)

        def asked() -> bool:
            with suppress(Retry):
                return {*metadata.topic_ids(["t"]), *metadata.cleanup_policies(["t"])} == {"t"} and bool(
                    metadata.ends([("t", 0)])
                )
            return False

        until(asked, 30)
        for node, broker in cluster.brokers.items():
            cluster.kill(node)
            until(asked, 35)
            broker.launch()
            broker.wait(len(cluster.brokers))


@pytest.mark.timeout(240)
def test_a_stack_on_three_nodes(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    cluster = running.stack.broker
    assert isinstance(cluster, KafkaCluster)
    names = (topics.tasks_topic(AUTHORITY), topics.BASELINES, topics.REJECTED)
    known = AdminClient({"bootstrap.servers": running.ready["kafka"]}).list_topics(timeout=10).topics
    assert [len(known[name].partitions[0].replicas) for name in names] == [3, 3, 3]

    cluster.kill(known[names[0]].partitions[0].leader)
    sent = [*to_two_authorities(case_systems.messages(3_000, 1, case_systems.Sent()))]
    with Sender(running.stack.kafka_settings()) as sender:
        for message in sent:
            sender.send(*message)
    assert running.stack.drain()
    assert_whole(running, sent)

    alive = next(broker for broker in cluster.brokers.values() if broker.child.exit_code is None)
    for name in names:
        producers = _producers(alive.folder / "data", name)
        assert producers, name
        assert -1 not in producers, name
