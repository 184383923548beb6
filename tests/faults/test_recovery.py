"""What happened to a log or to its offsets: it is read on exactly, or its partition is halted with the remedy, while other
authorities go on. A halt is for ever in a world, so this module has one of its own."""

import asyncio
import signal
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as Place
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from contracts import topics
from services.runtime.kafka import commit_metadata
from tests.faults.scenario import Scenario, Scenarios
from tests.faults.verdict import verdict
from tests.faults.world import World, until

EVENTS = 1_500


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    request.getfixturevalue("kafka_jars")
    with World(Path(tmp_path_factory.mktemp("recovery"))) as started:
        yield started


@cache
def admin(world: World) -> AdminClient:
    """One, held as long as the module: an answer does not come to a client that is gone."""
    return AdminClient({"bootstrap.servers": world.kafka.bootstrap_servers, "log_level": 0})


def stored(world: World, name: str, running: Scenario) -> None:
    """A collector stores everything that was sent, and ends."""
    world.collector(name, wait=False)
    running.sent()
    running.over(times=0)
    world.collectors.pop(name).stop()


def delete_before(world: World, topic: str, offsets: dict[int, int]) -> None:
    for future in admin(world).delete_records([TopicPartition(topic, p, o) for p, o in offsets.items()]).values():
        future.result(30)


def says(world: World, name: str, *words: str) -> float:
    """Waits until a collector's readiness says these words; the seconds."""
    return until(lambda: all(word in world.readiness(name)[1] for word in words), 40, f"{name} says {words}")


def test_committed_offsets_are_deleted(scenario: Scenarios, world: World) -> None:
    with scenario("committed offsets deleted", EVENTS) as running:
        running.send()
        stored(world, "before", running)
        (future,) = admin(world).delete_consumer_groups(["frigjort-collector"]).values()
        future.result(30)
        world.collector("after", wait=False)
        running.over()
        until(lambda: _committed(world, running) == running.ends(), 60, "committed again")


def _committed(world: World, running: Scenario) -> dict[tuple[str, int], int]:
    places = [TopicPartition(*place) for place in running.ends()]
    asked = ConsumerGroupTopicPartitions("frigjort-collector", places)
    (future,) = admin(world).list_consumer_group_offsets([asked]).values()
    return {(found.topic, found.partition): found.offset for found in future.result(30).topic_partitions}


def test_the_log_begins_after_what_is_needed(scenario: Scenarios, world: World) -> None:
    with scenario("records deleted that were not read", EVENTS) as whole:
        hole = Scenario(world, "hole", world.new_authorities(1, partitions=1), EVENTS, 5, 4_000)
        topic = hole.topics[0]
        hole.send()
        stored(world, "before", hole)
        end = hole.ends()[topic, 0]
        hole.send().sent()
        delete_before(world, topic, {0: end + 7})
        world.collector("after", wait=False)
        says(world, "after", f"{topic}/0", f"offsets {end} to {end + 6} are gone", "rebind")
        whole.send().sent()
        whole.over()
        assert hole.stored() == {(topic, 0): end}


def test_records_are_deleted_under_a_reader_that_lags(scenario: Scenarios, world: World) -> None:
    with scenario("records deleted under a reader", EVENTS) as whole:
        hole = Scenario(world, "hole", world.new_authorities(1, partitions=1), EVENTS, 5, 4_000)
        topic = hole.topics[0]
        hole.send().sent()
        reader = world.collector("reader", wait=False)
        hole.over(times=0)
        end = hole.ends()[topic, 0]
        reader.send_signal(signal.SIGSTOP)
        hole.send().sent()
        beginning = hole.ends()[topic, 0]
        delete_before(world, topic, {0: beginning})
        reader.send_signal(signal.SIGCONT)
        says(world, "reader", f"{topic}/0", "rebind")
        whole.send().sent()
        whole.over()
        ((stored_to, count),) = world.rows(
            "SELECT max(offset) + 1, count() FROM dispositions WHERE topic = {t:String}", t=topic
        )
        assert end <= stored_to == count < beginning, "what had arrived before it froze, without a hole"


def test_the_log_ends_before_what_was_committed(scenario: Scenarios, world: World) -> None:
    with scenario("log truncated", EVENTS) as whole:
        short = Scenario(world, "short", world.new_authorities(1, partitions=1), EVENTS, 6, 4_000)
        topic = short.topics[0]
        short.send()
        stored(world, "before", short)
        end = short.ends()[topic, 0]
        topic_id = world.metadata.topic_ids([topic])[topic]
        asyncio.run(_commit(world, topic, end + 10, commit_metadata(topic_id)))
        world.collector("after", wait=False)
        says(world, "after", f"{topic}/0", f"ends at {end}, before offset {end + 10}", "truncated")
        whole.send().sent()
        whole.over()
        assert not any(verdict(world, short.cvrs, short.ends()).wrong.values())


async def _commit(world: World, topic: str, offset: int, metadata: str) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=world.kafka.bootstrap_servers, group_id="frigjort-collector", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partition = Place(topic, 0)
        consumer.assign([partition])
        await consumer.commit({partition: (offset, metadata)})
    finally:
        await consumer.stop()


def _recreate(world: World, topic: str) -> None:
    kafka = admin(world)
    kafka.delete_topics([topic])[topic].result(30)
    until(lambda: topic not in kafka.list_topics(timeout=10).topics, 30, "topic deleted")
    world.stack.registry().log.ensure_topics({topic: topics.TASKS_CONFIG})
    until(lambda: topic in kafka.list_topics(timeout=10).topics, 30, "topic created")


def test_the_topic_was_created_anew(scenario: Scenarios, world: World) -> None:
    with scenario("topic re-created", EVENTS) as whole:
        anew = Scenario(world, "anew", world.new_authorities(1, partitions=1), EVENTS, 7, 4_000)
        anew.send()
        stored(world, "before", anew)
        end = anew.ends()[anew.topics[0], 0]
        _recreate(world, anew.topics[0])
        Scenario(world, "more", anew.cvrs, EVENTS * 2, 8, 4_000).send().sent()
        world.collector("reader", wait=False)
        _halts_until_it_is_bound(world, whole, anew, end)


def test_the_topic_is_created_anew_under_its_reader(scenario: Scenarios, world: World) -> None:
    """And filled beyond the offset that the reader has reached, so that nothing but the topic id tells."""
    with scenario("topic re-created under its reader", EVENTS) as whole:
        anew = Scenario(world, "anew", world.new_authorities(1, partitions=1), EVENTS, 7, 4_000)
        reader = world.collector("reader", wait=False)
        anew.send().sent()
        anew.over(times=0)
        end = anew.ends()[anew.topics[0], 0]
        reader.send_signal(signal.SIGSTOP)
        _recreate(world, anew.topics[0])
        Scenario(world, "more", anew.cvrs, EVENTS * 2, 8, 4_000).send().sent()
        reader.send_signal(signal.SIGCONT)
        _halts_until_it_is_bound(world, whole, anew, end)


def _halts_until_it_is_bound(world: World, whole: Scenario, anew: Scenario, end: int) -> None:
    topic = anew.topics[0]
    logs = "SELECT log_no, max(offset) + 1, count() FROM dispositions WHERE topic = {t:String} GROUP BY log_no ORDER BY log_no"
    says(world, "reader", f"{topic}/0", "rebind")
    assert world.rows(logs, t=topic) == [(1, end, end)]
    world.frigjort("authorities", "rebind", "--cvr", anew.cvrs[0])
    world.collectors.pop("reader").stop()
    world.collector("again", wait=False)
    whole.send().sent()
    whole.over()
    wanted = [(1, end, end), (2, EVENTS * 2, EVENTS * 2)]
    until(lambda: world.rows(logs, t=topic) == wanted, 60, "the new log is stored under its own number")


def test_the_log_holds_another_record_than_was_stored(scenario: Scenarios, world: World) -> None:
    with scenario("stored digest differs from the log", EVENTS) as whole:
        forged = Scenario(world, "forged", world.new_authorities(1, partitions=1), EVENTS, 9, 4_000)
        topic = forged.topics[0]
        forged.send()
        stored(world, "before", forged)
        ((offset,),) = world.rows("SELECT max(offset) FROM events WHERE topic = {t:String}", t=topic)
        world.client().command(
            "INSERT INTO records (log_no, topic, partition, offset, digest, accepted, rules, salt) "
            "SELECT log_no, topic, partition, offset, unhex(repeat('ab', 32)), 1, 99, 'x' FROM records "
            "WHERE topic = {t:String} AND offset = {o:UInt64} LIMIT 1",
            parameters={"t": topic, "o": offset},
        )
        world.collector("after", wait=False)
        says(world, "after", f"{topic}/0", f"offset {offset} in the log is not the record that was stored")
        whole.send().sent()
        whole.over()


def test_topics_and_partitions_are_found_while_it_runs(scenario: Scenarios, world: World) -> None:
    with scenario("topics and partitions added", EVENTS) as old:
        old.send()
        world.collector("reader", wait=False)
        old.sent()
        old.over(times=0)
        new = Scenario(world, "a new topic", world.new_authorities(1, partitions=1), EVENTS, 3, 4_000)
        new.send().sent()
        new.over()
        assert max(new.recovered_seconds) < 30
        begun = time.monotonic()
        topic = old.topics[0]
        admin(world).create_partitions([NewPartitions(topic, 4)])[topic].result(30)
        until(lambda: {place[1] for place in old.ends() if place[0] == topic} == {0, 1, 2, 3}, 30, "four partitions")
        more = Scenario(world, "more", old.cvrs, EVENTS, 2, 4_000)
        more.send().sent()
        assert all(end for place, end in more.ends().items() if place[0] == topic)
        more.over()
        assert time.monotonic() - begun < 30
        old.times = new.times + more.times
