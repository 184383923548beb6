"""ClickHouse slow, refusing, hanging, answering nonsense, cut off after it has done the work, killed in mid-insert."""

import time

import pytest

from tests.faults.proxy import Behaviour, http_error
from tests.faults.scenario import Scenarios
from tests.faults.world import until

BEHAVIOURS = {
    "slow": (Behaviour(delay_seconds=1.0), 6),
    "hangs": (Behaviour(black_hole=True), 8),
    "answers 503": (Behaviour(answer=http_error(503, "Service Unavailable")), 4),
    "out of memory": (Behaviour(answer=http_error(500, "Error", 241, "Memory limit (total) exceeded")), 4),
    "read-only": (Behaviour(answer=http_error(500, "Error", 242, "Table is in readonly mode")), 4),
    "disk full": (Behaviour(answer=http_error(500, "Error", 243, "Cannot reserve 1.00 MiB, not enough space")), 4),
}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_server_that_cannot(scenario: Scenarios, name: str) -> None:
    behaviour, seconds = BEHAVIOURS[name]
    with scenario(f"ClickHouse {name}", 9_000, rate=1_500) as running:
        world = running.under_load()
        world.clickhouse_proxy.behave(behaviour)
        time.sleep(seconds)
        if behaviour.answer or behaviour.black_hole:
            ready, said = world.readiness("a")
            assert not ready
            assert "ClickHouse is away" in said
        world.clickhouse_proxy.heal()
        running.over()


def test_a_server_that_refuses_connections(scenario: Scenarios) -> None:
    with scenario("ClickHouse refuses connections", 24_000, rate=1_200) as running:
        world = running.under_load()
        for share in (0.1, 0.5):
            running.has_stored(share)
            world.clickhouse_proxy.refuse()
            until(lambda: not world.readiness("a")[0], 10, "not ready")
            time.sleep(2)
            world.clickhouse_proxy.accept()
            running.over()


def test_connections_are_cut(scenario: Scenarios) -> None:
    with scenario("ClickHouse connections cut", 9_000, rate=1_500) as running:
        world = running.under_load(200, share=0.05)
        for _ in range(20):
            world.clickhouse_proxy.cut()
            running.times += 1
            time.sleep(0.2)
        running.over(times=0)


def test_it_has_done_the_work_and_its_answer_is_lost(scenario: Scenarios) -> None:
    with scenario("ClickHouse cut after it has answered", 9_000, rate=1_500) as running:
        world = running.under_load(200, share=0.05)
        before = world.clickhouse_proxy.swallowed
        world.clickhouse_proxy.swallow_answers(10, after=b"INSERT")
        running.over(times=0)
        running.times = world.clickhouse_proxy.swallowed - before
        assert running.times == 10


def test_the_server_is_killed_in_mid_insert(scenario: Scenarios) -> None:
    with scenario("ClickHouse killed, started again", 14_000, rate=1_500) as running:
        world = running.under_load()
        endpoint = world.stack.endpoint
        assert endpoint is not None
        for share in (0.1, 0.5):
            running.has_stored(share)
            endpoint.child.kill()
            time.sleep(1)
            endpoint.start()
            running.over()
