"""In the middle of a run a neighbour goes away, or the collector dies: nothing is lost and nothing is doubled."""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from contracts import topics
from services.cli.demo import case_systems
from services.cli.demo.case_systems import Message
from services.cli.producer import Sender
from tests.integration.against import differences, logs_in_clickhouse, records_in_kafka, registry_in_clickhouse
from tests.integration.conftest import AUTHORITY, OTHER, Running, on_embedded
from tests.reference.records import Records

EVENTS = 60_000
SEED = 11
OUTAGE_SECONDS = 10  # beyond the session timeout of the stack's collectors, 6 s
SMALL_BATCHES = {"FRIGJORT_COLLECTOR_FLUSH_ROWS": "2000"}


def to_two_authorities(messages: Iterator[Message]) -> Iterator[Message]:
    """The synthetic stream on the topics of the two authorities of the test."""
    for topic, key, value, headers in messages:
        cvr = topics.authority_of(topic)
        target = AUTHORITY if int(cvr) % 2 else OTHER
        changed = value.replace(cvr.encode(), target.encode()) if value is not None else None
        changed_key = key.replace(cvr.encode(), target.encode()) if key is not None else None
        yield topics.tasks_topic(target), changed_key, changed, headers


def _outage_of_clickhouse(running: Running) -> None:
    assert running.stack.endpoint is not None
    running.stack.endpoint.child.kill()
    time.sleep(OUTAGE_SECONDS)
    running.stack.endpoint.start()


def _frozen_broker(running: Running) -> None:
    assert running.stack.broker is not None
    for child in running.stack.broker.children:
        child.send_signal(signal.SIGSTOP)
    time.sleep(OUTAGE_SECONDS)
    for child in running.stack.broker.children:
        child.send_signal(signal.SIGCONT)


def _killed_collector(running: Running) -> None:
    running.stack.collector_processes[0].kill()
    running.stack.collector_processes.clear()
    running.stack.metrics.clear()
    running.stack.start_collector(1)


@on_embedded  # on Apache Kafka: tests/faults
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "fault", [_outage_of_clickhouse, _frozen_broker, _killed_collector], ids=lambda f: f.__name__[1:]
)
def test_nothing_lost_nothing_doubled(start_stack: Callable[..., Running], fault: Callable[[Running], None]) -> None:
    running = start_stack(environment=SMALL_BATCHES)
    sent: list[Message] = []

    def send() -> None:
        with Sender(running.stack.kafka_settings()) as sender:
            for message in to_two_authorities(case_systems.messages(EVENTS, SEED, case_systems.Sent())):
                sent.append(message)
                sender.send(*message)
                if len(sent) % 2_000 == 0:
                    time.sleep(0.2)

    sending = threading.Thread(target=send)
    sending.start()
    time.sleep(2.5)
    fault(running)
    sending.join()
    assert running.stack.drain(90)
    assert_whole(running, sent)


def assert_whole(running: Running, sent: list[Message]) -> None:
    """Every record has its disposition, and every task the state of the reference."""
    client = running.client()
    records = Records(records_in_kafka(running.ready["kafka"], logs_in_clickhouse(client)))
    assert len(records) >= len(sent)
    assert differences(client, records, registry_in_clickhouse(client)) == []
