"""A second start on the same folder goes on with the same totals. The embedded broker forgot its log: a new log number, the
registry published again. Apache Kafka kept it: the same log goes on, also when everything was killed."""

from collections.abc import Callable
from typing import Any

from services.cli.demo import case_systems
from services.cli.producer import Sender
from tests.integration.conftest import AUTHORITY, Running, on_embedded, on_kafka
from tests.integration.test_outages import SMALL_BATCHES, assert_whole, to_two_authorities

_TOTALS = "SELECT authority, count(), sum(saved_ms) FROM task_measurements GROUP BY authority ORDER BY authority"
_LOGS = "SELECT topic, log_no, topic_id FROM logs ORDER BY topic, log_no"


def _send(running: Running, seed: int) -> None:
    with Sender(running.stack.kafka_settings()) as sender:
        for message in to_two_authorities(case_systems.messages(3_000, seed, case_systems.Sent())):
            sender.send(*message)
    assert running.stack.drain()


@on_embedded
def test_a_second_start_goes_on(start_stack: Callable[..., Running]) -> None:
    first = start_stack()
    _send(first, 1)
    totals = first.rows(_TOTALS)
    records = first.value("SELECT count() FROM dispositions")
    assert totals
    first.stack.stop()

    second = start_stack()
    assert second.rows(_TOTALS) == totals
    logs: list[tuple[Any, ...]] = second.rows(
        "SELECT log_no FROM logs WHERE topic LIKE {name:String} ORDER BY 1", name=f"%{AUTHORITY}"
    )
    assert logs == [(1,), (2,)]
    # The embedded broker forgot its log; what comes now is measured against the baselines that were published again.
    _send(second, 1)
    assert second.rows(_TOTALS) == totals
    assert second.value("SELECT count() FROM dispositions") == 2 * records
    _send(second, 2)
    assert second.value("SELECT countIf(status = 'measured' AND log_no = 2) FROM task_measurements") > 0


@on_kafka
def test_a_second_start_goes_on_in_the_same_log(start_stack: Callable[..., Running]) -> None:
    first = start_stack()
    _send(first, 1)
    totals, logs = first.rows(_TOTALS), first.rows(_LOGS)
    records = first.value("SELECT count() FROM dispositions")
    first.stack.stop()

    second = start_stack()
    assert second.stack.drain()
    assert (second.rows(_TOTALS), second.rows(_LOGS)) == (totals, logs)
    assert second.value("SELECT count() FROM dispositions") == records  # none was read into another coordinate
    _send(second, 1)
    assert second.rows(_TOTALS) == totals
    assert second.value("SELECT count() FROM dispositions") == 2 * records
    assert second.value("SELECT sum(ends) FROM (SELECT max(offset) + 1 AS ends FROM dispositions GROUP BY topic)") == (
        2 * records
    )


@on_kafka
def test_everything_is_killed_and_starts_again(start_stack: Callable[..., Running]) -> None:
    """Collector, broker and ClickHouse at once, with records that are acknowledged and not stored."""
    first = start_stack(environment={**SMALL_BATCHES, "FRIGJORT_COLLECTOR_FLUSH_INTERVAL_MS": "60000"})
    sent = [*to_two_authorities(case_systems.messages(3_000, 1, case_systems.Sent()))]
    with Sender(first.stack.kafka_settings()) as sender:
        for message in sent:
            sender.send(*message)
    assert first.value("SELECT count() FROM dispositions") < len(sent)
    assert first.stack.broker is not None
    assert first.stack.endpoint is not None
    for child in (*first.stack.collector_processes, *first.stack.broker.children, first.stack.endpoint.child):
        child.kill()

    second = start_stack()
    assert second.stack.drain()
    assert_whole(second, sent)


def test_a_collector_that_starts_again_on_the_same_log_halts_nothing(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    _send(running, 1)
    totals = running.rows(_TOTALS)
    running.stack.collector_processes[0].stop()
    running.stack.collector_processes.clear()
    running.stack.metrics.clear()
    collector = running.stack.start_collector(1)  # ready: no partition is halted
    _send(running, 2)
    assert running.value("SELECT count() FROM task_measurements WHERE offset > 0") > 0
    assert len(running.rows(_TOTALS)) == len(totals)
    assert collector.exit_code is None
