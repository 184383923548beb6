"""Kafka slow, gone, cut off after it has answered, killed; its coordinator moved, its group never at rest."""

import time

import pytest

from tests.faults.proxy import Behaviour
from tests.faults.scenario import Scenarios
from tests.faults.world import World


@pytest.mark.parametrize(
    ("name", "behaviour", "seconds"),
    [
        ("slow", Behaviour(delay_seconds=0.3), 6),
        ("a black hole", Behaviour(black_hole=True), 8),
    ],
)
def test_a_network_that_cannot(scenario: Scenarios, name: str, behaviour: Behaviour, seconds: float) -> None:
    with scenario(f"Kafka {name}", 9_000, rate=1_500) as running:
        world = running.under_load()
        world.kafka_proxies[0].behave(behaviour)
        time.sleep(seconds)
        world.kafka_proxies[0].heal()
        running.over()


def test_connections_are_refused_and_cut(scenario: Scenarios) -> None:
    with scenario("Kafka connections refused, cut", 14_000, rate=1_500) as running:
        world = running.under_load(200)
        world.kafka_proxies[0].refuse()
        time.sleep(5)
        world.kafka_proxies[0].accept()
        running.over()
        for _ in range(10):
            world.kafka_proxies[0].cut()
            time.sleep(0.3)
        running.over(times=10)


def test_it_has_answered_and_its_answer_is_lost(scenario: Scenarios) -> None:
    with scenario("Kafka cut after it has answered", 9_000, rate=1_500) as running:
        world = running.under_load(200)
        proxy = world.kafka_proxies[0]
        before = proxy.swallowed
        for _ in range(10):
            proxy.swallow_answers(1)
            time.sleep(0.3)
        running.over(times=proxy.swallowed - before)
        assert running.times >= 5


def test_the_broker_is_killed_and_started_again(scenario: Scenarios) -> None:
    with scenario("Kafka killed, started again", 14_000, rate=1_500) as running:
        world = running.under_load()
        for share in (0.1, 0.5):
            running.has_stored(share)
            world.kill_broker()
            time.sleep(1)
            world.restart_broker()
            running.over()


def test_a_group_that_is_rebalanced_every_two_seconds(scenario: Scenarios) -> None:
    with scenario("group rebalanced every two seconds", 24_000, authorities=3, rate=1_500) as running:
        world = running.under_load(300)
        for _ in range(6):
            world.collector("guest", wait=False, COLLECTOR_FLUSH_ROWS="300")
            time.sleep(2)
            world.collectors.pop("guest").stop()
            running.times += 2
        running.over(times=0)


def test_of_three_brokers_the_coordinator_is_killed(scenario: Scenarios, cluster: World) -> None:
    with scenario("of three brokers, the group's coordinator killed", 24_000, among=cluster, rate=1_200) as running:
        world = running.under_load()
        for share in (0.1, 0.4):
            running.has_stored(share)
            node = world.coordinator()
            world.kill_broker(node)
            running.over()
            world.restart_broker(node)
